"""How every view answers: a page or JSON, as it was asked for, and an error as a problem in either.

The one decorator `endpoint` says what a view takes and gives; messaging.openapi reads it there.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, wraps
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast
from zoneinfo import ZoneInfo

from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import BadRequest as UnreadableForm
from django.core.exceptions import SuspiciousOperation
from django.http import (
    HttpRequest,
    HttpResponse,
    HttpResponseBase,
    HttpResponseRedirect,
    JsonResponse,
)
from django.http.multipartparser import MultiPartParserError
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme

from messaging.exceptions import (
    BadRequest,
    MessagingError,
    NotAcceptable,
    NotAllowed,
    NotFound,
)

if TYPE_CHECKING:
    from messaging.types import AnyUser

View = Callable[..., HttpResponseBase]

HTML, JSON = "text/html", "application/json"
ZONE_COOKIE = "messaging_zone"  # set by static/messaging/page.js: the browser's own time zone

# The first class that fits decides.
STATUSES: tuple[tuple[type[MessagingError], int], ...] = (
    (NotFound, 404),
    (NotAllowed, 403),
    (NotAcceptable, 406),
    (MessagingError, 400),
)


@dataclass(frozen=True)
class Endpoint:
    """What a view takes and gives, by method; the names are those of messaging/schema.json."""

    answers: Mapping[str, str]
    fields: Mapping[str, str]
    optional: Mapping[str, str]
    query: Mapping[str, str]
    login: bool


def endpoint(
    *,
    fields: Mapping[str, str] | None = None,
    optional: Mapping[str, str] | None = None,
    query: Mapping[str, str] | None = None,
    login: bool = True,
    **answers: str,
) -> Callable[[View], View]:
    """A view by these methods, as in GET="message", for whoever is logged in.

    `fields` are those that a POST has to have, `optional` those that it may have, `query`
    those of a GET, each with what it means. Errors of `messaging` are answered as problems,
    and no browser or proxy keeps a copy.
    """
    described = Endpoint(answers, fields or {}, optional or {}, query or {}, login)
    methods = [*answers, *(["HEAD"] if "GET" in answers else [])]

    def decorate(view: View) -> View:
        @wraps(view)
        def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            if login and not request.user.is_authenticated:
                response: HttpResponseBase = _log_in_first(request)
            elif request.method not in methods:
                detail = f"What can be done here is {', '.join(methods)}."
                response = problem(request, 405, detail, {"Allow": ", ".join(methods)})
            else:
                response = _answered(view, request, *args, **kwargs)
            return _private(response)

        vars(answered)["endpoint"] = described
        return answered

    return decorate


def prefers_json(request: HttpRequest) -> bool:
    """Whether to answer in JSON: by ?format=, else by Accept (RFC 9110, 12.5.1).

    Whoever takes anything gets a page, but a script that came with a token gets JSON.
    Raises NotAcceptable.
    """
    if asked := request.GET.get("format"):
        if asked not in {"html", "json"}:
            raise NotAcceptable("There is html and json; the format asked for is neither.")
        return asked == "json"
    with_token = bool(getattr(request, "access_token", None))
    preferred = _preferred(request.META.get("HTTP_ACCEPT", "*/*"), json_first=with_token)
    if preferred is None:
        raise NotAcceptable(f"There is {HTML} and {JSON}; Accept allows neither.")
    return preferred.startswith(JSON)


@lru_cache(maxsize=256)  # browsers and scripts each send the same words, which take long to read
def _preferred(accept: str, *, json_first: bool) -> str | None:
    asking = HttpRequest()
    asking.META["HTTP_ACCEPT"] = accept
    # With the charset, which whoever asks may name or not.
    offered = [f"{kind}; charset=utf-8" for kind in (HTML, JSON)]
    return asking.get_preferred_type(offered[::-1] if json_first else offered)


def answer(
    request: HttpRequest, template: str, context: dict[str, Any], data: Any, *, status: int = 200
) -> HttpResponse:
    """The JSON of `data`, or the page of `template`, whichever is asked for."""
    if prefers_json(request):
        return JsonResponse(data, status=status, safe=False)
    return page(request, template, context, status=status)


def page(
    request: HttpRequest, template: str, context: dict[str, Any], *, status: int = 200
) -> HttpResponse:
    """A page, its times in the zone of the reader's browser."""
    with timezone.override(_zone(request)):
        # Given here, as a project's settings need not have the context processor for it.
        context = {"request": request, "reader": request.user, **context}
        return render(request, template, context, status=status)


def done(request: HttpRequest, data: Any, goto: str, *, status: int = 200) -> HttpResponse:
    """What a change answers: the JSON of `data`, or a redirect to `next` if that is safe."""
    if prefers_json(request):
        return JsonResponse(data, status=status)
    return see_other(safe_next(request) or goto)


def see_other(url: str) -> HttpResponse:
    """A redirect to a page to be read (RFC 9110, 15.4.4)."""
    return HttpResponseRedirect(url, status=HTTPStatus.SEE_OTHER)


def safe_next(request: HttpRequest) -> str:
    """The address on this site that `next` names, or nothing."""
    url = request.POST.get("next") or request.GET.get("next") or ""
    safe = url_has_allowed_host_and_scheme(
        url, allowed_hosts={request.get_host()}, require_https=request.is_secure()
    )
    return url if safe else ""


def problem(
    request: HttpRequest, status: int, detail: str, headers: Mapping[str, str] | None = None
) -> HttpResponse:
    """An error as a page or as problem details (RFC 9457)."""
    title = HTTPStatus(status).phrase
    if _json_fits(request):
        response: HttpResponse = JsonResponse(
            {"title": title, "status": status, "detail": detail},
            status=status,
            content_type="application/problem+json",
        )
    else:
        heading = "Not found" if status == HTTPStatus.NOT_FOUND else "That did not work"
        context = {"heading": heading, "detail": detail, "kept": _written(request)}
        response = page(request, "messaging/problem.html", context, status=status)
    for name, value in (headers or {}).items():
        response[name] = value
    _private(response)
    return response


def submitted(request: HttpRequest) -> dict[str, str]:
    """The fields of a POST, from a form or a JSON object of strings. Raises BadRequest."""
    if request.content_type != JSON:
        # A form ends its lines with CR LF, whatever was typed: https://html.spec.whatwg.org/#form-submission-algorithm
        return {name: value.replace("\r\n", "\n") for name, value in _form(request).items()}
    try:
        data = json.loads(request.body)
        json.dumps(data, ensure_ascii=False).encode()  # half of a surrogate pair is no text
    except (ValueError, RecursionError):
        raise BadRequest("The body is not JSON.") from None
    if not isinstance(data, dict) or not all(isinstance(value, str) for value in data.values()):
        raise BadRequest("The body is not a JSON object of strings.")
    return data


def required(request: HttpRequest, name: str) -> str:
    """A field that has to be there. Raises BadRequest."""
    fields = submitted(request)
    if name not in fields:
        raise BadRequest(f"The field {name} is missing.")
    return fields[name]


def reader_of(request: HttpRequest) -> AnyUser:
    """Whoever is logged in; `endpoint` has seen to it that somebody is."""
    return cast("AnyUser", request.user)


def _answered(view: View, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
    try:
        prefers_json(request)  # this and the next before anything is changed
        _form(request)
        return view(request, *args, **kwargs)
    except MessagingError as error:
        status = next(status for kind, status in STATUSES if isinstance(error, kind))
        # The sentences for the command line name others' users and ids; here nothing does.
        nothing = "There is no such message or conversation for you."
        return problem(request, status, nothing if status == 404 else str(error))


def _log_in_first(request: HttpRequest) -> HttpResponse:
    if _json_fits(request):
        headers = {"WWW-Authenticate": "Bearer"}
        return problem(request, 401, "Log in, or send Authorization: Bearer TOKEN.", headers)
    if _written(request):
        return problem(request, 403, "You are logged out. Log in in another window, then repeat.")
    return redirect_to_login(request.get_full_path())


def _json_fits(request: HttpRequest) -> bool:
    """As `prefers_json`, for an error, which has to be answered whatever was asked for."""
    try:
        return prefers_json(request)
    except NotAcceptable:
        return True


def _written(request: HttpRequest) -> dict[str, str]:
    """The fields of a message that somebody wrote, so that an error does not lose them."""
    try:
        form = _form(request)
    except BadRequest:
        return {}
    fields = {name: value for name, value in form.items() if name != "csrfmiddlewaretoken"}
    return fields if "content" in fields else {}


def _form(request: HttpRequest) -> dict[str, str]:
    """The fields of a form, which JSON has none of. Raises BadRequest."""
    try:
        return {name: request.POST[name] for name in request.POST}
    except (MultiPartParserError, SuspiciousOperation, UnreadableForm) as error:
        raise BadRequest("The form can't be read.") from error


def _private(response: HttpResponseBase) -> HttpResponseBase:
    if not response.has_header("Cache-Control"):
        patch_cache_control(response, private=True, no_store=True)
    patch_vary_headers(response, ("Accept", "Authorization", "Cookie"))
    return response


def _zone(request: HttpRequest) -> ZoneInfo:
    try:
        return ZoneInfo(request.COOKIES.get(ZONE_COOKIE, "UTC").replace("%2F", "/"))
    except (KeyError, ValueError, OSError):  # whatever the cookie says, it names no zone
        return ZoneInfo("UTC")

"""Logging in, by password or by a link that works once, and out.

In JSON each answers who is logged in then: {"user": "alice"}, or null.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.auth import authenticate, get_user_model, login, logout
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import resolve_url
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.debug import sensitive_post_parameters

from messaging.access.models import LoginLink, Session
from messaging.answers import (
    answer,
    done,
    endpoint,
    page,
    prefers_json,
    problem,
    required,
    safe_next,
    see_other,
    submitted,
)
from messaging.exceptions import NotAllowed

if TYPE_CHECKING:
    from messaging.types import AnyUser

WRONG = "The name or the password is not right."
USED = "This link has been used or is too old. Ask for a new one: msgcli login-link NAME"
OUT_OF_DATE = "The form was out of date. Load the page again, and repeat."
NEXT = {"next": "Where a browser goes then, on this site."}

# So that the token is in no Referer, not even of the style sheet, which proxies log. no-referrer
# would keep it out too, but then browsers send the form with `Origin: null`, which CSRF refuses:
# https://fetch.spec.whatwg.org/#append-a-request-origin-header
REFERRER = "strict-origin"


@sensitive_post_parameters("password")
@endpoint(
    login=False,
    GET="login",
    POST="login",
    fields={"username": "Who.", "password": "Their password."},
    optional=NEXT,
)
def log_in(request: HttpRequest) -> HttpResponse:
    """Log in by password."""
    if request.method != "POST":
        if request.user.is_authenticated and not prefers_json(request):
            return see_other(safe_next(request) or _home())
        return _form(request)
    _check_no_token(request)
    name = get_user_model().normalize_username(required(request, "username")).strip()
    user = authenticate(request, username=name, password=required(request, "password"))
    if user is not None:
        return _logged_in(request, user)
    refused = getattr(request, "too_many_tries", None)
    if refused is None:
        return _form(request, WRONG, status=400)
    response = _form(request, str(refused), status=429)
    response["Retry-After"] = str(refused.seconds)
    return response


@sensitive_post_parameters("token")
@endpoint(
    login=False,
    GET="login",
    POST="login",
    query={"token": "The link's."},
    fields={"token": "The link's."},
    optional=NEXT,
)
def log_in_by_link(request: HttpRequest) -> HttpResponse:
    """Log in by a link, which works once. Looking at it, as a preview does, changes nothing."""
    if request.method != "POST":
        context = {"token": request.GET.get("token", ""), "next": safe_next(request)}
        response = answer(request, "messaging/access/link.html", context, _who(request))
        response["Referrer-Policy"] = REFERRER
        return response
    _check_no_token(request)
    user = LoginLink.objects.redeem(required(request, "token"))
    if user is None or not user.is_active:
        return problem(request, 400, USED)
    return _logged_in(request, user)


@endpoint(login=False, POST="login", optional=NEXT)
def log_out(request: HttpRequest) -> HttpResponse:
    """Log out of this browser."""
    logout(request)
    return done(request, _who(request), reverse("access:login"))


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403 for a form that is not from here, or older than the last login."""
    return problem(request, 403, OUT_OF_DATE)


def _check_no_token(request: HttpRequest) -> None:
    """Raise NotAllowed for a script, which has its token and is to have no session as well."""
    if getattr(request, "access_token", None):
        raise NotAllowed("Whoever sends a token is let in by it, and can't log in besides.")


def _logged_in(request: HttpRequest, user: AnyUser) -> HttpResponse:
    Session.objects.filter(expire_date__lt=timezone.now()).delete()
    if request.user.is_authenticated:
        request.session.cycle_key()  # which Django does not for who logs in again
    # By a link, no backend has said that it was the one; which it is matters to permissions only.
    backend = getattr(user, "backend", settings.AUTHENTICATION_BACKENDS[0])
    login(request, user, backend=backend)
    return done(request, _who(request), _home())


def _form(request: HttpRequest, error: str = "", status: int = 200) -> HttpResponse:
    """The form, perhaps with what was wrong with the last try."""
    if prefers_json(request):
        return problem(request, status, error) if error else JsonResponse(_who(request))
    name = submitted(request).get("username", "") if error else ""
    context = {"error": error, "username": name, "next": safe_next(request)}
    return page(request, "messaging/access/login.html", context, status=status)


def _who(request: HttpRequest) -> dict[str, Any]:
    user = request.user
    return {"user": user.get_username() if user.is_authenticated else None}


def _home() -> str:
    return resolve_url(settings.LOGIN_REDIRECT_URL)

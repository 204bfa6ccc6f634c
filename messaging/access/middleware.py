"""Tokens instead of sessions, for scripts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth.models import AnonymousUser
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.middleware.csrf import CsrfViewMiddleware
from django.utils.cache import patch_vary_headers

from messaging.access.models import Token
from messaging.answers import problem


class TokenMiddleware:
    """Whoever sends `Authorization: Bearer TOKEN` is the token's user (RFC 6750).

    Comes after Django's AuthenticationMiddleware. A token that is wrong or revoked lets
    nobody in, whatever cookies come with it.
    """

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        scheme, _, secret = request.META.get("HTTP_AUTHORIZATION", "").partition(" ")
        if scheme.lower() != "bearer":
            response = self.get_response(request)
        else:
            _forget_cookie(request)
            token = Token.objects.of_secret(secret.strip())
            if token is not None and token.user.is_active:
                request.user = token.user
                request.access_token = token  # type: ignore[attr-defined]
                response = self.get_response(request)
            else:
                response = _refused(request)
        patch_vary_headers(response, ("Authorization",))
        return response


class CsrfMiddleware(CsrfViewMiddleware):
    """Django's own, but not for tokens, which no browser sends by itself."""

    def process_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """None if the request may go on, else the refusal."""
        if getattr(request, "access_token", None):
            return None
        return super().process_view(request, *args, **kwargs)


def _forget_cookie(request: HttpRequest) -> None:
    """What somebody is allowed by a session is not allowed to a token that comes with it."""
    request.COOKIES.pop(settings.SESSION_COOKIE_NAME, None)
    request.session = type(request.session)()
    request.user = AnonymousUser()


def _refused(request: HttpRequest) -> HttpResponse:
    headers = {"WWW-Authenticate": 'Bearer error="invalid_token"', "Cache-Control": "no-store"}
    return problem(request, 401, "The token is not valid, or was revoked.", headers)

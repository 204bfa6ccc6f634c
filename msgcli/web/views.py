"""The server's own answers: whether it is well, and what went wrong."""

from __future__ import annotations

import sys

from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import DisallowedHost
from django.db import DatabaseError, InterfaceError, OperationalError, connection
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.views.decorators.csrf import csrf_exempt

from messaging.answers import problem


@csrf_exempt  # it changes nothing, and says 405 to a POST
def healthz(request: HttpRequest) -> HttpResponse:
    """`ok`, or `not ok` where the database does not answer; for load balancers, without login."""
    if request.method not in {"GET", "HEAD"}:
        return HttpResponseNotAllowed(["GET", "HEAD"])
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM django_migrations")
        well = True
    except (DatabaseError, InterfaceError):
        well = False
    return HttpResponse(
        "ok" if well else "not ok",
        status=200 if well else 503,
        content_type="text/plain",
        headers={"Cache-Control": "no-store"},
    )


def bad_request(request: HttpRequest, exception: Exception) -> HttpResponse:
    """400, and for a name that the server does not go by, how to add it."""
    if isinstance(exception, DisallowedHost):
        return refusal(request, 400, "This server does not go by that name; see --allow-host.")
    return refusal(request, 400, "The request can't be read.")


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403 where a view gave no sentence of its own."""
    return refusal(request, 403, "This is not for you.")


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404 for an address that leads nowhere."""
    return refusal(request, 404, "There is no such page.")


def server_error(request: HttpRequest) -> HttpResponse:
    """503 when it was the database, which may be back soon, else 500.

    Django calls this while it handles the exception, whether it came from a view or not.
    """
    request.user = AnonymousUser()  # anybody else would have to be looked up
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        detail = "The database does not answer. Try again in a moment."
        return refusal(request, 503, detail, {"Retry-After": "5"})
    return refusal(request, 500, "Something went wrong here; the server's log says what.")


def refusal(
    request: HttpRequest, status: int, detail: str, headers: dict[str, str] | None = None
) -> HttpResponse:
    """A problem, even of a request that came to nothing before anybody asked who it is from."""
    if not hasattr(request, "user"):
        request.user = AnonymousUser()
    return problem(request, status, detail, headers)

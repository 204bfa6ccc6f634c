"""One's own account: what there is, taking it along, and deleting it."""

from __future__ import annotations

from collections.abc import Iterator
from time import time
from typing import Any

from django.contrib.auth import authenticate, logout
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header

from messaging import accounts
from messaging.answers import answer, endpoint, reader_of, submitted
from messaging.archive.writing import encoded
from messaging.exceptions import NotAllowed
from messaging.models import Message
from messaging.signals import LOGGED_IN_AT

FRESH = 10 * 60  # seconds after a login in which it needs no repeating


@endpoint(GET="account")
def account(request: HttpRequest) -> HttpResponse:
    """The reader's account: what would go if it were deleted, in numbers."""
    reader = reader_of(request)
    would_go = _shown(accounts.removal(reader))
    context = {"would_go": would_go, "has_password": _has_password(request)}
    return answer(request, "messaging/account.html", context, would_go)


@endpoint(GET="archive")
def export(request: HttpRequest) -> HttpResponseBase:
    """All messages that the reader sent or received, as JSON Lines."""
    name = f"{reader_of(request).get_username()}.jsonl"
    disposition = content_disposition_header(as_attachment=True, filename=name)
    return StreamingHttpResponse(
        _lines(request),
        content_type="application/jsonl; charset=utf-8",
        headers={"Content-Disposition": disposition or "attachment"},
    )


@endpoint(
    POST="account",
    optional={"password": "The reader's password again; left out by those who have none."},
)
def delete_user(request: HttpRequest) -> HttpResponse:
    """Erase the account of whoever is logged in, for good, and log them out; POST only.

    It takes the password again, or, of those who have none, a login of the last ten minutes.
    """
    _check_again(request)
    gone = _shown(accounts.delete_user(reader_of(request)))
    logout(request)
    return answer(request, "messaging/deleted.html", {"gone": gone}, gone)


def _check_again(request: HttpRequest) -> None:
    if not _has_password(request):
        since = time() - request.session.get(LOGGED_IN_AT, 0)
        if not 0 <= since < FRESH:
            raise NotAllowed(
                "Your login is too old for this. Log in again with a new link, then repeat."
            )
        return
    reader = reader_of(request)
    given = {"username": reader.get_username(), "password": submitted(request).get("password", "")}
    if authenticate(request, **given) != reader:
        raise NotAllowed("The password is not right, or was tried too often. Nothing was deleted.")


def _has_password(request: HttpRequest) -> bool:
    reader = reader_of(request)
    return bool(reader.password) and reader.has_usable_password()


def _shown(removal: accounts.Removal) -> dict[str, Any]:
    """What an account takes along, without the replies by others, which are theirs to know."""
    return {name: value for name, value in removal._asdict().items() if name != "reattached"}


def _lines(request: HttpRequest) -> Iterator[bytes]:
    return encoded(Message.objects.of_user(reader_of(request)), "jsonl")

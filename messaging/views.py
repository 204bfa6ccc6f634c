"""JSON views for logged-in people over the same verbs as everything else.

Each person sees what they sent or received, and of a thread with others only that.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, cast

from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, JsonResponse
from django.utils.cache import patch_cache_control
from django.views.decorators.cache import cache_page, never_cache
from django.views.decorators.http import require_GET, require_POST
from django.views.decorators.vary import vary_on_cookie

from messaging import accounts, plain
from messaging.exceptions import MessageNotFound, MessagingError, NotFound
from messaging.models import Message
from messaging.threads import nest

if TYPE_CHECKING:
    from messaging.types import AnyUser

PAGE = 50
CACHE_SECONDS = 60

View = Callable[..., HttpResponseBase]


def json_errors(view: View) -> View:
    """Answer the errors of `messaging` as problem details (RFC 9457): 404, or 400 for a rule."""

    @wraps(view)
    def answered(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        try:
            return view(request, *args, **kwargs)
        except MessagingError as error:
            # The sentences for the command line name others' users and ids; here nothing does.
            if isinstance(error, NotFound):
                return _problem(404, "There is no such message or conversation for you.")
            return _problem(400, str(error))

    return answered


def cache_page_per_user(seconds: int) -> Callable[[View], View]:
    """`cache_page`, with a page of its own for each person, however they logged in.

    Below a login, `cache_page` alone stores a page before the session adds `Vary: Cookie`,
    and so gives it to the next person; a login by header never adds any. Here the key of
    the cache begins with the user.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def cached(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
            prefix = f"messaging.{_reader(request).pk}"
            # Varying on cookies keeps caches outside of this process apart as well.
            response = cache_page(seconds, key_prefix=prefix)(vary_on_cookie(view))(
                request, *args, **kwargs
            )
            patch_cache_control(response, private=True)
            return response

        return cached

    return decorate


@login_required
@require_POST
@never_cache
def delete_user(request: HttpRequest) -> HttpResponse:
    """Erase the account of whoever is logged in, and log them out; POST only."""
    gone = accounts.delete_user(_reader(request))
    logout(request)
    return JsonResponse(gone._asdict())


@login_required
@require_GET
@never_cache
@json_errors
def message_thread(request: HttpRequest, message_id: int) -> HttpResponse:
    """The thread that a message is in, as far as it is the reader's, nested."""
    mine = Message.objects.of_user(_reader(request))
    rows = mine.in_thread(message_id).rows()
    visible = {row.id for row in rows}
    known = (r if r.parent_id in visible else r._replace(parent_id=None) for r in rows)
    trees = (
        root for root in nest(known) if any(n.message.id == message_id for _, n in root.walk())
    )
    return HttpResponse(plain.thread(next(trees)), content_type="application/json")


@login_required
@require_GET
@never_cache
def unread_messages(request: HttpRequest) -> HttpResponse:
    """The reader's unread messages, newest first. Reading them here marks nothing."""
    unread = Message.unread.unread_for_user(_reader(request))
    return JsonResponse([plain.message(row) for row in unread.rows()], safe=False)


@login_required
@require_GET
@cache_page_per_user(CACHE_SECONDS)
@json_errors
def message_list(request: HttpRequest, username: str) -> HttpResponse:
    """The reader's conversation with another user, newest last.

    At most 50 messages; `?before=ID` has the page before that message.
    """
    messages = Message.objects.between(_reader(request), accounts.find_user(username))
    if not messages.exists():  # whether there is such a user at all is not told either
        raise MessageNotFound
    before = request.GET.get("before", "")
    if before:
        # Longer ones are no ids, and Python refuses to read the longest at all.
        is_id = before.isdecimal() and len(before) < 20
        messages = messages.before(messages.get_by_id(int(before) if is_id else 0))
    rows = messages.newest_first()[:PAGE].rows()
    return JsonResponse([plain.message(row) for row in reversed(rows)], safe=False)


def _reader(request: HttpRequest) -> AnyUser:
    return cast("AnyUser", request.user)  # login_required has seen to it


def _problem(status: int, detail: str) -> JsonResponse:
    problem = {"status": status, "detail": detail}
    return JsonResponse(problem, status=status, content_type="application/problem+json")

"""Reading: inbox, conversation, thread, unread, notifications, history. Nothing is marked."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from django.http import HttpRequest, HttpResponse, JsonResponse

from messaging import accounts, plain, visible
from messaging.answers import answer, endpoint, page, prefers_json, reader_of
from messaging.arrivals import state
from messaging.caching import cache_page_per_conversation
from messaging.diffs import changes
from messaging.exceptions import MessageNotFound
from messaging.managers.messages import MAX_ID, MessageQuerySet
from messaging.models import Conversation, Message, Notification
from messaging.threads import Node, nest

PAGE = 50  # entries
THREAD_PAGE = 200  # messages of a thread on one page of HTML
VERSIONS_PAGE = 20  # versions of a message on one page of HTML
CACHE_SECONDS = 60

OLDER = {"before": "The id of a message: answer with what is older than it."}

Row = TypeVar("Row")


@endpoint(GET="inbox", query=OLDER)
def inbox(request: HttpRequest) -> HttpResponse:
    """With whom the reader talks: the last message, and how many are unread, newest first."""
    reader = reader_of(request)
    found = Conversation.objects.inbox(reader)
    if before := _before(request, Message.objects.of_user(reader)):
        found = found.before(before)
    rows, older = _cut(visible.conversations(found[: PAGE + 1].rows(), reader))
    unread = Message.unread.filter(receiver=reader).newest_first()[:MAX_ID].count()
    context = {"rows": rows, "unread": unread, "older": older and rows[-1].last_message.id}
    return _listed(request, "messaging/inbox.html", context, plain.inbox_row)


@endpoint(GET="arrivals")
def arrivals(request: HttpRequest) -> HttpResponse:
    """A text that is another after every message to the reader, in JSON whatever is asked for.

    Cheap, and asked for every second by each page that is looked at.
    """
    return JsonResponse({"state": state(reader_of(request))})


@endpoint(GET="messages", query=OLDER)
@cache_page_per_conversation(CACHE_SECONDS)
def message_list(request: HttpRequest, username: str) -> HttpResponse:
    """The reader's conversation with another user, newest last, at most 50 messages."""
    reader = reader_of(request)
    messages = Message.objects.between(reader, accounts.find_user(username))
    if before := _before(request, messages):  # one of these, whose version a cached page is under
        messages = messages.before(before)
    newest = messages.newest_first()[: PAGE + 1].rows()
    rows, older = _cut(visible.messages(newest, reader))
    rows.reverse()
    name = reader.get_username()
    unread = [row.id for row in rows if row.receiver == name and not row.read]
    context = {
        "other": username,
        "rows": rows,
        "older": older and rows[0].id,
        "unread": unread,
        "newest": before is None,
    }
    return _listed(request, "messaging/conversation.html", context, plain.message)


@endpoint(GET="thread")
def message_thread(request: HttpRequest, message_id: int) -> HttpResponse:
    """The thread that a message is in, as far as it is the reader's, nested.

    A page of HTML has the 200 messages around the one asked for; JSON has them all.
    """
    root = _thread(request, message_id)
    if prefers_json(request):
        return HttpResponse(plain.thread(root), content_type="application/json")
    nodes = list(root.walk())
    at = next(n for n, (_, node) in enumerate(nodes) if node.message.id == message_id)
    first = at - at % THREAD_PAGE
    context = {
        "root": root.message,
        "asked": message_id,
        "nodes": nodes[first : first + THREAD_PAGE],
        "count": len(nodes),
        "earlier": first and nodes[first - THREAD_PAGE][1].message.id,
        "later": nodes[first + THREAD_PAGE][1].message.id
        if first + THREAD_PAGE < len(nodes)
        else None,
    }
    return page(request, "messaging/thread.html", context)


@endpoint(GET="messages", query=OLDER)
def unread_messages(request: HttpRequest) -> HttpResponse:
    """The reader's unread messages, newest first."""
    reader = reader_of(request)
    found = Message.unread.unread_for_user(reader)
    if before := _before(request, Message.objects.of_user(reader)):
        found = found.before(before)
    rows, older = _cut(visible.messages(found[: PAGE + 1].rows(), reader))
    context = {"rows": rows, "older": older and rows[-1].id}
    return _listed(request, "messaging/unread.html", context, plain.message)


@endpoint(
    GET="notifications",
    query={"before": "The id of a notification: answer with what is older than it."},
)
def notifications(request: HttpRequest) -> HttpResponse:
    """What the reader was notified of, newest first."""
    reader = reader_of(request)
    found = Notification.objects.of_user(reader)
    if "before" in request.GET:
        found = found.before(_before_id(request))
    rows, older = _cut(visible.notifications(found[: PAGE + 1].rows(), reader))
    context = {"rows": rows, "older": older and rows[-1].id}
    return _listed(request, "messaging/notifications.html", context, plain.notification)


@endpoint(GET="versions", query={"before": "The number of a version: a page has those before it."})
def history(request: HttpRequest, message_id: int) -> HttpResponse:
    """Every text that a message had, the first first, and what changed between them.

    A page of HTML has twenty of them, the newest unless `?before=` says otherwise, because
    whoever edits decides how many there are; JSON has them all.
    """
    mine = Message.objects.of_user(reader_of(request))
    versions = mine.versions(message_id)
    if prefers_json(request):
        return JsonResponse([plain.version(version) for version in versions], safe=False)
    end = len(versions)
    if "before" in request.GET:
        end = min(end, max(0, _before_id(request) - 1))
    begin = max(0, end - VERSIONS_PAGE)
    before = [versions[0], *versions]  # the first changed nothing
    pairs = list(zip(before, versions, strict=False))[begin:end]
    context = {
        "row": mine.filter(pk=message_id).rows()[0],
        "count": len(versions),
        "versions": [(new, changes(old.content, new.content)) for old, new in pairs],
        "earlier": begin and begin + 1,
    }
    return page(request, "messaging/history.html", context)


def _listed(
    request: HttpRequest,
    template: str,
    context: dict[str, Any],
    convert: Callable[[Any], dict[str, Any]],
) -> HttpResponse:
    """A list, with a link to the page after it, in the headers as well (RFC 8288)."""
    response = answer(request, template, context, [convert(row) for row in context["rows"]])
    if context["older"]:
        query = request.GET.copy()
        query["before"] = str(context["older"])
        response["Link"] = f'<{request.path}?{query.urlencode()}>; rel="next"'
    return response


def _before(request: HttpRequest, among: MessageQuerySet) -> Message | None:
    """The one of these messages that `?before=` names. Raises MessageNotFound."""
    if "before" not in request.GET:
        return None
    return among.get_by_id(_before_id(request), only=("timestamp",))


def _before_id(request: HttpRequest) -> int:
    before = request.GET["before"]
    # Longer ones are no ids, and Python refuses to read the longest at all.
    return int(before) if before.isdecimal() and len(before) < 20 else 0


def _cut(rows: Sequence[Row]) -> tuple[list[Row], bool]:
    """A page of rows, and whether there are more, which one row too many tells."""
    return list(rows[:PAGE]), len(rows) > PAGE


def _thread(request: HttpRequest, message_id: int) -> Node:
    mine = Message.objects.of_user(reader_of(request))
    rows = mine.in_thread(message_id).rows()
    seen = {row.id for row in rows}
    known = (r if r.parent_id in seen else r._replace(parent_id=None) for r in rows)
    for root in nest(known):
        if any(node.message.id == message_id for _, node in root.walk()):
            return root
    raise MessageNotFound

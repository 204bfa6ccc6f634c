"""Writing: send, reply, edit, delete, and marking; each answers as the command does with --json."""

from __future__ import annotations

import re

from django.http import HttpRequest, HttpResponse
from django.urls import reverse

from messaging import accounts, plain, visible
from messaging.answers import answer, done, endpoint, reader_of, required, submitted
from messaging.exceptions import BadRequest, InvalidName, NotAllowed
from messaging.managers.messages import MAX_ID
from messaging.models import Message, Notification
from messaging.threads import MessageRow

TEXT = {"content": "What the message says."}
IDS = {"ids": "Ids of messages to the reader, parted by commas.", "all": "1 for all of them."}


@endpoint(POST="sent", fields={"receiver": "Who gets it.", **TEXT})
def send(request: HttpRequest) -> HttpResponse:
    """Send a message."""
    name = required(request, "receiver")
    receiver = accounts.get_user(name)
    if receiver is None:
        raise InvalidName(f"There is nobody called {name.strip()} here.")
    message = Message.objects.send(reader_of(request), receiver, required(request, "content"))
    goto = reverse("messaging:message_list", args=[receiver.get_username()])
    return _written(request, message.pk, goto, status=201)


@endpoint(POST="sent", fields=TEXT)
def reply(request: HttpRequest, message_id: int) -> HttpResponse:
    """Reply to a message, to the other person of it."""
    reader = reader_of(request)
    content = required(request, "content")
    message = Message.objects.of_user(reader).reply(message_id, reader, content)
    goto = reverse("messaging:message_thread", args=[message.pk])
    return _written(request, message.pk, goto, status=201)


@endpoint(GET="message", POST="message", fields=TEXT)
def edit(request: HttpRequest, message_id: int) -> HttpResponse:
    """Change what a message of one's own says; its earlier versions are kept."""
    reader = reader_of(request)
    mine = Message.objects.of_user(reader)
    if request.method != "POST":
        row = _own_row(request, message_id, "edit")
        return answer(request, "messaging/edit.html", {"row": row}, plain.message(row))
    mine.edit(message_id, required(request, "content"), editor=reader)
    return _written(request, message_id, reverse("messaging:message_thread", args=[message_id]))


@endpoint(GET="message", POST="deletion")
def delete(request: HttpRequest, message_id: int) -> HttpResponse:
    """Erase a message of one's own with its versions; replies to it stay and move up."""
    reader = reader_of(request)
    mine = Message.objects.of_user(reader)
    if request.method != "POST":
        row = _own_row(request, message_id, "delete")
        return answer(request, "messaging/delete.html", {"row": row}, plain.message(row))
    asked = mine.get_by_id(message_id, only=("pk",))
    replies = mine.filter(parent_message=asked).count()
    mine.remove(message_id, remover=reader)
    data = {"id": message_id, "deleted": True, "reattached": replies}
    return done(request, data, reverse("messaging:inbox"))


@endpoint(POST="marked", optional=IDS)
def mark_read(request: HttpRequest) -> HttpResponse:
    """Mark messages to the reader as read."""
    return _mark(request, read=True)


@endpoint(POST="marked", optional=IDS)
def mark_unread(request: HttpRequest) -> HttpResponse:
    """Mark messages to the reader as unread."""
    return _mark(request, read=False)


@endpoint(POST="cleared")
def clear_notifications(request: HttpRequest) -> HttpResponse:
    """Dismiss all of the reader's notifications; their messages count as read."""
    cleared, _ = Notification.objects.of_user(reader_of(request)).delete()
    return done(request, {"cleared": cleared}, reverse("messaging:notifications"))


def _mark(request: HttpRequest, *, read: bool) -> HttpResponse:
    """Ids that are not those of messages to the reader are passed over, and tell nothing."""
    mine = Message.objects.filter(receiver=reader_of(request))
    fields = submitted(request)
    chosen = [mine] if fields.get("all") else mine.with_ids(_ids(fields.get("ids", "")))
    with Message.objects.all_or_nothing():
        changed = sum(some.mark_read() if read else some.mark_unread() for some in chosen)
    return done(request, {"changed": changed}, reverse("messaging:unread_messages"))


def _ids(text: str) -> list[int]:
    words = re.split(r"[\s,]+", text.strip(" \t\r\n,"))
    # Longer ones are no ids, and Python refuses to read the longest at all.
    if not all(word.isdecimal() and len(word) < 20 for word in words):
        raise BadRequest("The field ids has to be ids of messages, parted by commas.")
    return [int(word) for word in words if int(word) <= MAX_ID]


def _own_row(request: HttpRequest, message_id: int, verb: str) -> MessageRow:
    reader = reader_of(request)
    mine = Message.objects.of_user(reader)
    mine.get_by_id(message_id, only=("pk",))
    [row] = visible.messages(mine.filter(pk=message_id).rows(), reader)
    if row.sender != reader.get_username():
        raise NotAllowed(f"Only {row.sender}, who sent message {message_id}, can {verb} it.")
    return row


def _written(
    request: HttpRequest, message_id: int, goto: str, *, status: int = 200
) -> HttpResponse:
    rows = Message.objects.filter(pk=message_id).rows()
    [row] = visible.messages(rows, reader_of(request))
    return done(request, plain.message(row), f"{goto}#m{message_id}", status=status)

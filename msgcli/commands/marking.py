"""Marking messages, and the notifications about them: the two never disagree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from msgcli import bootstrap, console
from msgcli.completion import message_ids
from msgcli.errors import UsageError
from msgcli.listing import newest, show_json, show_list, tally
from msgcli.options import Json, Limit, User, me, message_id, my_name

if TYPE_CHECKING:
    from messaging.managers import MessageQuerySet

app = typer.Typer()

Words = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="ID...",
        autocompletion=message_ids,
        show_default=False,
        help="Ids of messages; with --all the USER instead.",
    ),
]
All = Annotated[bool, typer.Option("--all", help="All messages to USER (left out: MSGCLI_USER).")]


@app.command("mark-read", cls=bootstrap.StoreCommand)
def mark_read(words: Words = None, everything: All = False, json: Json = False) -> None:
    """Mark messages as read."""
    _mark(words or [], everything, read=True, json=json)


@app.command("mark-unread", cls=bootstrap.StoreCommand)
def mark_unread(words: Words = None, everything: All = False, json: Json = False) -> None:
    """Mark messages as unread."""
    _mark(words or [], everything, read=False, json=json)


@app.command("notifications", cls=bootstrap.StoreCommand)
def notifications(
    user: User = None,
    clear: Annotated[
        bool, typer.Option("--clear", help="Dismiss them all; their messages count as read.")
    ] = False,
    limit: Limit = None,
    json: Json = False,
) -> None:
    """Show what USER was notified of, newest first."""
    from messaging import plain
    from messaging.accounts import find_user
    from messaging.models import Notification

    owner = find_user(me(user))
    found = Notification.objects.filter(user=owner).order_by("-timestamp", "-id")
    if clear:
        cleared, _ = found.delete()
        if json:
            console.show_json({"cleared": cleared})
        else:
            console.show_lines([f"{cleared:,} cleared"])
        return
    rows, more = newest(found, limit, json)
    if json:
        show_json(plain.notification, rows)
        return
    from msgcli import render

    remark = tally(len(rows), more, "notifications")
    cells = [render.notification_cells(row) for row in rows]
    nothing = f"No notifications for {owner.get_username()}."
    show_list(render.NOTIFICATION_COLUMNS, cells, remark if rows else nothing)


def _mark(words: list[str], everything: bool, *, read: bool, json: bool) -> None:
    from messaging.models import Message

    with Message.objects.all_or_nothing():
        chosen = _all_of(words) if everything else _these(words)
        changed = sum(some.mark_read() if read else some.mark_unread() for some in chosen)
    if json:
        console.show_json({"changed": changed})
    else:
        console.show_lines([f"{changed:,} marked as {'read' if read else 'unread'}"])


def _all_of(words: list[str]) -> list[MessageQuerySet]:
    from messaging.accounts import find_user
    from messaging.models import Message

    if len(words) > 1:
        raise UsageError("--all takes one USER, and no ids.")
    return [Message.objects.filter(receiver=find_user(me(words[0] if words else my_name())))]


def _these(words: list[str]) -> list[MessageQuerySet]:
    from messaging.models import Message

    if not words:
        raise UsageError("Which? Name the IDs of messages, or --all.")
    ids = [message_id(word) for word in words]
    for number in ids:
        Message.objects.get_by_id(number, only=("id",))
    return Message.objects.with_ids(ids)

"""Reading messages: thread, conversation, inbox, unread. Nothing is marked unless asked."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from msgcli import bootstrap, console
from msgcli.completion import message_ids, user_names
from msgcli.errors import UsageError
from msgcli.listing import newest, show_json, show_list, tally
from msgcli.options import Json, Limit, MarkRead, MessageId, User, me, message_id, my_name

if TYPE_CHECKING:
    from collections.abc import Iterable

    from messaging.threads import MessageRow

app = typer.Typer()


@app.command("thread", cls=bootstrap.StoreCommand)
def thread(message_id: MessageId, mark_read: MarkRead = False, json: Json = False) -> None:
    """Show the whole thread that a message is in, as a tree."""
    from messaging import plain
    from messaging.models import Message
    from messaging.threads import nest

    rows = Message.objects.in_thread(message_id).rows()
    if json:
        console.show_pieces(plain.thread(*nest(rows)))
    else:
        from msgcli import render

        console.show(render.thread_tree(nest(rows), console.width()))
        console.remark(render.thread_summary(rows))
    if mark_read:
        _mark(rows, my_name())


@app.command("conversation", cls=bootstrap.StoreCommand)
def conversation(
    user: Annotated[
        str,
        typer.Argument(
            metavar="[USER]", autocompletion=user_names, help="One; left out: MSGCLI_USER."
        ),
    ],
    other: Annotated[
        str | None,
        typer.Argument(
            metavar="OTHER", autocompletion=user_names, show_default=False, help="The other."
        ),
    ] = None,
    limit: Limit = None,
    before: Annotated[
        int | None,
        typer.Option(
            parser=message_id,
            metavar="ID",
            autocompletion=message_ids,
            help="Show the messages older than this one.",
        ),
    ] = None,
    mark_read: MarkRead = False,
    json: Json = False,
) -> None:
    """Show what two people wrote to each other, the newest last."""
    if other is None:
        if not (mine := my_name()):
            raise UsageError("With whom? msgcli conversation USER OTHER, or set MSGCLI_USER.")
        user, other = mine, user
    from messaging import plain
    from messaging.accounts import find_user
    from messaging.models import Message

    messages = Message.objects.between(find_user(user), find_user(other)).newest_first()
    if before is not None:
        messages = messages.before(Message.objects.get_by_id(before))
    rows, more = newest(messages, limit, json)
    if json:
        show_json(plain.message, reversed(rows))
    elif rows:
        from msgcli import render

        console.show(*render.entries(reversed(rows)))
        if more:
            older = f"msgcli conversation {user} {other} --before {rows[-1].id}"
            console.remark(f"{more:,} older: {older}")
    else:
        console.remark(f"No messages between {user} and {other}.")
    if mark_read:
        _mark(rows, user)


@app.command("inbox", cls=bootstrap.StoreCommand)
def inbox(user: User = None, limit: Limit = None, json: Json = False) -> None:
    """Show with whom USER talks: the last message and how many are unread, newest first."""
    from messaging import plain
    from messaging.accounts import find_user
    from messaging.models import Conversation

    owner = find_user(me(user))
    rows, more = newest(Conversation.objects.inbox(owner), limit, json)
    if json:
        show_json(plain.inbox_row, rows)
        return
    from msgcli import render

    name = owner.get_username()
    remark = tally(len(rows), more, "conversations")
    cells = [render.inbox_cells(row, name) for row in rows]
    show_list(render.INBOX_COLUMNS, cells, remark if rows else f"No messages for {name} yet.")


@app.command("unread", cls=bootstrap.StoreCommand)
def unread(
    user: User = None, limit: Limit = None, mark_read: MarkRead = False, json: Json = False
) -> None:
    """Show the messages that USER has not read, newest first."""
    from messaging import plain
    from messaging.accounts import find_user
    from messaging.models import Message

    reader = find_user(me(user))
    rows, more = newest(Message.unread.unread_for_user(reader), limit, json)
    if json:
        show_json(plain.message, rows)
    else:
        from msgcli import render

        hint = "msgcli thread ID to read, msgcli mark-read ID when done."
        remark = f"{tally(len(rows), more, 'unread')} {hint}"
        cells = [render.message_cells(row) for row in rows]
        nothing = f"Nothing unread for {reader.get_username()}."
        show_list(render.MESSAGE_COLUMNS, cells, remark if rows else nothing)
    if mark_read:
        _mark(rows, reader.get_username())


def _mark(rows: Iterable[MessageRow], reader: str | None) -> None:
    """Mark the unread among these as read: those to `reader`, or to anybody if that is None."""
    from messaging.models import Message

    shown = [row.id for row in rows if not row.read and reader in (None, row.receiver)]
    with Message.objects.all_or_nothing():
        for some in Message.objects.with_ids(shown):
            some.mark_read()

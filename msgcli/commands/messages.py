"""Writing messages: send, reply, edit, history, delete."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from msgcli import bootstrap, console
from msgcli.completion import user_names
from msgcli.confirm import confirm
from msgcli.errors import UsageError
from msgcli.options import Json, MessageId, Text, Yes, my_name
from msgcli.text import read_text

if TYPE_CHECKING:
    from messaging.models import Message

app = typer.Typer()

NameOrText = Annotated[
    str | None,
    typer.Argument(
        metavar="[USER]",
        autocompletion=user_names,
        show_default=False,
        help="Who writes; left out: MSGCLI_USER.",
    ),
]


@app.command("send", cls=bootstrap.StoreCommand)
def send(
    sender: Annotated[
        str,
        typer.Argument(
            metavar="[FROM]", autocompletion=user_names, help="Who sends; left out: MSGCLI_USER."
        ),
    ],
    receiver: Annotated[
        str | None,
        typer.Argument(
            metavar="TO", autocompletion=user_names, show_default=False, help="Who receives it."
        ),
    ] = None,
    text: Text = None,
    create: Annotated[
        bool, typer.Option("--create", help="Add a user even if the name is like another's.")
    ] = False,
    json: Json = False,
) -> None:
    """Send a message. On your own store, people who are not there yet are added."""
    if text is None and (me := my_name()):
        sender, receiver, text = me, sender, receiver
    if receiver is None:
        raise UsageError("To whom? msgcli send FROM TO TEXT, or set MSGCLI_USER to be FROM.")
    content = read_text(text)
    from messaging.accounts import people
    from messaging.models import Message

    with Message.objects.all_or_nothing():
        (one, other), added = people(
            (sender, receiver), add=bootstrap.adds_users(), even_if_similar=create
        )
        message = Message.objects.send(one, other, content)
    if added:
        console.remark(f"(+ new here: {', '.join(added)})")
    _show(message, "sent", json)


@app.command("reply", cls=bootstrap.StoreCommand)
def reply(
    message_id: MessageId, user: NameOrText = None, text: Text = None, json: Json = False
) -> None:
    """Reply to a message, to the other person of it."""
    if text is None and (me := my_name()):
        user, text = me, user
    if user is None:
        raise UsageError("Who replies? msgcli reply ID USER TEXT, or set MSGCLI_USER.")
    from messaging.accounts import find_user
    from messaging.models import Message

    sender = find_user(user)
    message = Message.objects.reply(message_id, sender, read_text(text))
    _show(message, f"sent, in thread {message.root_id}", json)


@app.command("edit", cls=bootstrap.StoreCommand)
def edit(
    message_id: MessageId, user: NameOrText = None, text: Text = None, json: Json = False
) -> None:
    """Change what a message says; its earlier versions are kept.

    With USER, only a message of theirs can be edited. One word alone after the ID is the TEXT.
    """
    if text is None:
        user, text = my_name(), user
    from messaging.accounts import find_user
    from messaging.models import Message

    editor = find_user(user) if user else None
    before = Message.objects.get_by_id(message_id).content
    message = Message.objects.edit(message_id, read_text(text, template=before), editor=editor)
    _show(message, "edited" if message.content != before else "unchanged", json)


@app.command("history", cls=bootstrap.StoreCommand)
def history(message_id: MessageId, json: Json = False) -> None:
    """Show every version of a message, and what changed between them."""
    from messaging.models import Message

    versions = Message.objects.versions(message_id)
    if json:
        from messaging import plain

        console.show_json_list(map(plain.version, versions))
        return
    from msgcli import render

    row = Message.objects.filter(pk=message_id).rows()[0]
    console.show(*render.history(row, versions))


@app.command("delete", cls=bootstrap.StoreCommand)
def delete(message_id: MessageId, yes: Yes = False, json: Json = False) -> None:
    """Erase a message with its versions; replies to it stay and move up."""
    from messaging.models import Message

    message = Message.objects.select_related("sender", "receiver").get_by_id(message_id)
    if not yes:
        people = f"{message.sender} → {message.receiver}"
        confirm(f"Delete message {message_id}, {people}? It can't be undone.")
    replies = message.replies.count()
    message.delete()
    bootstrap.warn_of_remains()
    if json:
        console.show_json({"id": message_id, "deleted": True, "reattached": replies})
        return
    from msgcli import render

    moved = f"; {render.count(replies, 'reply', 'replies')} moved up" if replies else ""
    console.show_lines([f"#{message_id} deleted{moved}"])


def _show(message: Message, what: str, json: bool) -> None:
    from messaging.models import Message

    row = Message.objects.filter(pk=message.pk).rows()[0]
    if json:
        from messaging import plain

        console.show_json(plain.message(row))
        return
    from msgcli import render

    console.show(render.done(row, what))

"""Archives: import and export as JSON Lines."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from msgcli import bootstrap, console
from msgcli.completion import message_ids, user_names
from msgcli.errors import UsageError
from msgcli.options import Json, Since, Until, message_id, my_name

if TYPE_CHECKING:
    from messaging.managers.messages import MessageQuerySet

app = typer.Typer()


class Format(StrEnum):
    """The formats that export writes."""

    jsonl = "jsonl"
    mbox = "mbox"


@app.command("import", cls=bootstrap.StoreCommand)
def import_(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="JSON Lines, perhaps .gz; - for stdin.")
    ],
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out bad lines and count them.")
    ] = False,
    create: Annotated[
        bool, typer.Option("--create", help="Add unknown people on a store that adds nobody.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Say where all that was left out is.")
    ] = False,
    json: Json = False,
) -> None:
    """Add the messages of an archive that are not there yet: all of them, or none.

    A line is an object with id, sender, receiver, content, timestamp and parent_id; read,
    edited and history may be there too.
    """
    from messaging.archive import import_records
    from messaging.archive.jsonlines import records
    from msgcli.files import opened_archive

    with (
        opened_archive(file) as lines,
        console.progress(lines, f"Importing {Path(file).name}") as counted,
    ):
        report = import_records(
            records(counted, file),
            skip_bad=skip_bad,
            add_unknown_users=create or bootstrap.adds_users(),
        )
    if json:
        console.show_json(report.as_dict())
        return
    from msgcli import render

    console.show(*render.imported(report, verbose=verbose))
    if report.skipped and not verbose:
        console.remark("--verbose says where.")


@app.command("export", cls=bootstrap.StoreCommand)
def export(
    user: Annotated[
        str | None,
        typer.Argument(
            metavar="[USER]",
            autocompletion=user_names,
            show_default=False,
            help="Whose messages. Left out: MSGCLI_USER's, else everybody's.",
        ),
    ] = None,
    other: Annotated[
        str | None,
        typer.Option(
            "--with", metavar="OTHER", autocompletion=user_names, help="Only those with OTHER."
        ),
    ] = None,
    thread: Annotated[
        int | None,
        typer.Option(
            parser=message_id,
            metavar="ID",
            autocompletion=message_ids,
            help="Only the thread that this message is in.",
        ),
    ] = None,
    since: Since = None,
    until: Until = None,
    format_name: Annotated[
        Format | None,
        typer.Option("--format", help="jsonl keeps everything; mbox is for mail programs."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="A file instead of stdout."),
    ] = None,
    everybody: Annotated[
        bool, typer.Option("--all", help="Everybody's messages, whatever MSGCLI_USER says.")
    ] = False,
    json: Json = False,
) -> None:
    """Write messages to keep or to take elsewhere, as import reads them.

    Without --format, a FILE named .mbox or .mbox.gz is one, all else is JSON Lines.
    """
    from messaging.archive.writing import encoded
    from msgcli.files import write_archive

    name = None if everybody else user or my_name()
    messages = _selected(name, other, thread).sent(since=since, until=until)
    format_word = None if format_name is None else format_name.value
    if output is None:
        console.show_bytes(encoded(messages, format_word or "jsonl"))
        return
    written = write_archive(output, messages, format_word)
    if json:
        console.show_json({"exported": written, "file": str(output)})
    else:
        from msgcli import render

        console.remark(f"{render.count(written, 'message')} in {output}")


def _selected(user: str | None, other: str | None, thread: int | None) -> MessageQuerySet:
    from messaging.accounts import find_user
    from messaging.models import Message

    messages = Message.objects.all()
    if other is not None and user is None:
        raise UsageError("With OTHER, who? msgcli export USER --with OTHER, or set MSGCLI_USER.")
    if user is not None:
        person = find_user(user)
        messages = messages.of_user(person)
        if other is not None:
            messages = messages.between(person, find_user(other))
    return messages if thread is None else messages.in_thread(thread)

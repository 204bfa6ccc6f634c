"""Archives: import and export as JSON Lines."""

from __future__ import annotations

from contextlib import closing
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from msgcli import bootstrap, console
from msgcli.completion import message_ids, user_names
from msgcli.options import Everybody, Json, Since, Until, With, message_id, my_name
from msgcli.selection import messages_of

if TYPE_CHECKING:
    from collections.abc import Iterable

    from messaging.archive import Post
    from messaging.archive.records import Line

app = typer.Typer()


class Format(StrEnum):
    """The formats that export writes."""

    jsonl = "jsonl"
    mbox = "mbox"


@app.command("import", cls=bootstrap.StoreCommand)
def import_(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="An archive: a file, a folder, or - for stdin.")
    ],
    format_name: Annotated[
        str | None,
        typer.Option(
            "--format",
            metavar="FORMAT",
            help="jsonl, mbox, maildir, mh, eml or slack; left out, the content tells.",
        ),
    ] = None,
    skip_bad: Annotated[
        bool, typer.Option("--skip-bad", help="Leave out bad lines of JSON and count them.")
    ] = False,
    create: Annotated[
        bool, typer.Option("--create", help="Add unknown people on a store that adds nobody.")
    ] = False,
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Say where all that was left out is.")
    ] = False,
    json: Json = False,
) -> None:
    """Add the messages of an archive that are not there yet.

    Reads JSON Lines as export writes them, all or none; and mail and Slack exports, each
    message that can be read: mbox, Maildir, MH, .eml, a folder of these, .gz, .bz2, .xz.
    """
    from messaging.archive import Post

    with closing(Post(add_unknown_users=create or bootstrap.adds_users())) as post:
        _read(post, file, format_name, skip_bad)
        _deliver(post)
    if json:
        console.show_json(post.report.as_dict())
        return
    from msgcli import render

    console.show(*render.imported(post.report, verbose=verbose))
    if post.report.skipped and not verbose:
        console.remark("--verbose says where.")


def _read(post: Post, file: str, format_name: str | None, skip_bad: bool) -> None:
    """Read an archive to its end; JSON Lines are added at once, all or none."""
    from messaging.archive import import_records
    from msgcli.files import opened_archive
    from msgcli.progress import bar

    with (
        bar(f"Reading {Path(file).name}", in_bytes=True) as reading,
        opened_archive(file, format_name, reading.advance) as archive,
    ):
        reading.expect(archive.size)
        if archive.format == "jsonl":
            post.report = import_records(
                cast("Iterable[Line]", archive),
                skip_bad=skip_bad,
                add_unknown_users=post.directory.add_unknown,
            )
        else:
            post.read(archive)


def _deliver(post: Post) -> None:
    from msgcli.progress import bar

    with bar("Adding") as adding:
        adding.expect(len(post.spool))
        try:
            for number in post.deliver():
                adding.advance(number)
        except KeyboardInterrupt:
            added = post.report.added
            console.remark(f"Stopped. {added:,} added so far are kept; import again to go on.")
            raise


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
    other: With = None,
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
    everybody: Everybody = False,
    json: Json = False,
) -> None:
    """Write messages to keep or to take elsewhere, as import reads them.

    Without --format, a FILE named .mbox or .mbox.gz is one, all else is JSON Lines.
    """
    from messaging.archive.writing import encoded
    from msgcli.files import write_archive

    name = None if everybody else user or my_name()
    messages = messages_of(name, other, "msgcli export USER --with OTHER")
    if thread is not None:
        messages = messages.in_thread(thread)
    messages = messages.sent(since=since, until=until)
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

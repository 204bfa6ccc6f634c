"""Archives: import and export as JSON Lines."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from msgcli import bootstrap, console
from msgcli.completion import user_names
from msgcli.options import Json, my_name

app = typer.Typer()


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
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="A file instead of stdout."),
    ] = None,
    everybody: Annotated[
        bool, typer.Option("--all", help="Everybody's messages, whatever MSGCLI_USER says.")
    ] = False,
    json: Json = False,
) -> None:
    """Write messages as JSON Lines, as import reads them."""
    from messaging.accounts import find_user
    from messaging.archive import export_lines

    name = None if everybody else user or my_name()
    person = find_user(name) if name else None
    if output is None:
        console.show_lines(export_lines(person))
        return
    from msgcli.files import write_archive

    written = write_archive(output, person)
    if json:
        console.show_json({"exported": written, "file": str(output)})
    else:
        from msgcli import render

        console.remark(f"{render.count(written, 'message')} in {output}")

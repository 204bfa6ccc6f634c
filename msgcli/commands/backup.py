"""The store as one file, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from msgcli import bootstrap, console
from msgcli.confirm import confirm
from msgcli.options import Json, Yes

app = typer.Typer()


@app.command("backup", cls=bootstrap.SetupCommand)
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to; it is replaced.")],
    verify: Annotated[bool, typer.Option("--verify", help="Check what was written.")] = False,
    json: Json = False,
) -> None:
    """Copy the whole store to FILE, as it is at one moment, while others go on using it."""
    from msgcli.backup import back_up

    made = back_up(file, verify=verify)
    if json:
        console.show_json(made.as_dict())
    else:
        from msgcli import render

        console.show_lines([render.backup(made)])


@app.command("restore", cls=bootstrap.SetupCommand)
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What msgcli backup has written.")],
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Put a backup in the place of the whole store, after checking it. Asks first."""
    from msgcli.backup import opened, put_back

    with opened(file) as (found, path):
        if not yes:
            _ask(found.messages)
        put_back(path)
    bootstrap.warn_of_remains()
    if json:
        console.show_json(found.as_dict())
    else:
        from msgcli import render

        console.show_lines([f"Restored: {render.backup(found)}"])


def _ask(messages: int) -> None:
    from messaging.models import Message
    from msgcli import render

    there = Message.objects.count()
    if there:
        console.remark("To keep what is there now: msgcli backup ANOTHER-FILE")
        old, new = render.count(there, "message"), render.count(messages, "message")
        confirm(f"Replace the {old} here by the {new} of the backup?")

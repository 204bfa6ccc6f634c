"""Users: list, add, give a password, delete."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from msgcli import bootstrap, console
from msgcli.confirm import confirm_by_name
from msgcli.errors import UsageError
from msgcli.listing import show_json, show_list, tally
from msgcli.options import SHOWN, Json, Limit, User, Yes, me

if TYPE_CHECKING:
    from messaging.accounts import Removal

app = typer.Typer()


@app.command("users", cls=bootstrap.StoreCommand)
def users(limit: Limit = None, json: Json = False) -> None:
    """Show everybody, and how many messages they have."""
    from messaging.accounts import user_rows

    rows = user_rows()
    shown = limit or (SHOWN if console.is_terminal() and not json else len(rows))
    if json:
        show_json(lambda row: row._asdict(), rows[:shown])
        return
    from msgcli import render

    more = max(0, len(rows) - shown)
    remark = tally(len(rows[:shown]), more, "users")
    cells = [render.user_cells(row) for row in rows[:shown]]
    show_list(render.USER_COLUMNS, cells, remark if rows else "No users yet.")


@app.command("add-user", cls=bootstrap.StoreCommand)
def add_user(
    name: Annotated[str, typer.Argument(help="The new user's name.")], json: Json = False
) -> None:
    """Add a user, without a password."""
    from messaging import accounts

    user = accounts.add_user(name)
    if json:
        console.show_json({"name": user.get_username()})
    else:
        console.show_lines([f"{user.get_username()} added"])


@app.command("set-password", cls=bootstrap.StoreCommand)
def set_password(user: User = None, json: Json = False) -> None:
    """Set the password of USER: asked for on a terminal, else the first line of stdin."""
    from messaging import accounts

    person = accounts.find_user(me(user))
    accounts.set_password(person, _new_password())
    if json:
        console.show_json({"name": person.get_username()})
    else:
        console.show_lines([f"{person.get_username()} has a new password"])


@app.command("delete-user", cls=bootstrap.StoreCommand)
def delete_user(
    user: User = None,
    export: Annotated[
        Path | None,
        typer.Option("--export", metavar="FILE", help="Write their messages to FILE first."),
    ] = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Erase USER with every message they sent or received.

    Shows what will go, and asks. Replies by other people stay.
    """
    from messaging import accounts
    from messaging.models import Message

    person = accounts.find_user(me(user))
    if not yes:
        _show_removal(accounts.removal(person), exported=export is not None)
        confirm_by_name(f"Delete {person.get_username()}?", person.get_username())
    with Message.objects.all_or_nothing():  # so that what goes is what was exported
        if export is not None:
            from msgcli.files import write_archive

            write_archive(export, Message.objects.of_user(person))
        gone = accounts.delete_user(person)
    bootstrap.warn_of_remains()
    if json:
        console.show_json(gone._asdict())
        return
    from msgcli import render

    console.show_lines([render.removed(gone)])


def _show_removal(gone: Removal, *, exported: bool) -> None:
    from msgcli import render

    for line in render.removal(gone):
        console.err().print(line, soft_wrap=True)
    if not exported:
        copy = f"msgcli delete-user {gone.user} --export {gone.user}.jsonl"
        console.remark(f"Nothing is kept. To keep a copy first: {copy}")


def _new_password() -> str:
    if not sys.stdin.isatty():
        return sys.stdin.readline().rstrip("\r\n")
    from getpass import getpass

    password = getpass("New password: ")
    if getpass("The same again: ") != password:
        raise UsageError("The two passwords differ, so nothing was changed.")
    return password

"""Watching for messages."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from msgcli import bootstrap, console
from msgcli.completion import user_names
from msgcli.notifying import Program, program
from msgcli.options import Everybody, Json, my_name

if TYPE_CHECKING:
    from messaging.threads import MessageRow

app = typer.Typer()


@app.command("watch", cls=bootstrap.StoreCommand)
def watch(
    user: Annotated[
        str | None,
        typer.Argument(
            metavar="[USER]",
            autocompletion=user_names,
            show_default=False,
            help="To whom. Left out: to MSGCLI_USER, else to anybody.",
        ),
    ] = None,
    everybody: Everybody = False,
    notify: Annotated[
        Program | None,
        typer.Option(
            parser=program,
            metavar="CMD",
            help="Run this for each message, which is JSON on its stdin.",
        ),
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="Wait for one message, and end.")] = False,
    json: Json = False,
) -> None:
    """Show the messages to USER as they arrive, until Ctrl-C.

    None is missed or shown twice, and none is marked as read. Through a pipe each is one line.
    """
    from messaging import arrivals
    from messaging.accounts import find_user

    name = None if everybody else user or my_name()
    coming = arrivals.Arrivals(find_user(name) if name else None)
    console.remark(f"Watching for messages{f' to {name}' if name else ''}  (Ctrl-C stops)")
    with _ended_by_ctrl_c():
        for row in arrivals.watch(coming, on_lost=_say_lost):
            _show(row, json)
            if notify:
                notify.run(row)
            if once:
                break


@contextmanager
def _ended_by_ctrl_c() -> Iterator[None]:
    """Leave the shell's prompt a line of its own, below the ^C that the terminal shows."""
    try:
        yield
    except KeyboardInterrupt:
        if sys.stderr.isatty():
            console.remark("")
        raise


def _say_lost() -> None:
    console.remark("The database can't be reached. Waiting until it can.")


def _show(row: MessageRow, json: bool) -> None:
    """Print a message, to be read at once by whoever reads."""
    if json:
        from messaging import plain

        console.show_json(plain.message(row))
    else:
        from msgcli import render

        if console.is_terminal():
            console.out().print(render.arrival(row), end="")
        else:
            console.show_lines([render.arrival_line(row)])
    console.push()

"""The store itself: migrate and check."""

from __future__ import annotations

from typing import Annotated

import typer

from msgcli import bootstrap, console
from msgcli.errors import NOT_READY
from msgcli.options import Json

app = typer.Typer()


@app.command("migrate", cls=bootstrap.SetupCommand)
def migrate(json: Json = False) -> None:
    """Make the tables of the store, or bring them up to date."""
    applied = bootstrap.migrate()
    if json:
        console.show_json({"applied": applied})
    else:
        console.show_lines(applied or ["Up to date"])


@app.command("check", cls=bootstrap.SetupCommand)
def check(
    fix: Annotated[bool, typer.Option("--fix", help="Put right what can be put right.")] = False,
    json: Json = False,
) -> None:
    """Say what the store is, where, and whether it is healthy; exit code 5 if it is not."""
    from msgcli import store

    if fix:
        store.fix()
    state = store.inspect()
    if json:
        console.show_json(state.as_dict())
    else:
        from msgcli import render

        for line in render.store(state):
            console.out().print(line, soft_wrap=True)  # a path must stay one to be copied
    if state.findings:
        raise typer.Exit(NOT_READY)

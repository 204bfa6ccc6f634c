"""The store itself: migrate, check and config."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated

import typer

from msgcli import bootstrap, config, console
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


@app.command("config")
def show_config(json: Json = False) -> None:
    """Say which settings are in force and where each comes from; passwords are hidden.

    They come from a variable of the environment, as MSGCLI_USER for user, else from the file,
    else from what msgcli does by itself.
    """
    file, settings = config.path(), config.in_force()
    if json:
        found = [asdict(setting) for setting in settings]
        console.show_json({"file": str(file), "exists": file.exists(), "settings": found})
        return
    from msgcli import render

    for line in render.config(file, settings):
        console.out().print(line, soft_wrap=True)

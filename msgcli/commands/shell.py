"""For shells and scripts: completion, and the JSON Schema of every --json."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer
from typer.completion import get_completion_script  # type: ignore[attr-defined]

from msgcli import console

app = typer.Typer()


class Shell(StrEnum):
    """The shells that Typer knows."""

    bash = "bash"
    zsh = "zsh"
    fish = "fish"
    powershell = "powershell"


@app.command("schema")
def schema() -> None:
    """Print the JSON Schema of what --json prints."""
    from importlib.resources import files

    console.show_lines([files("messaging").joinpath("schema.json").read_text("utf-8").rstrip()])


@app.command("shell-completion")
def shell_completion(
    shell: Annotated[Shell, typer.Argument(help="The shell to complete in.")],
) -> None:
    """Print the script that completes commands, names and ids in your shell."""
    script = get_completion_script(
        prog_name="msgcli", complete_var="_MSGCLI_COMPLETE", shell=shell.value
    )
    console.show_lines([script])

"""Write docs/commands.md from the program's own help: python docs/reference.py."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.core import TyperCommand
from typer.main import get_command

from msgcli.main import app

PAGE = Path(__file__).with_name("commands.md")

INTRODUCTION = """\
<!-- Written by docs/reference.py from the program's help. Change it there. -->

# Commands

Every command says the same with `--help`. `MSGCLI_USER` stands in wherever a user is left
out. What `--json` prints, and the exit codes, are on [a page of their own](json.md).

## Before any command

These come before the name of a command: `msgcli --no-color thread 1`.
"""


def commands() -> dict[str, TyperCommand]:
    """Every command by its name, as `send` or `token create`, in the order of `msgcli --help`."""
    group: Any = get_command(app)
    context = group.make_context("msgcli", [], resilient_parsing=True)
    found = {name: group.get_command(context, name) for name in group.list_commands(context)}
    return {
        f"{name} {below}".strip(): command
        for name, one in found.items()
        for below, command in getattr(one, "commands", {"": one}).items()
    }


def reference() -> str:
    """The whole page."""
    parts = [INTRODUCTION, _table(get_command(app).params)]
    for name, command in commands().items():
        parts += ["", *_section(name, command)]
    return "\n".join(parts) + "\n"


def _section(name: str, command: TyperCommand) -> Iterator[str]:
    words = ["msgcli", name]
    words += ["[OPTIONS]"] if any(map(_is_option, command.params)) else []
    words += [_metavar(param) for param in command.params if not _is_option(param)]
    yield f"## {name}\n"
    yield f"```text\n{' '.join(words)}\n```\n"
    yield command.help or ""
    if command.params:
        yield "\n" + _table(command.params)


def _table(params: list[Any]) -> str:
    rows = ["| Word | Meaning |", "| --- | --- |"]
    rows += [f"| {_word(param)} | {_meaning(param)} |" for param in params]
    return "\n".join(rows)


def _word(param: Any) -> str:
    if not _is_option(param):
        return f"`{_metavar(param)}`"
    value = "" if param.is_flag else f" {_metavar(param)}"
    return ", ".join(f"`{name}{value}`" for name in param.opts)


def _metavar(param: Any) -> str:
    return str(param.metavar or param.name.upper())


def _meaning(param: Any) -> str:
    help_text = (param.help or "").replace("|", "\\|")
    choices = getattr(param.type, "choices", ())
    said = f"{help_text} One of {', '.join(f'`{choice}`' for choice in choices)}."
    variable = f" Or the variable `{param.envvar}`." if param.envvar else ""
    return (said if choices else help_text) + variable


def _is_option(param: Any) -> bool:
    return bool(param.param_type_name == "option")


if __name__ == "__main__":
    PAGE.write_text(reference(), encoding="utf-8")

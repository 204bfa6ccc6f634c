"""The root of the command line: global options, and where each command is found."""

from __future__ import annotations

import os
import sys
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command_from_info, get_group_from_info

from msgcli import bootstrap, config, console, errors

# Modules are imported when one of their commands is asked for, or all of them for --help.
COMMANDS = {
    "send": "messages",
    "reply": "messages",
    "edit": "messages",
    "history": "messages",
    "delete": "messages",
    "thread": "reading",
    "conversation": "reading",
    "inbox": "reading",
    "unread": "reading",
    "watch": "watch",
    "search": "search",
    "stats": "statistics",
    "mark-read": "marking",
    "mark-unread": "marking",
    "notifications": "marking",
    "users": "users",
    "add-user": "users",
    "set-password": "users",
    "delete-user": "users",
    "serve": "serve",
    "login-link": "access",
    "logout": "access",
    "token": "access",
    "import": "transfer",
    "export": "transfer",
    "backup": "backup",
    "restore": "backup",
    "copy": "copy",
    "migrate": "store",
    "check": "store",
    "config": "store",
    "schema": "shell",
    "shell-completion": "shell",
}


class CommandGroup(TyperGroup):
    """A group that imports a command when it is called, and reports every error in one sentence."""

    def list_commands(self, ctx: typer.Context) -> list[str]:  # type: ignore[override]
        return list(COMMANDS)

    def get_command(self, ctx: typer.Context, cmd_name: str) -> TyperCommand | None:  # type: ignore[override]
        if cmd_name not in COMMANDS:
            return None
        if cmd_name not in self.commands:
            self.commands[cmd_name] = _built(cmd_name)
        return self.commands[cmd_name]  # type: ignore[return-value]

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # whoever reads the output, as `head`, has seen enough
            console.discard()
            raise typer.Exit from None

    def main(
        self,
        args: Any = None,
        prog_name: Any = None,
        complete_var: Any = None,
        standalone_mode: bool = True,
        windows_expand_args: bool = True,
        **extra: Any,
    ) -> Any:
        try:
            code = super().main(args, prog_name, complete_var, False, windows_expand_args, **extra)
        except SystemExit as error:
            code = error.code
        except (KeyboardInterrupt, EOFError, typer.Abort):
            code = errors.INTERRUPTED
        except Exception as error:
            code = errors.report(error, debug=bootstrap.options.debug)
        code = code if isinstance(code, int) else 0
        console.flush()
        return sys.exit(code) if standalone_mode else code


def _built(name: str) -> Any:
    """The command of this name, or the group of commands, as `token`."""
    module: typer.Typer = import_module(f"msgcli.commands.{COMMANDS[name]}").app
    for command in module.registered_commands:
        if command.name == name:
            return get_command_from_info(
                command, pretty_exceptions_short=False, rich_markup_mode="rich"
            )
    group = next(group for group in module.registered_groups if group.name == name)
    return get_group_from_info(
        group, pretty_exceptions_short=False, suggest_commands=False, rich_markup_mode="rich"
    )


app = typer.Typer(
    cls=CommandGroup,
    no_args_is_help=True,
    rich_markup_mode="rich",
    pretty_exceptions_enable=False,  # --debug shows a plain traceback
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(asked: bool) -> None:
    if asked:
        from msgcli import __version__

        sys.stdout.write(f"msgcli {__version__}\n")
        raise typer.Exit


@app.callback(epilog="Set MSGCLI_USER to your name, and it is used wherever a USER is left out.")
def root(
    settings: Annotated[
        str,
        typer.Option(
            "--settings",
            envvar="MSGCLI_SETTINGS",
            metavar="MODULE",
            help="Use a Django project that has `messaging` installed, as mysite.settings.",
        ),
    ] = "",
    no_color: Annotated[bool, typer.Option("--no-color", help="Print without colours.")] = False,
    no_pager: Annotated[bool, typer.Option("--no-pager", help="Never page long output.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Direct messages that you own: in one file, or in your own database."""
    config.load()
    settings = settings or os.environ.get("MSGCLI_SETTINGS", "")
    bootstrap.options = bootstrap.Options(settings=settings, debug=debug)
    console.configure(no_color=no_color, pager=not no_pager)

"""The arguments and options that several commands share."""

from __future__ import annotations

import os
from datetime import datetime, timedelta
from typing import Annotated

import typer

from msgcli.completion import message_ids, user_names
from msgcli.errors import UsageError

MAX_ID = 2**63 - 1  # the largest a database holds
SHOWN = 50  # entries of a list on a terminal, unless --limit says otherwise


def message_id(text: str) -> int:
    """The id of a message as it was typed, perhaps with its #."""
    digits = text.removeprefix("#")
    if not digits.isdecimal():  # int() would also take 1_000
        raise typer.BadParameter(f"{text} is not an id: ids are whole numbers from 1")
    if len(digits) > len(str(MAX_ID)) or not 1 <= int(digits) <= MAX_ID:
        raise typer.BadParameter(f"{text} is not an id: ids are whole numbers from 1 to {MAX_ID}")
    return int(digits)


MessageId = Annotated[
    int,
    typer.Argument(
        metavar="ID", parser=message_id, autocompletion=message_ids, help="The id of a message."
    ),
]
User = Annotated[
    str | None,
    typer.Argument(
        metavar="[USER]",
        envvar="MSGCLI_USER",
        autocompletion=user_names,
        show_default=False,
        help="Whose.",
    ),
]
Text = Annotated[
    str | None,
    typer.Argument(
        metavar="[TEXT]",
        show_default=False,
        help="What it says; - or a pipe for stdin, left out on a terminal for your EDITOR.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON; see msgcli schema.")]
Limit = Annotated[
    int | None,
    typer.Option(
        "--limit",
        "-n",
        min=1,
        metavar="N",
        help=f"Show the newest N ({SHOWN} on a terminal, else all).",
    ),
]
MarkRead = Annotated[
    bool, typer.Option("--mark-read", help="Mark what is shown as read, for its receiver.")
]
Yes = Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")]


def begin_of(text: str) -> datetime:
    """The moment that was typed, or the first of the day that was; without a zone, local time."""
    return _day_or_moment(text)[0]


def end_of(text: str) -> datetime:
    """The moment that was typed, or the first after the day that was; without a zone, local."""
    return _day_or_moment(text)[1]


def _day_or_moment(text: str) -> tuple[datetime, datetime]:
    try:
        moment = datetime.fromisoformat(text)
        end = moment + timedelta(days=1) if len(text) <= len("2026-11-23") else moment
        return moment.astimezone(), end.astimezone()
    except (ValueError, OverflowError, OSError):
        raise typer.BadParameter(
            f"{text} is not a day or a time: write 2026-11-23 or 2026-11-23T18:30"
        ) from None


Since = Annotated[
    datetime | None,
    typer.Option(
        "--since", parser=begin_of, metavar="DAY", help="Only what was sent then or later."
    ),
]
Until = Annotated[
    datetime | None,
    typer.Option(
        "--until", parser=end_of, metavar="DAY", help="Only what was sent by the end of that day."
    ),
]

With = Annotated[
    str | None,
    typer.Option(
        "--with", metavar="OTHER", autocompletion=user_names, help="Only those with OTHER."
    ),
]
Everybody = Annotated[
    bool, typer.Option("--all", help="Everybody's messages, whatever MSGCLI_USER says.")
]


def my_name() -> str | None:
    """The user that MSGCLI_USER names, for the commands whose USER comes before other words."""
    return os.environ.get("MSGCLI_USER") or None


def me(user: str | None) -> str:
    """The user that was named, or MSGCLI_USER. Raises UsageError when there is neither."""
    if not user:
        raise UsageError("Whose? Name a USER, or set MSGCLI_USER to your own name.")
    return user

"""Statistics: how much, who, when, and how fast."""

from __future__ import annotations

from datetime import timezone, tzinfo
from typing import Annotated

import typer

from msgcli import bootstrap, console
from msgcli.completion import user_names
from msgcli.options import Json, my_name

app = typer.Typer()


def named_zone(name: str) -> tzinfo:
    """The time zone of this name."""
    from zoneinfo import ZoneInfo

    if name == "UTC":  # there even where the system has no zones
        return timezone.utc
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):  # no such file, no such name, or a folder
        raise typer.BadParameter(
            f"there is no time zone {name}: they have names like Europe/Berlin"
        ) from None


@app.command("stats", cls=bootstrap.StoreCommand)
def stats(
    user: Annotated[
        str | None,
        typer.Argument(
            metavar="[USER]",
            autocompletion=user_names,
            show_default=False,
            help="Whose messages. Left out: MSGCLI_USER's, else everybody's.",
        ),
    ] = None,
    everybody: Annotated[
        bool, typer.Option("--all", help="Everybody's messages, whatever MSGCLI_USER says.")
    ] = False,
    zone: Annotated[
        tzinfo | None,
        typer.Option(
            parser=named_zone,
            metavar="ZONE",
            show_default=False,
            help="Whose hours and weeks, as Europe/Berlin. Left out: UTC, or a project's own.",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Show how much is written, by whom, when, and how soon it is answered.

    Weeks begin on Monday. Where they don't fit beside each other it is months, years, or more.
    """
    from django.conf import settings

    from messaging import plain
    from messaging.accounts import find_user
    from messaging.statistics import statistics
    from msgcli.render import statistics as shown

    name = None if everybody else user or my_name()
    person = find_user(name) if name else None
    screen = console.width() if console.is_terminal() and not json else None
    found = statistics(
        person,
        zone=zone or named_zone(settings.TIME_ZONE),
        most=shown.room(screen),
    )
    if json:
        console.show_json(plain.statistics(found))
    elif found.periods and found.busiest:  # others may have deleted them since they were counted
        marks = shown.BLOCKS if console.can_show("".join(shown.BLOCKS)) else shown.ASCII
        console.show(*shown.report(found, marks, screen))
    else:
        console.remark(f"No messages for {found.user} yet." if person else "No messages yet.")

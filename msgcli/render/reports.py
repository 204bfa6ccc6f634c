"""What a deletion takes, what became of an archive, and how the store is."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from rich.text import Text

from messaging.plain import one_line, show_unsafe
from msgcli.render.words import count

if TYPE_CHECKING:
    from messaging.accounts import Removal
    from messaging.archive import Report
    from messaging.copying import Contents
    from msgcli.backup import Backup
    from msgcli.config import Setting
    from msgcli.store import State

DIGITS = 16  # of a digest that people compare by eye
NAMED = 4  # of the people whose conversations go


def removal(gone: Removal) -> Iterator[Text]:
    """What deleting an account would take."""
    yield Text(f"This removes {one_line(gone.user)} for good:")
    numbers = (
        ("messages sent", gone.sent),
        ("messages received", gone.received),
        ("notifications", gone.notifications),
        ("old versions", gone.versions),
        ("threads that lose a message", gone.threads),
    )
    for what, number in numbers:
        yield Text(f"   {what:<28}{number:>9,}")
    people = [one_line(name) for name in gone.conversations]
    more = f" and {len(people) - NAMED:,} more" if len(people) > NAMED else ""
    named = ", ".join(people[:NAMED]) + more
    with_whom = f"   with {named}" if people else ""
    yield Text(f"   {'conversations':<28}{len(people):>9,}{with_whom}")
    if gone.reattached:
        stay = (
            "reply by other people stays and moves"
            if gone.reattached == 1
            else ("replies by other people stay and move")
        )
        yield Text(f"{gone.reattached:,} {stay} up to the nearest message left.")


def removed(gone: Removal) -> str:
    """What deleting an account took."""
    return (
        f"{one_line(gone.user)} is deleted: {count(gone.messages, 'message')},"
        f" {count(gone.notifications, 'notification')}, {count(gone.versions, 'old version')}."
    )


def imported(report: Report, *, verbose: bool) -> Iterator[Text]:
    """What became of an archive; `verbose` names the place of everything that was left out."""
    numbers = (
        ("read", report.read, ""),
        ("added", report.added, ""),
        ("already there", report.already_there, ""),
        ("people added", report.users_added, ""),
        ("replies to absent messages", report.parents_absent, "now open threads of their own"),
        ("circles of replies", report.circles_opened, "opened at their oldest message"),
    )
    for what, number, note in numbers:
        if number or what in {"read", "added"}:
            yield Text(f"{what:<28}{number:>9,}   {note}".rstrip())
    for reason, places in sorted(report.skipped.items()):
        yield Text(f"{'skipped':<28}{len(places):>9,}   {reason}")
        if verbose:
            yield from (Text(f"{'':<40}{show_unsafe(p.file)}:{p.position}") for p in places)


def store(state: State) -> Iterator[Text]:
    """What the store is, and how it is."""
    import humanize

    size = "" if state.size is None else f", {humanize.naturalsize(state.size)}, {state.mode}"
    yield Text(f"Store    {state.database}, {show_unsafe(_from_home(state.location))}{size}")
    behind = count(len(state.pending), "migration")
    yield Text(f"Schema   {f'{behind} behind' if state.pending else 'up to date'}")
    if not state.pending:
        people = count(state.users, "person", "people")
        yield Text(f"Data     {count(state.messages, 'message')}, {people}")
    for finding in state.findings:
        line = f"Problem  {finding.problem}. To put it right: {finding.fix}"
        yield Text(show_unsafe(line), style="red")
    if not state.findings:
        yield Text("Everything is fine.", style="green")


def backup(made: Backup) -> str:
    """What is in a backup."""
    import humanize

    within = f"{count(made.messages, 'message')}, {count(made.users, 'person', 'people')}"
    verified = ", verified" if made.verified else ""
    return f"{show_unsafe(made.file)}: {within}, {humanize.naturalsize(made.size)}{verified}"


def copied(contents: Contents, name: str) -> Iterator[str]:
    """What was copied to a database that goes by this name."""
    yield f"Copied to {show_unsafe(name)}"
    people = count(contents.users, "person", "people")
    versions = count(contents.versions, "old version")
    yield f"{count(contents.messages, 'message')}, {people}, {versions}"
    yield f"Both sides are the same: {contents.digest[:DIGITS]}"


def config(file: Path, settings: Sequence[Setting]) -> Iterator[Text]:
    """The settings in force, each with where it comes from; values are whole, to be copied."""
    there = "" if file.exists() else " (not there)"
    yield Text(f"{'file':<15}{'':<13}{show_unsafe(_from_home(str(file)))}{there}")
    for setting in settings:
        value = "not set" if setting.value is None else show_unsafe(_from_home(setting.value))
        style = "dim" if setting.source == "default" else ""
        yield Text(f"{setting.name:<15}{setting.source:<13}{value}", style=style)


def _from_home(location: str) -> str:
    """A path as a person writes it, with ~ for the home folder; anything else as it is."""
    try:
        return str(Path("~") / Path(location).relative_to(Path.home()))
    except (RuntimeError, ValueError):  # no home, or not below it
        return location

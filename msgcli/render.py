"""From finished rows to what a person sees. Knows Rich, and no database."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text
from rich.tree import Tree

from messaging.plain import one_line, show_unsafe
from messaging.search.words import excerpt

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from messaging.accounts import Removal, UserRow
    from messaging.archive import Report
    from messaging.managers import InboxRow, NotificationRow, VersionRow
    from messaging.search.words import Span
    from messaging.threads import MessageRow, Node
    from msgcli.store import State

# Text narrower than this is no longer readable, so deeper replies are not indented further.
NARROWEST_TEXT = 40
WIDEST_TREE = 120
WIDEST_NAME = 24
BEFORE_MATCH = 16  # characters of a message before the first that was searched for
NAMED = 4  # of the people whose conversations go
INDENT = 4


@dataclass(frozen=True)
class Column:
    """A column of a list: names keep to the left, numbers to the right; the last may be cut."""

    title: str
    right: bool = False
    style: str = ""


MESSAGE_COLUMNS = (
    Column("ID", right=True, style="cyan"),
    Column("From", style="bold"),
    Column("Thread"),
    Column("When", style="dim"),
    Column("Message"),
)
INBOX_COLUMNS = (
    Column("With", style="bold"),
    Column("Unread", right=True, style="yellow"),
    Column("Last", style="dim"),
    Column("Message"),
)
FOUND_COLUMNS = (
    Column("ID", right=True, style="cyan"),
    Column("From", style="bold"),
    Column("To", style="bold"),
    Column("When", style="dim"),
    Column("Message"),
)
NOTIFICATION_COLUMNS = (
    Column("Message", right=True, style="cyan"),
    Column("From", style="bold"),
    Column("When", style="dim"),
    Column("State", style="yellow"),
    Column("Text"),
)
USER_COLUMNS = (
    Column("Name", style="bold"),
    Column("Unread", right=True, style="yellow"),
    Column("Sent", right=True),
    Column("Received", right=True),
)
TOKEN_COLUMNS = (
    Column("ID", right=True, style="cyan"),
    Column("Begins with"),
    Column("Made", style="dim"),
    Column("Last used", style="dim"),
    Column("Name"),
)


def ago(moment: datetime) -> str:
    """An aware datetime as a person would say it: `3 minutes ago`."""
    import humanize

    said = humanize.naturaltime(moment, when=datetime.now(timezone.utc))
    return {"now": "just now", "a day ago": "yesterday"}.get(said, said)


def table(columns: Sequence[Column], rows: Sequence[Sequence[str | Text]]) -> Table:
    """A list for a terminal: one line a row, the last column cut where the screen ends."""
    grid = Table(
        box=None,
        header_style="bold",
        pad_edge=False,
        padding=(0, 2, 0, 0),
        expand=not columns[-1].right,
    )
    for column, width in zip(columns, _widths(columns, rows), strict=True):
        grid.add_column(
            column.title,
            justify="right" if column.right else "left",
            style=column.style,
            no_wrap=True,
            overflow="ellipsis",
            width=min(width, WIDEST_NAME) or None,
            ratio=None if width else 1,
        )
    for row in rows:
        grid.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in row))
    return grid


def plain_table(columns: Sequence[Column], rows: Sequence[Sequence[str | Text]]) -> Iterator[str]:
    """The same list for a pipe: complete, aligned, and without an end of line to reach."""
    plain = [list(map(str, row)) for row in rows]
    widths = _widths(columns, plain)
    for line in ([column.title for column in columns], *plain):
        cells = (
            " " * (width - cell_len(cell)) + cell
            if column.right
            else cell + " " * (width - cell_len(cell))
            for cell, width, column in zip(line, widths, columns, strict=True)
        )
        yield "  ".join(cells).rstrip()


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[str | Text]]) -> list[int]:
    """The cells that each column needs; 0 for a last column of text, which takes what is left."""
    lines = ([column.title for column in columns], *rows)
    widths = [max(cell_len(str(line[i])) for line in lines) for i in range(len(columns))]
    return widths if columns[-1].right else [*widths[:-1], 0]


def message_cells(row: MessageRow) -> list[str]:
    """A message as a line of a list of messages."""
    mark = "(edited) " if row.edited else ""
    thread = f"#{row.thread_id}"
    return [
        str(row.id),
        one_line(row.sender),
        thread,
        ago(row.timestamp),
        mark + one_line(row.content),
    ]


def found_cells(row: MessageRow, parts: Sequence[Span]) -> list[str | Text]:
    """A message that a search found, from shortly before the first part that matches."""
    text = Text()
    for piece, is_part in excerpt(row.content, parts, BEFORE_MATCH):
        text.append(show_unsafe(piece), style="bold underline" if is_part else "")
    return [
        str(row.id),
        one_line(row.sender),
        one_line(row.receiver),
        ago(row.timestamp),
        text,
    ]


def inbox_cells(row: InboxRow, owner: str) -> list[str]:
    """A conversation as a line of its owner's inbox; an en dash where nothing is unread."""
    last = row.last_message
    sender = "you" if last.sender == owner else one_line(last.sender)
    unread = str(row.unread) if row.unread else "–"
    text = f"{sender}: {one_line(last.content)}"
    return [one_line(row.user), unread, ago(last.timestamp), text]


def notification_cells(row: NotificationRow) -> list[str]:
    """A notification as a line of the list of notifications."""
    message = row.message
    state = "read" if row.read else "unread"
    return [
        str(message.id),
        one_line(message.sender),
        ago(row.timestamp),
        state,
        one_line(message.content),
    ]


def user_cells(row: UserRow) -> list[str]:
    """A user as a line of the list of users."""
    return [one_line(row.name), str(row.unread or "–"), str(row.sent), str(row.received)]


def token_cells(
    number: int, name: str, begins_with: str, created: datetime, last_used: datetime | None
) -> list[str]:
    """A token as a line of the list of tokens."""
    used = ago(last_used) if last_used else "never"
    return [str(number), f"{begins_with}…", ago(created), used, one_line(name) if name else "–"]


def header(row: MessageRow, *marks: str) -> Text:
    """The line above a message: id, people, time, and what sets it apart, in words."""
    line = Text.assemble((f"#{row.id} ", "cyan"), end="")
    line.append(f"{one_line(row.sender)} → {one_line(row.receiver)}", style="bold")
    line.append(f" · {ago(row.timestamp)}", style="dim")
    if not row.read:
        line.append(" · unread", style="yellow")
    if row.edited:
        line.append(" · edited", style="dim")
    for mark in marks:
        line.append(f" · {mark}", style="dim")
    return line


def done(row: MessageRow, what: str) -> Text:
    """The line that says what became of a message."""
    line = Text.assemble((f"#{row.id}", "cyan"))
    line.append(f"  {one_line(row.sender)} → {one_line(row.receiver)}", style="bold")
    return line.append(f"   {what}")


class Entry:
    """A message as a person reads it: its header, and below it the text with a guide beside."""

    def __init__(self, row: MessageRow, *marks: str, guide: str = "   ") -> None:
        self.row = row
        self.marks = marks
        self.guide = guide

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        newline = Segment("\n")
        guide = Segment(self.guide, Style(dim=True))
        head = header(self.row, *self.marks)
        for number, line in enumerate(_wrapped(head, console, options.max_width)):
            if number:
                yield newline
            yield from line.render(console)
        content = self.row.content
        body = Text(show_unsafe(content) if content.strip() else "(blank)")
        for line in _wrapped(body, console, max(10, options.max_width - len(self.guide))):
            yield newline
            yield guide
            line.rstrip()
            yield from (Segment(text, style) for text, style, _ in line.render(console))
        yield newline


def _wrapped(text: Text, console: Console, width: int) -> Iterable[Text]:
    """The lines of a text; one that fits is spared the search for places to break it."""
    if cell_len(text.plain) <= width and not set("\n\t") & set(text.plain):
        return [text]
    return text.wrap(console, width, tab_size=4)


def thread_tree(roots: Sequence[Node], width: int) -> Tree:
    """A thread as a tree; past the depth that fits `width`, replies say how deep they are.

    Several `roots` hang from a line that stands for the message that they answer.
    """
    deepest = max(3, (min(width, WIDEST_TREE) - NARROWEST_TEXT) // INDENT)
    absent = Text("the message that these answer is not here", style="dim")
    branches: list[Tree] = [Tree(absent, guide_style="dim")] if len(roots) > 1 else []
    top = len(branches)
    for depth, node in ((top + depth, node) for root in roots for depth, node in root.walk()):
        level = min(depth, deepest)
        marks = () if depth <= deepest else (f"depth {depth}, to #{node.message.parent_id}",)
        nested = bool(node.replies) and depth < deepest
        entry = Entry(node.message, *marks, guide="│  " if nested else "   ")
        del branches[level:]
        branch = branches[-1].add(entry) if branches else Tree(entry, guide_style="dim")
        branches.append(branch)
    return branches[0]


def thread_summary(rows: Sequence[MessageRow]) -> str:
    """How much there is in a thread."""
    people = {name for row in rows for name in (row.sender, row.receiver)}
    unread = sum(not row.read for row in rows)
    return ", ".join(
        (count(len(rows), "message"), count(len(people), "person", "people"), f"{unread:,} unread")
    )


def entries(rows: Iterable[MessageRow]) -> Iterator[Entry]:
    """Messages one below the other, as a conversation is read."""
    for row in rows:
        marks = (f"in thread {row.root_id}",) if row.root_id is not None else ()
        yield Entry(row, *marks)


def history(row: MessageRow, versions: Sequence[VersionRow]) -> Iterator[Text]:
    """The versions of a message, each as what it changed in the one before."""
    head = Text.assemble((f"#{row.id} ", "cyan"))
    head.append(f"{one_line(row.sender)} → {one_line(row.receiver)}", style="bold")
    head.append(f", {count(len(versions), 'version')}")
    yield head
    before: list[str] = []
    for version in versions:
        who = f" by {one_line(version.edited_by)}" if version.edited_by else ""
        what = "first version" if version.number == 1 else f"edited{who}"
        yield Text(f"@ {version.since:%Y-%m-%d %H:%M:%S} UTC, {what}", style="bold")
        after = show_unsafe(version.content).split("\n")
        for line in difflib.ndiff(before, after) if before else (f"  {line}" for line in after):
            if not line.startswith("?"):  # ndiff's marks of the letters that changed
                yield Text(line.rstrip(), style={"-": "red", "+": "green"}.get(line[0], ""))
        before = after


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


def _from_home(location: str) -> str:
    """A path as a person writes it, with ~ for the home folder; anything else as it is."""
    try:
        return str(Path("~") / Path(location).relative_to(Path.home()))
    except (RuntimeError, ValueError):  # no home, or not below it
        return location


def count(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: `1 message`, `2 messages`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"

"""Messages as a person reads them: alone, one below the other, as a tree, and their history."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from rich.text import Text
from rich.tree import Tree

from messaging.plain import one_line, show_unsafe, utc
from msgcli.render.words import ago, count

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from messaging.managers import VersionRow
    from messaging.threads import MessageRow, Node

# Text narrower than this is no longer readable, so deeper replies are not indented further.
NARROWEST_TEXT = 40
WIDEST_TREE = 120
INDENT = 4


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
    """A message as a person reads it: its head, and below it the text with a guide beside.

    The head is a `header` with these marks, unless another is given.
    """

    def __init__(
        self, row: MessageRow, *marks: str, guide: str = "   ", head: Text | None = None
    ) -> None:
        self.row = row
        self.head = header(row, *marks) if head is None else head
        self.guide = guide

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        newline = Segment("\n")
        guide = Segment(self.guide, Style(dim=True))
        for number, line in enumerate(_wrapped(self.head, console, options.max_width)):
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


def arrival(row: MessageRow) -> Entry:
    """A message that comes in, with the time of day: how long ago would not stay true."""
    moment = row.timestamp.astimezone()
    is_today = moment.date() == datetime.now().astimezone().date()
    head = Text.assemble((f"#{row.id} ", "cyan"), end="")
    head.append(f"{one_line(row.sender)} → {one_line(row.receiver)}", style="bold")
    thread = f" · in thread {row.root_id}" if row.root_id is not None else ""
    head.append(f" · {moment:{'%H:%M:%S' if is_today else '%Y-%m-%d %H:%M:%S'}}{thread}", "dim")
    return Entry(row, head=head)


def arrival_line(row: MessageRow) -> str:
    """The same for a pipe: id, time in UTC, both people and the text, with tabs between."""
    people = (one_line(row.sender), one_line(row.receiver))
    return "\t".join((str(row.id), utc(row.timestamp), *people, one_line(row.content)))


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

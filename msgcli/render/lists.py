"""Lists: the columns of each, its rows, and how they are laid out on a terminal and in a pipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from messaging.plain import one_line, show_unsafe
from messaging.search.words import excerpt
from msgcli.render.words import ago

if TYPE_CHECKING:
    from messaging.accounts import UserRow
    from messaging.managers import InboxRow, NotificationRow
    from messaging.search.words import Span
    from messaging.threads import MessageRow

WIDEST_NAME = 24
BEFORE_MATCH = 16  # characters of a message before the first that was searched for


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

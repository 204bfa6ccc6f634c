"""How every list is shown: the newest on a terminal, all of it through a pipe or as JSON."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from msgcli import console
from msgcli.options import MAX_ID, SHOWN

if TYPE_CHECKING:
    from rich.text import Text

    from msgcli.render import Column

Row_co = TypeVar("Row_co", covariant=True)


class Rows(Protocol[Row_co]):
    """A queryset that can be cut, counted, and read as finished rows."""

    def __getitem__(self, piece: slice, /) -> Rows[Row_co]: ...
    def count(self) -> int: ...
    def rows(self) -> Sequence[Row_co]: ...


def newest(found: Rows[Row_co], limit: int | None, json: bool) -> tuple[list[Row_co], int]:
    """The rows to show, from a queryset that has the newest first, and how many are left out."""
    shown = limit or (SHOWN if console.is_terminal() and not json else None)
    if shown is None:
        return list(found.rows()), 0
    rows = list(found[:shown].rows())
    if len(rows) < shown:
        return rows, 0
    # Sliced, the query keeps its order, and with it the index that the rows came from:
    # SQLite has no statistics, and would count by another.
    return rows, found[:MAX_ID].count() - shown


def show_list(columns: Sequence[Column], rows: Sequence[Sequence[str | Text]], remark: str) -> None:
    """Print a list with one remark below it; without rows, the remark alone."""
    from msgcli import render

    if rows and console.is_terminal():
        console.show(render.table(columns, rows))
    elif rows:
        console.show_lines(render.plain_table(columns, rows))
    console.remark(remark)


def tally(shown: int, more: int, noun: str) -> str:
    """How many there are, and how to see those that are not shown."""
    if more:
        return f"{shown:,} of {shown + more:,} {noun}; --limit N shows more."
    return f"{shown:,} {noun.removesuffix('s') if shown == 1 else noun}."


def show_json(convert: Callable[[Any], Any], rows: Iterable[Any]) -> None:
    """Print rows as a JSON array."""
    console.show_json_list(map(convert, rows))

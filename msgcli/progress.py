"""Bars that show how far something is, with its rate and the time that it still takes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from msgcli import console

if TYPE_CHECKING:
    from rich.progress import Progress, Task


class Bar:
    """How much is done, of a total that need not be known."""

    def __init__(self, shown: Progress | None, what: str) -> None:
        self._shown = shown
        self._task = shown.add_task(what, total=None, rate="") if shown else None

    def expect(self, total: int | None) -> None:
        """Say how much there is in all."""
        if self._shown is not None and self._task is not None:
            self._shown.update(self._task, total=total)

    def advance(self, number: int) -> None:
        """Say that so much more is done."""
        if self._shown is not None and self._task is not None:
            self._shown.update(self._task, advance=number, rate=_rate(self._shown.tasks[0]))


@contextmanager
def bar(what: str, *, in_bytes: bool = False) -> Iterator[Bar]:
    """A bar on stderr, if that is a terminal; it is gone when the block is done."""
    if not sys.stderr.isatty():
        yield Bar(None, what)
        return
    from rich.progress import (
        BarColumn,
        DownloadColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
        TransferSpeedColumn,
    )

    numbers = (DownloadColumn(), TransferSpeedColumn())
    if not in_bytes:
        numbers = (MofNCompleteColumn(), TextColumn("{task.fields[rate]}"))  # type: ignore[assignment]
    description = TextColumn("{task.description}", markup=False)
    columns = (description, BarColumn(), *numbers, TimeRemainingColumn())
    with Progress(*columns, console=console.err(), transient=True) as shown:
        yield Bar(shown, what)


def _rate(task: Task) -> str:
    return f"{task.speed:,.0f}/s" if task.speed else ""

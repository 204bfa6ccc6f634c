"""From statistics to what a person sees: totals, tables, and plots drawn with blocks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from rich.text import Text

from messaging.periods import in_zone
from messaging.plain import one_line
from msgcli.render.lists import Column, plain_table, table
from msgcli.render.words import count

if TYPE_CHECKING:
    from rich.console import RenderableType

    from messaging.statistics import Busy, ReplyTimes, Statistics

PIPE = 80  # columns of a plot that goes through a pipe
WIDEST = 120
SCALE = len("1,000,000 │")
ROWS = 6  # of a plot
WIDEST_BAR = 4
REST_OF_PERSON = 50  # columns of a line of a person, beside its bar


class Marks(NamedTuple):
    """What plots are drawn with: bars from empty to full, and the lines at their side and foot."""

    up: str
    across: str
    side: str
    corner: str
    foot: str


BLOCKS = Marks(up=" ▁▂▃▄▅▆▇█", across=" ▏▎▍▌▋▊▉█", side="│", corner="└", foot="─")
ASCII = Marks(up=" .:#", across=" #", side="|", corner="+", foot="-")

PERSON_COLUMNS = (
    Column("Busiest people", style="bold"),
    Column("Sent", right=True),
    Column("Received", right=True),
    Column("", style="cyan"),
)
REPLY_COLUMNS = (
    Column("Reply times", style="bold"),
    Column("Replies", right=True),
    Column("Half within", right=True),
    Column("90% within", right=True),
)


def room(screen: int | None) -> int:
    """How many periods fit beside each other; `screen` as for `report`."""
    return _width(screen) - SCALE


def report(found: Statistics, marks: Marks, screen: int | None) -> Iterator[RenderableType]:
    """All statistics, for a terminal of `screen` columns, or None for a pipe."""
    width = _width(screen)
    whose = "Everybody's messages" if found.user is None else f"Messages of {one_line(found.user)}"
    yield Text(f"{whose}, times in {found.zone}", style="bold")
    yield ""
    yield from _totals(found)
    yield ""
    yield from _list(PERSON_COLUMNS, _people(found, marks, width), screen)
    yield ""
    yield Text("Messages per hour of the day", style="bold")
    hours = [f"{hour:02}" for hour in range(24)]
    yield from plot(found.hours, hours, width, marks)
    yield ""
    yield Text(f"Messages per {found.period}", style="bold")
    first_days = [_first_day(busy, found.period) for busy in found.periods]
    yield from plot([busy.messages for busy in found.periods], first_days, width, marks)
    yield ""
    yield from _reply_times(found, screen)


def plot(values: Sequence[int], labels: Sequence[str], width: int, marks: Marks) -> Iterator[Text]:
    """Numbers as upright bars; whatever is not 0 is seen. As many labels as there is room for."""
    highest = max(values)
    scale = f"{highest:,}"
    left = width - len(scale) - len(" │")
    each = max(1, min(WIDEST_BAR, left // len(values)))
    bar_width = max(1, each - 1)
    steps = len(marks.up) - 1
    heights = [-(-value * ROWS * steps // highest) for value in values]
    for row in reversed(range(ROWS)):
        filled = (marks.up[max(0, min(height - row * steps, steps))] for height in heights)
        bars = "".join((full * bar_width).ljust(each) for full in filled)
        line = f"{scale if row == ROWS - 1 else '':>{len(scale)}} {marks.side}"
        yield Text(line).append(bars.rstrip(), style="cyan")
    yield Text(f"{0:>{len(scale)}} {marks.corner}{marks.foot * each * len(values)}")
    yield Text(" " * (width - left) + _labels(labels, each, left), style="dim")


def bar(value: int, longest: int, width: int, marks: Marks) -> str:
    """A number as a lying bar, as long as its part of the longest; whatever is not 0 is seen."""
    steps = len(marks.across) - 1
    full, rest = divmod(-(-value * max(width, 1) * steps // longest), steps)
    return marks.across[-1] * full + marks.across[rest].strip()


def lasting(time: timedelta | None) -> str:
    """How long something took, in its largest unit and the next: `2 h 5 min`."""
    if time is None:
        return "–"
    seconds = int(time.total_seconds())
    if seconds < 1:
        return "under 1 s"
    units = (
        (seconds // 86400, "d"),
        (seconds // 3600 % 24, "h"),
        (seconds // 60 % 60, "min"),
        (seconds % 60, "s"),
    )
    largest = next(place for place, (number, _) in enumerate(units) if number)
    parts = [f"{number:,} {unit}" for number, unit in units[largest : largest + 2] if number]
    return " ".join(parts)


def _width(screen: int | None) -> int:
    return PIPE if screen is None else min(screen, WIDEST)


def _totals(found: Statistics) -> Iterator[Text]:
    messages, thread = found.messages, found.longest_thread
    assert messages.first is not None
    assert messages.last is not None
    first, last = (
        in_zone(moment, found.zone).isoformat(" ")[:16]
        for moment in (messages.first, messages.last)
    )
    longest = (
        f"the longest, #{thread.id}, has {count(thread.messages, 'message')}" if thread else ""
    )
    sides = f"{messages.sent:,} sent, {messages.received:,} received" if found.user else ""
    lines = (
        ("Messages", messages.number, sides),
        ("Unread", messages.unread, ""),
        ("Edited", messages.edited, ""),
        ("People", found.people, ""),
        ("Threads", found.threads, longest),
    )
    digits = len(f"{messages.number:,}")
    for what, number, note in lines:
        yield Text(f"{what:<8}  {number:>{digits},}   {note}".rstrip())
    yield Text(f"{'First':<8}  {first}")
    yield Text(f"{'Last':<8}  {last}")


def _people(found: Statistics, marks: Marks, width: int) -> list[list[str]]:
    numbers = [person.sent + person.received for person in found.busiest]
    bars = [bar(number, max(numbers), width - REST_OF_PERSON, marks) for number in numbers]
    return [
        [one_line(person.name), f"{person.sent:,}", f"{person.received:,}", drawn]
        for person, drawn in zip(found.busiest, bars, strict=True)
    ]


def _reply_times(found: Statistics, screen: int | None) -> Iterator[RenderableType]:
    if found.waiting is None:
        named = [("Everybody", found.replying)]
    else:
        name = one_line(found.user or "")
        named = [(f"By {name}", found.replying), (f"To {name}", found.waiting)]
    yield from _list(REPLY_COLUMNS, [_reply_cells(*one) for one in named], screen)
    misdated = sum(times.misdated for _, times in named)
    if misdated:
        are = "reply is" if misdated == 1 else "replies are"
        end = "dated before the message answered, and left out."
        yield Text(f"{misdated:,} {are} {end}", style="dim")


def _reply_cells(whose: str, times: ReplyTimes) -> list[str]:
    return [whose, f"{times.replies:,}", lasting(times.median), lasting(times.ninetieth)]


def _list(
    columns: Sequence[Column], rows: Sequence[Sequence[str]], screen: int | None
) -> Iterator[RenderableType]:
    if screen is None:
        yield from map(Text, plain_table(columns, rows))
    else:
        yield table(columns, rows)


def _first_day(busy: Busy, period: str) -> str:
    """As much of a date as tells one period from the next."""
    return busy.start.isoformat()[: {"week": 10, "month": 7}.get(period, 4)]


def _labels(labels: Sequence[str], each: int, width: int) -> str:
    """The labels below their bars; those that would touch another, or the edge, are left out."""
    line = ""
    for place, label in enumerate(labels):
        start = place * each
        if not line or len(line) < start <= width - len(label):
            line = line.ljust(start) + label
    return line

"""How statistics are drawn, as whole texts of a fixed width."""

from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from messaging.statistics import Busy, Messages, Person, ReplyTimes, Statistics, Thread
from msgcli.render.statistics import ASCII, BLOCKS, Marks, bar, lasting, plot, report, room
from tests.test_render import drawn

MONDAY = datetime(2026, 1, 5, 12, 30, tzinfo=timezone.utc)
MARKS = pytest.mark.parametrize("marks", [BLOCKS, ASCII], ids=["blocks", "ascii"])


def found(**fields: Any) -> Statistics:
    """Everybody's statistics, of fourteen messages in three weeks."""
    hours = [0] * 24
    hours[12:15] = [12, 1, 1]
    values: dict[str, Any] = {
        "user": None,
        "messages": Messages(14, 14, 14, 3, 1, MONDAY, MONDAY + timedelta(days=16)),
        "people": 2,
        "busiest": [Person("alice", 13, 1), Person("bob", 1, 13)],
        "threads": 4,
        "longest_thread": Thread(7, 11),
        "zone": timezone.utc,
        "hours": hours,
        "period": "week",
        "periods": [
            Busy(date(2026, 1, 5), 12),
            Busy(date(2026, 1, 12), 0),
            Busy(date(2026, 1, 19), 2),
        ],
        "replying": ReplyTimes(9, timedelta(minutes=2, seconds=5), timedelta(days=1), 0),
        "waiting": None,
    }
    return Statistics(**{**values, **fields})


def test_the_whole_report_through_a_pipe() -> None:
    assert drawn(*report(found(), BLOCKS, None)) == [
        "Everybody's messages, times in UTC",
        "",
        "Messages  14",
        "Unread     3",
        "Edited     1",
        "People     2",
        "Threads    4   the longest, #7, has 11 messages",
        "First     2026-01-05 12:30",
        "Last      2026-01-21 12:30",
        "",
        "Busiest people  Sent  Received",
        "alice             13         1  ██████████████████████████████",
        "bob                1        13  ██████████████████████████████",
        "",
        "Messages per hour of the day",
        "12 │                                    ██",
        "   │                                    ██",
        "   │                                    ██",
        "   │                                    ██",
        "   │                                    ██",
        "   │                                    ██ ▄▄ ▄▄",
        " 0 └────────────────────────────────────────────────────────────────────────",
        "    00 01 02 03 04 05 06 07 08 09 10 11 12 13 14 15 16 17 18 19 20 21 22 23",
        "",
        "Messages per week",
        "12 │███",
        "   │███",
        "   │███",
        "   │███",
        "   │███",
        "   │███     ███",
        " 0 └────────────",
        "    2026-01-05",
        "",
        "Reply times  Replies  Half within  90% within",
        "Everybody          9    2 min 5 s         1 d",
    ]


def test_one_user_is_told_apart_as_the_one_who_replies_and_the_one_who_waits() -> None:
    own = found(
        user="alice",
        messages=Messages(14, 13, 1, 3, 1, MONDAY, MONDAY),
        replying=ReplyTimes(1, timedelta(0), timedelta(0), 1),
        waiting=ReplyTimes(0, None, None, 1),
    )
    lines = drawn(*report(own, BLOCKS, None))
    assert lines[0] == "Messages of alice, times in UTC"
    assert lines[2] == "Messages  14   13 sent, 1 received"
    assert lines[-4:] == [
        "Reply times  Replies  Half within  90% within",
        "By alice           1    under 1 s   under 1 s",
        "To alice           0            –           –",
        "2 replies are dated before the message answered, and left out.",
    ]
    one = found(replying=ReplyTimes(1, timedelta(0), timedelta(0), 1))
    end = "1 reply is dated before the message answered, and left out."
    assert drawn(*report(one, BLOCKS, None))[-1] == end


@MARKS
@pytest.mark.parametrize("screen", [40, 80, 120, 200])
def test_a_report_fits_the_terminal_and_uses_it(marks: Marks, screen: int) -> None:
    weeks = [Busy(date(2024, 1, 1) + timedelta(weeks=n), n) for n in range(room(screen))]
    long = [Person("名" * 60, 999_999, 999_999), Person("[b]\x1b[1m", 1, 1)]
    totals = Messages(1_999_999, 1_999_999, 1_999_999, 0, 0, MONDAY, MONDAY)
    full = found(periods=weeks, busiest=long, messages=totals, hours=[1_000_000] * 24)
    lines = drawn(*report(full, marks, screen), width=screen)
    widest = max(map(cell_len, lines))
    assert min(screen, 120) - 12 <= widest <= min(screen, 120)
    assert "…" in "".join(lines)


def test_a_pipe_gets_names_whole_and_harmless() -> None:
    names = [Person("a" * 100, 1, 1), Person("[b]\x1b[1m", 1, 1)]
    text = "\n".join(drawn(*report(found(busiest=names), BLOCKS, None), width=1000))
    assert "a" * 100 in text
    assert r"[b]\u001b[1m" in text


@MARKS
@given(values=st.lists(st.integers(0, 10**9), min_size=1, max_size=100).filter(any))
def test_a_bar_is_seen_where_there_is_something_and_only_there(
    marks: Marks, values: list[int]
) -> None:
    left = len(f"{max(values):,} │")
    lines = [line.plain.ljust(500) for line in plot(values, [""] * len(values), 80, marks)]
    bottom = lines[5][left:]
    each = max(1, min(4, (80 - left) // len(values)))
    assert [bottom[place * each] != " " for place in range(len(values))] == [v > 0 for v in values]
    top = lines[0][left + values.index(max(values)) * each]
    assert top == marks.up[-1]


@MARKS
@given(value=st.integers(0, 1000), width=st.integers(-5, 70))
def test_a_lying_bar_is_as_long_as_its_part_of_the_longest(
    marks: Marks, value: int, width: int
) -> None:
    drawn_bar = bar(value, 1000, width, marks)
    assert 0 <= len(drawn_bar) - value * max(width, 1) / 1000 < 1
    assert bool(drawn_bar) == (value > 0)


def test_labels_that_have_no_room_are_left_out() -> None:
    labels = [f"2026-{month:02}" for month in range(1, 13)]
    *_, line = plot([1] * 12, labels, 40, BLOCKS)
    assert line.plain == "   2026-01  2026-04  2026-07  2026-10"


@pytest.mark.parametrize(
    ("time", "said"),
    [
        (timedelta(microseconds=999_999), "under 1 s"),
        (timedelta(seconds=59), "59 s"),
        (timedelta(minutes=1), "1 min"),
        (timedelta(hours=2, minutes=5, seconds=59), "2 h 5 min"),
        (timedelta(days=1, seconds=59), "1 d"),
        (timedelta(days=1234, hours=1), "1,234 d 1 h"),
        (None, "–"),
    ],
)
def test_how_long_something_took_is_said_in_two_units(time: timedelta | None, said: str) -> None:
    assert lasting(time) == said

"""Parts of the calendar, from weeks to millennia, in any time zone. Knows no Django."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime, tzinfo
from typing import NamedTuple


class Period(NamedTuple):
    """A part of the calendar; all of one kind are numbered without gaps, in order of time."""

    name: str
    number: Callable[[date], int]
    first_day: Callable[[int], date]


def _years(name: str, length: int) -> Period:
    # The first of them begins with the year 1: Python has no year 0.
    return Period(
        name, lambda day: day.year // length, lambda number: date(max(number * length, 1), 1, 1)
    )


# Day 1 of the calendar is a Monday, so that these weeks are those of ISO 8601.
WEEK = Period(
    "week",
    lambda day: (day.toordinal() - 1) // 7,
    lambda number: date.fromordinal(number * 7 + 1),
)
MONTH = Period(
    "month",
    lambda day: day.year * 12 + day.month - 1,
    lambda number: date(number // 12, number % 12 + 1, 1),
)
PERIODS = (
    WEEK,
    MONTH,
    _years("year", 1),
    _years("decade", 10),
    _years("century", 100),
    _years("millennium", 1000),
)


def fitting(first: date, last: date, most: int) -> Period:
    """The shortest period of which `most` are enough from one day to another; else the longest."""
    return next(
        (one for one in PERIODS if one.number(last) - one.number(first) < most), PERIODS[-1]
    )


def in_zone(moment: datetime, zone: tzinfo) -> datetime:
    """An aware datetime in a zone; as it is where that would be out of the years 1 to 9999."""
    try:
        return moment.astimezone(zone)
    except OverflowError:
        return moment

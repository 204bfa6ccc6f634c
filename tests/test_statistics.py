"""Statistics are what one would count by hand, in few queries, in any zone."""

import math
from collections import Counter
from collections.abc import Callable
from datetime import date, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from messaging.models import Message
from messaging.periods import PERIODS, Period, fitting
from messaging.statistics import (
    Busy,
    Messages,
    Person,
    ReplyTimes,
    Statistics,
    Thread,
    statistics,
)
from tests.factories import EXAMPLES, NAMES, people, send, undone

BERLIN = ZoneInfo("Europe/Berlin")
ZONES = ("UTC", "Europe/Berlin", "America/New_York", "Asia/Kathmandu", "Australia/Lord_Howe")
MONDAY = datetime(2026, 1, 5, 12, tzinfo=timezone.utc)
NO_REPLIES = ReplyTimes(replies=0, median=None, ninetieth=None, misdated=0)

pytestmark = pytest.mark.django_db


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def counted(name: str | None = None, **options: Any) -> Statistics:
    user = None if name is None else people(name)[0]
    return statistics(user, **{"most": 60, **options})


def test_totals_of_everybody() -> None:
    first = send("alice", "bob", pk=7, timestamp=MONDAY, read=True)
    send("bob", "alice", parent_message=first, timestamp=MONDAY + minutes(1), edited=True)
    send("carol", "carol", timestamp=MONDAY + minutes(2))
    people("dave")
    found = counted()
    assert found.user is None
    assert found.messages == Messages(3, 3, 3, 2, 1, MONDAY, MONDAY + minutes(2))
    assert (found.threads, found.longest_thread) == (2, Thread(7, 2))
    assert found.people == 3
    assert found.busiest == [Person("alice", 1, 1), Person("bob", 1, 1), Person("carol", 1, 1)]


def test_totals_of_one_user_are_of_what_they_sent_and_received() -> None:
    first = send("alice", "bob", pk=7, timestamp=MONDAY)
    send("bob", "alice", parent_message=first, timestamp=MONDAY + minutes(1), edited=True)
    send("bob", "carol", parent_message=first, timestamp=MONDAY + minutes(2))
    send("alice", "alice", timestamp=MONDAY + minutes(3), read=True)
    send("bob", "dave")
    found = counted("alice")
    assert found.user == "alice"
    assert found.messages == Messages(3, 2, 2, 1, 1, MONDAY, MONDAY + minutes(3))
    assert (found.threads, found.longest_thread) == (2, Thread(7, 2))
    assert found.people == 2
    assert found.busiest == [Person("alice", 1, 1), Person("bob", 1, 1)]


@pytest.mark.parametrize("name", [None, "alice"])
def test_of_nothing(name: str | None) -> None:
    people("alice")
    found = counted(name)
    assert found.messages == Messages(0, 0, 0, 0, 0, None, None)
    assert (found.people, found.busiest, found.threads, found.longest_thread) == (0, [], 0, None)
    assert (found.hours, found.period, found.periods) == ([0] * 24, "week", [])
    assert found.replying == NO_REPLIES
    assert found.waiting == (None if name is None else NO_REPLIES)


def test_ten_people_are_the_busiest() -> None:
    for number in range(12):
        for _ in range(12 - number):
            send("alice", f"friend{number}")
    assert [person.name for person in counted("alice").busiest] == [f"friend{n}" for n in range(10)]
    everybody = counted()
    assert [person.name for person in everybody.busiest][:2] == ["alice", "friend0"]
    assert (len(everybody.busiest), everybody.people) == (10, 13)


def test_hours_are_those_of_the_zone_before_and_after_its_clocks_change() -> None:
    for moment in (
        datetime(2026, 3, 29, 0, 59, 59, 999_999, tzinfo=timezone.utc),  # 01:59 in winter
        datetime(2026, 3, 29, 1, tzinfo=timezone.utc),  # 03:00 in summer
        datetime(2026, 10, 25, 0, 30, tzinfo=timezone.utc),  # 02:30 in summer
        datetime(2026, 10, 25, 1, 30, tzinfo=timezone.utc),  # 02:30 in winter
    ):
        send(timestamp=moment)
    hours = counted(zone=BERLIN).hours
    assert {hour: number for hour, number in enumerate(hours) if number} == {1: 1, 2: 2, 3: 1}


def test_a_week_begins_on_monday_in_the_zone_and_an_empty_one_is_zero() -> None:
    send(timestamp=datetime(2026, 1, 4, 22, 59, tzinfo=timezone.utc))  # Sunday in Berlin too
    send(timestamp=datetime(2026, 1, 4, 23, tzinfo=timezone.utc))  # Monday in Berlin
    send(timestamp=datetime(2026, 1, 25, 12, tzinfo=timezone.utc))
    found = counted(zone=BERLIN)
    assert found.period == "week"
    assert found.periods == [
        Busy(date(2025, 12, 29), 1),
        Busy(date(2026, 1, 5), 1),
        Busy(date(2026, 1, 12), 0),
        Busy(date(2026, 1, 19), 1),
    ]


@pytest.mark.parametrize(
    ("last", "period", "number"),
    [
        (datetime(2026, 3, 15), "week", 10),
        (datetime(2026, 3, 16), "month", 3),
        (datetime(2026, 10, 31), "month", 10),
        (datetime(2026, 11, 1), "year", 1),
        (datetime(2036, 1, 1), "decade", 2),
        (datetime(2126, 1, 1), "century", 2),
        (datetime(9999, 12, 31, 23, 59, 59, 999_999), "millennium", 8),
    ],
)
def test_the_period_is_the_shortest_that_fits(last: datetime, period: str, number: int) -> None:
    send(timestamp=MONDAY)
    send(timestamp=last.replace(tzinfo=timezone.utc))
    found = counted(most=10)
    assert (found.period, len(found.periods)) == (period, number)
    assert sum(busy.messages for busy in found.periods) == 2


@pytest.mark.parametrize("zone", ZONES)
def test_the_ends_of_the_calendar_are_counted(zone: str) -> None:
    send(timestamp=datetime(1, 1, 1, tzinfo=timezone.utc))
    send(timestamp=datetime(9999, 12, 31, 23, 59, 59, tzinfo=timezone.utc))
    found = counted(zone=ZoneInfo(zone), most=10)
    assert [busy.messages for busy in found.periods] == [1, 0, 0, 0, 0, 0, 0, 0, 0, 1]
    assert found.periods[0].start == date(1, 1, 1)


@pytest.mark.parametrize("period", PERIODS, ids=lambda period: period.name)
@given(day=st.dates())
def test_every_day_is_in_one_period_between_its_first_day_and_the_next(
    period: Period, day: date
) -> None:
    number = period.number(day)
    assert period.first_day(number) <= day
    assert period.number(period.first_day(number)) == number
    if day > date(1, 1, 1):
        assert number - period.number(day - timedelta(days=1)) in {0, 1}


@given(day=st.dates())
def test_weeks_are_those_of_iso_8601(day: date) -> None:
    week = PERIODS[0].first_day(PERIODS[0].number(day))
    assert (week.weekday(), week.isocalendar()[:2]) == (0, day.isocalendar()[:2])


def test_a_period_is_found_for_however_few() -> None:
    assert fitting(date(1, 1, 1), date(9999, 12, 31), 1).name == "millennium"


def test_reply_times_are_of_replies_by_another_person() -> None:
    first = send("alice", "bob", timestamp=MONDAY)
    for number in range(1, 11):
        answer = send("bob", "alice", parent_message=first, timestamp=MONDAY + minutes(number))
    send("alice", "bob", parent_message=answer, timestamp=MONDAY + minutes(10.5))
    send("alice", "bob", parent_message=first, timestamp=MONDAY + minutes(99))  # to herself
    by_bob = ReplyTimes(10, minutes(5), minutes(9), 0)
    by_alice = ReplyTimes(1, minutes(0.5), minutes(0.5), 0)
    bob, alice = counted("bob"), counted("alice")
    assert (bob.replying, bob.waiting) == (by_bob, by_alice)
    assert (alice.replying, alice.waiting) == (by_alice, by_bob)
    assert counted("carol").replying == NO_REPLIES
    everybody = counted()
    assert everybody.replying == ReplyTimes(11, minutes(5), minutes(9), 0)
    assert everybody.waiting is None


def test_a_reply_dated_before_its_message_is_counted_apart() -> None:
    first = send("alice", "bob", timestamp=MONDAY)
    send("bob", "alice", parent_message=first, timestamp=MONDAY - timedelta(days=9))
    assert counted().replying == ReplyTimes(0, None, None, 1)
    send("bob", "alice", parent_message=first, timestamp=MONDAY)
    assert counted().replying == ReplyTimes(1, minutes(0), minutes(0), 1)


def test_reply_times_are_exact_to_the_microsecond() -> None:
    wait = timedelta(days=1, microseconds=1)
    first = send("alice", "bob", timestamp=MONDAY - timedelta(microseconds=1))
    send("bob", "alice", parent_message=first, timestamp=MONDAY - timedelta(microseconds=1) + wait)
    assert counted().replying == ReplyTimes(1, wait, wait, 0)


@pytest.mark.parametrize(("name", "queries"), [(None, 7), ("alice", 9)])
@pytest.mark.parametrize("number", [1, 30])
def test_queries_are_as_many_however_many_messages(
    name: str | None, queries: int, number: int
) -> None:
    user = None if name is None else people(name)[0]
    above = send("bob", "carol")
    for day in range(number):
        at = MONDAY + timedelta(days=day)
        above = send("alice", f"friend{day}", timestamp=at, parent_message=above)
    with CaptureQueriesContext(
        connection,
    ) as captured:
        statistics(user, most=60)
    assert len(captured) == queries


MOMENTS = st.datetimes(
    datetime(1972, 1, 1), datetime(2036, 12, 31), timezones=st.just(timezone.utc)
)
SENT = st.tuples(
    st.integers(0, 4),
    st.integers(0, 4),
    st.one_of(MOMENTS, st.integers(0, 3000).map(lambda number: MONDAY + minutes(number))),
    st.booleans(),
    st.one_of(st.none(), st.integers(0, 30)),
)


@EXAMPLES
@given(
    messages=st.lists(SENT, max_size=12),
    name=st.sampled_from([None, *NAMES]),
    zone=st.sampled_from(ZONES).map(ZoneInfo),
    most=st.integers(2, 60),  # there are messages of two millennia
)
def test_statistics_are_what_one_counts_by_hand(
    messages: list[Any], name: str | None, zone: tzinfo, most: int
) -> None:
    with undone():
        users = people()
        saved: list[Message] = []
        for sender, receiver, at, read, above in messages:
            parent = saved[above % len(saved)] if saved and above is not None else None
            saved.append(
                Message.objects.create(
                    sender=users[sender],
                    receiver=users[receiver],
                    content="hi",
                    timestamp=at,
                    read=read,
                    parent_message=parent,
                )
            )
        user = None if name is None else users[NAMES.index(name)]
        assert statistics(user, zone=zone, most=most) == by_hand(saved, user, zone, most)


def by_hand(saved: list[Message], user: User | None, zone: tzinfo, most: int) -> Statistics:
    """The same from all messages in memory, the simplest way."""
    mine = [one for one in saved if user is None or user in (one.sender, one.receiver)]
    times = [one.timestamp for one in mine]
    threads = Counter(one.root_id or one.pk for one in mine)
    longest = sorted(threads.items(), key=lambda item: (-item[1], item[0]))
    persons = persons_by_hand(mine, user)
    local = [moment.astimezone(zone) for moment in times]
    hours = Counter(moment.hour for moment in local)
    days = sorted(moment.date() for moment in local)
    period, periods = periods_by_hand(days, most)
    return Statistics(
        user=user.username if user else None,
        messages=Messages(
            number=len(mine),
            sent=sum(user in (None, one.sender) for one in mine),
            received=sum(user in (None, one.receiver) for one in mine),
            unread=sum(user in (None, one.receiver) and not one.read for one in mine),
            edited=0,
            first=min(times, default=None),
            last=max(times, default=None),
        ),
        people=len(persons),
        busiest=persons,
        threads=len(threads),
        longest_thread=Thread(*longest[0]) if longest else None,
        zone=zone,
        hours=[hours[hour] for hour in range(24)],
        period=period,
        periods=periods,
        replying=waits_by_hand(saved, lambda one, _: user in (None, one.sender)),
        waiting=waits_by_hand(saved, lambda _, above: user == above.sender) if user else None,
    )


def persons_by_hand(mine: list[Message], user: User | None) -> list[Person]:
    sent: Counter[User] = Counter()
    received: Counter[User] = Counter()
    for one in mine:
        if user is None or one.receiver == user:
            sent[one.sender] += 1
        if user is None or one.sender == user:
            received[one.receiver] += 1
    everybody = sorted(sent | received, key=lambda who: (-sent[who] - received[who], who.pk))
    return [Person(who.username, sent[who], received[who]) for who in everybody]


def periods_by_hand(days: list[date], most: int) -> tuple[str, list[Busy]]:
    if not days:
        return "week", []
    for period in PERIODS:
        starts: list[date] = []
        day = days[0]
        while day <= days[-1] and len(starts) <= most:
            starts.append(period.first_day(period.number(day)))
            while day <= days[-1] and period.first_day(period.number(day)) == starts[-1]:
                day += timedelta(days=1)
        if len(starts) <= most:
            number = Counter(period.first_day(period.number(day)) for day in days)
            return period.name, [Busy(start, number[start]) for start in starts]
    raise AssertionError("no period fits")


def waits_by_hand(saved: list[Message], wanted: Callable[[Message, Message], bool]) -> ReplyTimes:
    waits = []
    for one in saved:
        above = one.parent_message
        if above is not None and above.sender != one.sender and wanted(one, above):
            waits.append(one.timestamp - above.timestamp)
    fair = sorted(wait for wait in waits if wait >= timedelta(0))
    if not fair:
        return ReplyTimes(0, None, None, len(waits))
    median, ninetieth = (fair[math.ceil(len(fair) * part / 10) - 1] for part in (5, 9))
    return ReplyTimes(len(fair), median, ninetieth, len(waits) - len(fair))

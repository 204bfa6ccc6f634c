"""Statistics: how much, who, when, and how fast. The database counts; no message is loaded."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date, datetime, timedelta, timezone, tzinfo
from typing import TYPE_CHECKING, Any, NamedTuple

from django.contrib.auth import get_user_model
from django.db import connections
from django.db.models import (
    BigIntegerField,
    Case,
    Count,
    F,
    Func,
    Max,
    Min,
    Q,
    When,
    Window,
)
from django.db.models.functions import Coalesce, RowNumber

from messaging.accounts import users
from messaging.models import Message
from messaging.periods import WEEK, fitting, in_zone
from messaging.replicas import may_lag

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from messaging.managers.messages import MessageQuerySet
    from messaging.types import AnyUser

BUSIEST = 10
# A time zone is whole quarters of an hour from UTC, everywhere since 1972, so that messages
# counted by the quarter can be put into the hours and days of any zone.
QUARTER = timedelta(minutes=15)
YEAR_ONE = datetime(1, 1, 1, tzinfo=timezone.utc)

# Each side is counted by its index. The ORM can't group a union, and to count for each user
# takes PostgreSQL ten times as long.
PEOPLE = """
    SELECT person, SUM(sent), SUM(received), COUNT(*) OVER () FROM (
        SELECT sender_id AS person, COUNT(*) AS sent, 0 AS received
        FROM messaging_message GROUP BY sender_id
        UNION ALL
        SELECT receiver_id, 0, COUNT(*) FROM messaging_message GROUP BY receiver_id
    ) AS sides GROUP BY person ORDER BY SUM(sent) + SUM(received) DESC, person LIMIT %s"""


class Person(NamedTuple):
    """Somebody, with how many of the messages counted they sent and received."""

    name: str
    sent: int
    received: int


class Thread(NamedTuple):
    """A thread by its first message, with how many of the messages counted are in it."""

    id: int
    messages: int


class Messages(NamedTuple):
    """Messages in total; `first` and `last` are aware, in UTC, None where there are no messages.

    A message to oneself is both sent and received. Everybody's are all sent and all received.
    """

    number: int
    sent: int
    received: int
    unread: int
    edited: int
    first: datetime | None
    last: datetime | None


class Busy(NamedTuple):
    """How many messages fell into a period that begins with a day, in the zone asked for."""

    start: date
    messages: int


class ReplyTimes(NamedTuple):
    """From a message to a reply by another person: half of the replies took at most `median`,
    nine of ten at most `ninetieth`; None where there are no replies.

    A reply dated before the message that it answers, as in archives of machines whose clocks
    differed, says nothing about time: it is counted as `misdated` and nowhere else.
    """

    replies: int
    median: timedelta | None
    ninetieth: timedelta | None
    misdated: int


@dataclass(frozen=True)
class Statistics:
    """What there is to say about one user's messages, or everybody's.

    `people` is how many took part, or whom the user writes with; `busiest` are ten of them at
    most. `hours` has a number of messages for each hour of the day. `periods` has no gaps:
    where nothing was sent it has a 0. `replying` is about the replies of the user, or of
    everybody; `waiting` about those to the user, None for everybody, whose it would be again.
    """

    user: str | None
    messages: Messages
    people: int
    busiest: Sequence[Person]
    threads: int
    longest_thread: Thread | None
    zone: tzinfo
    hours: Sequence[int]
    period: str
    periods: Sequence[Busy]
    replying: ReplyTimes
    waiting: ReplyTimes | None


class _Microseconds(Func):
    """A time as whole microseconds since the year 1, never negative, so that division rounds down.

    Django's own arithmetic with times calls Python for each row of SQLite, which takes twenty
    times as long.
    """

    arity = 1
    output_field = BigIntegerField()
    template = "(CAST(EXTRACT(EPOCH FROM %(expressions)s) * 1000000 AS bigint) + 62135596800000000)"

    def as_sqlite(self, compiler: Any, connection: Any, **context: Any) -> Any:
        # A time is stored as 2026-01-02 03:04:05.678901, without the fraction if that is 0.
        # The fraction is kept from strftime, which would round to thousandths, and so up.
        return self.as_sql(
            compiler,
            connection,
            template="((CAST(strftime('%%%%s', substr(%(expressions)s, 1, 19)) AS integer)"
            " + 62135596800) * 1000000 + CAST(substr(%(expressions)s, 21, 6) AS integer))",
            **context,
        )


@may_lag()
def statistics(
    user: AnyUser | None = None, *, zone: tzinfo = timezone.utc, most: int
) -> Statistics:
    """Count the messages that a user sent or received, or all there are.

    Hours and periods are those of `zone`. The period is the shortest, from a week up, of which
    `most` are enough from the first message to the last. A fixed number of queries.
    """
    found = Message.objects.all() if user is None else Message.objects.of_user(user)
    messages = _messages(found, user)
    busiest, people = _everybody() if user is None else _others(found, user)
    longest, threads = _threads(found)
    hours, period, periods = _times(found, messages, zone, most)
    return Statistics(
        user=None if user is None else user.get_username(),
        messages=messages,
        people=people,
        busiest=busiest,
        threads=threads,
        longest_thread=longest,
        zone=zone,
        hours=hours,
        period=period,
        periods=periods,
        replying=_reply_times(Q() if user is None else Q(sender=user)),
        waiting=None if user is None else _reply_times(Q(parent_message__sender=user)),
    )


def _messages(found: MessageQuerySet, user: AnyUser | None) -> Messages:
    sent, received = (Q(), Q()) if user is None else (Q(sender=user), Q(receiver=user))
    return Messages(
        **found.aggregate(
            number=Count("pk"),
            sent=Count("pk", filter=sent or None),
            received=Count("pk", filter=received or None),
            unread=Count("pk", filter=received & Q(read=False)),
            edited=Count("pk", filter=Q(edited=True)),
            first=Min("timestamp"),
            last=Max("timestamp"),
        )
    )


def _everybody() -> tuple[list[Person], int]:
    """The busiest of all people, and how many have messages."""
    with connections[Message.objects.all().db].cursor() as cursor:
        cursor.execute(PEOPLE, [BUSIEST])
        return _named(cursor.fetchall())


def _others(found: MessageQuerySet, user: AnyUser) -> tuple[list[Person], int]:
    """The people that a user writes with most, and how many there are."""
    other = Case(When(sender=user, then=F("receiver")), default=F("sender"))
    pairs = found.order_by().annotate(other=other).values("other")
    pairs = pairs.annotate(
        sent=Count("pk", filter=Q(receiver=user)), received=Count("pk", filter=Q(sender=user))
    )
    rows = (
        pairs.annotate(people=Window(Count("*")))
        .order_by(-(F("sent") + F("received")), "other")
        .values_list("other", "sent", "received", "people")
    )
    return _named(rows[:BUSIEST])


def _named(rows: Iterable[Sequence[Any]]) -> tuple[list[Person], int]:
    """People from rows of a user's key, sent, received, and how many rows there would be."""
    key = get_user_model()._meta.pk  # SQLite keeps some keys as text, so that UUIDs are strings
    found = {key.to_python(row[0]): row[1:] for row in rows}
    names = users().filter(pk__in=list(found))
    by_key = dict(names.values_list("pk", get_user_model().USERNAME_FIELD))
    people = [
        Person(by_key[pk], int(sent), int(received))
        for pk, (sent, received, _) in found.items()
        if pk in by_key
    ]
    return people, max((number for *_, number in found.values()), default=0)


def _threads(found: MessageQuerySet) -> tuple[Thread | None, int]:
    """The thread with the most of these messages, and how many threads they are in."""
    threads = found.order_by().annotate(thread=Coalesce("root", "pk")).values("thread")
    row = (
        threads.annotate(count=Count("pk"), threads=Window(Count("*")))
        .order_by("-count", "thread")
        .values_list("thread", "count", "threads")
        .first()
    )
    return (Thread(*row[:2]), row[2]) if row else (None, 0)


def _times(
    found: MessageQuerySet, messages: Messages, zone: tzinfo, most: int
) -> tuple[list[int], str, list[Busy]]:
    """How many messages there are in each hour of the day, the period chosen, and in each of it."""
    if messages.first is None or messages.last is None:
        return [0] * 24, WEEK.name, []
    first, last = (in_zone(moment, zone).date() for moment in (messages.first, messages.last))
    period = fitting(first, last, most)
    length = QUARTER // timedelta(microseconds=1)
    quarters = found.order_by().annotate(quarter=_Microseconds("timestamp") / length)
    hours: Counter[int] = Counter()
    periods: Counter[int] = Counter()
    rows = quarters.values_list("quarter").annotate(count=Count("pk"))
    for quarter, count in rows.iterator():
        moment = in_zone(YEAR_ONE + quarter * QUARTER, zone)
        hours[moment.hour] += count
        periods[period.number(moment.date())] += count
    numbers = range(min(periods, default=0), max(periods, default=-1) + 1)
    listed = [Busy(period.first_day(number), periods[number]) for number in numbers]
    return [hours[hour] for hour in range(24)], period.name, listed


def _reply_times(narrowed: Q) -> ReplyTimes:
    """How long replies took, exactly: the values at two places of all, in order of length."""
    replies = Message.objects.filter(narrowed, parent_message__isnull=False)
    replies = replies.exclude(sender=F("parent_message__sender")).order_by()
    replies = replies.annotate(
        wait=_Microseconds("timestamp") - _Microseconds("parent_message__timestamp")
    )
    fair, unfair = Q(wait__gte=0), Q(wait__lt=0)
    number = replies.aggregate(
        replies=Count("pk", filter=fair), misdated=Count("pk", filter=unfair)
    )
    places = [-(-number["replies"] * percent // 100) for percent in (50, 90)]  # from 1, rounded up
    ranked = replies.filter(fair).annotate(place=Window(RowNumber(), order_by=F("wait").asc()))
    waits = dict(ranked.filter(place__in=places).values_list("place", "wait"))
    median, ninetieth = (
        timedelta(microseconds=waits[place]) if place in waits else None for place in places
    )
    return ReplyTimes(median=median, ninetieth=ninetieth, **number)

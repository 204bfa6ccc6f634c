"""Which messages have arrived since the last look: each of them once, none forgotten."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from django.db import connections, router
from django.db.models import Max
from django.db.models.expressions import RawSQL

from messaging.batches import SIZE
from messaging.models import Message

if TYPE_CHECKING:
    from messaging.managers.messages import MessageQuerySet
    from messaging.threads import MessageRow

# The id is for what a crash may do: PostgreSQL then gives the number of a transaction that was
# rolled back without a trace to another one, and to the snapshot it would be an old one.
NEW = """
    (messaging_message.arrived >= pg_snapshot_xmin(%s::pg_snapshot) OR messaging_message.id > %s)
    AND pg_visible_in_snapshot(messaging_message.arrived, %s::pg_snapshot)
    AND (NOT pg_visible_in_snapshot(messaging_message.arrived, %s::pg_snapshot)
        OR messaging_message.id > %s)"""
NOW = "SELECT pg_current_snapshot()::text, COALESCE(MAX(id), 0) FROM messaging_message"
# Of no transaction yet: the rows were in a dump of another server, which had come further.
FROM_ELSEWHERE = """
    FROM messaging_message WHERE arrived >= pg_snapshot_xmax(pg_current_snapshot())
    AND arrived IS DISTINCT FROM pg_current_xact_id_if_assigned()"""
FORGET = f"UPDATE messaging_message SET arrived = NULL WHERE id IN (SELECT id {FROM_ELSEWHERE})"


class Arrivals:
    """The messages to a user, or to anybody, that arrive from now on.

    A message arrives when the transaction that sent it is committed. Nothing is marked as read.
    """

    def __init__(self, user: Any = None, *, using: str | None = None) -> None:
        # Not from a replica: the snapshots there do not say which transactions are under way.
        self.using = using or router.db_for_write(Message)
        messages: MessageQuerySet = Message.objects.using(self.using)
        self._messages = messages if user is None else messages.filter(receiver=user)
        is_postgresql = connections[self.using].vendor == "postgresql"
        self._cursor: Cursor = (BySnapshot if is_postgresql else ById)(self.using)
        self._ids: list[int] = []  # of messages that arrived and were not taken yet

    def take(self) -> list[MessageRow]:
        """The next messages, in the order in which they arrived; none if there are no more yet.

        Whatever error is raised, the next call goes on where this one began.
        """
        while True:
            self._ids = self._ids or self._cursor.new(self._messages)
            ids = self._ids[:SIZE]
            rows = {row.id: row for row in self._messages.filter(pk__in=ids).rows()} if ids else {}
            del self._ids[:SIZE]
            if rows or not ids:  # else they were all deleted meanwhile
                return [rows[pk] for pk in ids if pk in rows]


class Cursor(Protocol):
    """A place in the order of arrival: at first the end."""

    def __init__(self, using: str) -> None: ...

    def new(self, messages: MessageQuerySet) -> list[int]:
        """The ids of those of `messages` that arrived since; the place is the end again."""


class ById:
    """By id, which is the order of commits where one writes at a time, as on SQLite."""

    def __init__(self, using: str) -> None:
        self._all = Message.objects.using(using)
        self._last = self._newest()

    def new(self, messages: MessageQuerySet) -> list[int]:
        newest = self._newest()
        new = messages.filter(pk__gt=self._last, pk__lte=newest).order_by("pk")
        ids = list(new.values_list("pk", flat=True)) if newest > self._last else []
        # Lower than it was when the newest were deleted, or an older copy was restored.
        self._last = newest
        return ids

    def _newest(self) -> int:
        return self._all.aggregate(newest=Max("pk"))["newest"] or 0


class BySnapshot:
    """By PostgreSQL's snapshots, because there a lower id may be committed after a higher one.

    New is what is visible in the snapshot of now and was not in the last one. That depends on
    nothing else, so the order of commits does not matter, and neither does a new connection.
    """

    def __init__(self, using: str) -> None:
        self._using = using
        with connections[using].cursor() as cursor:
            cursor.execute(f"SELECT EXISTS (SELECT {FROM_ELSEWHERE})")
            if cursor.fetchone()[0]:
                cursor.execute(FORGET)
        self._last = self._now()

    def new(self, messages: MessageQuerySet) -> list[int]:
        now = self._now()
        if now == self._last:
            return []
        last, newest = self._last
        params = [last, newest, now[0], last, newest]
        new = messages.extra(where=[NEW], params=params)  # noqa: S610
        arrived = RawSQL("messaging_message.arrived", ())
        ids = list(new.order_by(arrived, "pk").values_list("pk", flat=True))
        self._last = now
        return ids

    def _now(self) -> tuple[str, int]:
        with connections[self._using].cursor() as cursor:
            cursor.execute(NOW)
            snapshot, newest = cursor.fetchone()
        return snapshot, newest

"""Taking an archive into the store, in bounded memory and in whatever order it is.

The ids of the archive are looked up in a scratch database on disk, which the system removes
with the process. A reply whose parent comes later is attached at the end.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple

from django.core.management.color import no_style
from django.db import connections, router, transaction
from django.db.models import Max

from messaging import conversations, trees
from messaging.accounts import add_users, user_ids
from messaging.archive.records import Record
from messaging.batches import batched
from messaging.exceptions import ArchiveError
from messaging.models import Message

# Ids above this are not kept: one line could otherwise use up the numbers of the store.
MAX_KEPT_ID = 2**53

SCRATCH = """
    CREATE TABLE placed (source_id TEXT PRIMARY KEY, id INTEGER) WITHOUT ROWID;
    CREATE TABLE waiting (id INTEGER PRIMARY KEY, parent_source_id TEXT);
"""

INSERT_MESSAGE = """
    INSERT INTO messaging_message (id, sender_id, receiver_id, content, timestamp, read, edited,
        parent_message_id, root_id, source_id)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"""
INSERT_NOTIFICATION = """
    INSERT INTO messaging_notification (message_id, user_id, timestamp, read)
    VALUES (%s, %s, %s, %s)"""
INSERT_VERSION = """
    INSERT INTO messaging_messagehistory (message_id, old_content, edited_at, edited_by_id)
    VALUES (%s, %s, %s, %s)"""


@dataclass
class Report:
    """What became of an archive; `skipped` has the numbers of the lines left out, by reason."""

    read: int = 0
    added: int = 0
    already_there: int = 0
    parents_absent: int = 0
    circles_opened: int = 0
    users_added: int = 0
    skipped: dict[str, list[int]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The report for JSON, the reasons in order."""
        reasons = [
            {"reason": reason, "lines": lines} for reason, lines in sorted(self.skipped.items())
        ]
        return {**vars(self), "skipped": reasons}

    def skip(self, error: ArchiveError) -> None:
        self.skipped.setdefault(error.reason, []).append(error.line or 0)


class Stored(NamedTuple):
    """A message in the store, as far as an archive's line is compared with it."""

    pk: int
    source_id: str | None
    parent_message_id: int | None
    root_id: int | None
    sender_id: Any
    receiver_id: Any
    timestamp: datetime

    def is_same(self, other: Stored) -> bool:
        """Whether two messages of one id are one message: same people, same time."""
        return self[4:] == other[4:]


def import_records(
    records: Iterable[tuple[int, Record | ArchiveError]],
    *,
    skip_bad: bool = False,
    add_unknown_users: bool = True,
) -> Report:
    """Add every message that the store does not have yet, all or nothing.

    A message is one that the store has when id, people and time agree. Its id is kept where
    it is a number that is free; otherwise it gets the next, and the old one is remembered.
    Raises ArchiveError at the first bad line, unless told to skip and count those.
    """
    using = router.db_for_write(Message)
    with transaction.atomic(using=using), closing(sqlite3.connect("")) as scratch:
        scratch.executescript(SCRATCH)
        importer = _Importer(using, scratch, skip_bad, add_unknown_users)
        for batch in batched(importer.good(records)):
            importer.add(batch)
        importer.attach_late_replies()
        importer.finish()
    return importer.report


class _Importer:
    def __init__(
        self, using: str, scratch: sqlite3.Connection, skip_bad: bool, add_unknown_users: bool
    ) -> None:
        self.using = using
        self.connection = connections[using]
        self.scratch = scratch
        self.skip_bad = skip_bad
        self.add_unknown_users = add_unknown_users
        self.messages = Message.objects.using(using)
        self.report = Report()
        self.users: dict[str, Any] = {}
        self.taken: set[int] = set()
        with self.connection.cursor() as cursor:
            if self.connection.vendor == "postgresql":  # nobody else may take the next ids
                cursor.execute("LOCK TABLE messaging_message IN SHARE ROW EXCLUSIVE MODE")
        newest = self.messages.aggregate(newest=Max("pk"))["newest"]
        self.store_was_empty = newest is None
        self.next_id = (newest or 0) + 1

    def good(
        self, records: Iterable[tuple[int, Record | ArchiveError]]
    ) -> Iterator[tuple[int, Record]]:
        for number, record in records:
            self.report.read += 1
            if isinstance(record, ArchiveError):
                self.refuse(record)
            else:
                yield number, record

    def refuse(self, error: ArchiveError) -> None:
        if not self.skip_bad:
            raise error
        self.report.skip(error)

    def add(self, batch: list[tuple[int, Record]]) -> None:
        self._learn_users(batch)
        placed = self._placed(batch)
        known = self._known(batch)
        self.taken = set(self._by_id(_numbers(batch)))
        new: list[tuple[Stored, Record]] = []
        for number, record in batch:
            try:
                message, is_new = self._place(record, placed, known)
            except ArchiveError as error:
                self.refuse(ArchiveError(error.reason, number))
                continue
            placed[str(record.id)] = message
            if is_new:
                new.append((message, record))
            else:
                self.report.already_there += 1
        self._insert(new)
        here = {str(record.id) for _, record in batch} & placed.keys()
        self.scratch.executemany(
            "INSERT OR IGNORE INTO placed VALUES (?, ?)", ((key, placed[key].pk) for key in here)
        )

    def _learn_users(self, batch: list[tuple[int, Record]]) -> None:
        names = {name for _, record in batch for name in _names(record)} - self.users.keys()
        self.users.update(user_ids(names))
        unknown = sorted(names - self.users.keys())
        if unknown and self.add_unknown_users:
            self.users.update(add_users(unknown))
            self.report.users_added += len(unknown)

    def _placed(self, batch: list[tuple[int, Record]]) -> dict[str, Stored]:
        """The messages and parents of this batch that came earlier in the archive."""
        keys = {str(record.id) for _, record in batch}
        keys |= {str(r.parent_id) for _, r in batch if r.parent_id is not None}
        placed: dict[str, int] = {}
        for some in batched(keys):
            marks = ", ".join("?" * len(some))
            query = f"SELECT source_id, id FROM placed WHERE source_id IN ({marks})"
            placed.update(self.scratch.execute(query, some))
        by_id = self._by_id(placed.values())
        return {key: by_id[pk] for key, pk in placed.items()}

    def _known(self, batch: list[tuple[int, Record]]) -> dict[str, list[Stored]]:
        """The messages that were in the store before, by the ids that this batch may mean."""
        if self.store_was_empty:
            return {}
        found: dict[str, list[Stored]] = {}
        for pk, message in self._by_id(_numbers(batch)).items():
            if message.source_id is None:  # else the number was given to it here
                found.setdefault(str(pk), []).append(message)
        for some in batched({str(record.id) for _, record in batch}):
            for message in map(Stored._make, self._values(source_id__in=some)):
                found.setdefault(str(message.source_id), []).append(message)
        return found

    def _by_id(self, ids: Iterable[int]) -> dict[int, Stored]:
        return {
            row[0]: Stored._make(row) for some in batched(ids) for row in self._values(pk__in=some)
        }

    def _values(self, **condition: Any) -> Iterable[tuple[Any, ...]]:
        return self.messages.filter(**condition).values_list(*Stored._fields)

    def _place(
        self, record: Record, placed: dict[str, Stored], known: dict[str, list[Stored]]
    ) -> tuple[Stored, bool]:
        """The message that a record is, and whether it is new and has to be inserted."""
        try:
            sender, receiver = self.users[record.sender], self.users[record.receiver]
        except KeyError:
            raise ArchiveError("its sender or receiver is not a user here.") from None
        wanted = Stored(0, None, None, None, sender, receiver, record.timestamp)
        key = str(record.id)
        if key in placed:
            if placed[key].is_same(wanted):
                return placed[key], False
            raise ArchiveError("its id is that of another message of this archive.")
        for message in known.get(key, ()):
            if message.is_same(wanted):
                return message, False
        pk = self._new_id(record.id)
        parent = None if record.parent_id is None else placed.get(str(record.parent_id))
        if parent is not None:
            root = parent.root_id or parent.pk
            wanted = wanted._replace(parent_message_id=parent.pk, root_id=root)
        return wanted._replace(pk=pk, source_id=None if pk == record.id else key), True

    def _new_id(self, source_id: str | int) -> int:
        """The record's own id where it is free, else one after all that were given so far."""
        if isinstance(source_id, int) and _can_keep(source_id) and source_id not in self.taken:
            pk = source_id
        else:
            pk = self.next_id
        self.taken.add(pk)
        self.next_id = max(self.next_id, pk + 1)
        return pk

    def _insert(self, new: list[tuple[Stored, Record]]) -> None:
        at = self.connection.ops.adapt_datetimefield_value
        messages, notifications, versions, waiting = [], [], [], []
        for message, record in new:
            pk, source_id, parent, root, sender, receiver, _ = message
            if parent is None and record.parent_id is not None:
                waiting.append((pk, str(record.parent_id)))
            time = at(record.timestamp)
            sender, receiver = self._prepared(sender), self._prepared(receiver)
            flags = (record.read, record.edited)
            messages.append(
                (pk, sender, receiver, record.content, time, *flags, parent, root, source_id)
            )
            notifications.append((pk, receiver, time, record.read))
            versions += [
                (pk, v.content, at(v.edited_at), self._editor(v.edited_by)) for v in record.history
            ]
        with self.connection.cursor() as cursor:
            cursor.executemany(INSERT_MESSAGE, messages)
            cursor.executemany(INSERT_NOTIFICATION, notifications)
            cursor.executemany(INSERT_VERSION, versions)
        conversations.touch((message for message, _ in new), self.using)
        self.scratch.executemany("INSERT INTO waiting VALUES (?, ?)", waiting)
        self.report.added += len(new)

    def _prepared(self, user_id: Any) -> Any:
        return Message._meta.get_field("sender").get_db_prep_save(user_id, self.connection)

    def _editor(self, name: str | None) -> Any:
        return None if name is None else self._prepared(self.users.get(name))

    def attach_late_replies(self) -> None:
        """Attach the replies that came before their parents, and open the circles they make."""
        late = self.scratch.execute(
            "SELECT placed.id, waiting.id FROM waiting JOIN placed"
            " ON placed.source_id = waiting.parent_source_id ORDER BY waiting.id"
        )
        with self.connection.cursor() as cursor:
            for some in batched(late):
                cursor.executemany(
                    "UPDATE messaging_message SET parent_message_id = %s WHERE id = %s", some
                )
        moved = self.scratch.execute(
            "SELECT waiting.id FROM waiting JOIN placed"
            " ON placed.source_id = waiting.parent_source_id"
        )
        attached = self._count("waiting JOIN placed ON source_id = parent_source_id")
        self.report.parents_absent = self._count("waiting") - attached
        if attached:
            opened = trees.open_circles((row[0] for row in moved), self.using)
            self.report.circles_opened = len(opened)

    def finish(self) -> None:
        """Let the database number the next message after those that brought their own numbers."""
        with self.connection.cursor() as cursor:
            for statement in self.connection.ops.sequence_reset_sql(no_style(), [Message]):
                cursor.execute(statement)

    def _count(self, table: str) -> int:
        return int(self.scratch.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])


def _names(record: Record) -> Iterator[str]:
    yield record.sender
    yield record.receiver
    yield from (version.edited_by for version in record.history if version.edited_by is not None)


def _can_keep(source_id: int) -> bool:
    return 0 < source_id <= MAX_KEPT_ID


def _numbers(batch: list[tuple[int, Record]]) -> list[int]:
    return [r.id for _, r in batch if isinstance(r.id, int) and _can_keep(r.id)]

"""Taking an archive into the store, in bounded memory and in whatever order it is.

The ids of the archive are looked up in a scratch database on disk, which the system removes
with the process. A reply whose parent comes later is attached at the end.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connections, router, transaction

from messaging import trees
from messaging.accounts import add_users, user_ids
from messaging.archive import mailnames, rows
from messaging.archive.records import Line, Place, Record
from messaging.archive.report import Report
from messaging.batches import batched
from messaging.exceptions import ArchiveError
from messaging.models import Message

# Ids above this are not kept: one line could otherwise use up the numbers of the store.
MAX_KEPT_ID = 2**53

SCRATCH = """
    CREATE TABLE placed (source_id TEXT PRIMARY KEY, id INTEGER) WITHOUT ROWID;
    CREATE TABLE waiting (id INTEGER PRIMARY KEY, parent_source_id TEXT);
"""

INSERT_VERSION = """
    INSERT INTO messaging_messagehistory (message_id, old_content, edited_at, edited_by_id)
    VALUES (%s, %s, %s, %s)"""


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
    records: Iterable[Line],
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
        rows.number_after(using)
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
        self.next_id = rows.first_free_id(using)
        self.store_was_empty = self.next_id == 1

    def good(self, records: Iterable[Line]) -> Iterator[tuple[Place, Record]]:
        for place, record in records:
            self.report.read += 1
            if isinstance(record, ArchiveError):
                self.refuse(record, place)
            else:
                yield place, record

    def refuse(self, error: ArchiveError, place: Place) -> None:
        if not self.skip_bad:
            raise ArchiveError(error.reason, place.position)
        self.report.skip(error.reason, place)

    def add(self, batch: list[tuple[Place, Record]]) -> None:
        self._learn_users(batch)
        placed = self._placed(batch)
        known = self._known(batch)
        self.taken = set(self._by_id(_numbers(batch)))
        new: list[tuple[Stored, Record]] = []
        for place, record in batch:
            try:
                message, is_new = self._place(record, placed, known)
            except ArchiveError as error:
                self.refuse(error, place)
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

    def _learn_users(self, batch: list[tuple[Place, Record]]) -> None:
        names = {name for _, record in batch for name in _names(record)} - self.users.keys()
        self.users.update(user_ids(names))
        unknown = sorted(names - self.users.keys())
        if unknown and self.add_unknown_users:
            self.users.update(add_users(unknown))
            self.report.users_added += len(unknown)

    def _placed(self, batch: list[tuple[Place, Record]]) -> dict[str, Stored]:
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

    def _known(self, batch: list[tuple[Place, Record]]) -> dict[str, list[Stored]]:
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
        messages, versions, waiting, names = [], [], [], []
        for message, record in new:
            pk, source_id, parent, root, sender, receiver, time = message
            if parent is None and record.parent_id is not None:
                waiting.append((pk, str(record.parent_id)))
            what = (record.content, time, record.read, record.edited)
            messages.append(rows.NewMessage(pk, sender, receiver, *what, parent, root, source_id))
            versions += [
                (pk, v.content, at(v.edited_at), self._editor(v.edited_by)) for v in record.history
            ]
            if record.mail is not None:
                names.append(mailnames.NewMail(pk, *record.mail))
        rows.insert_messages(messages, self.using)
        mailnames.insert_unknown(names, self.using)
        with self.connection.cursor() as cursor:
            cursor.executemany(INSERT_VERSION, versions)
        self.scratch.executemany("INSERT INTO waiting VALUES (?, ?)", waiting)
        self.report.added += len(new)

    def _editor(self, name: str | None) -> Any:
        return None if name is None else rows.prepared_user(self.users.get(name), self.using)

    def attach_late_replies(self) -> None:
        """Attach the replies that came before their parents, and open the circles they make."""
        late = self.scratch.execute(
            "SELECT placed.id, waiting.id FROM waiting JOIN placed"
            " ON placed.source_id = waiting.parent_source_id ORDER BY waiting.id"
        )
        for some in batched(late):
            rows.set_parents(some, self.using)
        moved = self.scratch.execute(
            "SELECT waiting.id FROM waiting JOIN placed"
            " ON placed.source_id = waiting.parent_source_id"
        )
        attached = self._count("waiting JOIN placed ON source_id = parent_source_id")
        self.report.parents_absent = self._count("waiting") - attached
        if attached:
            opened = trees.open_circles((row[0] for row in moved), self.using)
            self.report.circles_opened = len(opened)

    def _count(self, table: str) -> int:
        return int(self.scratch.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0])


def _names(record: Record) -> Iterator[str]:
    yield record.sender
    yield record.receiver
    yield from (version.edited_by for version in record.history if version.edited_by is not None)


def _can_keep(source_id: int) -> bool:
    return 0 < source_id <= MAX_KEPT_ID


def _numbers(batch: list[tuple[Place, Record]]) -> list[int]:
    return [r.id for _, r in batch if isinstance(r.id, int) and _can_keep(r.id)]

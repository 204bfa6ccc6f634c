"""Deleting messages in sets: what stays is re-attached, what goes leaves no trace in the file.

Django's own cascade loads every row it deletes, and recurses once per level of a thread.
Here the ids to delete are collected in a temporary table and each step is one statement,
so memory does not grow with the number of messages.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, cast

from django.db import OperationalError, connections, models, transaction
from django.db.models import signals
from django.db.models.deletion import Collector, get_candidate_relations_to_delete
from django.db.models.expressions import RawSQL

from messaging import conversations, trees
from messaging.batches import SIZE
from messaging.search import index

if TYPE_CHECKING:
    from django.db.backends.utils import CursorWrapper

    from messaging.models import Message

GONE = "messaging_gone"
HEIRS = "messaging_heirs"

SURVIVING_REPLIES = f"""
    SELECT m.id FROM {GONE} CROSS JOIN messaging_message m
    WHERE m.parent_message_id = {GONE}.id AND m.id NOT IN (SELECT id FROM {GONE})"""

# The nearest ancestor that stays, handed down from the top of each run of deleted messages:
# every deleted message is passed once, however deep the run.
FIND_HEIRS = f"""
    INSERT INTO {HEIRS} (id, heir_id)
    WITH RECURSIVE line (id, heir_id) AS (
        SELECT {GONE}.id, m.parent_message_id
        FROM {GONE} CROSS JOIN messaging_message m
        WHERE m.id = {GONE}.id
        AND (m.parent_message_id IS NULL OR m.parent_message_id NOT IN (SELECT id FROM {GONE}))
        UNION ALL
        SELECT m.id, line.heir_id
        FROM line CROSS JOIN messaging_message m CROSS JOIN {GONE}
        WHERE m.parent_message_id = line.id AND {GONE}.id = m.id
    )
    SELECT id, heir_id FROM line"""

REATTACH = f"""
    UPDATE messaging_message SET parent_message_id = (
        SELECT heir_id FROM {HEIRS} WHERE {HEIRS}.id = messaging_message.parent_message_id
    ) WHERE id IN (SELECT id FROM {trees.MOVED})"""


def CASCADE(  # noqa: N802  (named like the django.db.models.CASCADE it stands for)
    collector: Collector, field: Any, sub_objs: models.QuerySet[Message], using: str
) -> None:
    """As `django.db.models.CASCADE`, for the messages of a user, but in sets.

    Django hands over the messages as a query that has not run yet, and they are deleted
    with the collector's other set-based deletes, inside its transaction. A message reaches
    a user by two fields, both of which end here; all the messages go in one pass.
    """
    for planned in collector.fast_deletes:
        if isinstance(planned, _PlannedErasure):
            planned.querysets.append(sub_objs)
            return
    collector.fast_deletes.append(_PlannedErasure(sub_objs))  # type: ignore[arg-type]


# Read by Collector.collect(): do not fetch the rows only to see whether there are any.
CASCADE.lazy_sub_objs = True  # type: ignore[attr-defined]


class _PlannedErasure:
    """What a Collector keeps among its `fast_deletes`: it asks for `model` and `_raw_delete`."""

    def __init__(self, messages: models.QuerySet[Message]) -> None:
        self.model = messages.model
        self.querysets = [messages]

    def _raw_delete(self, using: str) -> int:
        return erase(self.querysets, using)


def erase(querysets: Sequence[models.QuerySet[Message]], using: str) -> int:
    """Delete every message of `querysets` with its notifications and versions, all or nothing.

    Replies that stay move up to their nearest ancestor that stays, or else open a thread of
    their own. On SQLite the file is wiped once the transaction has been committed. Returns
    how many messages went.
    """
    connection = connections[using]
    if connection.vendor == "sqlite":
        # Off unless the settings say so: https://www.sqlite.org/pragma.html#pragma_secure_delete
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA secure_delete = ON")
            cursor.fetchall()
    with (
        transaction.atomic(using=using),
        connection.cursor() as cursor,
        trees.temporary_ids(cursor, GONE),
    ):
        for messages in querysets:
            # Locked, so that no reply slips in between the steps.
            trees.fill(cursor, GONE, messages)
        model = querysets[0].model
        _reattach_replies(cursor, model, using)
        deleted = _delete_rows(cursor, model, using)
        conversations.restore(connection, f"last_message_id IN (SELECT id FROM {GONE})")
    if deleted:
        _wiped.databases.discard(using)
        transaction.on_commit(lambda: text_is_gone(using), using=using)
    return deleted


class _Wiped(threading.local):
    """The databases wiped since this thread last deleted from them."""

    def __init__(self) -> None:
        self.databases: set[str] = set()


_wiped = _Wiped()


def text_is_gone(using: str) -> bool:
    """Whether what was deleted here is gone from the files as well; wipes them if need be."""
    if using not in _wiped.databases and _wipe(using):
        _wiped.databases.add(using)
    return using in _wiped.databases


def _wipe(using: str) -> bool:
    """Write SQLite's file anew, without its free space, and empty its write-ahead log.

    `secure_delete` overwrites each row where it was last. When SQLite moves rows between
    pages to balance a tree, it leaves copies in the free part of a page, and only VACUUM is
    without those. False when a statement or another connection is in the way, so that some
    of it has to stay for now. Source: https://www.sqlite.org/lang_vacuum.html
    """
    connection = connections[using]
    if connection.vendor != "sqlite":
        return True
    try:
        index.forget_deleted(connection)
        with connection.cursor() as cursor:
            cursor.execute("VACUUM")
            cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            busy, *_ = cursor.fetchone()
    except OperationalError:
        return False
    return not busy


def _reattach_replies(cursor: CursorWrapper, model: type[Message], using: str) -> None:
    gone = f"SELECT id FROM {GONE}"
    cursor.execute(f"SELECT EXISTS ({SURVIVING_REPLIES})")
    if not cursor.fetchone()[0]:
        _tell_conversations(model, gone, using)
        return
    with trees.temporary_ids(cursor, HEIRS, ", heir_id bigint"), trees.moved_ids(cursor):
        with trees.by_index(cursor):
            cursor.execute(FIND_HEIRS)
        cursor.execute(f"INSERT INTO {trees.MOVED} (id) {SURVIVING_REPLIES}")
        trees.counted(cursor, trees.MOVED)
        cursor.execute(REATTACH)
        trees.set_roots(cursor)
        _tell_conversations(model, f"{gone} UNION ALL SELECT id FROM {trees.MOVED}", using)


def _tell_conversations(model: type[Message], ids: str, using: str) -> None:
    messages = model._base_manager.using(using).filter(pk__in=RawSQL(ids, ()))  # noqa: S611
    conversations.changed(messages, using)


# What a deleted message is called in mail, also where the mail of others names it.
FORGET_NAMES = (
    f"""DELETE FROM messaging_reference WHERE msg_id IN (
        SELECT msg_id FROM messaging_mail WHERE message_id IN (SELECT id FROM {GONE}))""",
    f"DELETE FROM messaging_reference WHERE mail_id IN (SELECT id FROM {GONE})",
    f"DELETE FROM messaging_mail WHERE message_id IN (SELECT id FROM {GONE})",
)


def _delete_rows(cursor: CursorWrapper, model: type[Message], using: str) -> int:
    for statement in FORGET_NAMES:
        cursor.execute(statement)
    if _must_be_loaded(model):
        return _delete_through_django(cursor, model, using)
    for table in ("messaging_messagehistory", "messaging_notification"):
        cursor.execute(f"DELETE FROM {table} WHERE message_id IN (SELECT id FROM {GONE})")
    cursor.execute(f"DELETE FROM messaging_message WHERE id IN (SELECT id FROM {GONE})")
    return int(cursor.rowcount)


def _must_be_loaded(model: type[Message]) -> bool:
    """Whether the host project has relations or receivers that must see each deleted message."""
    listening = any(
        signal.has_listeners(model) for signal in (signals.pre_delete, signals.post_delete)
    )
    return listening or any(
        cast("Any", relation).related_model._meta.app_label != model._meta.app_label
        for relation in get_candidate_relations_to_delete(cast("Any", model._meta))
    )


def _delete_through_django(cursor: CursorWrapper, model: type[Message], using: str) -> int:
    deleted = 0
    last = 0
    while True:
        cursor.execute(f"SELECT id FROM {GONE} WHERE id > %s ORDER BY id LIMIT {SIZE}", [last])
        ids = [row[0] for row in cursor.fetchall()]
        if not ids:
            return deleted
        last = ids[-1]
        collector = Collector(using=using)
        collector.collect(model._base_manager.using(using).filter(pk__in=ids))
        deleted += collector.delete()[1].get(model._meta.label, 0)

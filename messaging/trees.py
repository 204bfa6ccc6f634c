"""Which thread each message is in, kept right in sets.

`parent_message` is the truth. `root` repeats the id of the message that opened the thread
(NULL in that message itself), so that a whole thread is one indexed look-up. These
statements are plain SQL for SQLite and PostgreSQL: the ORM has no recursive queries.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from django.core.exceptions import EmptyResultSet
from django.db import connections, transaction
from django.db.models import QuerySet

from messaging.batches import batched
from messaging.exceptions import ThreadCycle

if TYPE_CHECKING:
    from django.db.backends.utils import CursorWrapper

    from messaging.models import Message

MOVED = "messaging_moved"
TREE = "messaging_tree"

# Every message above the moved ones. UNION, not UNION ALL, so that a circle comes to an end.
# CROSS JOIN keeps SQLite from scanning the messages to look them up in the short list.
CLIMB = f"""
    above (id, parent_id) AS (
        SELECT m.id, m.parent_message_id
        FROM {MOVED} CROSS JOIN messaging_message m WHERE m.id = {MOVED}.id
        UNION
        SELECT m.id, m.parent_message_id
        FROM above CROSS JOIN messaging_message m WHERE m.id = above.parent_id
    )"""

# From the top of each of these threads down to its last reply.
DESCEND = f"""
    INSERT INTO {TREE} (id, root_id)
    WITH RECURSIVE {CLIMB}, below (id, root_id) AS (
        SELECT id, id FROM above WHERE parent_id IS NULL
        UNION ALL
        SELECT m.id, below.root_id
        FROM below CROSS JOIN messaging_message m WHERE m.parent_message_id = below.id
    )
    SELECT id, root_id FROM below"""

SET_ROOTS = f"""
    UPDATE messaging_message SET root_id = NULLIF({TREE}.root_id, {TREE}.id)
    FROM {TREE} WHERE {TREE}.id = messaging_message.id
    AND COALESCE(messaging_message.root_id, {TREE}.id) <> {TREE}.root_id"""

OUTSIDE_TREE = f"SELECT id FROM {MOVED} WHERE id NOT IN (SELECT id FROM {TREE}) ORDER BY id"


@contextmanager
def temporary_ids(cursor: CursorWrapper, table: str, columns: str = "") -> Iterator[None]:
    """A table of ids, of this connection only, for as long as the block runs."""
    sqlite = cursor.db.vendor == "sqlite"
    # Only a column of exactly this type is SQLite's own row id, and needs no second index.
    kind = "integer" if sqlite else "bigint"
    cursor.execute(f"CREATE TEMPORARY TABLE IF NOT EXISTS {table} (id {kind} PRIMARY KEY{columns})")
    try:
        yield
    finally:
        # After a database error PostgreSQL refuses even this, and rolls the table back itself.
        if not cursor.db.needs_rollback:
            # SQLite can't drop a table while the caller still reads from another: it stays, empty.
            cursor.execute(f"DELETE FROM {table}" if sqlite else f"DROP TABLE {table}")


def locked(messages: QuerySet[Message], using: str) -> QuerySet[Message]:
    """The same messages, locked where the database locks rows: the oldest first, as everywhere.

    Others may refer to a locked message, as the newest of its conversation, but not answer it.
    """
    chosen = messages.using(using).order_by()
    # PostgreSQL locks no rows of a DISTINCT, and none that an outer join may leave out.
    if chosen.query.distinct or len(chosen.query.alias_map) > 1:
        chosen = chosen.model._default_manager.using(using).filter(pk__in=chosen.values("pk"))
    return chosen.order_by("pk").select_for_update(no_key=True)


def fill(cursor: CursorWrapper, table: str, messages: QuerySet[Message]) -> None:
    """Put the ids of `messages`, locked, into a temporary table, as one statement."""
    chosen = locked(messages, cursor.db.alias).select_related(None).values("id")
    try:
        sql, params = chosen.query.get_compiler(connection=cursor.db).as_sql()
    except EmptyResultSet:  # Django's way to say that a filter can't match anything
        return
    # WHERE keeps SQLite from reading ON CONFLICT as the condition of a join.
    cursor.execute(
        f"INSERT INTO {table} (id) SELECT chosen.id FROM ({sql}) AS chosen WHERE true"
        " ON CONFLICT DO NOTHING",
        params,
    )
    counted(cursor, table)


def counted(cursor: CursorWrapper, table: str) -> None:
    """Tell PostgreSQL how few ids these are: it takes a new table for thousands, and scans.

    Source: https://www.postgresql.org/docs/current/sql-analyze.html
    """
    if cursor.db.vendor == "postgresql":
        cursor.execute(f"ANALYZE {table}")


def rethread(message_ids: Iterable[int], using: str) -> None:
    """Set `root` again throughout the threads of these messages, whose parents have changed.

    Raises ThreadCycle, and so undoes the caller's transaction, when one of them has become
    a reply to itself.
    """
    if circles := threads_in_circles(message_ids, using):
        raise ThreadCycle(f"Message {circles[0]} can't be a reply to itself or to a reply to it.")


def threads_in_circles(message_ids: Iterable[int], using: str) -> list[int]:
    """As `rethread`, but returns the messages that no thread's top leads to instead of raising."""
    with (
        transaction.atomic(using=using),
        connections[using].cursor() as cursor,
        moved_ids(cursor),
    ):
        for batch in batched(message_ids):
            values = ", ".join(["(%s)"] * len(batch))
            cursor.execute(
                f"INSERT INTO {MOVED} (id) VALUES {values} ON CONFLICT DO NOTHING", batch
            )
        return set_roots(cursor)


def open_circles(message_ids: Iterable[int], using: str) -> list[int]:
    """As `rethread`, but opens a circle at its oldest message; returns those messages."""
    from messaging.models import Message

    opened: list[int] = []
    moved = list(message_ids)
    while circling := threads_in_circles(moved, using):
        first = _oldest_in_circle(circling[0], using)
        QuerySet.update(
            Message.objects.using(using).filter(pk=first), parent_message=None, root=None
        )
        opened.append(first)
        moved = circling
    return opened


def _oldest_in_circle(message_id: int, using: str) -> int:
    from messaging.models import Message

    passed: dict[int, None] = {}
    while message_id not in passed:
        passed[message_id] = None
        found = Message.objects.using(using).filter(pk=message_id)
        message_id = found.values_list("parent_message_id", flat=True).get() or 0
    circle = list(passed)[list(passed).index(message_id) :]
    return min(circle)


@contextmanager
def by_index(cursor: CursorWrapper) -> Iterator[None]:
    """Keep PostgreSQL from scanning all messages at every level of a recursion.

    It would where it has no statistics: of temporary tables, of messages just written.
    SQLite does as the CROSS JOINs say.
    Source: https://www.postgresql.org/docs/current/runtime-config-query.html
    """
    methods = ("seqscan", "hashjoin", "mergejoin") if cursor.db.vendor == "postgresql" else ()
    for method in methods:
        cursor.execute(f"SET LOCAL enable_{method} = off")
    yield
    for method in methods:
        cursor.execute(f"SET LOCAL enable_{method} TO DEFAULT")


@contextmanager
def moved_ids(cursor: CursorWrapper) -> Iterator[None]:
    """The temporary table of moved messages, to be filled by the caller before `set_roots`."""
    with temporary_ids(cursor, MOVED), temporary_ids(cursor, TREE, ", root_id bigint"):
        yield


def set_roots(cursor: CursorWrapper) -> list[int]:
    """Set `root` in every thread that a moved message is in; returns those in or below a circle."""
    with by_index(cursor):
        cursor.execute(DESCEND)
    cursor.execute(SET_ROOTS)
    cursor.execute(OUTSIDE_TREE)
    return [row[0] for row in cursor.fetchall()]

"""Whether what is stored twice agrees, and putting it right where it does not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from django.db import connections, router, transaction
from django.db.models import F, Q, QuerySet
from django.db.models.functions import Coalesce

from messaging import conversations, trees
from messaging.batches import batched
from messaging.models import Conversation, Message, MessageHistory, Notification
from messaging.search import index


@dataclass(frozen=True)
class Check:
    """Something that should never be, how to count it, and how to mend it."""

    problem: str
    count: Callable[[str], int]
    mend: Callable[[str], None]


class Fault(NamedTuple):
    """A problem that a check has found, and how often."""

    problem: str
    number: int


def damage(using: str) -> list[str]:
    """What SQLite itself finds wrong with the file; nothing for other databases."""
    connection = connections[using]
    if connection.vendor != "sqlite":
        return []
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA quick_check(10)")
        found = [row[0] for row in cursor.fetchall() if row[0] != "ok"]
        cursor.execute("PRAGMA foreign_key_check")
        orphans = cursor.fetchall()
    return found + ([f"{len(orphans)} rows refer to rows that are gone"] if orphans else [])


def faults(using: str | None = None) -> list[Fault]:
    """Every check that fails, of the database of this name if it is not the usual one."""
    using = using or router.db_for_write(Message)
    counted = (Fault(check.problem, check.count(using)) for check in CHECKS)
    return [fault for fault in counted if fault.number]


def mend() -> None:
    """Put right whatever `faults` finds, from what is the truth in each case; all or nothing."""
    using = router.db_for_write(Message)
    with transaction.atomic(using=using):
        for check in CHECKS:
            if check.count(using):
                check.mend(using)
                # What the mending changed is not counted: every cached page is out of date.
                Conversation.objects.using(using).update(version=conversations.new_version())


def _disagreeing(using: str) -> QuerySet[Message]:
    messages = Message.objects.using(using)
    return messages.filter(
        Q(notifications__isnull=False) & ~Q(notifications__read=F("read"))
        | Q(notifications__isnull=True, read=False)
    )


def _follow(using: str) -> None:
    wrong = list(_disagreeing(using).values_list("pk", flat=True))
    Notification.objects.using(using).follow(wrong)


def _in_circles(using: str) -> list[int]:
    """The messages that no thread's first message leads down to."""
    with connections[using].cursor() as cursor, trees.by_index(cursor):
        cursor.execute(
            "WITH RECURSIVE below (id) AS ("
            " SELECT id FROM messaging_message WHERE parent_message_id IS NULL UNION ALL"
            " SELECT m.id FROM below JOIN messaging_message m ON m.parent_message_id = below.id)"
            " SELECT id FROM messaging_message"
            " WHERE parent_message_id IS NOT NULL AND id NOT IN (SELECT id FROM below)"
        )
        return [row[0] for row in cursor.fetchall()]


def _open_circles(using: str) -> None:
    trees.open_circles(_in_circles(using), using)


def _misplaced(using: str) -> QuerySet[Message]:
    messages = Message.objects.using(using)
    thread_of_parent = Coalesce("parent_message__root_id", "parent_message_id")
    return messages.alias(belongs=thread_of_parent).filter(
        Q(parent_message__isnull=True, root__isnull=False)
        | Q(parent_message__isnull=False, root__isnull=True)
        | Q(parent_message__isnull=False) & ~Q(root_id=F("belongs"))
    )


def _rethread(using: str) -> None:
    trees.open_circles(list(_misplaced(using).values_list("pk", flat=True)), using)


def _stale_conversations(using: str) -> int:
    newest = "SELECT owner_id, other_id, last_message_id FROM messaging_conversation"
    with connections[using].cursor() as cursor:
        cursor.execute(f"SELECT COUNT(*) FROM ({newest} EXCEPT {_true_conversations()}) AS stale")
        stale = cursor.fetchone()[0]
        cursor.execute(f"SELECT COUNT(*) FROM ({_true_conversations()} EXCEPT {newest}) AS absent")
        return int(max(stale, cursor.fetchone()[0]))


def _true_conversations() -> str:
    return (
        "SELECT owner_id, other_id, id FROM (SELECT owner_id, other_id, id, ROW_NUMBER() OVER"
        " (PARTITION BY owner_id, other_id ORDER BY timestamp DESC, id DESC) AS place FROM"
        " (SELECT sender_id AS owner_id, receiver_id AS other_id, id, timestamp"
        " FROM messaging_message UNION"
        " SELECT receiver_id, sender_id, id, timestamp FROM messaging_message) AS sides"
        ") AS ranked WHERE place = 1"
    )


def _rebuild_conversations(using: str) -> None:
    for some in batched(Message.objects.using(using).order_by("pk").iterator(chunk_size=2000)):
        conversations.touch(some, using)
    conversations.restore(connections[using], "true")


def _unmarked_edits(using: str) -> QuerySet[Message]:
    edited = MessageHistory.objects.using(using).values("message")
    return Message.objects.using(using).filter(edited=False, pk__in=edited)


def _mark_edits(using: str) -> None:
    _unmarked_edits(using).update(edited=True)


CHECKS = (
    Check("replies in a circle", lambda using: len(_in_circles(using)), _open_circles),
    Check("messages in the wrong thread", lambda using: _misplaced(using).count(), _rethread),
    Check(
        "messages whose notification disagrees",
        lambda using: _disagreeing(using).count(),
        _follow,
    ),
    Check("conversations out of step", _stale_conversations, _rebuild_conversations),
    Check(
        "search index out of step",
        lambda using: int(index.is_wrong(connections[using])),
        lambda using: index.mend(connections[using]),
    ),
    Check("edits not marked", lambda using: _unmarked_edits(using).count(), _mark_edits),
)

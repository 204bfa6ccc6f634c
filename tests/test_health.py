"""Whatever is stored twice can be compared, and put right from what is the truth."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st

from messaging import health
from messaging.models import Conversation, Message, MessageHistory, Notification
from tests.factories import EXAMPLES, disagreeing, parents_now, people, plant, send, tie, undone

pytestmark = pytest.mark.django_db


def sql(statement: str) -> None:
    """Damage the data past every rule."""
    with connection.cursor() as cursor:
        cursor.execute(statement)


def answer_in_a_circle() -> None:
    top = Message.objects.order_by("pk")[0]
    tie(top.pk, Message.objects.order_by("-pk")[0].pk)


def forget_the_thread() -> None:
    sql("UPDATE messaging_message SET root_id = NULL")


def claim_a_thread() -> None:
    sql("UPDATE messaging_message SET root_id = (SELECT MAX(id) FROM messaging_message)")


def mark_one_side() -> None:
    sql("UPDATE messaging_message SET read = NOT read")


def forget_a_notification() -> None:
    sql("DELETE FROM messaging_notification")


def forget_the_conversations() -> None:
    sql("DELETE FROM messaging_conversation")


def remember_an_older_message() -> None:
    sql(
        "UPDATE messaging_conversation"
        " SET last_message_id = (SELECT MIN(id) FROM messaging_message)"
    )


def invent_a_conversation() -> None:
    one, other = people("dave", "erin")
    message = Message.objects.order_by("pk")[0]
    Conversation.objects.create(
        owner=one, other=other, last_message=message, last_timestamp=message.timestamp
    )


def unmark_an_edit() -> None:
    sql("UPDATE messaging_message SET edited = (1 = 0)")


DAMAGE = {
    answer_in_a_circle: "replies in a circle",
    forget_the_thread: "messages in the wrong thread",
    claim_a_thread: "messages in the wrong thread",
    mark_one_side: "messages whose notification disagrees",
    forget_a_notification: "messages whose notification disagrees",
    forget_the_conversations: "conversations out of step",
    remember_an_older_message: "conversations out of step",
    invent_a_conversation: "conversations out of step",
    unmark_an_edit: "edits not marked",
}


@pytest.fixture
def store() -> None:
    top = send("alice", "bob")
    middle = send("bob", "alice", parent_message=top)
    send("alice", "bob", parent_message=middle)
    Message.objects.edit(top.pk, "edited")
    assert health.faults() == []


@pytest.mark.usefixtures("store")
@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found_and_mended(damage: Callable[[], None]) -> None:
    damage()
    assert DAMAGE[damage] in [fault.problem for fault in health.faults()]
    assert all(fault.number > 0 for fault in health.faults())
    health.mend()
    assert health.faults() == []


@pytest.mark.usefixtures("store")
def test_mending_a_healthy_store_changes_nothing() -> None:
    before = [list(m.objects.values()) for m in (Message, Notification, MessageHistory)]
    health.mend()
    assert [list(m.objects.values()) for m in (Message, Notification, MessageHistory)] == before


@pytest.mark.usefixtures("store")
def test_the_message_decides_when_its_notification_disagrees() -> None:
    mark_one_side()
    health.mend()
    assert not Message.objects.filter(read=False).exists()
    assert not Notification.objects.filter(read=False).exists()


def test_faults_are_counted() -> None:
    for _ in range(3):
        send()
    sql("UPDATE messaging_notification SET read = (1 = 1)")
    assert health.faults() == [health.Fault("messages whose notification disagrees", 3)]


@EXAMPLES
@given(st.lists(st.one_of(st.none(), st.integers(0, 9)), min_size=10, max_size=10))
def test_threads_are_mended_from_any_parents(parents: list[int | None]) -> None:
    with undone():
        ids = plant([None] * 10, [(0, 1)] * 10)
        for pk, parent in zip(ids, parents, strict=True):
            tie(pk, None if parent is None else ids[parent])
        before = parents_now()
        health.mend()
        assert health.faults() == []
        assert disagreeing() == []
        kept = [pk for pk in ids if parents_now()[pk] == before[pk]]
        assert len(kept) >= len(ids) // 2


def test_a_healthy_file_has_no_damage() -> None:
    send()
    assert health.damage("default") == []


@pytest.mark.skipif(connection.vendor != "sqlite", reason="only SQLite lets it happen")
@pytest.mark.django_db(transaction=True)
def test_rows_that_refer_to_rows_that_are_gone_are_found() -> None:
    send()
    with connection.constraint_checks_disabled():
        sql("DELETE FROM messaging_message")
    assert health.damage("default") == ["3 rows refer to rows that are gone"]
    for table in ("notification", "conversation"):
        sql(f"DELETE FROM messaging_{table}")

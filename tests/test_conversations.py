"""Inboxes and the pages of a conversation, each one query however large the store."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from django.db import connection
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from messaging import health
from messaging.managers import InboxRow
from messaging.models import Conversation, Message
from tests.factories import EXAMPLES, NAMES, people, plant, send, send_many, undone

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
PAIRS = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), max_size=20)


def inbox(name: str) -> list[InboxRow]:
    return Conversation.objects.inbox(people(name)[0]).rows()


def test_an_inbox_has_one_row_for_each_other_person_newest_first() -> None:
    send("alice", "bob", "one")
    send("carol", "alice", "two")
    send("bob", "alice", "three")
    rows = [(row.user, row.last_message.content, row.unread) for row in inbox("alice")]
    assert rows == [("bob", "three", 1), ("carol", "two", 1)]


def test_an_inbox_of_one_who_never_wrote_is_empty() -> None:
    send("alice", "bob")
    assert inbox("carol") == []


def test_notes_to_oneself_are_a_conversation() -> None:
    send("alice", "alice", "note")
    assert [(row.user, row.unread) for row in inbox("alice")] == [("alice", 1)]


def test_the_unread_are_those_of_the_owner_only() -> None:
    send("alice", "bob")
    send("alice", "bob")
    assert [row.unread for row in inbox("alice")] == [0]
    assert [row.unread for row in inbox("bob")] == [2]


def test_of_two_messages_at_the_same_time_the_later_id_is_the_newest() -> None:
    send(content="first", timestamp=NOON)
    send(content="second", timestamp=NOON)
    assert inbox("bob")[0].last_message.content == "second"


def test_an_older_message_that_comes_late_does_not_become_the_newest() -> None:
    send(content="now")
    send(content="long ago", timestamp=NOON - timedelta(days=9000))
    assert inbox("alice")[0].last_message.content == "now"


def test_the_message_before_becomes_the_newest_when_the_newest_is_deleted() -> None:
    send(content="first")
    send(content="second").delete()
    assert inbox("bob")[0].last_message.content == "first"


def test_a_conversation_goes_with_its_last_message() -> None:
    send().delete()
    assert inbox("bob") == []
    assert not Conversation.objects.exists()


@EXAMPLES
@given(PAIRS, st.sets(st.integers(0, 19)))
def test_an_inbox_is_what_the_messages_say(pairs: list[tuple[int, int]], gone: set[int]) -> None:
    with undone():
        ids = plant([None] * len(pairs), pairs)
        Message.objects.filter(pk__in=[ids[n] for n in gone if n < len(ids)]).delete()
        newest: dict[str, str] = {}
        for number, (sender, receiver) in enumerate(pairs):
            if number not in gone and 0 in (sender, receiver):
                other = NAMES[receiver if sender == 0 else sender]
                newest.pop(other, None)
                newest[other] = f"number {number}"
        rows = [(row.user, row.last_message.content) for row in inbox("alice")]
        assert rows == list(reversed(newest.items()))
        assert health.faults() == []


def test_an_inbox_takes_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    for name in NAMES:
        send(name, "alice")
    (alice,) = people("alice")
    with django_assert_num_queries(1):
        assert len(Conversation.objects.inbox(alice).rows()) == 5


def test_a_conversation_has_both_directions_and_nobody_else() -> None:
    mine = [send("alice", "bob"), send("bob", "alice")]
    send("alice", "carol")
    send("alice", "alice")
    alice, bob = people("alice", "bob")
    assert list(Message.objects.between(alice, bob)) == mine
    assert list(Message.objects.between(bob.pk, alice.pk)) == mine


def test_a_conversation_with_oneself_has_only_notes_to_oneself() -> None:
    note = send("alice", "alice")
    send("alice", "bob")
    (alice,) = people("alice")
    assert list(Message.objects.between(alice, alice)) == [note]


def test_pages_follow_each_other_without_gap_or_overlap() -> None:
    messages = [send(timestamp=NOON + timedelta(minutes=n // 3)) for n in range(10)]
    alice, bob = people("alice", "bob")
    conversation = Message.objects.between(alice, bob).newest_first()
    pages, last = [], messages[-1]
    while page := list(conversation.before(last)[:4]):
        pages += page
        last = page[-1]
    assert pages == messages[-2::-1]


@pytest.mark.skipif(connection.vendor != "sqlite", reason="reads the plan as SQLite words it")
def test_a_page_however_far_back_is_found_by_the_index() -> None:
    messages = send_many(50)
    alice, bob = people("alice", "bob")
    page = Message.objects.between(alice, bob).before(messages[20]).newest_first()[:5]
    plan = page.explain()
    assert "USING INDEX messaging_between" in plan
    assert "TEMP B-TREE" not in plan


@pytest.mark.skipif(connection.vendor != "sqlite", reason="reads the plan as SQLite words it")
def test_the_unread_and_the_inbox_are_found_by_their_indexes() -> None:
    send_many(50)
    (bob,) = people("bob")
    assert "messaging_unread" in Message.unread.unread_for_user(bob).explain()
    plan = Conversation.objects.inbox(bob)[:5].explain()
    assert "messaging_inbox" in plan
    assert "TEMP B-TREE" not in plan

"""`Message.unread.unread_for_user`: the fields a list shows, in one query."""

from __future__ import annotations

import pytest
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from messaging.managers import UnreadMessagesManager
from messaging.models import Message, Notification
from tests.factories import people, send, send_many

pytestmark = pytest.mark.django_db


def unread(name: str) -> list[Message]:
    (user,) = people(name)
    return list(Message.unread.unread_for_user(user))


def test_it_has_what_a_user_was_sent_and_did_not_read_newest_first() -> None:
    first, second = send("alice", "bob"), send("carol", "bob")
    send("alice", "bob", read=True)
    send("bob", "alice")
    assert unread("bob") == [second, first]
    assert unread("dave") == []


def test_the_manager_has_only_unread_messages() -> None:
    message = send()
    send(read=True)
    assert isinstance(Message.unread, UnreadMessagesManager)
    assert list(Message.unread.all()) == [message]
    assert Message.objects.count() == 2


def test_a_message_to_oneself_is_unread_like_any_other() -> None:
    message = send("alice", "alice")
    assert unread("alice") == [message]


def test_every_field_of_a_list_is_read_in_one_query(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    send_many(20)
    (bob,) = people("bob")
    with django_assert_num_queries(1):
        for message in Message.unread.unread_for_user(bob):
            people_of_it = (message.sender.username, message.receiver.username)
            shown = (message.pk, message.content, message.timestamp, message.edited)
            assert people_of_it == ("alice", "bob")
            assert all(value is not None for value in shown[:3])
            assert not message.read
            assert message.parent_message_id is None
            assert message.root_id is None


def test_only_the_fields_of_a_list_are_loaded() -> None:
    send()
    (message,) = unread("bob")
    assert message.get_deferred_fields() == {"source_id"}
    assert "password" in message.sender.get_deferred_fields()
    assert "email" in message.receiver.get_deferred_fields()


def test_the_plain_rows_take_one_query(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    send_many(20)
    (bob,) = people("bob")
    with django_assert_num_queries(1) as queries:
        rows = Message.unread.unread_for_user(bob).rows()
    assert [row.content for row in rows] == [f"message {n}" for n in reversed(range(20))]
    assert isinstance(queries, CaptureQueriesContext)
    assert "password" not in queries.captured_queries[0]["sql"]


def test_it_can_be_narrowed_down_further() -> None:
    send("alice", "bob")
    message = send("carol", "bob")
    (bob,) = people("bob")
    assert list(Message.unread.unread_for_user(bob).filter(sender__username="carol")) == [message]


def test_looking_marks_nothing() -> None:
    send_many(3)
    unread("bob")
    (bob,) = people("bob")
    Message.unread.unread_for_user(bob).rows()
    assert Message.objects.filter(read=False).count() == 3
    assert Notification.objects.filter(read=False).count() == 3


def test_what_it_lists_can_be_marked() -> None:
    send_many(3)
    (bob,) = people("bob")
    assert Message.unread.unread_for_user(bob).mark_read() == 3
    assert unread("bob") == []
    assert not Notification.objects.filter(read=False).exists()


def test_a_message_of_the_list_can_be_edited_and_saved() -> None:
    send(content="one")
    (message,) = unread("bob")
    message.content = "two"
    message.save()
    assert [row.content for row in Message.objects.versions(message.pk)] == ["one", "two"]

"""The queryset methods that send no signals keep every rule that `save()` keeps."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from django.db import NotSupportedError, connection, transaction
from django.db.models import Case, F, Q, TextField, Value, When
from django.db.models.functions import Concat, Upper
from django.test.utils import CaptureQueriesContext

from messaging import health
from messaging.exceptions import ThreadCycle
from messaging.models import Conversation, Message, MessageHistory, Notification
from tests.factories import disagreeing, people, send, send_many, versions

pytestmark = pytest.mark.django_db


def test_bulk_create_notifies_each_receiver_once() -> None:
    alice, bob, carol = people("alice", "bob", "carol")
    Message.objects.bulk_create(
        [
            Message(sender=alice, receiver=bob, content="one"),
            Message(sender=alice, receiver=carol, content="two", read=True),
        ]
    )
    found = Notification.objects.order_by("message").values_list("user__username", "read")
    assert list(found) == [("bob", False), ("carol", True)]
    assert health.faults() == []


def test_bulk_create_takes_any_iterable_and_batch_size() -> None:
    alice, bob = people("alice", "bob")
    made = Message.objects.bulk_create(
        (Message(sender=alice, receiver=bob, content=str(n)) for n in range(25)), batch_size=7
    )
    assert len({message.pk for message in made}) == Notification.objects.count() == 25


def test_bulk_create_of_nothing_is_nothing() -> None:
    assert Message.objects.bulk_create([]) == []


def test_bulk_create_puts_replies_in_their_threads() -> None:
    alice, bob = people("alice", "bob")
    top = send()
    reply = send(parent_message=top)
    (made,) = Message.objects.bulk_create(
        [Message(sender=bob, receiver=alice, content="deeper", parent_message=reply)]
    )
    assert (made.root_id, Message.objects.get(pk=made.pk).root_id) == (top.pk, top.pk)


def test_bulk_create_puts_replies_to_messages_of_the_same_call_in_their_threads() -> None:
    alice, bob = people("alice", "bob")
    Message.objects.bulk_create(
        Message(pk=pk, sender=alice, receiver=bob, content="hi", parent_message_id=parent)
        for pk, parent in ((3, 2), (2, 1), (1, None))
    )
    assert list(Message.objects.order_by("pk").values_list("root", flat=True)) == [None, 1, 1]
    assert health.faults() == []


@pytest.mark.parametrize("parents", [{1: 1}, {1: 2, 2: 1}, {1: 2, 2: 3, 3: 1, 4: 1}])
def test_bulk_create_refuses_a_circle_and_leaves_nothing(parents: dict[int, int]) -> None:
    alice, bob = people("alice", "bob")
    with pytest.raises(ThreadCycle, match=r"^Message 1 can't be a reply to itself"):
        Message.objects.bulk_create(
            Message(pk=pk, sender=alice, receiver=bob, content="hi", parent_message_id=parent)
            for pk, parent in parents.items()
        )
    assert not Message.objects.exists()
    assert not Notification.objects.exists()


@pytest.mark.parametrize(
    "option",
    [
        {"ignore_conflicts": True},
        {"update_conflicts": True, "update_fields": ["content"], "unique_fields": ["id"]},
    ],
)
def test_bulk_create_over_others_is_refused(option: dict[str, Any]) -> None:
    message = send()
    with pytest.raises(NotSupportedError, match=r"^Messages can't be created over others\.$"):
        Message.objects.bulk_create([message], **option)
    with pytest.raises(NotSupportedError, match=r"^Notifications can't be created over others\.$"):
        Notification.objects.bulk_create([Notification.objects.get()], **option)


def by_value() -> None:
    Message.objects.update(content="new")


def by_expression() -> None:
    Message.objects.update(content=Concat(F("content"), Value("!")))


def by_function() -> None:
    Message.objects.update(content=Upper("content"))


def by_case() -> None:
    changed = Case(
        When(content="old", then=Value("new")), default=F("content"), output_field=TextField()
    )
    Message.objects.update(content=changed)


def by_bulk_update() -> None:
    messages = list(Message.objects.all())
    for message in messages:
        message.content = "new"
    Message.objects.bulk_update(messages, ["content"])


def by_filter_on_the_text() -> None:
    Message.objects.filter(content="old").update(content="new")


def by_related_manager() -> None:
    (alice,) = people("alice")
    alice.sent_messages.update(content="new")


def by_unread_manager() -> None:
    Message.unread.update(content="new")


def by_update_with_more_fields() -> None:
    Message.objects.update(content="new", read=True)


@pytest.mark.parametrize(
    "edit",
    [
        by_value,
        by_expression,
        by_function,
        by_case,
        by_bulk_update,
        by_filter_on_the_text,
        by_related_manager,
        by_unread_manager,
        by_update_with_more_fields,
    ],
)
def test_an_edit_in_bulk_keeps_every_version(edit: Callable[[], None]) -> None:
    first, second = send(content="old"), send(content="old")
    edit()
    for message in (first, second):
        message.refresh_from_db()
        assert (message.edited, versions(message)) == (True, ["old", message.content])
        assert message.content != "old"
    assert health.faults() == []


def test_an_update_logs_and_marks_only_what_it_changes() -> None:
    same, other = send(content="same"), send(content="other")
    assert Message.objects.update(content="same") == 2
    assert (versions(same), versions(other)) == (["same"], ["other", "same"])
    assert list(Message.objects.order_by("pk").values_list("edited", flat=True)) == [False, True]


def test_an_update_of_other_fields_logs_nothing() -> None:
    send()
    Message.objects.update(timestamp=F("timestamp"), read=True)
    assert not MessageHistory.objects.exists()


def test_bulk_update_with_the_same_text_logs_nothing() -> None:
    messages = send_many(3)
    assert Message.objects.bulk_update(messages, ["content", "read"]) == 3
    assert not MessageHistory.objects.exists()


def test_bulk_update_logs_in_batches() -> None:
    messages = send_many(5)
    for message in messages:
        message.content += "!"
    Message.objects.bulk_update(messages, ["content"], batch_size=2)
    assert [versions(m)[0] for m in messages] == [f"message {n}" for n in range(5)]


def test_nobody_is_named_as_the_editor_of_an_update() -> None:
    send()
    by_value()
    assert MessageHistory.objects.get().edited_by is None


def test_an_update_edits_a_thousand_messages_in_few_queries() -> None:
    send_many(1000)
    with CaptureQueriesContext(
        connection,
    ) as queries:
        Message.objects.update(content="new")
    assert MessageHistory.objects.count() == 1000
    assert len(queries) < 30


def under_bulk_update(message: Message, parent: Message) -> None:
    message.parent_message = parent
    Message.objects.bulk_update([message], ["parent_message"])


def under_update(message: Message, parent: Message) -> None:
    Message.objects.filter(pk=message.pk).update(parent_message=parent)


def under_update_by_id(message: Message, parent: Message) -> None:
    Message.objects.filter(pk=message.pk).update(parent_message_id=parent.pk)


def under_save(message: Message, parent: Message) -> None:
    message.parent_message = parent
    message.save()


def under_save_of_one_field(message: Message, parent: Message) -> None:
    message.parent_message = parent
    message.save(update_fields=["parent_message"])


def under_replies_add(message: Message, parent: Message) -> None:
    parent.replies.add(message)


MOVES = (
    under_bulk_update,
    under_update,
    under_update_by_id,
    under_save,
    under_save_of_one_field,
    under_replies_add,
)


@pytest.mark.parametrize("move", MOVES)
def test_a_message_that_moves_takes_its_replies_to_the_other_thread(
    move: Callable[[Message, Message], None],
) -> None:
    here, there = send(), send()
    moved = send(parent_message=here)
    deep = send(parent_message=send(parent_message=moved))
    move(moved, there)
    assert Message.objects.get(pk=deep.pk).root_id == there.pk
    assert Message.objects.in_thread(here.pk).count() == 1
    assert health.faults() == []


@pytest.mark.parametrize("move", MOVES)
def test_a_move_that_would_make_a_circle_is_refused_and_changes_nothing(
    move: Callable[[Message, Message], None],
) -> None:
    top = send()
    deep = send(parent_message=send(parent_message=top))
    before = list(Message.objects.order_by("pk").values_list("pk", "parent_message", "root"))
    refused = pytest.raises(ThreadCycle, match=rf"^Message {top.pk} can't be a reply to itself or")
    with refused, transaction.atomic():
        move(Message.objects.get(pk=top.pk), deep)
    after = Message.objects.order_by("pk").values_list("pk", "parent_message", "root")
    assert list(after) == before


def test_update_to_no_parent_opens_a_thread_of_its_own() -> None:
    middle = send(parent_message=send())
    deep = send(parent_message=middle)
    Message.objects.filter(pk=middle.pk).update(parent_message=None)
    assert Message.objects.get(pk=deep.pk).root_id == middle.pk
    assert health.faults() == []


@pytest.mark.parametrize("bulk", [False, True])
def test_clearing_the_replies_opens_a_thread_for_each(bulk: bool) -> None:
    top = send()
    send(parent_message=top)
    top.replies.clear(bulk=bulk)
    assert Message.objects.filter(root=None, parent_message=None).count() == 2
    assert health.faults() == []


def test_update_by_a_join_on_the_notifications_marks_both() -> None:
    send_many(3)
    Message.objects.filter(notifications__read=False).update(read=True)
    assert disagreeing() == []
    assert not Notification.objects.filter(read=False).exists()


def test_update_by_a_subquery_on_the_notifications_marks_both() -> None:
    send_many(3)
    about = Notification.objects.filter(read=False).values("message")
    assert Message.objects.filter(pk__in=about).update(read=True) == 3
    assert disagreeing() == []
    assert not Message.objects.filter(read=False).exists()


def test_update_of_read_by_expression_marks_both() -> None:
    first, *_ = send_many(3)
    Message.objects.update(read=Case(When(pk=first.pk, then=Value(True)), default=Value(False)))
    assert list(Notification.objects.filter(read=True)) == [first.notifications.get()]


def test_update_of_read_negated_marks_both() -> None:
    first, *_ = send_many(3)
    Message.objects.filter(pk=first.pk).mark_read()
    Message.objects.update(read=~Q(read=True))
    assert list(Message.objects.filter(read=False)) == [first]
    assert disagreeing() == []


@pytest.mark.parametrize("change", [{"receiver": "carol"}, {"sender": "carol"}])
def test_update_of_the_people_keeps_inboxes_and_notifications_in_step(
    change: dict[str, str],
) -> None:
    send_many(2)
    (carol,) = people("carol")
    Message.objects.update(**dict.fromkeys(change, carol))
    assert disagreeing() == []
    assert health.faults() == []
    assert not Conversation.objects.filter(owner__username="alice", other__username="bob").exists()


def test_update_of_the_times_keeps_inboxes_in_step() -> None:
    first, last = send_many(2)
    Message.objects.filter(pk=last.pk).update(timestamp="2001-01-01T00:00:00Z")
    newest = Conversation.objects.values_list("last_message", flat=True).distinct()
    assert list(newest) == [first.pk]


def test_update_returns_how_many_matched() -> None:
    send_many(3)
    assert Message.objects.filter(content="message 1").update(content="other") == 1
    assert Message.objects.none().update(content="other", read=True, parent_message=None) == 0


def test_a_slice_cannot_be_updated_or_deleted() -> None:
    send_many(3)
    with pytest.raises(TypeError):
        Message.objects.all()[:2].update(content="other")
    with pytest.raises(TypeError, match=r"^Cannot use 'limit' or 'offset' with delete\(\)\.$"):
        Message.objects.all()[:2].delete()
    assert (Message.objects.count(), MessageHistory.objects.count()) == (3, 0)


def with_no_replies() -> Any:
    return Message.objects.filter(replies__isnull=True)


def with_no_unread_notification() -> Any:
    return Message.objects.exclude(notifications__read=False)


def without_repetition() -> Any:
    return Message.objects.filter(content="hi").distinct()


@pytest.mark.parametrize(
    "chosen", [with_no_replies, with_no_unread_notification, without_repetition]
)
def test_messages_chosen_by_what_hangs_from_them_can_be_changed_and_deleted(
    chosen: Callable[[], Any],
) -> None:
    send()
    Message.objects.mark_read()
    assert chosen().update(read=False) == 1
    Message.objects.mark_read()
    assert chosen().update(content="hi", read=True) == 1
    assert chosen().update(content=Concat(F("content"), Value("!"))) == 1
    assert versions(Message.objects.get()) == ["hi", "hi!"]
    Message.objects.update(content="hi")
    assert chosen().delete()[0] == 1

"""One read model, whichever path marks; and the small promises of the models."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timezone
from random import Random
from typing import Any

import pytest
from django.db import models, transaction
from hypothesis import given
from hypothesis import strategies as st

from messaging import health
from messaging.exceptions import ThreadCycle
from messaging.models import Conversation, Message, MessageHistory, Notification
from tests.factories import EXAMPLES, disagreeing, people, send, send_many, undone

pytestmark = pytest.mark.django_db


def message_saved(message: Message, read: bool) -> None:
    message.read = read
    message.save()


def message_saved_in_part(message: Message, read: bool) -> None:
    message.read = read
    message.save(update_fields=["read"])


def message_updated(message: Message, read: bool) -> None:
    Message.objects.filter(pk=message.pk).update(read=read)


def message_bulk_updated(message: Message, read: bool) -> None:
    message.read = read
    Message.objects.bulk_update([message], ["read"])


def message_marked(message: Message, read: bool) -> None:
    mine = Message.objects.filter(receiver=message.receiver)
    assert (mine.mark_read() if read else mine.mark_unread()) == 1


def messages_marked_by_notification(message: Message, read: bool) -> None:
    Message.objects.filter(notifications__user=message.receiver).update(read=read)


def notification_saved(message: Message, read: bool) -> None:
    notification = message.notifications.get()
    notification.read = read
    notification.save()


def notification_saved_in_part(message: Message, read: bool) -> None:
    notification = message.notifications.get()
    notification.read = read
    notification.save(update_fields=["read"])


def notification_updated(message: Message, read: bool) -> None:
    Notification.objects.filter(message=message).update(read=read)


def notifications_bulk_updated(message: Message, read: bool) -> None:
    notification = message.notifications.get()
    notification.read = read
    Notification.objects.bulk_update([notification], ["read"])


def related_notifications_updated(message: Message, read: bool) -> None:
    message.receiver.notifications.update(read=read)


WAYS = (
    message_saved,
    message_saved_in_part,
    message_updated,
    message_bulk_updated,
    message_marked,
    messages_marked_by_notification,
    notification_saved,
    notification_saved_in_part,
    notification_updated,
    notifications_bulk_updated,
    related_notifications_updated,
)


@pytest.mark.parametrize("read", [True, False])
@pytest.mark.parametrize("mark", WAYS)
def test_marking_either_marks_both(mark: Callable[[Message, bool], None], read: bool) -> None:
    other = send("carol", "dave", read=not read)
    message = send(read=not read)
    mark(message, read)
    assert Message.objects.get(pk=message.pk).read is read
    assert Notification.objects.get(message=message).read is read
    assert Notification.objects.get(message=other).read is not read


def dismissed(notification: Notification) -> None:
    notification.delete()


def dismissed_in_bulk(notification: Notification) -> None:
    Notification.objects.filter(pk=notification.pk).delete()


def dismissed_by_user(notification: Notification) -> None:
    notification.user.notifications.all().delete()


def dismissed_by_message(notification: Notification) -> None:
    Notification.objects.filter(message__read=False).delete()


@pytest.mark.parametrize(
    "dismiss", [dismissed, dismissed_in_bulk, dismissed_by_user, dismissed_by_message]
)
def test_a_message_counts_as_read_when_its_notification_is_dismissed(
    dismiss: Callable[[Notification], None],
) -> None:
    message = send()
    dismiss(Notification.objects.get())
    message.refresh_from_db()
    assert (message.read, Notification.objects.count()) == (True, 0)
    assert health.faults() == []


@pytest.mark.parametrize("mark", WAYS[:5])
def test_a_message_marked_unread_after_its_notification_went_has_one_again(
    mark: Callable[[Message, bool], None],
) -> None:
    message = send()
    Notification.objects.all().delete()
    mark(Message.objects.get(pk=message.pk), False)
    notification = Notification.objects.get()
    assert (notification.user, notification.read) == (message.receiver, False)
    assert disagreeing() == []


def test_a_notification_made_by_hand_marks_its_message() -> None:
    message = send(read=True)
    Notification.objects.all().delete()
    Notification.objects.create(user=message.receiver, message=message)
    assert not Message.objects.get().read


def test_notifications_made_in_bulk_mark_their_messages() -> None:
    messages = send_many(3)
    Notification.objects.all().delete()
    Notification.objects.bulk_create(
        Notification(user=m.receiver, message=m, read=m == messages[0]) for m in messages
    )
    assert disagreeing() == []
    assert Message.objects.get(read=True) == messages[0]


def test_marking_counts_those_that_were_not_so_before() -> None:
    send_many(3)
    send("carol", "bob", read=True)
    mine = Message.objects.filter(receiver__username="bob")
    assert [mine.mark_read(), mine.mark_read()] == [3, 0]
    assert [mine.mark_unread(), mine.mark_unread()] == [4, 0]


def test_an_edit_does_not_make_a_read_message_unread() -> None:
    message = send(read=True)
    Message.objects.edit(message.pk, "two")
    assert Notification.objects.get().read
    assert disagreeing() == []


def test_a_message_that_changes_hands_notifies_its_new_receiver() -> None:
    message = send("alice", "bob")
    (message.receiver,) = people("carol")
    message.save()
    assert Notification.objects.get().user.username == "carol"
    assert health.faults() == []


def test_a_message_that_moves_in_time_moves_in_the_inboxes() -> None:
    first, last = send_many(2)
    last.timestamp = datetime(2001, 1, 1, tzinfo=timezone.utc)
    last.save()
    assert {c.last_message for c in Conversation.objects.all()} == {first}


class World:
    """A store to which random things happen, each by a path that people use."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.users = people("alice", "bob", "carol", "dave")

    def some(self) -> models.QuerySet[Message]:
        ids = list(Message.objects.values_list("pk", flat=True))
        return Message.objects.filter(pk__in=self.random.sample(ids, min(len(ids), 3)))

    def one(self) -> Message:
        return self.random.choice(list(Message.objects.all()) or [self.new()])

    def flag(self) -> bool:
        return self.random.random() < 0.5

    def new(self) -> Message:
        sender, receiver = self.random.choices(self.users, k=2)
        parent = self.random.choice([None, *Message.objects.all()])
        return Message(
            sender=sender,
            receiver=receiver,
            content=str(self.random.random()),
            parent_message=parent,
            read=self.flag(),
        )

    def step(self) -> None:
        names = [name for name in vars(World) if name.startswith("do_")]
        with suppress(ThreadCycle), transaction.atomic():
            getattr(self, self.random.choice(names))()

    def do_save_new(self) -> None:
        self.new().save()

    def do_create_in_bulk(self) -> None:
        Message.objects.bulk_create([self.new() for _ in range(2)])

    def do_mark(self) -> None:
        self.random.choice(WAYS[:4])(self.saved(), self.flag())

    def do_mark_many(self) -> None:
        user = self.random.choice(self.users)
        marked = Message.objects.filter(receiver=user)
        marked.mark_read() if self.flag() else marked.mark_unread()

    def do_mark_notifications(self) -> None:
        Notification.objects.filter(message__in=self.some()).update(read=self.flag())

    def do_mark_by_state(self) -> None:
        read = self.flag()
        Message.objects.filter(notifications__read=not read).update(read=read)

    def do_save_notification(self) -> None:
        for notification in Notification.objects.all()[:1]:
            notification.read = self.flag()
            notification.save()

    def do_dismiss(self) -> None:
        Notification.objects.filter(message__in=self.some()).delete()

    def do_dismiss_by_state(self) -> None:
        Notification.objects.filter(
            message__read=False, user=self.random.choice(self.users)
        ).delete()

    def do_edit(self) -> None:
        self.some().update(content=str(self.random.random()))

    def do_save_edit(self) -> None:
        message = self.saved()
        message.content = str(self.random.random())
        message.save()

    def do_save_stale(self) -> None:
        stale = self.saved()
        self.step()
        if Message.objects.filter(pk=stale.pk).exists():
            stale.parent_message_id = stale.parent_message_id and self.saved().pk
            stale.save()

    def do_move(self) -> None:
        self.some().update(parent_message=self.saved())

    def do_move_in_bulk(self) -> None:
        some = list(self.some())
        for message in some:
            message.parent_message = self.saved()
        Message.objects.bulk_update(some, ["parent_message"])

    def do_save_move(self) -> None:
        message = self.saved()
        message.parent_message = self.random.choice([None, self.saved()])
        message.save()

    def do_change_people(self) -> None:
        self.some().update(receiver=self.random.choice(self.users))

    def do_save_people(self) -> None:
        message = self.saved()
        message.sender = self.random.choice(self.users)
        message.save()

    def do_change_time(self) -> None:
        moment = datetime(2026, 1, self.random.randint(1, 28), tzinfo=timezone.utc)
        self.some().update(timestamp=moment)

    def do_delete_one(self) -> None:
        self.saved().delete()

    def do_delete_some(self) -> None:
        self.some().delete()

    def do_delete_user(self) -> None:
        gone = self.random.choice(self.users)
        name = gone.username
        gone.delete()
        self.users = [user for user in self.users if user is not gone] + people(name)

    def saved(self) -> Message:
        message = self.one()
        if message.pk is None:
            message.save()
        return message


@EXAMPLES
@given(st.integers(0, 2**32))
def test_whatever_happens_everything_that_is_stored_twice_agrees(seed: int) -> None:
    with undone():
        world = World(seed)
        for _ in range(25):
            world.step()
        assert disagreeing() == []
        assert health.faults() == []
        assert health.damage("default") == []


def test_objects_is_the_default_manager_everywhere() -> None:
    assert Message._default_manager is Message.objects
    assert isinstance(Message._base_manager, type(Message.objects))
    assert isinstance(Notification._base_manager, type(Notification.objects))


def test_a_deleted_message_takes_its_notification_and_history() -> None:
    message = Message.objects.edit(send().pk, "two")
    assert message.delete() == (1, {"messaging.Message": 1})
    assert message.pk is None
    for model in (Message, Notification, MessageHistory, Conversation):
        left: Any = model
        assert not left.objects.exists()


def test_a_reply_to_a_deleted_message_moves_up() -> None:
    top = send()
    middle = send(parent_message=top)
    deep = send(parent_message=middle)
    middle.delete()
    assert Message.objects.get(pk=deep.pk).parent_message == top


def test_each_model_says_what_it_is() -> None:
    message = Message.objects.edit(send().pk, "two")
    history = message.history.get()
    assert str(message) == f"#{message.pk}"
    assert str(message.notifications.get()) == f"#{message.pk} for bob"
    assert str(history) == f"#{message.pk} until {history.edited_at}"
    assert str(Conversation.objects.get(owner=message.sender)) == "alice with bob"

"""What a host project can rely on, under its own settings and user model.

Run with `python manage.py test messaging`.
"""

from __future__ import annotations

from typing import Any
from uuid import uuid4

from django.contrib.auth import get_user_model
from django.db import models
from django.test import TestCase

from messaging import accounts, health
from messaging.exceptions import ThreadCycle
from messaging.models import Message, MessageHistory, Notification

FILLERS = (
    (models.EmailField, lambda: f"{uuid4().hex}@example.com"),
    (models.UUIDField, uuid4),
    ((models.CharField, models.TextField), lambda: uuid4().hex[:8]),
    (models.BooleanField, lambda: False),
    ((models.IntegerField, models.DecimalField, models.FloatField), lambda: 1),
)


def filler(field: Any) -> Any:
    """A value for a field that the project's user model requires."""
    return next((make() for kinds, make in FILLERS if isinstance(field, kinds)), None)


def make_user() -> Any:
    """A user of whatever model the project has, saved as any other row is."""
    model = get_user_model()
    names = {model.USERNAME_FIELD, *model.REQUIRED_FIELDS}
    fields = [model._meta.get_field(name) for name in names]
    plain = [field for field in fields if not field.is_relation]
    return model._default_manager.create(**{field.name: filler(field) for field in plain})


class MessagingTests(TestCase):
    """Alice and Bob, with one message between them."""

    def setUp(self) -> None:
        self.alice, self.bob = make_user(), make_user()
        self.message = Message.objects.send(self.alice, self.bob, "hi")

    def tearDown(self) -> None:
        self.assertEqual(health.faults(), [])

    def test_the_receiver_is_notified_once(self) -> None:
        self.message.save()
        notification = Notification.objects.get(message=self.message)
        self.assertEqual(notification.user, self.bob)

    def test_every_version_is_kept(self) -> None:
        Message.objects.edit(self.message.pk, "hello", editor=self.alice)
        Message.objects.filter(pk=self.message.pk).update(content="hey")
        versions = Message.objects.versions(self.message.pk)
        self.assertEqual([version.content for version in versions], ["hi", "hello", "hey"])
        self.assertEqual(versions[1].edited_by, self.alice.get_username())

    def test_a_message_and_its_notification_are_marked_together(self) -> None:
        self.assertEqual(Message.objects.filter(receiver=self.bob).mark_read(), 1)
        self.assertTrue(Notification.objects.get(message=self.message).read)
        self.assertFalse(Message.unread.unread_for_user(self.bob).exists())

    def test_the_unread_are_listed_in_one_query(self) -> None:
        with self.assertNumQueries(1):
            names = [
                (message.content, message.sender.get_username())
                for message in Message.unread.unread_for_user(self.bob)
            ]
        self.assertEqual(names, [("hi", self.alice.get_username())])

    def test_a_thread_is_loaded_in_two_queries(self) -> None:
        reply = Message.objects.reply(self.message.pk, self.bob, "hello")
        with self.assertNumQueries(2):
            thread = Message.objects.load_thread(reply.pk)
            self.assertEqual(list(thread.replies.all()), [reply])

    def test_a_circle_is_refused(self) -> None:
        reply = Message.objects.reply(self.message.pk, self.bob, "hello")
        self.message.parent_message = reply
        with self.assertRaises(ThreadCycle):
            self.message.save()

    def test_replies_by_others_stay_when_an_account_goes(self) -> None:
        carol, dave = make_user(), make_user()
        stays = Message.objects.send(carol, dave, "me too", parent=self.message)
        Message.objects.edit(self.message.pk, "hello")
        gone = accounts.delete_user(self.alice)
        self.assertEqual((gone.sent, gone.received, gone.reattached), (1, 0, 1))
        self.assertEqual(list(Message.objects.all()), [stays])
        self.assertEqual(Notification.objects.count(), 1)
        self.assertFalse(MessageHistory.objects.exists())

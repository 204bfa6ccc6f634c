"""Messages, their earlier versions, the notifications about them, and who talks with whom."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import models, router, transaction
from django.db.models.functions import Greatest, Least
from django.utils import timezone

from messaging.deletion import CASCADE
from messaging.managers import (
    ConversationQuerySet,
    MessageManager,
    NotificationQuerySet,
    UnreadMessagesManager,
)

if TYPE_CHECKING:
    from messaging.types import AnyUser


class Whole(models.Model):
    """A model that is saved and deleted together with all that goes with it, or not at all."""

    class Meta:
        abstract = True

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save, with what the receivers of `messaging.signals` do, in one transaction."""
        using = kwargs.get("using") or router.db_for_write(type(self), instance=self)
        with transaction.atomic(using=using):
            super().save(*args, **kwargs)

    def delete(
        self, using: str | None = None, keep_parents: bool = False
    ) -> tuple[int, dict[str, int]]:
        """Delete as the model's queryset does: see `delete` of its manager."""
        using = using or router.db_for_write(type(self), instance=self)
        deleted = type(self)._default_manager.using(using).filter(pk=self.pk).delete()
        self.pk = None
        return deleted


class Message(Whole):
    """A direct message from one user to another, perhaps in reply to an earlier one.

    `timestamp` is an aware datetime. Set `editor` to a user before saving a changed
    `content`, and that user is remembered as the one who edited.
    """

    sender = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=CASCADE, related_name="sent_messages"
    )
    receiver = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=CASCADE, related_name="received_messages"
    )
    content = models.TextField()
    timestamp = models.DateTimeField(default=timezone.now)
    edited = models.BooleanField(default=False, editable=False)
    read = models.BooleanField(default=False)
    parent_message = models.ForeignKey(
        "self", on_delete=models.SET_NULL, null=True, blank=True, related_name="replies"
    )
    # The message that opened the thread, NULL in that message itself; see messaging.trees.
    root = models.ForeignKey(
        "self", on_delete=models.DO_NOTHING, null=True, editable=False, related_name="+"
    )
    # The id that the message had in the archive it came from, where it could not be kept.
    # NULL, which an index can leave aside, in all that were written here.
    source_id = models.CharField(  # noqa: DJ001
        max_length=255, null=True, editable=False, db_index=True
    )

    # Not columns: who is editing, and what a save found in the database before it wrote.
    editor: AnyUser | None = None
    stored: dict[str, Any] | None = None

    objects = MessageManager()
    unread = UnreadMessagesManager()

    class Meta:
        # Every path to a message (related managers, refresh, cascades) keeps the same rules.
        base_manager_name = "objects"
        default_manager_name = "objects"
        indexes = [
            models.Index(
                fields=["receiver", "timestamp", "id"],
                condition=models.Q(read=False),
                name="messaging_unread",
            ),
            models.Index(
                fields=["receiver", "sender"],
                condition=models.Q(read=False),
                name="messaging_unread_from",
            ),
            models.Index(
                Least("sender", "receiver"),
                Greatest("sender", "receiver"),
                "timestamp",
                "id",
                name="messaging_between",
            ),
        ]

    def __str__(self) -> str:
        return f"#{self.pk}"

    def save(self, *args: Any, **kwargs: Any) -> None:
        """Save the message and all that goes with it (see `messaging.signals`), or nothing.

        Raises ThreadCycle when the message would become a reply to itself.
        """
        super().save(*args, **kwargs)
        self.editor = None  # not before, so that a save which failed can be tried again

    def clean(self) -> None:
        """Tell a form what `save` would raise: the message would be a reply to itself."""
        root = self.root_id or self.pk
        thread = Message.objects.filter(models.Q(pk=root) | models.Q(root=root))
        parents = dict(thread.values_list("pk", "parent_message_id"))
        above = self.parent_message_id
        while above in parents and above != self.pk:
            above = parents.pop(above)
        if above is not None and above == self.pk:
            raise ValidationError("A message can't be a reply to itself or to a reply to it.")


class Notification(Whole):
    """Tells the receiver of a message that it came; read exactly when the message is."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="notifications",
        db_index=False,  # the index on user and timestamp below serves it
    )
    message = models.ForeignKey(
        Message,
        on_delete=models.CASCADE,
        related_name="notifications",
        db_index=False,  # the unique constraint below serves it
    )
    timestamp = models.DateTimeField(default=timezone.now)
    read = models.BooleanField(default=False)

    objects = NotificationQuerySet.as_manager()

    class Meta:
        base_manager_name = "objects"
        indexes = [models.Index(fields=["user", "timestamp", "id"], name="messaging_notifications")]
        constraints = [
            models.UniqueConstraint(fields=["message"], name="messaging_one_notification")
        ]

    def __str__(self) -> str:
        return f"#{self.message_id} for {self.user}"


class MessageHistory(models.Model):
    """One earlier version of a message: what it said until `edited_at`."""

    message = models.ForeignKey(Message, on_delete=models.CASCADE, related_name="history")
    old_content = models.TextField()
    edited_at = models.DateTimeField(default=timezone.now)
    # Whoever made the edit that replaced this version, where that is known. The version is
    # part of somebody else's message, so it stays when the editor's account goes.
    edited_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        ordering = ["id"]
        verbose_name_plural = "message history"

    def __str__(self) -> str:
        return f"#{self.message_id} until {self.edited_at}"


class Mail(models.Model):
    """What a message that came by mail, or from another tool, is known by elsewhere.

    `messaging.archive` finds its thread by it, and knows it again when it comes once more.
    """

    message = models.OneToOneField(
        Message, on_delete=models.CASCADE, primary_key=True, related_name="mail"
    )
    msg_id = models.CharField(max_length=255)  # as RFC 5322 calls it, without <>
    subject = models.TextField(blank=True)
    # The same number in all mail that names an id in common, as messages of one thread do.
    component = models.BigIntegerField()
    # Of a message without a parent: the msg_id of what its thread began with, which is absent.
    absent_root = models.CharField(  # noqa: DJ001  (NULL in most, which an index leaves aside)
        max_length=255, null=True, blank=True
    )

    class Meta:
        verbose_name_plural = "mail"
        constraints = [models.UniqueConstraint(fields=["msg_id"], name="messaging_one_msg_id")]
        indexes = [
            models.Index(fields=["component"], name="messaging_mail_component"),
            models.Index(
                fields=["absent_root"],
                condition=models.Q(absent_root__isnull=False),
                name="messaging_absent_root",
            ),
        ]

    def __str__(self) -> str:
        return f"<{self.msg_id}>"


class Reference(models.Model):
    """An id that a mail names: those of what it answers, the oldest first, and last its own."""

    mail = models.ForeignKey(
        Mail,
        on_delete=models.CASCADE,
        related_name="references",
        db_index=False,  # the unique constraint below serves it
    )
    position = models.PositiveSmallIntegerField()
    msg_id = models.CharField(max_length=255)

    class Meta:
        indexes = [models.Index(fields=["msg_id"], name="messaging_reference_msg_id")]
        constraints = [
            models.UniqueConstraint(fields=["mail", "position"], name="messaging_one_reference")
        ]

    def __str__(self) -> str:
        return f"<{self.msg_id}>"


class Conversation(models.Model):
    """One row of `owner`'s inbox: the newest message to or from `other`.

    Kept by `messaging.conversations`, and worked out again from the messages at need.
    """

    owner = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.CASCADE,
        related_name="conversations",
        db_index=False,  # both constraints below begin with it
    )
    other = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    last_message = models.ForeignKey(
        Message, on_delete=models.DO_NOTHING, null=True, related_name="+"
    )
    last_timestamp = models.DateTimeField(null=True)
    # Another random number after every change to a message of the two: see messaging.caching.
    version = models.BigIntegerField(db_default=0, editable=False)

    objects = ConversationQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["owner", "other"], name="messaging_one_conversation")
        ]
        indexes = [
            models.Index(fields=["owner", "last_timestamp", "last_message"], name="messaging_inbox")
        ]

    def __str__(self) -> str:
        return f"{self.owner} with {self.other}"

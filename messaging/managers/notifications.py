"""Notifications: one for each message, and marked as it is."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import NotSupportedError, connections, models, transaction
from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL

from messaging import conversations, trees
from messaging.batches import batched
from messaging.exceptions import NotFound
from messaging.managers.rows import NotificationRow, message_columns, name_of
from messaging.threads import MessageRow

if TYPE_CHECKING:
    from messaging.managers.messages import MessageQuerySet
    from messaging.models import Message, Notification

NOTIFIED = "messaging_notified"


class NotificationQuerySet(models.QuerySet["Notification"]):
    """Notifications; marking or dismissing one does the same to its message."""

    @property
    def write_db(self) -> str:
        self._for_write = True
        return self.db

    def of_user(self, user: Any) -> NotificationQuerySet:
        """A user's notifications, newest first."""
        return self.filter(user=user).order_by("-timestamp", "-id")

    def before(self, notification_id: int) -> NotificationQuerySet:
        """Those older than this one of them: the next page, found by index. Raises NotFound."""
        timestamp = self.filter(pk=notification_id).values_list("timestamp", flat=True).first()
        if timestamp is None:
            raise NotFound(f"No notification {notification_id}.")
        return self.filter(
            Q(timestamp__lt=timestamp) | Q(timestamp=timestamp, id__lt=notification_id),
            timestamp__lte=timestamp,
        )

    def create_for(self, messages: Iterable[Message], read: bool | None = None) -> None:
        """One notification for the receiver of each message, marked as the message is."""
        model = self.model
        super().bulk_create(
            model(
                user_id=message.receiver_id,
                message_id=message.pk,
                timestamp=message.timestamp,
                read=message.read if read is None else read,
            )
            for message in messages
        )

    create_for.alters_data = True  # type: ignore[attr-defined]

    def follow(self, message_ids: Iterable[int]) -> None:
        """Mark the notifications of these messages as the messages are marked now."""
        for batch in batched(message_ids):
            about = self.filter(message__in=batch)
            for read in (True, False):
                QuerySet.update(about.filter(message__read=read).exclude(read=read), read=read)
            unheard = self._messages().filter(pk__in=batch, read=False)
            self.create_for(unheard.filter(notifications__isnull=True))

    follow.alters_data = True  # type: ignore[attr-defined]

    def rows(self) -> list[NotificationRow]:
        """The notifications with their messages as plain rows, in one query."""
        columns = ("id", name_of("user"), "timestamp", "read", *message_columns("message__"))
        return [
            NotificationRow._make((*row[:4], MessageRow._make(row[4:])))
            for row in self.values_list(*columns)
        ]

    def update(self, **kwargs: Any) -> int:
        if "read" not in kwargs:
            return super().update(**kwargs)
        with self._messages_of([self]) as messages:
            matched = QuerySet.update(self.filter(message__in=messages), **kwargs)
            _mark(messages)
            self._result_cache = None
            return matched

    update.alters_data = True  # type: ignore[attr-defined]

    def delete(self) -> tuple[int, dict[str, int]]:
        """Dismiss the notifications; their messages count as read."""
        with self._messages_of([self]) as messages:
            deleted = QuerySet.delete(self.filter(message__in=messages))
            QuerySet.update(messages.filter(read=False), read=True)
            self._result_cache = None
            return deleted

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    def bulk_create(
        self,
        objs: Iterable[Notification],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Collection[str] | None = None,
        unique_fields: Collection[str] | None = None,
    ) -> list[Notification]:
        if ignore_conflicts or update_conflicts:
            raise NotSupportedError("Notifications can't be created over others.")
        with transaction.atomic(using=self.write_db):
            created = super().bulk_create(objs, batch_size=batch_size)
            every = self.model.objects.using(self.db)
            pks = batched(notification.pk for notification in created)
            with self._messages_of(every.filter(pk__in=some) for some in pks) as messages:
                _mark(messages)
            return created

    bulk_create.alters_data = True  # type: ignore[attr-defined]

    @contextmanager
    def _messages_of(self, querysets: Iterable[NotificationQuerySet]) -> Iterator[MessageQuerySet]:
        """The messages that these notifications are about when the block begins, to be marked.

        Then their conversations are told.
        """
        using = self.write_db
        with (
            transaction.atomic(using=using),
            connections[using].cursor() as cursor,
            trees.temporary_ids(cursor, NOTIFIED),
        ):
            for some in querysets:
                messages = self._messages().filter(notifications__in=some.order_by().values("pk"))
                trees.fill(cursor, NOTIFIED, messages)
            ids = RawSQL(f"SELECT id FROM {NOTIFIED}", ())  # noqa: S611  (a constant)
            messages = self._messages().filter(pk__in=ids)
            yield messages
            conversations.changed(messages, using)

    def _messages(self) -> MessageQuerySet:
        message: type[Message] = apps.get_model("messaging", "Message")
        return message.objects.using(self.db).order_by()


def _mark(messages: MessageQuerySet) -> None:
    """Mark messages as their notifications are marked."""
    for read in (True, False):
        QuerySet.update(messages.filter(notifications__read=read).exclude(read=read), read=read)

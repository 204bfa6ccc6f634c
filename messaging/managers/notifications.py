"""Notifications: one for each message, and marked as it is."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import NotSupportedError, models, transaction
from django.db.models import QuerySet

from messaging.batches import batched
from messaging.managers.rows import NotificationRow, message_columns, name_of
from messaging.threads import MessageRow

if TYPE_CHECKING:
    from messaging.models import Message, Notification


class NotificationQuerySet(models.QuerySet["Notification"]):
    """Notifications; marking or dismissing one does the same to its message."""

    @property
    def write_db(self) -> str:
        self._for_write = True
        return self.db

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
        with transaction.atomic(using=self.write_db):
            if "read" not in kwargs:
                return super().update(**kwargs)
            ids = list(self.order_by().values_list("pk", flat=True))
            matched = super().update(**kwargs)
            self._mark_messages(ids)
            return matched

    update.alters_data = True  # type: ignore[attr-defined]

    def delete(self) -> tuple[int, dict[str, int]]:
        """Dismiss the notifications; their messages count as read."""
        with transaction.atomic(using=self.write_db):
            ids = list(self.order_by().values_list("message", flat=True))
            deleted = super().delete()
            for batch in batched(ids):
                QuerySet.update(self._messages().filter(pk__in=batch, read=False), read=True)
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
            self._mark_messages([notification.pk for notification in created])
            return created

    bulk_create.alters_data = True  # type: ignore[attr-defined]

    def _mark_messages(self, ids: Iterable[int]) -> None:
        for batch in batched(ids):
            marked = self.model._default_manager.using(self.db).filter(pk__in=batch)
            for read in (True, False):
                about = self._messages().filter(
                    notifications__in=marked.filter(read=read).values("pk")
                )
                QuerySet.update(about.exclude(read=read), read=read)

    def _messages(self) -> QuerySet[Message]:
        message: type[Message] = apps.get_model("messaging", "Message")
        return message.objects.using(self.db).order_by()

"""Conversations: a person's inbox, read from its index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.apps import apps
from django.db import models
from django.db.models import Count, OuterRef, Subquery
from django.db.models.functions import Coalesce

from messaging.managers.rows import InboxRow, message_columns, name_of
from messaging.threads import MessageRow

if TYPE_CHECKING:
    from messaging.models import Conversation  # noqa: F401  (named in a string below)


class ConversationQuerySet(models.QuerySet["Conversation"]):
    """Who talks with whom."""

    def inbox(self, owner: Any) -> ConversationQuerySet:
        """A user's conversations, the one with the newest message first."""
        return self.filter(owner=owner).order_by("-last_timestamp", "-last_message")

    def rows(self) -> list[InboxRow]:
        """The conversations as plain rows with the owner's unread counts, in one query."""
        unread = (
            apps.get_model("messaging", "Message")
            ._default_manager.filter(
                receiver=OuterRef("owner"), sender=OuterRef("other"), read=False
            )
            .order_by()
            .values("receiver")
            .annotate(count=Count("*"))
            .values("count")
        )
        counted = self.annotate(unread=Coalesce(Subquery(unread), 0))
        columns = (name_of("other"), "unread", *message_columns("last_message__"))
        return [
            InboxRow(user=row[0], unread=row[1], last_message=MessageRow._make(row[2:]))
            for row in counted.values_list(*columns)
        ]

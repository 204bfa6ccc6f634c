"""Conversations: a person's inbox, read from its index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db import connections, models
from django.db.models import Q
from django.db.models.expressions import RawSQL

from messaging.managers.rows import InboxRow, message_columns, name_of
from messaging.threads import MessageRow

if TYPE_CHECKING:
    from messaging.models import Conversation, Message  # noqa: F401  (named in a string below)

# Raw, because building them from the ORM's expressions takes as long as all the rest of an inbox,
# or of answering from the cache.
UNREAD = """
    SELECT COUNT(*) FROM messaging_message unread
    WHERE unread.receiver_id = messaging_conversation.owner_id
    AND unread.sender_id = messaging_conversation.other_id AND NOT unread.read"""

VERSION = """
    SELECT conversation.version FROM {0} names
    JOIN messaging_conversation conversation ON conversation.other_id = names.{1}
    WHERE conversation.owner_id = %s AND names.{2} = %s"""


class ConversationQuerySet(models.QuerySet["Conversation"]):
    """Who talks with whom."""

    def inbox(self, owner: Any) -> ConversationQuerySet:
        """A user's conversations, the one with the newest message first."""
        return self.filter(owner=owner).order_by("-last_timestamp", "-last_message")

    def before(self, message: Message) -> ConversationQuerySet:
        """Those whose newest message is older than `message`: the next page, found by index."""
        return self.filter(
            Q(last_timestamp__lt=message.timestamp)
            | Q(last_timestamp=message.timestamp, last_message__lt=message.pk),
            last_timestamp__lte=message.timestamp,
        )

    def version(self, owner: Any, username: str) -> int | None:
        """The version of a user's conversation with another, by name; None if there is none.

        It is another after every change to what the conversation shows.
        """
        user, connection = get_user_model(), connections[self.db]
        name: Any = user._meta.get_field(user.USERNAME_FIELD)
        names = name.model._meta  # where the user model inherits them, its parent's
        quoted = map(connection.ops.quote_name, (names.db_table, names.pk.column, name.column))
        statement = VERSION.format(*quoted)
        owner_id = self.model._meta.get_field("owner").get_db_prep_save(owner.pk, connection)
        with connection.cursor() as cursor:
            cursor.execute(statement, [owner_id, username])
            row = cursor.fetchone()
        return None if row is None else int(row[0])

    def rows(self) -> list[InboxRow]:
        """The conversations as plain rows with the owner's unread counts, in one query."""
        counted = self.annotate(unread=RawSQL(UNREAD, (), models.IntegerField()))  # noqa: S611
        columns = (name_of("other"), "unread", *message_columns("last_message__"))
        return [
            InboxRow(user=row[0], unread=row[1], last_message=MessageRow._make(row[2:]))
            for row in counted.values_list(*columns)
        ]

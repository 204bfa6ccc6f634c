"""Writing messages with ids of our choosing, and what goes with each, in few statements."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.core.management.color import no_style
from django.db import connections
from django.db.models import Max

from messaging import conversations
from messaging.models import Message

INSERT_MESSAGE = """
    INSERT INTO messaging_message (id, sender_id, receiver_id, content, timestamp, read, edited,
        parent_message_id, root_id, source_id)
    VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"""
INSERT_NOTIFICATION = """
    INSERT INTO messaging_notification (message_id, user_id, timestamp, read)
    VALUES (%s, %s, %s, %s)"""


class NewMessage(NamedTuple):
    """A row of Message that is not there yet; `timestamp` is aware, in UTC."""

    pk: int
    sender_id: Any
    receiver_id: Any
    content: str
    timestamp: datetime
    read: bool
    edited: bool
    parent_id: int | None
    root_id: int | None
    source_id: str | None = None


def first_free_id(using: str) -> int:
    """The id after the newest; on PostgreSQL nobody else gets one until this is committed."""
    if connections[using].vendor == "postgresql":
        with connections[using].cursor() as cursor:
            cursor.execute("LOCK TABLE messaging_message IN SHARE ROW EXCLUSIVE MODE")
    newest = Message.objects.using(using).aggregate(newest=Max("pk"))["newest"]
    return (newest or 0) + 1


def insert_messages(messages: Sequence[NewMessage], using: str) -> None:
    """Insert messages with their notifications, and tell the conversations of them."""
    connection = connections[using]
    at = connection.ops.adapt_datetimefield_value
    rows, notifications = [], []
    for message in messages:
        time = at(message.timestamp)
        sender, receiver = (
            prepared_user(pk, using) for pk in (message.sender_id, message.receiver_id)
        )
        rows.append((message.pk, sender, receiver, message.content, time, *message[5:]))
        notifications.append((message.pk, receiver, time, message.read))
    with connection.cursor() as cursor:
        cursor.executemany(INSERT_MESSAGE, rows)
        cursor.executemany(INSERT_NOTIFICATION, notifications)
    conversations.touch(messages, using)


def set_parents(pairs: Iterable[tuple[int | None, int]], using: str) -> None:
    """Set the parent of messages, as pairs of its id and theirs; `root` is the caller's to set."""
    with connections[using].cursor() as cursor:
        cursor.executemany(
            "UPDATE messaging_message SET parent_message_id = %s WHERE id = %s", list(pairs)
        )


def number_after(using: str) -> None:
    """Let the database number the next message after those that brought their own numbers."""
    connection = connections[using]
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), [Message]):
            cursor.execute(statement)


def prepared_user(user_id: Any, using: str) -> Any:
    """The key of a user as the database takes it, whichever user model the project has."""
    return Message._meta.get_field("sender").get_db_prep_save(user_id, connections[using])

"""Keeping each person's list of conversations in step with the messages, in sets.

A Conversation row says which message is the newest between its owner and one other person.
It can always be worked out again from the messages; it is kept so that an inbox of any
size is read from an index.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from django.db import connections

from messaging.batches import batched

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper


ROWS = 100  # rows of four parameters, below SQLite's oldest limit of 999

TOUCH = """
    INSERT INTO messaging_conversation (owner_id, other_id, last_message_id, last_timestamp)
    VALUES {values}
    ON CONFLICT (owner_id, other_id) DO UPDATE
    SET last_message_id = excluded.last_message_id, last_timestamp = excluded.last_timestamp
    WHERE messaging_conversation.last_message_id IS NULL
    OR (excluded.last_timestamp, excluded.last_message_id)
     > (messaging_conversation.last_timestamp, messaging_conversation.last_message_id)"""

# {least} and {greatest} make the expression that the index on Message is built on.
RESTORE = """
    UPDATE messaging_conversation SET (last_message_id, last_timestamp) = (
        SELECT m.id, m.timestamp FROM messaging_message m
        WHERE {least}(m.sender_id, m.receiver_id)
            = {least}(messaging_conversation.owner_id, messaging_conversation.other_id)
        AND {greatest}(m.sender_id, m.receiver_id)
            = {greatest}(messaging_conversation.owner_id, messaging_conversation.other_id)
        ORDER BY m.timestamp DESC, m.id DESC LIMIT 1
    ) WHERE {condition}"""


class Sent(Protocol):
    """A message, as far as a conversation is concerned."""

    @property
    def pk(self) -> Any: ...
    @property
    def sender_id(self) -> Any: ...
    @property
    def receiver_id(self) -> Any: ...
    @property
    def timestamp(self) -> Any: ...


def touch(messages: Iterable[Sent], using: str) -> None:
    """Let both people's conversations know of these new messages; each needs its id and people."""
    connection = connections[using]
    newest: dict[tuple[Any, Any], Sent] = {}
    for message in messages:
        for pair in {
            (message.sender_id, message.receiver_id),
            (message.receiver_id, message.sender_id),
        }:
            known = newest.get(pair)
            if known is None or (message.timestamp, message.pk) > (known.timestamp, known.pk):
                newest[pair] = message
    rows = ((*pair, message.pk, message.timestamp) for pair, message in newest.items())
    with connection.cursor() as cursor:
        for batch in batched(rows, ROWS):
            values = ", ".join(["(%s, %s, %s, %s)"] * len(batch))
            cursor.execute(TOUCH.format(values=values), _prepared(batch, connection))


def refresh(pairs: Collection[tuple[Any, Any]], using: str) -> None:
    """Work out again the conversations of these pairs of user ids, in both directions."""
    from messaging.models import Conversation, Message

    for one, other in pairs:
        Conversation.objects.using(using).filter(owner=one, other=other).delete()
        Conversation.objects.using(using).filter(owner=other, other=one).delete()
        newest = Message.objects.using(using).between(one, other).newest_first().first()
        if newest is not None:
            touch([newest], using)


def restore(connection: BaseDatabaseWrapper, condition: str) -> None:
    """Find the newest message again where the raw SQL `condition` holds; drop the empty ones."""
    sqlite = connection.vendor == "sqlite"
    statement = RESTORE.format(
        least="MIN" if sqlite else "LEAST",
        greatest="MAX" if sqlite else "GREATEST",
        condition=condition,
    )
    with connection.cursor() as cursor:
        cursor.execute(statement)
        cursor.execute("DELETE FROM messaging_conversation WHERE last_message_id IS NULL")


def _prepared(rows: Sequence[tuple[Any, ...]], connection: BaseDatabaseWrapper) -> list[Any]:
    from messaging.models import Conversation

    fields: list[Any] = [
        Conversation._meta.get_field(name)
        for name in ("owner", "other", "last_message", "last_timestamp")
    ]
    return [
        field.get_db_prep_save(value, connection)
        for row in rows
        for field, value in zip(fields, row, strict=True)
    ]

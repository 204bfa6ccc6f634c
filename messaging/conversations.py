"""Keeping each person's list of conversations in step with the messages, in sets.

A Conversation row says which message is the newest between its owner and one other person.
It can always be worked out again from the messages; it is kept so that an inbox of any
size is read from an index. Its version says whether a page of the conversation that was
made earlier still shows what the messages are: see `messaging.caching`.

Whoever changes messages locks them first and the conversations last, these in the order of
their people, so that on PostgreSQL no two changes wait for each other for ever.
"""

from __future__ import annotations

import secrets
from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from django.core.exceptions import EmptyResultSet
from django.db import connections

from messaging.batches import batched

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper
    from django.db.models import QuerySet

    from messaging.models import Message

ROWS = 100  # rows of five parameters, below SQLite's oldest limit of 999

TOUCH = """
    INSERT INTO messaging_conversation
        (owner_id, other_id, last_message_id, last_timestamp, version)
    VALUES {values}
    ON CONFLICT (owner_id, other_id) DO UPDATE
    SET last_message_id = CASE WHEN {older}
        THEN messaging_conversation.last_message_id ELSE excluded.last_message_id END,
    last_timestamp = CASE WHEN {older}
        THEN messaging_conversation.last_timestamp ELSE excluded.last_timestamp END,
    version = excluded.version"""
OLDER = """(excluded.last_timestamp, excluded.last_message_id)
        < (messaging_conversation.last_timestamp, messaging_conversation.last_message_id)"""

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

# DISTINCT first, so that a conversation is looked up once however many of its messages changed.
# CROSS JOIN keeps SQLite from scanning the conversations to look them up in the short list.
CHANGED = """
    UPDATE messaging_conversation SET version = %s WHERE id IN (
        SELECT conversation.id
        FROM (SELECT DISTINCT sender_id, receiver_id FROM ({messages}) AS chosen) AS pair
        CROSS JOIN messaging_conversation conversation
        WHERE (owner_id = sender_id AND other_id = receiver_id)
        OR (owner_id = receiver_id AND other_id = sender_id)
        {lock})"""
LOCK = "ORDER BY owner_id, other_id FOR UPDATE OF conversation"


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


def new_version() -> int:
    """A version that no page was made under before.

    Random, not a counter: a row goes with its last message and may be made again, and a
    counter that began again would let an old cached page be taken for the present one.
    63 bits are what a column of whole numbers holds.
    """
    return secrets.randbits(63)


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
    version = new_version()
    rows = ((*pair, newest[pair].pk, newest[pair].timestamp, version) for pair in sorted(newest))
    with connection.cursor() as cursor:
        for batch in batched(rows, ROWS):
            values = ", ".join(["(%s, %s, %s, %s, %s)"] * len(batch))
            statement = TOUCH.format(values=values, older=OLDER)
            cursor.execute(statement, _prepared(batch, connection))


def changed(messages: QuerySet[Message], using: str) -> None:
    """Give both people's conversations a new version: these messages are not what they were.

    Call it when the messages are changed and still there, and before the commit.
    """
    connection = connections[using]
    people = messages.order_by().select_related(None).values("sender_id", "receiver_id")
    try:
        sql, params = people.query.get_compiler(connection=connection).as_sql()
    except EmptyResultSet:  # Django's way to say that a filter can't match anything
        return
    lock = LOCK if connection.features.has_select_for_update else ""
    with connection.cursor() as cursor:
        cursor.execute(CHANGED.format(messages=sql, lock=lock), (new_version(), *params))


def refresh(pairs: Collection[tuple[Any, Any]], using: str) -> None:
    """Work out again the conversations of these pairs of user ids, in both directions.

    A row that stays is changed where it is: whoever waits for it to set its version would
    not find one that was made anew.
    """
    from messaging.models import Conversation, Message

    user = Conversation._meta.get_field("owner")
    for one, other in sorted({(min(pair), max(pair)) for pair in pairs}):
        newest = Message.objects.using(using).between(one, other).newest_first().first()
        if newest is not None:
            touch([newest], using)
        sides = [user.get_db_prep_save(pk, connections[using]) for pk in (one, other, other, one)]
        condition = "(owner_id = %s AND other_id = %s) OR (owner_id = %s AND other_id = %s)"
        restore(connections[using], condition, sides)


def restore(connection: BaseDatabaseWrapper, condition: str, params: Sequence[Any] = ()) -> None:
    """Find the newest message again where the raw SQL `condition` holds; drop the empty ones.

    The versions are the caller's to set, before, which also locks the rows.
    """
    sqlite = connection.vendor == "sqlite"
    statement = RESTORE.format(
        least="MIN" if sqlite else "LEAST",
        greatest="MAX" if sqlite else "GREATEST",
        condition=condition,
    )
    with connection.cursor() as cursor:
        cursor.execute(statement, params)
        cursor.execute("DELETE FROM messaging_conversation WHERE last_message_id IS NULL")


def _prepared(rows: Sequence[tuple[Any, ...]], connection: BaseDatabaseWrapper) -> list[Any]:
    from messaging.models import Conversation

    fields: list[Any] = [
        Conversation._meta.get_field(name)
        for name in ("owner", "other", "last_message", "last_timestamp", "version")
    ]
    return [
        field.get_db_prep_save(value, connection)
        for row in rows
        for field, value in zip(fields, row, strict=True)
    ]

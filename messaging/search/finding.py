"""The messages in which words are, best first, by the means that the database has."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.db import connections
from django.db.models.expressions import RawSQL

from messaging.search import index
from messaging.search.words import Term, terms

if TYPE_CHECKING:
    from messaging.managers.messages import MessageQuerySet


def search(messages: MessageQuerySet, typed: str) -> MessageQuerySet:
    """Those of `messages` in which all words of `typed` are; none if it has no words."""
    wanted = terms(typed)
    connection = connections[messages.db]
    if not wanted:
        return messages.none()
    if connection.vendor == "postgresql":
        return _by_tsvector(messages, wanted)
    if index.is_there(connection):
        return _by_fts5(messages, wanted)
    return _by_text(messages, wanted)


# The SQL is made of names in this repository; what was typed goes into parameters.


def _by_fts5(messages: MessageQuerySet, wanted: Sequence[Term]) -> MessageQuerySet:
    return messages.order_by().extra(  # type: ignore[return-value]  # noqa: S610
        tables=[index.TABLE],
        where=[
            f"{index.TABLE}.rowid = messaging_message.id",
            f"{index.TABLE} MATCH %s",
        ],
        params=[index.match(wanted)],
        # By rank alone, which FTS5 sorts by itself: with more to sort by, SQLite would sort rows.
        order_by=[f"{index.TABLE}.rank"],
    )


def _by_tsvector(messages: MessageQuerySet, wanted: Sequence[Term]) -> MessageQuerySet:
    column, query = f"messaging_message.{index.TABLE}", "to_tsquery('simple', %s)"
    params = [index.tsquery(wanted)]
    rank = RawSQL(f"ts_rank({column}, {query})", params)  # noqa: S611
    found = messages.extra(where=[f"{column} @@ {query}"], params=params)  # noqa: S610
    return found.order_by(rank.desc(), "-timestamp", "-id")  # type: ignore[return-value]


def _by_text(messages: MessageQuerySet, wanted: Sequence[Term]) -> MessageQuerySet:
    for term in wanted:
        messages = messages.filter(content__icontains=" ".join(term.words))
    return messages.newest_first()

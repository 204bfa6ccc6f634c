"""Searching 1,000,000 messages, against the bare FTS5 query through sqlite3."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from functools import partial
from itertools import accumulate
from typing import Any

from common import Figures, Row, best, chatter, empty_store, fill, raw_connection

from messaging.models import Message
from messaging.threads import MessageRow

NUMBER = 1_000_000
PEOPLE = 1000
PAGE = 50
RUNS = 15
# A few words are in many messages, most in few (Zipf's law).
WORDS = [f"word{rank}" for rank in range(1, 20_001)]
FREQUENCIES = list(accumulate(1 / rank for rank in range(1, len(WORDS) + 1)))
# What a page of results shows, by SQL alone.
QUERY = """
    SELECT m.id, sender.username, receiver.username, m.content, m.timestamp, m.read, m.edited,
        m.parent_message_id, m.root_id
    FROM messaging_search JOIN messaging_message m ON m.id = messaging_search.rowid
    JOIN auth_user sender ON sender.id = m.sender_id
    JOIN auth_user receiver ON receiver.id = m.receiver_id
    WHERE messaging_search MATCH ? ORDER BY messaging_search.rank LIMIT 50"""


def messages() -> Iterator[Row]:
    """Messages of twelve words each."""
    chance = random.Random(NUMBER)
    for row in chatter(NUMBER, PEOPLE):
        words = chance.choices(WORDS, cum_weights=FREQUENCIES, k=12)
        yield row._replace(content=" ".join(words))


def found(word: str) -> list[MessageRow]:
    return Message.objects.search(word)[:PAGE].rows()


def found_bare(raw: sqlite3.Connection, word: str) -> list[tuple[Any, ...]]:
    return raw.execute(QUERY, [f'"{word}"']).fetchall()


def main() -> None:
    """Measure and print."""
    figures = Figures()
    empty_store()
    fill(messages(), PEOPLE)
    with closing(raw_connection()) as raw:
        for word in ("word2", "word100"):
            count = raw.execute(
                "SELECT COUNT(*) FROM messaging_search WHERE messaging_search MATCH ?", [word]
            ).fetchone()[0]
            ours, bare = best(RUNS, partial(found, word), partial(found_bare, raw, word))
            figures.ratio(f"search of a word in {count:,} of {NUMBER:,} / FTS5", ours, bare, 2)
    figures.end()


if __name__ == "__main__":
    main()

"""Importing JSON Lines, against raw executemany of the same rows; and its memory."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any

from common import (
    FOLDER,
    INSERT_MESSAGE,
    INSERT_NOTIFICATION,
    INSERT_USER,
    MSGCLI,
    Figures,
    Row,
    best_timed,
    chatter,
    empty_store,
    keep_store,
    raw_connection,
    run_for_memory,
    seconds,
    use_store,
    user_name,
)

from messaging.archive import import_records
from messaging.archive.jsonlines import records

NUMBER = 100_000
MANY = 1_000_000
PEOPLE = 1000
RUNS = 3
INSERT_CONVERSATION = """
    INSERT INTO messaging_conversation (owner_id, other_id, last_message_id, last_timestamp)
    VALUES (?, ?, ?, ?)"""


def line(row: Row) -> str:
    """A message as a line of an archive."""
    return json.dumps(
        {
            "id": row.id,
            "sender": user_name(row.sender),
            "receiver": user_name(row.receiver),
            "content": row.content,
            "timestamp": datetime.fromisoformat(row.timestamp).isoformat() + "Z",
            "parent_id": row.parent,
            "read": row.read,
        }
    )


def archive(number: int) -> Path:
    """A file of messages in the order in which they were sent."""
    path = FOLDER / f"{number}.jsonl"
    with path.open("w") as file:
        file.writelines(line(row) + "\n" for row in chatter(number, PEOPLE))
    return path


def shuffled(path: Path) -> Path:
    """The same lines in any order, so that many replies come before what they answer."""
    lines = path.read_text().splitlines(keepends=True)
    random.Random(1).shuffle(lines)
    mixed = path.with_name(f"shuffled-{path.name}")
    mixed.write_text("".join(lines))
    return mixed


def import_file(path: Path) -> float:
    """Import with the library; returns the seconds."""

    def action() -> None:
        with path.open("rb") as file:
            report = import_records(records(file))
        assert report.added == NUMBER

    return seconds(action)


def insert_raw(rows: list[Row], conversations: list[tuple[Any, ...]]) -> float:
    """Insert the same rows, which are ready in memory, with executemany; returns the seconds."""

    def action() -> None:
        with closing(raw_connection()) as raw:
            raw.execute("BEGIN IMMEDIATE")
            raw.executemany(INSERT_USER, ((n, user_name(n)) for n in range(1, PEOPLE + 1)))
            raw.executemany(INSERT_MESSAGE, rows)
            raw.executemany(
                INSERT_NOTIFICATION,
                ((row.id, row.receiver, row.timestamp, row.read) for row in rows),
            )
            raw.executemany(INSERT_CONVERSATION, conversations)
            raw.execute("COMMIT")

    return seconds(action)


def conversation_rows(rows: list[Row]) -> Iterator[tuple[Any, ...]]:
    """The rows of everybody's inboxes; the messages are in order, so the last one stays."""
    last = {pair: row for row in rows for pair in _sides(row)}
    return ((*pair, row.id, row.timestamp) for pair, row in last.items())


def _sides(row: Row) -> set[tuple[int, int]]:
    return {(row.sender, row.receiver), (row.receiver, row.sender)}


def main() -> None:
    """Measure and print."""
    figures = Figures()
    empty_store()
    empty = keep_store("empty.sqlite3")
    rows = list(chatter(NUMBER, PEOPLE))
    conversations = list(conversation_rows(rows))
    ordered = archive(NUMBER)
    mixed = shuffled(ordered)

    def imported(path: Path) -> float:
        use_store(empty)
        return import_file(path)

    def inserted() -> float:
        use_store(empty)
        return insert_raw(rows, conversations)

    in_order, any_order, floor = best_timed(
        RUNS, lambda: imported(ordered), lambda: imported(mixed), inserted
    )
    figures.ratio(f"import of {NUMBER:,} / raw executemany", in_order, floor, 10)
    figures.ratio(f"import of {NUMBER:,}, shuffled / raw executemany", any_order, floor, 10)
    many = archive(MANY)
    for what, path in (("", many), (", shuffled", shuffled(many))):
        use_store(empty)
        figures.memory(
            f"import of {MANY:,}{what}: memory", run_for_memory(MSGCLI, "import", str(path)), 200
        )
    figures.end()


if __name__ == "__main__":
    main()

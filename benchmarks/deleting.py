"""Deleting a user with many messages, against the same deletes in raw SQL; and its memory."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from common import (
    BOB,
    MSGCLI,
    Figures,
    Row,
    best_timed,
    chatter,
    empty_store,
    fill,
    keep_store,
    raw_connection,
    run_for_memory,
    seconds,
    use_store,
)

from messaging.accounts import delete_user, find_user

NUMBER = 100_000
MANY = 1_000_000
PEOPLE = 1000
RUNS = 3

# What the deletion has to do at the least: the rows, the inboxes, and the file without traces.
DELETES = """
    CREATE TEMP TABLE gone AS SELECT id FROM messaging_message WHERE sender_id = 2
        UNION SELECT id FROM messaging_message WHERE receiver_id = 2;
    UPDATE messaging_message SET parent_message_id = NULL, root_id = NULL
        WHERE parent_message_id IN gone AND id NOT IN gone;
    DELETE FROM messaging_messagehistory WHERE message_id IN gone;
    DELETE FROM messaging_notification WHERE message_id IN gone;
    DELETE FROM messaging_conversation WHERE owner_id = 2 OR other_id = 2;
    DELETE FROM messaging_message WHERE id IN gone;
    DELETE FROM auth_user WHERE id = 2;"""
WIPE = "VACUUM; PRAGMA wal_checkpoint(TRUNCATE);"


def messages(number: int) -> Iterator[Row]:
    """Every message is bob's; every tenth is answered by somebody else to somebody else."""
    return (
        row._replace(sender=BOB if row.id % 2 else row.sender, receiver=_receiver(row))
        for row in chatter(number, PEOPLE)
    )


def _receiver(row: Row) -> int:
    return row.receiver if row.id % 2 else BOB


def store_of(number: int) -> Path:
    """A store in which bob has this many messages, and the others half as many."""
    empty_store()
    others = (
        row for row in chatter(number // 2, PEOPLE, number + 1) if BOB not in (row[1], row[2])
    )
    fill((row for some in (messages(number), others) for row in some), PEOPLE)
    return keep_store(f"{number}.sqlite3")


def by_library() -> None:
    """Delete as the command does."""
    assert delete_user(find_user("bob")).messages == NUMBER


def by_hand(script: str) -> None:
    """Delete with sqlite3 alone."""
    with closing(raw_connection()) as raw:
        raw.execute("PRAGMA foreign_keys = OFF")
        raw.executescript(script)


def main() -> None:
    """Measure and print."""
    figures = Figures()
    kept = store_of(NUMBER)

    def library() -> float:
        use_store(kept)
        return seconds(by_library)

    def raw(script: str) -> float:
        use_store(kept)
        return seconds(lambda: by_hand(script))

    deletes = f"BEGIN IMMEDIATE; {DELETES} COMMIT;"
    ours, floor, wiped = best_timed(
        RUNS, library, lambda: raw(deletes), lambda: raw(deletes + WIPE)
    )
    figures.ratio(f"delete-user with {NUMBER:,} / raw SQL", ours, floor, 3)
    figures.ratio(f"delete-user with {NUMBER:,} / raw SQL, VACUUM", ours, wiped, 3)
    for number, store in ((NUMBER, kept), (MANY, store_of(MANY))):
        use_store(store)
        taken = run_for_memory(MSGCLI, "delete-user", "bob", "--yes")
        figures.memory(f"delete-user with {number:,}: memory", taken, 150)
    figures.end()


if __name__ == "__main__":
    main()

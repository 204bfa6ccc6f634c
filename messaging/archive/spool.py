"""Letters that wait to be posted, in a scratch database on disk that goes with the process."""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Iterable, Iterator

from messaging.archive.letters import Letter
from messaging.archive.records import Place, Record
from messaging.batches import batched

SCRATCH = """
    CREATE TABLE letter (n INTEGER PRIMARY KEY, id TEXT UNIQUE, time REAL, file TEXT,
        position INTEGER, data BLOB, taken INTEGER DEFAULT 0);
    CREATE INDEX by_time ON letter (time, id) WHERE NOT taken;
    CREATE TABLE record (n INTEGER PRIMARY KEY, file TEXT, position INTEGER, data BLOB);
"""
COLUMNS = "n, file, position, data"

Waiting = tuple[Place, Letter]


class Spool:
    """What was read of an archive, until it is in the store."""

    def __init__(self) -> None:
        self.scratch = sqlite3.connect("", isolation_level=None)
        self.scratch.executescript(SCRATCH)
        self.scratch.execute("BEGIN")

    def __len__(self) -> int:
        return int(self.scratch.execute("SELECT COUNT(*) FROM letter").fetchone()[0])

    def close(self) -> None:
        """Let go of the disk space."""
        self.scratch.close()

    def add(self, place: Place, letter: Letter) -> bool:
        """Keep a letter; False when one of this id is here already."""
        row = (letter.id, letter.timestamp.timestamp(), *place, pickle.dumps(letter))
        added = self.scratch.execute(
            "INSERT OR IGNORE INTO letter (id, time, file, position, data) VALUES (?, ?, ?, ?, ?)",
            row,
        )
        return bool(added.rowcount)

    def add_record(self, place: Place, record: Record) -> None:
        """Keep a line of JSON Lines that was among the letters."""
        self.scratch.execute(
            "INSERT INTO record (file, position, data) VALUES (?, ?, ?)",
            (*place, pickle.dumps(record)),
        )

    def records(self) -> Iterator[tuple[Place, Record]]:
        """The lines that were kept, in their order."""
        rows = self.scratch.execute("SELECT file, position, data FROM record ORDER BY n")
        for file, position, data in rows:
            # Written above, to a file that no other process can open.
            yield Place(file, position), pickle.loads(data)  # noqa: S301

    def batches(self, size: int) -> Iterator[list[Waiting]]:
        """The letters in the order of their times, each after those that it answers.

        A letter answered that is younger, by a wrong clock, is taken in with its reply. So
        a batch can have more than `size`.
        """
        while rows := self.scratch.execute(
            f"SELECT {COLUMNS} FROM letter WHERE NOT taken ORDER BY time, id LIMIT ?", (size,)
        ).fetchall():
            batch = self._take(rows)
            answered = {one for _, letter in batch for one in letter.references}
            while rows := self._waiting(answered):
                older = self._take(rows)
                batch += older
                answered = {one for _, letter in older for one in letter.references}
            yield batch

    def _waiting(self, ids: Iterable[str]) -> list[tuple[int, str, int, bytes]]:
        found = []
        for some in batched(ids):
            marks = ", ".join("?" * len(some))
            found += self.scratch.execute(
                f"SELECT {COLUMNS} FROM letter WHERE NOT taken AND id IN ({marks})", some
            ).fetchall()
        return found

    def _take(self, rows: Iterable[tuple[int, str, int, bytes]]) -> list[Waiting]:
        taken = list(rows)
        self.scratch.executemany(
            "UPDATE letter SET taken = 1 WHERE n = ?", [row[:1] for row in taken]
        )
        return [
            (Place(file, position), pickle.loads(data))  # noqa: S301
            for _, file, position, data in taken
        ]

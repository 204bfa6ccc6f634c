"""What the benchmarks share: stores of any size, and the shortest of several runs.

Importing this sets Django up on an empty store in a temporary folder, which goes with the process.
"""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import NamedTuple

_folder = TemporaryDirectory(prefix="msgcli-benchmark-")
FOLDER = Path(_folder.name)
for name in [name for name in os.environ if name.startswith("MSGCLI_")]:
    del os.environ[name]
os.environ["MSGCLI_DATA_DIR"] = str(FOLDER)
STORE = FOLDER / "msgcli.sqlite3"
MSGCLI = str(Path(sys.executable).with_name("msgcli"))

from msgcli import bootstrap  # noqa: E402

bootstrap.setup_django()

ALICE, BOB, CAROL, DAVE = 1, 2, 3, 4
START = datetime(2026, 1, 1)
INSERT_MESSAGE = """
    INSERT INTO messaging_message (id, sender_id, receiver_id, content, timestamp, read, edited,
        parent_message_id, root_id)
    VALUES (?, ?, ?, ?, ?, ?, 0, ?, ?)"""
INSERT_USER = """
    INSERT INTO auth_user (id, username, password, is_superuser, first_name, last_name, email,
        is_staff, is_active, date_joined)
    VALUES (?, ?, '!', 0, '', '', '', 0, 1, '2026-01-01 00:00:00')"""
INSERT_NOTIFICATION = (
    "INSERT INTO messaging_notification (message_id, user_id, timestamp, read) VALUES (?, ?, ?, ?)"
)
NOTIFY = """
    INSERT INTO messaging_notification (message_id, user_id, timestamp, read)
    SELECT id, receiver_id, timestamp, read FROM messaging_message"""
# SQLite takes the bare columns from the row that has the maximum.
CONVERSE = """
    INSERT INTO messaging_conversation
        (owner_id, other_id, last_message_id, last_timestamp, version)
    SELECT owner, other, id, MAX(timestamp), 0 FROM (
        SELECT sender_id AS owner, receiver_id AS other, id, timestamp FROM messaging_message
        UNION ALL SELECT receiver_id, sender_id, id, timestamp FROM messaging_message
    ) GROUP BY owner, other"""


class Row(NamedTuple):
    """A message as INSERT_MESSAGE takes it."""

    id: int
    sender: int
    receiver: int
    content: str
    timestamp: str
    read: bool
    parent: int | None = None
    root: int | None = None


class Run(NamedTuple):
    """What a process took: seconds, and at its peak bytes of memory."""

    seconds: float
    memory: int


def user_name(number: int) -> str:
    """The name of a user: the first four have one of their own."""
    return ("alice", "bob", "carol", "dave")[number - 1] if number <= DAVE else f"friend{number}"


def at(number: int) -> str:
    """The time of a message as SQLite keeps it: one a minute."""
    return str(START + timedelta(minutes=number))


def chatter(number: int, people: int, first: int = 1) -> Iterator[Row]:
    """Messages among `people`, half of them replies; half are alice's, a fifth with bob.

    The newest 50 to alice are unread, and a tenth of everybody else's.
    """
    chance = random.Random(number)
    newest: dict[tuple[int, int], Row] = {}
    unread_from = first + number - 500
    unread_of_alice = 50
    for pk in range(first, first + number):
        dice = chance.random()
        one = ALICE if dice < 0.5 else chance.randint(BOB, people)
        other = BOB if dice < 0.2 else chance.randint(BOB, people)
        sender, receiver = (one, other) if chance.random() < 0.5 else (other, one)
        read = chance.random() > 0.1
        if receiver == ALICE:
            read = not (pk >= unread_from and unread_of_alice > 0)
            unread_of_alice -= not read
        pair = (min(one, other), max(one, other))
        above = newest.get(pair) if chance.random() < 0.5 else None
        parent = above.id if above else None
        root = (above.root or above.id) if above else None
        text = f"Message {pk} is about as long as what people say in one go, not much longer."
        newest[pair] = row = Row(pk, sender, receiver, text, at(pk), read, parent, root)
        yield row


def thread(parents: Sequence[int | None], first: int = 1) -> Iterator[Row]:
    """A thread between carol and dave in which message n answers message parents[n]."""
    for n, parent in enumerate(parents):
        sender, receiver = (CAROL, DAVE) if n % 2 else (DAVE, CAROL)
        answered = None if parent is None else first + parent
        root = None if parent is None else first
        text = f"Answer {n}: as long as what people say in one go, and not much longer."
        yield Row(first + n, sender, receiver, text, at(first + n), True, answered, root)


SHAPES: dict[str, Callable[[int], list[int | None]]] = {
    "deep": lambda number: [None, *range(number - 1)],
    "wide": lambda number: [None, *[0] * (number - 1)],
    "random": lambda number: [None, *map(random.Random(number).randrange, range(1, number))],
}


def empty_store() -> None:
    """Begin again with a store that has only its tables."""
    from django.db import connection

    connection.close()
    for path in FOLDER.glob("msgcli.sqlite3*"):
        path.unlink()
    bootstrap.prepare_store()
    connection.close()


def fill(rows: Iterable[Row], people: int) -> None:
    """Put messages with all that goes with them into an empty store."""
    with closing(sqlite3.connect(STORE)) as connection, connection:
        connection.execute("PRAGMA synchronous = OFF")
        connection.executemany(INSERT_USER, ((n, user_name(n)) for n in range(1, people + 1)))
        connection.executemany(INSERT_MESSAGE, rows)
        connection.execute(NOTIFY)
        connection.execute(CONVERSE)


def keep_store(name: str) -> Path:
    """A copy of the store as it is now, to begin from again."""
    from django.db import connection

    connection.close()
    with closing(sqlite3.connect(STORE)) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return Path(shutil.copyfile(STORE, FOLDER / name))


def use_store(kept: Path) -> None:
    """Let the store be a fresh copy of one that was kept."""
    from django.db import connection

    connection.close()
    for path in FOLDER.glob("msgcli.sqlite3*"):
        path.unlink()
    shutil.copyfile(kept, STORE)
    os.sync()  # or the writing of the copy is measured with what comes next


def open_store(path: Path) -> None:
    """Let Django read and write another file."""
    from django.db import connection

    connection.close()
    connection.settings_dict["NAME"] = str(path)


def raw_connection() -> sqlite3.Connection:
    """A connection by the sqlite3 module alone, with the pragmas of the store."""
    from django.db import connection

    raw = sqlite3.connect(connection.settings_dict["NAME"], isolation_level=None)
    for pragma in connection.settings_dict["OPTIONS"]["init_command"].split(";"):
        raw.execute(pragma)
    raw.execute("PRAGMA foreign_keys = ON")
    return raw


def seconds(action: Callable[[], object]) -> float:
    """How long a call takes."""
    start = perf_counter()
    action()
    return perf_counter() - start


def best(runs: int, *actions: Callable[[], object]) -> list[float]:
    """The shortest time of each action; they take turns, so that noise falls on all alike."""
    for action in actions:
        action()  # caches, bytecode
    return best_timed(runs, *[lambda action=action: seconds(action) for action in actions])


def best_timed(runs: int, *actions: Callable[[], float]) -> list[float]:
    """As `best`, for actions that say themselves how long they took."""
    times = [[action() for action in actions] for _ in range(runs)]
    return [min(column) for column in zip(*times, strict=True)]


def run(*command: str) -> float:
    """Run a command to its end with its output into a pipe; returns the seconds."""
    start = perf_counter()
    done = subprocess.run(command, capture_output=True, check=False)
    taken = perf_counter() - start
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed: {done.stderr.decode()}")
    return taken


# From a small process: what a process uses before it becomes another program counts as the
# other's, and here that would be all the memory of the benchmark.
LAUNCH = """
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:], stdout=subprocess.DEVNULL)
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)
sys.exit(code)"""


def run_for_memory(*command: str) -> Run:
    """Run a command to its end; returns the seconds and its memory at the peak."""
    start = perf_counter()
    peak = subprocess.check_output([sys.executable, "-c", LAUNCH, *command])
    return Run(perf_counter() - start, int(peak) * (1 if sys.platform == "darwin" else 1024))


class Figures:
    """The figures of one benchmark, printed as they come; the exit code says if one is missed."""

    def __init__(self) -> None:
        self.missed = 0

    def ratio(self, what: str, taken: float, floor: float, target: float) -> None:
        """A time against the time of its floor."""
        times = f"{taken * 1000:,.1f} ms / {floor * 1000:,.1f} ms"
        self._show(
            what, f"{taken / floor:.2f} x", f"{target:.2f} x", taken / floor <= target, times
        )

    def memory(self, what: str, taken: Run, megabytes: int) -> None:
        """The memory of a process at its peak."""
        used = taken.memory / 1e6
        self._show(
            what, f"{used:.0f} MB", f"{megabytes} MB", used < megabytes, f"{taken.seconds:.1f} s"
        )

    def at_least(self, what: str, rate: float, floor: float, target: float) -> None:
        """A rate against the rate of its floor, of which it has to be so much."""
        rates = f"{rate:,.0f} / {floor:,.0f}"
        self._show(what, f"{rate / floor:.2f} x", f"{target:.2f} x", rate / floor >= target, rates)

    def at_most(self, what: str, size: float, floor: float, target: float) -> None:
        """A number of bytes against what it was before."""
        sizes = f"{size / 1e6:,.0f} MB / {floor / 1e6:,.0f} MB"
        self._show(what, f"{size / floor:.2f} x", f"{target:.2f} x", size / floor <= target, sizes)

    def exact(self, what: str, found: int, wanted: int) -> None:
        """A number that has to come out."""
        self._show(what, f"{found:,}", f"{wanted:,}", found == wanted, "")

    def end(self) -> None:
        """Leave, with 1 when a target was missed."""
        sys.exit(1 if self.missed else 0)

    def _show(self, what: str, figure: str, target: str, met: bool, note: str) -> None:
        self.missed += not met
        state = "" if met else "MISSED "
        print(f"{what:<58} {figure:>9}  target {target:<9} {state}{note}", flush=True)

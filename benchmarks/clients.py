"""Sends, reads and deletes a second with 1, 8 and 32 clients, and what they waited for.

A client is a process with a connection of its own, which goes on for some seconds. There is no
target here: the table says where each database is full on this machine.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from multiprocessing import get_context
from pathlib import Path
from random import Random
from time import monotonic, sleep
from typing import Any

import large_store
from common import chatter, empty_store, fill
from django.contrib.auth import get_user_model
from django.db import connection
from on_postgres import database, durable_server, migrated

from messaging.models import Message

MESSAGES = 50_000
CLIENTS = (1, 8, 32)
SECONDS = 4.0
PATIENCE = 60  # seconds; a client that failed says nothing
ACTIVE = """
    SELECT COALESCE(wait_event_type || ' ' || wait_event, 'none, it works') FROM pg_stat_activity
    WHERE state = 'active' AND backend_type = 'client backend' AND pid <> pg_backend_pid()"""


def sends(number: int, ids: Iterator[int]) -> Callable[[], object]:
    """Send to anybody."""
    people = list(get_user_model().objects.order_by("pk"))
    chance = Random(number)

    def send() -> object:
        sender, receiver = chance.sample(people, 2)
        return Message.objects.send(sender, receiver, "As long as what people say.")

    return send


def reads(number: int, ids: Iterator[int]) -> Callable[[], object]:
    """Read the newest page of a conversation."""
    chance = Random(number)

    def page() -> object:
        other = chance.randint(2, large_store.PEOPLE)
        return Message.objects.between(1, other).newest_first()[:50].rows()

    return page


def deletes(number: int, ids: Iterator[int]) -> Callable[[], object]:
    """Delete one message after the other."""
    return lambda: Message.objects.remove(next(ids))


Work = Callable[[int, Iterator[int]], Callable[[], object]]


def client(work: Work, number: int, first: int, begin: Any, counts: Any) -> None:
    """One client: how often it did its work goes into `counts`."""
    action = work(number, iter(range(first + number * 500, first + (number + 1) * 500)))
    connection.ensure_connection()
    begin.wait()
    until, done = monotonic() + SECONDS, 0
    while monotonic() < until:
        action()
        done += 1
    counts.put(done)
    connection.close()


def rate(work: Work, clients: int, first: int) -> tuple[float, float, Counter[str]]:
    """How often a second, how busy the cores were, and what PostgreSQL's backends waited for."""
    fork = get_context("fork")
    begin, counts = fork.Barrier(clients + 1, timeout=PATIENCE), fork.Queue()
    connection.close()
    processes = [
        fork.Process(target=client, args=(work, n, first, begin, counts)) for n in range(clients)
    ]
    for process in processes:
        process.start()
    begin.wait()
    busy, idle = ticks()
    waits = watched(SECONDS)
    busy_then, idle_then = ticks()
    done = sum(counts.get(timeout=PATIENCE) for _ in processes)
    for process in processes:
        process.join()
    spent = busy_then - busy
    return done / SECONDS, spent / (spent + idle_then - idle), waits


def ticks() -> tuple[int, int]:
    """What the cores of this machine worked, and were idle, since it began; in ticks."""
    fields = list(map(int, Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:9]))
    idle = fields[3] + fields[4]
    return sum(fields) - idle, idle


def watched(seconds: float) -> Counter[str]:
    """What active connections of PostgreSQL waited for, looked at twenty times a second."""
    waits: Counter[str] = Counter()
    if connection.vendor != "postgresql":
        sleep(seconds)
        return waits
    until = monotonic() + seconds
    while monotonic() < until:
        with connection.cursor() as cursor:
            cursor.execute(ACTIVE)
            waits.update(row[0] for row in cursor.fetchall())
        sleep(0.05)
    connection.close()
    return waits


def table(where: str) -> None:
    """Print a row for each kind of work and number of clients, on the present database."""
    first = large_store.LONG + 1
    for work in (sends, reads, deletes):
        for clients in CLIENTS:
            done, busy, waits = rate(work, clients, first)
            all_waits = sum(waits.values()) or 1
            most = "; ".join(f"{n / all_waits:.0%} {name}" for name, n in waits.most_common(2))
            row = (where, work.__name__, str(clients), f"{done:,.0f}", f"{busy:.0%}", most)
            print(f"| {' | '.join(row)} |", flush=True)
            first += 500 * clients if work is deletes else 0


def main() -> None:
    """Measure and print."""
    print(f"{os.cpu_count()} cores, {MESSAGES:,} messages")
    print("| Database | Work | Clients | A second | Cores busy | Waits of PostgreSQL |")
    print("|---|---|---|---|---|---|")
    empty_store()
    fill(chatter(MESSAGES, large_store.PEOPLE), large_store.PEOPLE)
    table("SQLite")
    with durable_server() as server, database(migrated(server)):
        large_store.fill(MESSAGES)
        table("PostgreSQL")


if __name__ == "__main__":
    main()

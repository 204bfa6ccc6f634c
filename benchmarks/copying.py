"""Copying a store to PostgreSQL and back, against the same rows by hand; and its memory."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager

import psycopg
from common import MSGCLI, STORE, Figures, best_timed, chatter, empty_store, fill, run_for_memory
from common import seconds as timed
from django.core.management import call_command
from on_postgres import durable_server

import settings
from messaging.copying import copy
from msgcli.connections import connected
from tests.databases import Postgres

NUMBER = 100_000
MANY = 1_000_000
PEOPLE = 1000
RUNS = 3
# What a copy by hand needs, in an order that satisfies the foreign keys.
TABLES = ("auth_user", "messaging_message", "messaging_notification", "messaging_conversation")
FLAGS = {"is_superuser", "is_staff", "is_active", "read", "edited"}


@contextmanager
def silent(what: str, number: int) -> Iterator[Callable[[int], None]]:
    """No bar."""
    yield lambda done: None


def by_library(server: Postgres) -> float:
    """Copy as the command does, comparing both sides at the end."""
    with connected("target", settings.database(server.new_database())):
        call_command("migrate", database="target", verbosity=0)
        return timed(lambda: copy("default", "target", silent))


def by_hand(server: Postgres) -> float:
    """Read with sqlite3 and write with psycopg's `executemany`, in one transaction."""
    url = server.new_database()
    with connected("target", settings.database(url)):
        call_command("migrate", database="target", verbosity=0)

    def action() -> None:
        with closing(sqlite3.connect(STORE)) as source, psycopg.connect(url) as target:
            for table in TABLES:
                rows = source.execute(f"SELECT * FROM {table}")
                names = [column[0] for column in rows.description]
                values = ", ".join("%s::int::bool" if n in FLAGS else "%s" for n in names)
                statement = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({values})"
                target.cursor().executemany(statement, rows)

    return timed(action)


def store_of(number: int) -> None:
    """A store with this many messages."""
    empty_store()
    fill(chatter(number, PEOPLE), PEOPLE)


def main() -> None:
    """Measure and print."""
    figures = Figures()
    with durable_server() as server:
        store_of(NUMBER)
        ours, floor = best_timed(RUNS, lambda: by_library(server), lambda: by_hand(server))
        figures.ratio(f"copy of {NUMBER:,} to PostgreSQL / executemany", ours, floor, 4)
        store_of(MANY)
        taken = run_for_memory(MSGCLI, "copy", "--to", server.new_database())
        figures.memory(f"copy of {MANY:,} to PostgreSQL: memory", taken, 150)
    figures.end()


if __name__ == "__main__":
    main()

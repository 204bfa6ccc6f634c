"""Waiting for messages: woken by PostgreSQL, by looking again and again elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from functools import partial
from time import sleep
from typing import TYPE_CHECKING

from django.db import InterfaceError, OperationalError, connections

from messaging.arrivals.cursors import Arrivals
from messaging.arrivals.schema import CHANNEL

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

    from messaging.threads import MessageRow

# Seconds between two looks: where nothing says that there is news, and where something does but
# may fail to, as behind a pool that lends connections for one transaction.
EVERY = 0.25
AT_LEAST_EVERY = 1.0

# Seconds before a lost database is tried again: the first time, and at most.
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 5.0


def watch(arrivals: Arrivals, on_lost: Callable[[], None]) -> Generator[MessageRow]:
    """Yield the messages as they arrive, for ever.

    When a database server can't be reached any more, `on_lost` is called once and the server
    is tried again until it can; then it goes on where it was. An SQLite file that can't be read
    is an error: raises OperationalError.
    """
    connection = connections[arrivals.using]
    pause = 0.0
    while True:
        try:
            with _bell(connection) as wait:
                while True:
                    rows = arrivals.take()
                    pause = 0
                    yield from rows
                    if not rows:
                        wait()
        except (OperationalError, InterfaceError):
            if connection.vendor == "sqlite":
                raise
            connection.close()
            if not pause:
                on_lost()
            pause = min(2 * pause, LONGEST_PAUSE) or FIRST_PAUSE
            sleep(pause)


@contextmanager
def _bell(connection: BaseDatabaseWrapper) -> Iterator[Callable[[], object]]:
    """What to call to wait until there may be something new, which is heard from now on."""
    if connection.vendor != "postgresql":
        yield partial(sleep, EVERY)
        return
    import psycopg

    # A connection of its own: Django's may be one of a pool, or be in a transaction.
    params = connection.get_connection_params()
    with (
        connection.wrap_database_errors,
        closing(psycopg.connect(**params, autocommit=True)) as listening,
    ):
        listening.execute(f"LISTEN {CHANNEL}")
        yield lambda: list(listening.notifies(timeout=AT_LEAST_EVERY, stop_after=1))

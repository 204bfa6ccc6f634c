"""What the benchmarks on PostgreSQL share: a server that keeps its promises, and the way to it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connections

from tests import databases

# As installed: a commit is on the disk before it is reported. Of the memory, what a small
# server has to give.
DURABLE = {
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "shared_buffers": "1GB",
    "max_wal_size": "8GB",
    "maintenance_work_mem": "512MB",
}


@contextmanager
def durable_server() -> Iterator[databases.Postgres]:
    """A PostgreSQL server on this machine, gone after the block."""
    with databases.postgres(**DURABLE) as server:
        yield server


@contextmanager
def database(url: str) -> Iterator[None]:
    """Let Django read and write the PostgreSQL database at `url` until the block ends."""
    from settings import database as settings_of

    before = connections.settings["default"]
    _use(connections.configure_settings({"default": settings_of(url)})["default"])
    try:
        yield
    finally:
        _use(before)


def _use(settings: dict[str, object]) -> None:
    connections["default"].close()
    connections.settings["default"] = settings
    del connections["default"]


def migrated(server: databases.Postgres) -> str:
    """The URL of a new database of this server that has its tables."""
    from django.core.management import call_command

    url = server.new_database()
    with database(url):
        call_command("migrate", verbosity=0)
    return url

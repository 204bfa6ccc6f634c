"""The store as one file, and back: SQLite's online backup, which others may write beside.

Source: https://www.sqlite.org/backup.html
"""

from __future__ import annotations

import os
import shlex
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from msgcli import bootstrap
from msgcli.connections import connected
from msgcli.errors import FileTrouble, UsageError

ALIAS = "backup"  # of the connection by which a file is looked over


@dataclass(frozen=True)
class Backup:
    """A store in a file of `size` bytes, and how much is in it."""

    file: str
    size: int
    messages: int
    users: int
    verified: bool

    def as_dict(self) -> dict[str, Any]:
        """The backup for JSON."""
        return asdict(self)


def back_up(target: Path, *, verify: bool) -> Backup:
    """Write the store, as it is at one moment, to a file that only its owner can read.

    The file appears when it is complete, and with `verify` when it has been found well. Raises
    UsageError on PostgreSQL and for the store's own file, else FileTrouble.
    """
    from django.db import connection

    _need_sqlite("pg_dump --format=custom", f"--file={shlex.quote(str(target))}")
    bootstrap.prepare_store()
    _refuse_itself(target)
    try:
        with _scratch(target) as path:
            connection.ensure_connection()
            _copy(connection.connection, path)
            found = _look_over(path, target, thoroughly=verify)
            os.replace(path, target)
    except OSError as error:
        raise FileTrouble(f"{target} can't be written: {error.strerror or error}.") from error
    return found


@contextmanager
def opened(source: Path) -> Iterator[tuple[Backup, Path]]:
    """A backup that has been found well, and a copy of it that nobody changes any more.

    Raises UsageError on PostgreSQL, in a host project and for the store's own file, FileTrouble
    for a file that is no backup or is damaged, StoreNotReady for one of a newer msgcli.
    """
    _need_sqlite("pg_restore --clean --if-exists --single-transaction", shlex.quote(str(source)))
    if not bootstrap.is_embedded():
        raise UsageError("msgcli restore is for msgcli's own store, not for a project's database.")
    bootstrap.prepare_store()
    _refuse_itself(source)
    if not source.is_file():
        raise FileTrouble(f"There is no file {source}.")
    with _scratch(bootstrap.store_path()) as path:
        yield _taken(source, path), path


def put_back(path: Path) -> None:
    """Put what is in this file in the place of the store, in one transaction.

    Programs that have the store open see the one or the other. An older store is brought up to
    date. Of the text that was there before, some stays in the file until it is wiped.
    """
    from django.db import connection

    connection.ensure_connection()
    with closing(sqlite3.connect(path)) as file:
        file.backup(connection.connection)
    connection.close()
    bootstrap.prepare_store()


def _need_sqlite(program: str, file: str) -> None:
    from django.db import connection

    if connection.vendor == "sqlite":
        return
    settings = connection.settings_dict
    known = {"host": "HOST", "port": "PORT", "username": "USER", "dbname": "NAME"}
    options = (
        f"--{option}={shlex.quote(str(settings[name]))}"
        for option, name in known.items()
        if settings[name]
    )
    command = " ".join((program, *options, file))
    raise UsageError(f"PostgreSQL has its own program for that, run: {command}")


def _refuse_itself(path: Path) -> None:
    store = bootstrap.store_path()
    if path.exists() and store.exists() and path.samefile(store):
        raise UsageError(f"{path} is the store itself: name another file.")


@contextmanager
def _scratch(beside: Path) -> Iterator[Path]:
    """A new file (mode 0600) in the folder of another, gone at the end if it was not moved."""
    descriptor, name = tempfile.mkstemp(dir=beside.parent, prefix=f".{beside.name}.")
    os.close(descriptor)
    try:
        yield Path(name)
    finally:
        Path(name).unlink(missing_ok=True)


def _copy(source: sqlite3.Connection, path: Path) -> None:
    """All in one step: in many, whoever writes meanwhile has it begin again each time."""
    with closing(sqlite3.connect(path)) as target:
        source.backup(target)
        target.execute("PRAGMA journal_mode = DELETE")  # one file, with none beside it
    with path.open("rb") as written:
        os.fsync(written.fileno())


def _taken(source: Path, path: Path) -> Backup:
    """Copy a backup to `path`, and look it over there."""
    from django.db import DatabaseError

    try:
        address = f"{source.absolute().as_uri()}?mode=ro"
        with closing(sqlite3.connect(address, uri=True)) as file:
            _copy(file, path)
        return _look_over(path, source, thoroughly=True)
    except (sqlite3.Error, DatabaseError) as error:
        raise FileTrouble(f"{source} can't be read as a backup: {error}.") from error


def _look_over(path: Path, name: Path, *, thoroughly: bool) -> Backup:
    from messaging import health
    from messaging.accounts import users
    from messaging.models import Message

    with connected(ALIAS, {"NAME": str(path), "OPTIONS": {}}) as connection:
        missing = bootstrap.missing_migrations(connection)
        if "messaging.0001_initial" in missing:
            raise FileTrouble(f"{name} is not a backup of a store.")
        problems: list[str] = []
        if thoroughly:
            problems = health.damage(ALIAS)
            if not missing:
                problems += [f"{fault.problem}: {fault.number:,}" for fault in health.faults(ALIAS)]
        if problems:
            raise FileTrouble(f"{name} is damaged: {problems[0]}.")
        messages = Message.objects.using(ALIAS).count()
        people = users().using(ALIAS).count()
    return Backup(str(name), path.stat().st_size, messages, people, thoroughly)

"""What the store is, and how it is: for the check command."""

from __future__ import annotations

import os
import shlex
import stat
from dataclasses import asdict, dataclass, field
from typing import Any

from msgcli import bootstrap

MENDS_ITSELF = "msgcli check --fix"


@dataclass(frozen=True)
class Finding:
    """Something wrong with the store, and the command that puts it right."""

    problem: str
    fix: str


@dataclass
class State:
    """A store as it was found; `size` in bytes, `mode` as chmod takes it, both None on a server."""

    database: str
    location: str
    size: int | None = None
    mode: str | None = None
    pending: list[str] = field(default_factory=list)
    messages: int = 0
    users: int = 0
    findings: list[Finding] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The state for JSON."""
        return {**asdict(self), "healthy": not self.findings}


def inspect() -> State:
    """Look the store over, without changing anything but making it on first use."""
    if bootstrap.is_embedded():
        bootstrap.prepare_store()
    state = _describe()
    state.pending = bootstrap.pending_migrations()
    if state.pending:
        state.findings.append(Finding("the schema is not up to date", "msgcli migrate"))
        return state
    from messaging import health
    from messaging.accounts import users
    from messaging.models import Message

    state.messages = Message.objects.count()
    state.users = users().count()
    for damage in health.damage(Message.objects.db):
        copy = "msgcli export --all --output copy.jsonl, then import it into a new store"
        state.findings.append(Finding(damage, copy))
    for fault in health.faults():
        state.findings.append(Finding(f"{fault.problem}: {fault.number:,}", MENDS_ITSELF))
    return state


def fix() -> None:
    """Put right what can be put right without a person's decision."""
    bootstrap.prepare_store()
    if bootstrap.is_embedded():
        bootstrap.store_path().chmod(0o600)
    from messaging import health
    from messaging.accounts import text_is_gone

    health.mend()
    text_is_gone()


def _describe() -> State:
    from django.db import connection

    connection.ensure_connection()
    if connection.vendor != "sqlite":
        settings = connection.settings_dict
        host = settings["HOST"] or "this machine"
        return State(connection.display_name, f"{settings['NAME']} on {host}")
    import sqlite3

    path = bootstrap.store_path()
    status = path.stat()
    mode = stat.S_IMODE(status.st_mode)
    wal = path.with_name(f"{path.name}-wal")  # what has not yet been moved into the file
    size = status.st_size + (wal.stat().st_size if wal.exists() else 0)
    state = State(f"SQLite {sqlite3.sqlite_version}", str(path), size, f"{mode:04o}")
    if bootstrap.is_embedded() and mode & 0o077:
        state.findings.append(
            Finding(f"others may read the file (its mode is {mode:04o})", MENDS_ITSELF)
        )
    if not os.access(path, os.W_OK):
        state.findings.append(
            Finding("the file can't be written to", f"chmod u+w {shlex.quote(str(path))}")
        )
    return state

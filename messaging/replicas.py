"""Reads that may lag, from a replica: a streaming copy of the database that is a moment behind.

Everything reads from the default database, but for what says that it may lag. So a person
always sees what they have just written, and no page is kept under a version that is newer than
what is on it (see `messaging.caching`). A project names the copy "replica" in DATABASES and this
router in DATABASE_ROUTERS.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.db import DEFAULT_DB_ALIAS, transaction

if TYPE_CHECKING:
    from django.db.models import Model

REPLICA = "replica"

_lagging: ContextVar[bool] = ContextVar("messaging_lagging", default=False)


@contextmanager
def may_lag() -> Iterator[None]:
    """Read from the replica in this block, or in this function as a decorator, if there is one.

    It stays with the default database inside a transaction, and once it has written to it.
    """
    before = _lagging.set(True)
    try:
        yield
    finally:
        _lagging.reset(before)


class ReplicaRouter:
    """Sends the reads of a block of `may_lag` to DATABASES["replica"]."""

    def db_for_read(self, model: type[Model], **hints: Any) -> str | None:
        """The replica where that is allowed; None leaves it to the next router."""
        if not _lagging.get() or REPLICA not in settings.DATABASES:
            return None
        return None if transaction.get_connection().in_atomic_block else REPLICA

    def db_for_write(self, model: type[Model], **hints: Any) -> str | None:
        """Never the replica; and the rest of the block reads from where it writes."""
        _lagging.set(False)
        read_from = getattr(getattr(hints.get("instance"), "_state", None), "db", None)
        return DEFAULT_DB_ALIAS if read_from == REPLICA else None

    def allow_relation(self, one: Model, other: Model, **hints: Any) -> bool | None:
        """Rows of the two are rows of one database."""
        both = {one._state.db, other._state.db}
        return both <= {DEFAULT_DB_ALIAS, REPLICA} or None

    def allow_migrate(self, db: str, app_label: str, **hints: Any) -> bool | None:
        """The replica gets its tables from the other."""
        return False if db == REPLICA else None

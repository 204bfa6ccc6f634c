"""Databases beside the one in use: a backup to look over, a store to copy to."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper


@contextmanager
def connected(alias: str, settings: dict[str, Any]) -> Iterator[BaseDatabaseWrapper]:
    """Give Django this alias until the block ends; settings left out are those of the store."""
    from django.db import connections
    from django.db.utils import load_backend

    chosen = {**connections.settings["default"], **settings}
    connections[alias] = load_backend(chosen["ENGINE"]).DatabaseWrapper(chosen, alias)
    try:
        yield connections[alias]
    finally:
        connections[alias].close()
        del connections[alias]

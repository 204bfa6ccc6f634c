"""The store that `msgcli copy` writes to, opened beside the one in use."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgcli import bootstrap, config
from msgcli.connections import connected
from msgcli.errors import StoreNotReady, UsageError

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

TARGET = "target"  # an alias of Django's


@contextmanager
def opened(url: str) -> Iterator[str]:
    """The alias of the database at `url`; a file is made, which only its owner can read.

    Raises UsageError for a URL that can't be meant, StoreNotReady for a database that can't be
    used.
    """
    from django.db import DatabaseError

    if not bootstrap.has_own_settings():
        raise UsageError("msgcli copy is for msgcli's own store, not for a project's database.")
    name = config.without_password(url)
    with connected(TARGET, _settings(url)) as target:
        _refuse_itself(target, name)
        if target.vendor == "sqlite":
            _make_file(Path(str(target.settings_dict["NAME"])))
        try:
            yield TARGET
        except DatabaseError as error:
            reason = str(error).splitlines()[0]
            raise StoreNotReady(f"The copy to {name} stopped: {reason}") from error


def _settings(url: str) -> dict[str, Any]:
    from django.conf import settings

    try:
        found: dict[str, Any] = import_module(settings.SETTINGS_MODULE).database(url, "--to")
    except ValueError as error:
        raise UsageError(str(error)) from error
    return found


def _refuse_itself(target: BaseDatabaseWrapper, name: str) -> None:
    from django.db import connection

    same = ("ENGINE", "NAME", "HOST", "PORT")
    if target.vendor == connection.vendor == "sqlite":
        there, here = Path(str(target.settings_dict["NAME"])), bootstrap.store_path()
        itself = there.exists() and there.samefile(here)
    else:
        itself = all(target.settings_dict[key] == connection.settings_dict[key] for key in same)
    if itself:
        raise UsageError(f"{name} is the store itself: name another.")


def _make_file(path: Path) -> None:
    try:
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreNotReady(f"The file {path} can't be written: {error.strerror}.") from error

"""The key that signs sessions: made once, in the data folder, for its owner's eyes only."""

from __future__ import annotations

import os
import secrets
import tempfile
from contextlib import suppress
from pathlib import Path

from msgcli import config
from msgcli.errors import StoreNotReady


def ensure_key() -> None:
    """Have settings.SECRET_KEY be there. Raises StoreNotReady for a key that is not safe."""
    from django.conf import settings

    if not config.secret("MSGCLI_SECRET_KEY"):
        settings.SECRET_KEY = stored(settings.SECRET_KEY_FILE)


def stored(path: Path) -> str:
    """The key in this file, which is made if need be. Raises StoreNotReady."""
    try:
        if not path.exists():
            _make(path)
        others = path.stat().st_mode & 0o077
        key = path.read_text("utf-8").strip()
    except OSError as error:
        raise StoreNotReady(f"The secret key {path} can't be used: {error.strerror}.") from error
    if others:
        raise StoreNotReady(f"Others can read {path}: delete it, and everybody logs in anew.")
    if len(key) < 32:
        raise StoreNotReady(f"The key in {path} is too short: delete it, and a new one is made.")
    return key


def _make(path: Path) -> None:
    """Whole or not at all; of several processes that make one at once, the first one's stays."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=path.parent)  # readable by its owner alone
    try:
        with open(descriptor, "w", encoding="ascii") as file:
            file.write(secrets.token_urlsafe(48) + "\n")
            file.flush()
            os.fsync(file.fileno())
        with suppress(FileExistsError):
            os.link(temporary, path)
    finally:
        os.unlink(temporary)

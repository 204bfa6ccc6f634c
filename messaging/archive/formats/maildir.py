"""Maildir and Maildir++: a message a file. https://cr.yp.to/proto/maildir.html"""

from __future__ import annotations

import re
from pathlib import Path

from messaging.archive.formats.base import Folder, Format, by_number, mail_of
from messaging.archive.letters import Entries

_INFO = re.compile(r"[:;!]2,(\w*)$")


class Maildir(Format):
    """Messages are in `cur` and `new`; what is in `tmp` was not delivered, and may be half."""

    name = "maildir"
    of_files = False

    def is_folder(self, path: Path) -> bool:
        others = ((path / name).is_dir() for name in ("new", "tmp"))  # a copy may lack empty ones
        return (path / "cur").is_dir() and any(others)

    def leaves(self, path: Path) -> bool:
        return path.name not in {"cur", "new", "tmp"}

    def read_folder(self, folder: Folder) -> Entries:
        for name in ("cur", "new"):
            inner = folder.path / name
            for path in sorted(inner.iterdir() if inner.is_dir() else (), key=by_number):
                if not path.name.startswith("."):
                    yield from mail_of(folder, path, read="S" in _flags(path))


def _flags(path: Path) -> str:
    """The letters after the name; where a colon may not be in names, it is another mark."""
    found = _INFO.search(path.name)
    return found[1] if found else ""

"""Maildir and Maildir++: a message a file. https://cr.yp.to/proto/maildir.html"""

from __future__ import annotations

from pathlib import Path

from messaging.archive.formats.base import Folder, Format, by_number, mail_of
from messaging.archive.letters import Entries


class Maildir(Format):
    """Messages are in `cur` and `new`; what is in `tmp` was not delivered, and may be half."""

    name = "maildir"
    of_files = False

    def is_folder(self, path: Path) -> bool:
        return (path / "cur").is_dir() and (path / "new").is_dir()

    def leaves(self, path: Path) -> bool:
        return path.name not in {"cur", "new", "tmp"}

    def read_folder(self, folder: Folder) -> Entries:
        for name in ("cur", "new"):
            for path in sorted((folder.path / name).iterdir(), key=by_number):
                if not path.name.startswith("."):
                    yield from mail_of(folder, path, read="S" in _flags(path))


def _flags(path: Path) -> str:
    return path.name.partition(":2,")[2]

"""What a format has to say of itself: how it is known, and what is in it."""

from __future__ import annotations

import lzma
import re
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from messaging.archive.formats.sources import Source
from messaging.archive.letters import Entries, Place
from messaging.exceptions import ArchiveError

BOM = b"\xef\xbb\xbf"
UNREADABLE = (OSError, EOFError, zlib.error, lzma.LZMAError)

_RUNS = re.compile(r"(\d+)")


class Folder(NamedTuple):
    """A folder, the archive that it is in or is, and how a file in it is opened for reading."""

    path: Path
    top: Path
    open: Callable[[Path], AbstractContextManager[Source]]


class Format:
    """A format of archives. Each is a class in a file of its own, named in formats/__init__.py.

    Whoever reads yields what is wrong with a message as an ArchiveError in its place, and
    goes on; it lets the errors of reading the file itself pass.
    """

    name: str
    of_files = True  # else only folders are of this format

    def is_file(self, source: Source) -> bool:
        """Whether a file is one; nothing of its stream is taken."""
        return False

    def is_folder(self, path: Path) -> bool:
        """Whether a folder is one as a whole."""
        return False

    def leaves(self, path: Path) -> bool:
        """Whether a folder in a folder of this format is not part of it, but one of its own."""
        return True

    def read_file(self, source: Source) -> Entries:
        """The messages of a file."""
        raise NotImplementedError

    def read_folder(self, folder: Folder) -> Entries:
        """The messages of a folder, without those of the folders in it."""
        raise NotImplementedError


def mail_of(folder: Folder, path: Path, *, read: bool) -> Entries:
    """The message that a file of a Maildir or MH folder is."""
    from messaging.archive.mail.letter import letter

    try:
        with folder.open(path) as source:
            place = Place(source.place, 1)
            yield place, letter(source.stream.read(), source.modified, read=read)
    except UNREADABLE as error:
        yield Place(path.relative_to(folder.top).as_posix(), 1), unreadable(error)


def unreadable(error: Exception) -> ArchiveError:
    """The same sentence for the same fault: what unpackers say has numbers in it."""
    reason = getattr(error, "strerror", None) or "it is cut off or damaged"
    return ArchiveError(f"it can't be read: {reason}.")


def by_number(path: Path) -> list[tuple[int, str]]:
    """A key that sorts names as people do: 9 before 10."""
    return [(int(run), "") if run.isdecimal() else (0, run) for run in _RUNS.split(path.name)]

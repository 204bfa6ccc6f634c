"""Archives of any format, told apart by what is in them.

A new format is a class in a module of its own here, and a name in ALL.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from messaging.archive.formats.base import Format
from messaging.archive.formats.eml import Eml
from messaging.archive.formats.folders import FolderReader
from messaging.archive.formats.jsonl import JsonLines
from messaging.archive.formats.maildir import Maildir
from messaging.archive.formats.mbox import Mbox
from messaging.archive.formats.mh import Mh
from messaging.archive.formats.slack import Slack
from messaging.archive.formats.sources import opened_source
from messaging.archive.letters import Entries
from messaging.exceptions import ArchiveError

ALL: tuple[Format, ...] = (JsonLines(), Mbox(), Maildir(), Mh(), Eml(), Slack())
FORMATS = tuple(one.name for one in ALL)
KNOWN = "JSON Lines, mbox, Maildir, MH, .eml or Slack"


class Archive:
    """An archive that is open: iterating gives its messages, and what is wrong with some.

    `format` is that of the whole, "folder" for a folder of several. `size` is how many bytes
    `on_read` will have been told in the end, None where nobody knows.
    """

    def __init__(self, format: str, size: int | None, entries: Entries) -> None:
        self.format, self.size, self._entries = format, size, entries

    def __iter__(self) -> Entries:
        return self._entries


@contextmanager
def opened(
    name: str, *, format: str | None = None, on_read: Callable[[int], None] | None = None
) -> Iterator[Archive]:
    """The archive in a file or a folder, or on stdin for `-`, unpacked if it is compressed.

    `on_read` is told how many more bytes, as stored, were read. Raises ArchiveError when it
    is no archive, or not of `format`. OSError, EOFError, zlib.error and lzma.LZMAError pass,
    from the block too, when the file can't be read to its end.
    """
    chosen = None if format is None else _named(format)
    tell = on_read or _ignore
    if name != "-" and Path(name).is_dir():
        reader = FolderReader(Path(name), ALL, chosen, tell)
        yield Archive(reader.format, reader.size, reader.entries())
        return
    if chosen is not None and not chosen.of_files:
        raise ArchiveError(f"{name} is a file, and {chosen.name} is a folder.")
    with opened_source(name, name, tell) as source:
        source.alone = True
        found = chosen or next((one for one in ALL if one.is_file(source)), None)
        if found is None:
            raise ArchiveError(f"{name} is not an archive that can be read: {KNOWN}.")
        yield Archive(found.name, source.progress.size, found.read_file(source))


def _named(format: str) -> Format:
    for one in ALL:
        if one.name == format:
            return one
    raise ArchiveError(f'"{format}" is not a format of archives: {", ".join(FORMATS)}.')


def _ignore(_: int) -> None:
    """Nobody wants to know how far it is."""

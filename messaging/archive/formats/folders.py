"""Folders: a Maildir, an MH folder, an unpacked Slack export, or some of any format."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from messaging.archive.formats.base import UNREADABLE, Folder, Format, by_number, unreadable
from messaging.archive.formats.sources import Progress, Source, opened_source
from messaging.archive.letters import Entries, Place
from messaging.exceptions import ArchiveError

UNKNOWN = "it is not an archive that can be read."


class FolderReader:
    """Reads a folder and the folders in it, in the order of names.

    A file that can't be read, or is no archive, is reported in its place. Raises ArchiveError
    when there is no file at all, or the folder is not of the format that was asked for.
    """

    def __init__(
        self,
        top: Path,
        formats: tuple[Format, ...],
        chosen: Format | None,
        on_read: Callable[[int], None],
    ) -> None:
        self.top = top
        self.formats = (chosen,) if chosen else formats
        self.taken_as = chosen if chosen and chosen.of_files else None
        sizes = list(_sizes(top))
        kind = self._kind(top)
        if kind is None and not sizes:
            raise ArchiveError(f"{top} is an empty folder.")
        self.format = kind.name if kind else "folder"
        self.size = sum(sizes)
        self.progress = Progress(self.size, on_read)

    def entries(self) -> Entries:
        """The messages of all of it."""
        yield from self._folder(self.top, ())
        self.progress.finish()

    def _kind(self, path: Path) -> Format | None:
        return next((one for one in self.formats if one.is_folder(path)), None)

    def _folder(self, path: Path, above: tuple[tuple[int, int], ...]) -> Entries:
        status = path.stat()
        here = (status.st_dev, status.st_ino)
        if here in above:
            yield Place(self._place(path), 1), ArchiveError("it is a folder that it is in.")
            return
        kind = self._kind(path)
        if kind is None and above and path.name.startswith("."):
            yield Place(self._place(path), 1), ArchiveError(UNKNOWN)
            return
        if kind is not None:
            yield from kind.read_folder(Folder(path, self.top, self._open))
        for child in sorted(path.iterdir(), key=by_number):
            if kind is not None and not (child.is_dir() and kind.leaves(child)):
                continue
            inner = self._folder(child, (*above, here)) if child.is_dir() else self._file(child)
            try:
                yield from inner
            except UNREADABLE as error:
                yield Place(self._place(child), 1), unreadable(error)
            except ArchiveError as error:
                yield Place(self._place(child), 1), error

    def _file(self, path: Path) -> Entries:
        if path.name.startswith(".") or not path.is_file():
            yield Place(self._place(path), 1), ArchiveError(UNKNOWN)
            return
        with self._open(path) as source:
            known = (one for one in self.formats if one.is_file(source))
            found = self.taken_as or next(known, None)
            if found is None:
                yield Place(source.place, 1), ArchiveError(UNKNOWN)
            else:
                yield from found.read_file(source)

    def _open(self, path: Path) -> AbstractContextManager[Source]:
        return opened_source(str(path), self._place(path), self.progress.tell)

    def _place(self, path: Path) -> str:
        return path.relative_to(self.top).as_posix()


def _sizes(top: Path) -> Iterator[int]:
    for folder, _, names in os.walk(top):
        for name in names:
            try:
                yield os.stat(os.path.join(folder, name)).st_size
            except OSError:  # a link to nowhere, which is reported when it is its turn
                yield 0

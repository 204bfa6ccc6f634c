"""Where an archive comes from: a file or stdin, maybe compressed; and how much of it was read."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from stat import S_ISREG
from typing import IO, Any

START_LENGTH = 16 * 1024  # holds the header of nearly any message
BUFFER = 256 * 1024

# RFC 1952 section 2.3.1; bzip2's "BZh"; the .xz file format, section 2.1.1.1
UNPACKERS: dict[bytes, Callable[[Any], Any]] = {
    b"\x1f\x8b": lambda raw: gzip.GzipFile(fileobj=raw, mode="rb"),
    b"BZh": bz2.BZ2File,
    b"\xfd7zXZ\x00": lzma.LZMAFile,
}


class Progress:
    """How many bytes, as stored, were read of one file; never more than it has."""

    def __init__(self, size: int | None, on_read: Callable[[int], None]) -> None:
        self.size, self.on_read, self.told = size, on_read, 0

    def tell(self, count: int) -> None:
        if self.size is not None:
            count = min(count, self.size - self.told)
        if count > 0:
            self.told += count
            self.on_read(count)

    def finish(self) -> None:
        """What was passed over counts too."""
        self.tell((self.size or 0) - self.told)


@dataclass
class Source:
    """One file that is being read: `stream` is unpacked, and begins with `start`.

    `place` is its name in reports; `alone` is whether there are no others. `modified` stands
    in for the date that a message lacks. `path` is where it can be opened again to jump
    about in, if it can.
    """

    place: str
    stream: IO[bytes]
    start: bytes
    modified: datetime
    path: Path | None
    progress: Progress
    alone: bool = False

    @contextmanager
    def seekable(self) -> Iterator[IO[bytes]]:
        """The whole of it as a file to jump about in: itself, or a copy that vanishes."""
        with tempfile.TemporaryFile() if self.path is None else self.path.open("rb") as file:
            if self.path is None:
                shutil.copyfileobj(self.stream, file)
                file.seek(0)
            yield file


@contextmanager
def opened_source(name: str, place: str, on_read: Callable[[int], None]) -> Iterator[Source]:
    """A file, or stdin for `-`. Raises OSError; reading it raises what its unpacker does."""
    if name == "-":
        yield _source(place, sys.stdin.buffer, Progress(None, on_read))
        return
    path = Path(name)
    with path.open("rb") as raw:
        status = path.stat()
        if not S_ISREG(status.st_mode):  # a pipe that has a name
            yield _source(place, raw, Progress(None, on_read))
            return
        source = _source(place, raw, Progress(status.st_size, on_read), path)
        source.modified = datetime.fromtimestamp(status.st_mtime, timezone.utc)
        yield source
        source.progress.finish()


def _source(place: str, raw: Any, progress: Progress, path: Path | None = None) -> Source:
    counted = io.BufferedReader(_Passing(b"", raw, progress), BUFFER)
    magic, stream = _begun(counted, max(map(len, UNPACKERS)))
    for sign, unpack in UNPACKERS.items():
        if magic.startswith(sign):
            stream, path = unpack(stream), None
    start, stream = _begun(stream, START_LENGTH)
    return Source(place, stream, start, datetime.now(timezone.utc), path, progress)


def _begun(stream: Any, count: int) -> tuple[bytes, IO[bytes]]:
    """The first `count` bytes, and the stream with those still in it."""
    start = b""
    while len(start) < count and (more := stream.read(count - len(start))):
        start += more
    return start, io.BufferedReader(_Passing(start, stream), BUFFER)


class _Passing(io.RawIOBase):
    """Some bytes, then those of another stream; counted, if anybody counts them."""

    def __init__(self, start: bytes, rest: Any, progress: Progress | None = None) -> None:
        self.start, self.rest, self.progress = start, rest, progress

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data, self.start = self.start or self.rest.read1(len(buffer)), b""
        if len(data) > len(buffer):
            data, self.start = data[: len(buffer)], data[len(buffer) :]
        buffer[: len(data)] = data
        if self.progress is not None:
            self.progress.tell(len(data))
        return len(data)

"""Archives as files: plain or compressed, stdin and stdout; written whole or not at all."""

from __future__ import annotations

import gzip
import lzma
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, TYPE_CHECKING

from msgcli.errors import FileTrouble

if TYPE_CHECKING:
    from messaging.archive.formats import Archive
    from messaging.managers.messages import MessageQuerySet


def format_of(path: Path) -> str:
    """How a file of this name is written: .mbox, perhaps .gz, as mail, all else as JSON Lines."""
    return "mbox" if ".mbox" in path.suffixes[-2:] else "jsonl"


def write_archive(path: Path, messages: MessageQuerySet, format_name: str | None = None) -> int:
    """Write messages to a file that only its owner can read; returns how many.

    The file appears when it is complete. The same messages give the same bytes, compressed
    when the name ends in .gz. Raises FileTrouble.
    """
    from messaging.archive.writing import encoded

    written = 0
    try:
        with _replacing(path) as file:
            for message in encoded(messages, format_name or format_of(path)):
                file.write(message)
                written += 1
    except OSError as error:
        raise FileTrouble(f"{path} can't be written: {error.strerror or error}.") from error
    return written


@contextmanager
def opened_archive(
    name: str, format_name: str | None, on_read: Callable[[int], None]
) -> Iterator[Archive]:
    """The messages of a file, a folder, or of stdin for `-`; see `messaging.archive.formats`.

    Raises FileTrouble, in the block too, when it can't be read to its end.
    """
    from messaging.archive.formats import opened

    try:
        with opened(name, format=format_name, on_read=on_read) as archive:
            yield archive
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        reason = getattr(error, "strerror", None) or error
        raise FileTrouble(f"{name} can't be read: {reason}.") from error


@contextmanager
def _replacing(path: Path) -> Iterator[IO[bytes]]:
    """A new file beside `path` (made with mode 0600) that takes its place if all goes well."""
    with tempfile.NamedTemporaryFile(
        dir=path.parent, prefix=f".{path.name}.", delete=False
    ) as file:
        try:
            if path.suffix == ".gz":
                with gzip.GzipFile(filename="", fileobj=file, mode="wb", mtime=0) as packed:
                    yield packed  # type: ignore[misc]
            else:
                yield file
            file.flush()
            os.fsync(file.fileno())
            os.replace(file.name, path)
        except BaseException:
            os.unlink(file.name)
            raise

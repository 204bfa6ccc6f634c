"""mbox in all its kinds: mboxo, mboxrd, mboxcl, mboxcl2. RFC 4155"""

from __future__ import annotations

import re
import sqlite3
from collections import deque
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from typing import IO

from messaging.archive.formats.base import BOM, Format
from messaging.archive.formats.sources import Source
from messaging.archive.letters import Entries, Letter, Place

MAX_LENGTH = 2**28  # a Content-Length above it is not followed: what it skips is held in memory
MAX_LIES = 20  # after so many that lead nowhere no more are followed

MAX_LINE = 500  # of a From_ line, as far as it is looked at

_FROM = b"From "
_FIELD = re.compile(rb"[!-9;-~]+[ \t]*:")
_PASSED_ON = b">From "  # what some programs put first into a header
# With a time as asctime has it, in whatever variation, or Mozilla's dash: nobody writes these.
_SURE = re.compile(rb"From (?:-(?:\s|\Z)|.*\b(?:mon|tue|wed|thu|fri|sat|sun),? .*\d\d?:\d\d)", re.I)
_ONE_WORD = re.compile(rb"From \S+\s*\Z")
_LENGTH = re.compile(rb"content-length[ \t]*:[ \t]*(\d{1,12})\s*\Z", re.I)
_QUOTED = re.compile(rb"^>(>*From )", re.M)
_UNQUOTED = re.compile(rb"^From ", re.M)


class Mbox(Format):
    name = "mbox"

    def is_file(self, source: Source) -> bool:
        first, _, rest = source.start.removeprefix(BOM).lstrip(b"\r\n").partition(b"\n")
        known = _SURE.match(first[:MAX_LINE]) or _FIELD.match(rest)
        return first.startswith(_FROM) and known is not None

    def read_file(self, source: Source) -> Entries:
        from messaging.archive.mail.ids import duplicate_id
        from messaging.archive.mail.letter import letter

        with closing(_Counts()) as counts:
            for number, (envelope, data) in enumerate(split(source.stream), start=1):
                found = letter(data, source.modified, envelope=envelope)
                if isinstance(found, Letter) and (count := counts.add(found.id)) > 1:
                    found = replace(found, id=duplicate_id(found.id, count))
                yield Place(source.place, number), found


def split(stream: IO[bytes]) -> Iterator[tuple[str, bytes]]:
    """The messages of an mbox, each with what its From_ line says and its quoting undone.

    A From_ line is one that has a time, or one word, stands after a blank line, and is
    followed by a field of a header: "From Russia with love" is not. With a time and a
    field it needs no blank line before it, which is missing where files were joined.
    """
    lines = _Lines(stream)
    lies = 0
    first = lines.take().removeprefix(BOM)
    while first and not first.strip():
        first = lines.take()
    if first and not first.startswith(_FROM):  # nobody asked for an mbox, or it lost its first line
        lines.give_back([first])
        first = _FROM
    while first:
        head, length = _head(lines)
        body = None
        if length and lies < MAX_LIES:
            body = _of_length(lines, length)
            lies += body is None
        if body is None:
            body = _until_from(lines)
        envelope = first[len(_FROM) :].decode("utf-8", "replace").strip()
        yield envelope, head + _unquoted(body)
        first = lines.take()


class _Lines:
    """The lines of a file; those that were taken too early can be given back."""

    def __init__(self, stream: IO[bytes]) -> None:
        self.stream = stream
        self.waiting: deque[bytes] = deque()

    def take(self) -> bytes:
        """The next line, empty at the end."""
        return self.waiting.popleft() if self.waiting else self.stream.readline()

    def peek(self) -> bytes:
        if not self.waiting:
            self.waiting.append(self.stream.readline())
        return self.waiting[0]

    def give_back(self, lines: list[bytes]) -> None:
        self.waiting.extendleft(reversed(lines))

    def at_message(self, *, after_blank: bool) -> bool:
        """Whether a message begins here, or the file ends."""
        line = self.take()
        following = self.peek() if line.startswith(_FROM) else b""
        self.give_back([line])
        if not line.startswith(_FROM):
            return not line
        has_field = _FIELD.match(following) is not None
        if _SURE.match(line[:MAX_LINE]):
            has_field |= following.startswith(_PASSED_ON)
            return has_field or (after_blank and not following.strip())
        return after_blank and has_field and _ONE_WORD.match(line) is not None


def _head(lines: _Lines) -> tuple[bytes, int]:
    """The header up to its blank line, and the Content-Length in it, or 0."""
    head: list[bytes] = []
    length = 0
    while not (lines.peek().startswith(_FROM) and lines.at_message(after_blank=False)):
        line = lines.take()
        head.append(line)
        if not line.strip():
            break
        if line[:1] in b"cC" and (found := _LENGTH.match(line)):
            length = int(found[1])
    return b"".join(head), length if length <= MAX_LENGTH else 0


def _of_length(lines: _Lines, length: int) -> bytes | None:
    """So much of a body, if another message follows it or the end; else nothing is taken."""
    taken: list[bytes] = []
    while length > 0 and (line := lines.take()):
        taken.append(line)
        length -= len(line)
    blank: list[bytes] = []
    while (line := lines.peek()) and not line.strip():
        blank.append(lines.take())
    if length == 0 and lines.at_message(after_blank=True):
        return b"".join(taken)
    lines.give_back([*taken, *blank])
    return None


def _until_from(lines: _Lines) -> bytes:
    """A body up to the next From_ line or the end."""
    taken: list[bytes] = []
    blank = True
    while line := lines.take():
        if line.startswith(_FROM):
            lines.give_back([line])
            if lines.at_message(after_blank=blank):
                break
            line = lines.take()
        taken.append(line)
        blank = not line.strip()
    return b"".join(taken)


def _unquoted(body: bytes) -> bytes:
    """The body without the ">" before From, one of many, as mboxrd puts them.

    mboxo and mboxcl put one too, before a line without any. Where a line From stands as it
    is, nobody quoted anything, and ">From" is somebody's own.
    """
    if b">From " not in body or _UNQUOTED.search(body):
        return body
    return _QUOTED.sub(rb"\1", body)


class _Counts:
    """How often each id was there before, on disk: an mbox may have any number of them."""

    def __init__(self) -> None:
        self.scratch = sqlite3.connect("")
        self.scratch.execute("CREATE TABLE seen (id TEXT PRIMARY KEY, n INTEGER) WITHOUT ROWID")

    def add(self, id: str) -> int:
        if self.scratch.execute("INSERT OR IGNORE INTO seen VALUES (?, 1)", (id,)).rowcount:
            return 1
        self.scratch.execute("UPDATE seen SET n = n + 1 WHERE id = ?", (id,))
        return int(self.scratch.execute("SELECT n FROM seen WHERE id = ?", (id,)).fetchone()[0])

    def close(self) -> None:
        self.scratch.close()

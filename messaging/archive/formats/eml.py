"""A single message in a file, as mail programs save it. RFC 5322"""

from __future__ import annotations

import re

from messaging.archive.formats.base import BOM, Format
from messaging.archive.formats.sources import Source
from messaging.archive.letters import Entries, Place

_LINE = re.compile(rb"[!-9;-~]+[ \t]*:")
# One of these makes it mail rather than a text with a colon in its first line.
_KNOWN = re.compile(
    rb"^(?:from|to|cc|sender|subject|date|message-id|received|return-path|mime-version"
    rb"|delivered-to|content-[a-z-]+|x-[a-z-]+)[ \t]*:",
    re.I | re.M,
)


class Eml(Format):
    name = "eml"

    def is_file(self, source: Source) -> bool:
        return is_header(source.start)

    def read_file(self, source: Source) -> Entries:
        from messaging.archive.mail.letter import letter

        data = source.stream.read().removeprefix(BOM).lstrip(b"\r\n")
        yield Place(source.place, 1), letter(data, source.modified)


def is_header(start: bytes) -> bool:
    """Whether a message begins so."""
    head = re.split(rb"\r?\n\r?\n", start.removeprefix(BOM).lstrip(b"\r\n"), maxsplit=1)[0]
    return _LINE.match(head) is not None and _KNOWN.search(head) is not None

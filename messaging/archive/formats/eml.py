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

    def is_file(self, start: bytes) -> bool:
        start = start.removeprefix(BOM).lstrip(b"\r\n")
        head = re.split(rb"\r?\n\r?\n", start, maxsplit=1)[0]
        return _LINE.match(head) is not None and _KNOWN.search(head) is not None

    def read_file(self, source: Source) -> Entries:
        from messaging.archive.mail.letter import letter

        yield Place(source.place, 1), letter(source.stream.read(), source.modified)

"""JSON Lines, as export writes them."""

from __future__ import annotations

import re

from messaging.archive.formats.base import Format
from messaging.archive.formats.sources import Source
from messaging.archive.jsonlines import records
from messaging.archive.letters import Entries

# Nothing at all is an archive of no messages. The first lines may be damaged. A brace alone
# in its line begins JSON that is laid out for people.
_START = re.compile(rb"(?:\xef\xbb\xbf)?\s*(?:\Z|\{[ \t]*\S|\{\s*\Z)|(?:.*\n){1,9}\{\"")


class JsonLines(Format):
    name = "jsonl"

    def is_file(self, source: Source) -> bool:
        return _START.match(source.start) is not None

    def read_file(self, source: Source) -> Entries:
        yield from records(source.stream, source.place)

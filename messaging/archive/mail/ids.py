"""The ids of messages and of what they answer. RFC 5322 section 3.6.4, RFC 5256 section 3"""

from __future__ import annotations

import hashlib
import re

from messaging.archive.mail.text import storable, unraw

MAX_LENGTH = 998  # of a line: RFC 5322 section 2.1.1
MAX_REFERENCES = 100

_BRACKETED = re.compile(r"<([^<>]+)>")
_BARE = re.compile(r"[^@]+@[^@]+")
_BETWEEN = re.compile(r"""[\s<>()"',;:]+""")
_QUOTED_LOCAL = re.compile(r'"((?:[^"\\]|\\.)*)"(?=@)')
_SPACE = re.compile(r"\s+")


def ids_in(header: str) -> list[str]:
    """The ids in a header, in order, without brackets, white space and needless quotes.

    Between the brackets anything goes. Without any brackets, what has the form of an id is one.
    """
    if not header:
        return []
    header = unraw(header)
    found = _BRACKETED.findall(header)
    if not found:
        found = [word for word in _BETWEEN.split(header) if _BARE.fullmatch(word)]
    ids = (_normal(_SPACE.sub("", one)) for one in found)
    return [one for one in ids if one]


def references(header: str, in_reply_to: str, own: str) -> tuple[str, ...]:
    """What a message answers, the oldest first: References, else the first of In-Reply-To.

    Of very many the first and the last are kept, which hold a thread together.
    """
    ids = ids_in(header) or ids_in(in_reply_to)[:1]
    kept = [one for one in dict.fromkeys(reversed(ids)) if one != own][::-1]
    return tuple(kept if len(kept) <= MAX_REFERENCES else [kept[0], *kept[1 - MAX_REFERENCES :]])


def made_id(*facts: object) -> str:
    """An id for a message without one: the same for the same facts, wherever they are read."""
    return f"{_digest(repr(facts))}@content.invalid"


def duplicate_id(id: str, count: int) -> str:
    """An id for the `count`th message of one archive with the same id."""
    return f"{_digest(f'{id} {count}')}@duplicate.invalid"


def _normal(found: str) -> str:
    """The id as it is kept, or nothing if it is too long to be one."""
    if len(found) > MAX_LENGTH:
        return ""
    if found.startswith('"'):
        found = _QUOTED_LOCAL.sub(lambda local: re.sub(r"\\(.)", r"\1", local[1]), found, count=1)
    return storable(found)


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:32]

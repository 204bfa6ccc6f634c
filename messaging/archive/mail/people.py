"""Who wrote a message, and to whom. RFC 5322 section 3.4, and what was written before it"""

from __future__ import annotations

import re
from collections.abc import Callable

from messaging.archive.letters import Person
from messaging.archive.mail.text import unfolded, unraw

NOBODY = Person("", "")

_TOKEN = re.compile(
    r"""(?P<encoded>=\?[^?\s]+\?[bBqQ]\?[^?]*\?=)
    |(?P<local>"(?:[^"\\]|\\.)*"@[^\s"(<>,;:]+)
    |"(?P<quoted>(?:[^"\\]|\\.)*)"
    |\((?P<comment>(?:[^()\\]|\\.|\((?:[^()\\]|\\.)*\))*)\)
    |<(?P<angle>[^<>]*)>?
    |(?P<mark>[,;:])
    |(?P<word>[^\s"(<,;:]+|["(])
    """,
    re.X | re.S,
)
_ESCAPED = re.compile(r"\\(.)", re.S)
_PREFIX = re.compile(r"^(?:@[^:]*:|mailto:)", re.I)  # a route of RFC 822, or a link's
_AT = re.compile(r"^(\S+) at (\S+\.\S+)$")  # what archives of lists write for user@host
_MAX_LENGTH = 4_000  # of a header, as far as the first in it is looked for


def first_person(header: str) -> Person | None:
    """The first that a header of addresses names, or None: a group may have nobody in it.

    A comment after a bare address is a name, as it was before RFC 822. A comma in a name
    that nobody put in quotes does not end it.
    """
    words: list[str] = []
    comments: list[str] = []
    for token in _TOKEN.finditer(unraw(header[:_MAX_LENGTH])):
        kind, text = str(token.lastgroup), token[str(token.lastgroup)]
        if kind == "angle":
            if text.strip():
                return _person(text, words or comments)
        elif kind == "comment":
            comments.append(_ESCAPED.sub(r"\1", text))
        elif kind == "quoted":
            words.append(_ESCAPED.sub(r"\1", text))
        elif text == ":":  # what stood before it is the name of a group
            words.clear()
        elif text in {",", ";"}:
            if (found := _bare(words, comments)) is not None:
                return found
            words[-1:] = [word + "," for word in words[-1:]]
        else:
            words.append(text)
    name = _name(words or comments)
    return _bare(words, comments) or (Person("", name) if name else None)


def _bare(words: list[str], comments: list[str]) -> Person | None:
    """Somebody whose address stands without angle brackets."""
    for word in words:
        if "@" in word.strip("@"):
            return _person(word, comments or [one for one in words if one is not word])
    address = _AT.match(" ".join(words))
    return _person(f"{address[1]}@{address[2]}", comments) if address else None


def _person(address: str, names: list[str]) -> Person:
    address = unfolded(address).strip("' ")
    if address.count('"') == 2 and address[0] == address[-1]:
        address = address.strip('"')
    if hidden := _AT.match(address):
        address = f"{hidden[1]}@{hidden[2]}"
    if '"' not in address:
        address = address.replace(" ", "")
    return Person(_PREFIX.sub("", address).lower(), _name(names))


def _name(words: list[str]) -> str:
    return unfolded(" ".join(words)).strip("'\", ")


def sender(header: Callable[[str], str], envelope: str) -> Person:
    """From, else Sender, else who the message came back to."""
    for name in ("from", "sender", "return-path"):
        if header(name) and (found := first_person(header(name))) and found != NOBODY:
            return found
    address = envelope.split(" ", 1)[0]
    return Person(address.lower(), "") if "@" in address else NOBODY


RECIPIENTS = (
    *("to", "list-post", "x-mailing-list"),
    *("cc", "delivered-to", "x-original-to", "bcc", "apparently-to"),
)


def recipient(header: Callable[[str], str]) -> Person | None:
    """The first of To, else the list, else whoever else the message went to, else nobody."""
    for name in RECIPIENTS:
        value = header(name)[:_MAX_LENGTH]
        if name == "list-post":
            value = re.sub(r"<\s*mailto:([^?>]*)(?:\?[^>]*)?>", r"<\1>", value, flags=re.I)
        if value and (found := first_person(value)) and found != NOBODY:
            return found
    return None

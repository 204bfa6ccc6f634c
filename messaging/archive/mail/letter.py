"""The bytes of one message as a Letter."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import datetime
from email.message import Message

from messaging.archive.letters import Letter
from messaging.archive.mail import dates, ids, people
from messaging.archive.mail.bodies import content, parsed
from messaging.archive.mail.text import decoded, storable, unfolded
from messaging.exceptions import ArchiveError

BOM = b"\xef\xbb\xbf"

MAX_HEAD = 1_000_000

# A From_ line that is not first, or was quoted, would end the header for the parser.
_MISPLACED = re.compile(rb"^>?From .*\r?\n", re.M)
_SPACED = re.compile(rb"^([!-9;-~]+)[ \t]+:", re.M)  # RFC 5322 section 4.5.8
# What the standard library raises on some broken header of a part, or when parts nest too deep.
_STUMBLES = (TypeError, ValueError, LookupError, RecursionError)


def letter(
    data: bytes, otherwise: datetime, *, envelope: str | None = None, read: bool = True
) -> Letter | ArchiveError:
    """What a message says, or why there is nothing; it never raises.

    `envelope` is what follows "From " in an mbox, whose Status says what was read. `otherwise`
    is the time of a message that has none; an id that is made up does not depend on it.
    """
    message, text = _parsed(data)
    header = _headers(message)
    if not text and not message.keys():
        return ArchiveError("it is empty.")
    subject = unfolded(header("subject"))
    sender = people.sender(header, envelope or "")
    at = dates.written(header("date"), header("received"), envelope or "")
    own = next(iter(ids.ids_in(header("message-id"))), "")
    references = ids.references(header("references"), header("in-reply-to"), own)
    if envelope is not None and header("status"):
        read = "R" in header("status")
    return Letter(
        id=own or ids.made_id(sender.address, sender.name, at, references, subject, text),
        references=references,
        sender=sender,
        recipient=people.recipient(header),
        subject=subject,
        content=text,
        timestamp=at or otherwise,
        read=read,
    )


def _parsed(data: bytes) -> tuple[Message, str]:
    """The message and its text. Where its parts can't be told apart, the text is all of them.

    It is parsed a character a byte: so nothing that is not ASCII is lost before it is known
    what it is meant to be.
    """
    source = _with_plain_header(data.removeprefix(BOM)).decode("latin-1")
    try:
        message = parsed(source)
        return message, storable(content(message))
    except _STUMBLES:
        message = parsed(source, headers_only=True)
        return message, decoded(source.partition("\n\n")[2].encode("latin-1")).rstrip()


def _with_plain_header(data: bytes) -> bytes:
    """The message with a header as the parser wants it: no From lines, no space before colons."""
    head, blank, body = data.partition(b"\n\r\n" if b"\n\r\n" in data[:MAX_HEAD] else b"\n\n")
    if b"From " in head or b" :" in head or b"\t:" in head:
        head = _SPACED.sub(rb"\1:", _MISPLACED.sub(b"", head + b"\n"))[:-1]
        return head + blank + body
    return data


def _headers(message: Message) -> Callable[[str], str]:
    """Answers with the first field of a name, or nothing."""
    fields: dict[str, str] = {}
    for name, value in message.items():
        fields.setdefault(name.lower(), str(value))
    return lambda name: fields.get(name, "")

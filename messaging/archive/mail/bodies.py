"""The text of a message: what people wrote, and a line for each thing they attached. RFC 2046"""

from __future__ import annotations

import binascii
import quopri
import re
from collections.abc import Callable
from email.message import Message
from email.parser import Parser
from email.policy import compat32
from typing import Any, NamedTuple

from messaging.archive.mail.flowed import unflowed
from messaging.archive.mail.html import readable
from messaging.archive.mail.people import first_person
from messaging.archive.mail.text import decoded, unbase64, unfolded, unraw

MAX_HEADER = 10_000
MAX_DEPTH = 20  # of messages in messages

Part = Message  # as the standard library calls it: of one character a byte, see letter.py

_PADDING = re.compile(rb"=+")
_JOINED_BASE64 = re.compile(rb"(?:[A-Za-z0-9+/\s]*={1,2}\s*\n)*[A-Za-z0-9+/\s]*=*\s*")


class Piece(NamedTuple):
    """A stretch of a message's text: plain, html, other text, or the line of an attachment."""

    kind: str
    text: str


def parsed(source: str, *, headers_only: bool = False) -> Part:
    """A message, a character a byte. Raises what the standard library does, see letter.py"""
    return Parser(policy=compat32).parsestr(source, headersonly=headers_only)


def content(message: Part) -> str:
    """All that a message says, without trailing blank lines."""
    text = before = ""
    for piece in _pieces(message, 0):
        if piece.text:
            gap = "\n" if before == piece.kind == "line" else "\n\n"
            text += gap + piece.text if text else piece.text
            before = piece.kind
    return text or _lines(unraw(message.preamble or "")).strip()


def _pieces(part: Part, depth: int) -> list[Piece]:
    kind = part.get_content_type()
    inner: Any = part.get_payload()
    if not isinstance(inner, list):
        return [_leaf(part, kind, inner)]
    if kind == "message/delivery-status":
        return [Piece("text", "\n\n".join(_headers(one) for one in inner).rstrip())]
    if kind == "message/external-body":
        return [Piece("line", f"[attachment: {_name(part) or kind}, not in the archive]")]
    if kind.startswith("message/"):
        return [piece for one in inner for piece in _enclosed(part, one, depth + 1)]
    alternatives = [_pieces(one, depth) for one in inner]
    if kind == "multipart/alternative":
        alternatives = [_best(alternatives)]
    after = Piece(
        "plain", _lines(unraw(part.epilogue or "")).strip()
    )  # a footer, or what was misplaced
    return [*(piece for one in alternatives for piece in one), after]


def _best(alternatives: list[list[Piece]]) -> list[Piece]:
    """Of texts that say the same the plain ones, or else the HTML; and whatever is attached."""
    for kind in ("plain", "html", "text"):
        for pieces in alternatives:
            if any(piece.kind == kind and piece.text for piece in pieces):
                others = (piece for one in alternatives if one is not pieces for piece in one)
                wanted = {"plain", "line"} if kind == "plain" else {"line"}
                more = (piece for piece in others if piece.kind in wanted)
                return [*pieces, *(piece for piece in more if piece not in pieces)]
    return [piece for one in alternatives for piece in one]


def _enclosed(part: Part, message: Part, depth: int) -> list[Piece]:
    """A message in a message: what it is, and then what it says."""
    encoding, payload = str(part.get("content-transfer-encoding")), message.get_payload()
    if "base64" in encoding.lower() and isinstance(payload, str):  # which no message may be
        message = parsed(_data(payload.encode("latin-1"), encoding).decode("latin-1"))
    author = first_person(str(message.get("from", "")))
    facts = [
        _name(part),
        unfolded(str(message.get("subject", ""))) or "no subject",
        f"from {author.name or author.address}" if author else "",
        unfolded(str(message.get("date", ""))),
        "" if depth <= MAX_DEPTH else "in too many others to be read",
    ]
    line = Piece("line", f"[message: {', '.join(fact for fact in facts if fact)}]")
    return [line, *(_pieces(message, depth) if depth <= MAX_DEPTH else ())]


def _leaf(part: Part, kind: str, payload: str) -> Piece:
    data = _data(payload.encode("latin-1", "replace"), str(part.get("content-transfer-encoding")))
    main = kind.partition("/")[0]
    name = _name(part)
    is_text = main in {"text", "multipart"} and part.get_content_disposition() != "attachment"
    if not is_text or (name and kind not in {"text/plain", "text/html"}):
        from humanize import naturalsize

        return Piece("line", f"[attachment: {name or kind}, {naturalsize(len(data))}]")
    text = _lines(decoded(data, _asked(part, part.get_content_charset)))
    if kind == "text/html":
        return Piece("html", readable(text).strip())
    if "flowed" in str(part.get("content-type")).lower():
        deletes = _asked(part, lambda: part.get_param("delsp")).lower() == "yes"
        text = unflowed(text, delete_space=deletes)
    return Piece("plain" if kind == "text/plain" else "text", text.rstrip())


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _name(part: Part) -> str:
    return unfolded(_asked(part, part.get_filename))


def _data(data: bytes, encoding: str) -> bytes:
    """What was encoded for the way. RFC 2045 section 6; a broken encoding as far as it goes"""
    encoding = encoding.strip(" \t\r\n;\"'").lower()
    if encoding == "base64":
        return _from_base64(data)
    if encoding == "quoted-printable":
        return quopri.decodestring(data)
    if encoding in {"x-uuencode", "uuencode", "uue", "x-uue"}:
        return _from_uu(data)
    return data


def _from_base64(data: bytes) -> bytes:
    """Past the padding there may be the plain footer of a mailing list, or more of it."""
    first, _, rest = data.partition(b"=")
    after = rest.strip(b"= \t\r\n")
    if after and _JOINED_BASE64.fullmatch(data):
        return b"".join(map(unbase64, _PADDING.split(data)))
    return unbase64(first) + (b"\n" + after if after else b"")


def _from_uu(data: bytes) -> bytes:
    out = b""
    for line in data.splitlines():
        if line.strip() == b"end":
            break
        try:
            out += b"" if line.startswith(b"begin ") else binascii.a2b_uu(line)
        except binascii.Error:
            return data
    return out


def _headers(part: Part) -> str:
    return "\n".join(f"{name}: {unfolded(str(value))}" for name, value in part.items())


def _asked(part: Part, question: Callable[[], object]) -> str:
    """A parameter of a header; the standard library stumbles over some that are broken.

    It takes time with the square of their number: of very many none is asked for.
    """
    if max(len(str(part.get(f"content-{name}"))) for name in ("type", "disposition")) > MAX_HEADER:
        return ""
    try:
        return unraw(str(question() or ""))
    except (TypeError, ValueError, LookupError):
        return ""

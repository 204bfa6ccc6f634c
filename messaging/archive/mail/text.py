"""Bytes of mail as text. Nothing here raises: what can't be read is read as well as it can be."""

from __future__ import annotations

import binascii
import codecs
import quopri
import re
from functools import lru_cache
from string import ascii_letters, digits

REPLACEMENT = "\ufffd"

# What old programs declare, and the larger set that they meant (as https://encoding.spec.whatwg.org).
MEANT = {
    "ascii": "utf-8",
    "iso8859-1": "windows-1252",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "euc_kr": "cp949",
    "shift_jis": "cp932",
    "big5": "big5hkscs",
}
# Python has them as codecs of text, but no mail is written in them; some are very slow.
NOT_CHARSETS = {"idna", "punycode", "undefined", "unicode-escape", "raw-unicode-escape"}

_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
_WORD = re.compile(r"=\?([^?*\s]+)(?:\*[^?\s]*)?\?([bBqQ])\?([^?]*)\?=")
_BETWEEN_WORDS = re.compile(r"(\?=)\s+(?==\?[^?\s]+\?[bBqQ]\?)")
_NOT_BASE64 = bytes(set(range(256)) - set(f"{ascii_letters}{digits}+/".encode()))


def storable(text: str) -> str:
    """The text with U+FFFD for what no database holds: NUL, and halves of surrogate pairs."""
    return _UNSTORABLE.sub(REPLACEMENT, text)


def decoded(data: bytes, charset: str = "") -> str:
    """Text in the charset that it is said to be in, or in UTF-8, or in windows-1252."""
    meant = _codec(charset)
    for codec in (meant, "utf-8"):
        if codec is not None:
            try:
                return storable(data.decode(codec))
            except (UnicodeError, ValueError):
                continue
    text = data.decode(meant or "utf-8", "replace")
    broken = text.count(REPLACEMENT)
    if broken > sum(char > "\x7f" for char in text) - broken:  # it was something else altogether
        text = data.decode("windows-1252", "replace")
    return storable(text)


@lru_cache(maxsize=256)
def _codec(charset: str) -> str | None:
    """The codec that is meant, or None when there is none of that name."""
    name = charset.strip(" '\"").lower().removeprefix("x-").removesuffix("-i")
    try:
        found = codecs.lookup(name).name
        found = MEANT.get(found, found)
        b"a".decode(found, "replace")  # hex and such are not of text
    except (LookupError, ValueError, UnicodeError):
        return None
    return None if found in NOT_CHARSETS else found


def unraw(value: str) -> str:
    """A header as it came, a character a byte: beyond ASCII it is UTF-8, or else windows-1252."""
    if value.isascii():
        return value
    try:
        return decoded(value.encode("latin-1"))
    except UnicodeEncodeError:  # it is text already
        return value


def unfolded(value: str) -> str:
    """A header's text in one line, its encoded words decoded. RFC 2047"""
    value = unraw(value)
    if "=?" in value:
        value = _words(_BETWEEN_WORDS.sub(r"\1", value))
    return storable(" ".join(value.split()))


def _words(value: str) -> str:
    """Neighbours of one charset are decoded together: some programs cut characters in half."""
    out, waiting, charset, at = [], b"", "", 0
    for found in _WORD.finditer(value):
        if waiting and (found.start() > at or found[1].lower() != charset):
            out.append(decoded(waiting, charset))
            waiting = b""
        out.append(value[at : found.start()])
        charset, at = found[1].lower(), found.end()
        waiting += _unencoded(found[2], found[3])
    return "".join((*out, decoded(waiting, charset), value[at:]))


def _unencoded(encoding: str, text: str) -> bytes:
    data = text.encode("utf-8", "replace")
    if encoding in "bB":
        return unbase64(data)
    return quopri.decodestring(data, header=True)


def unbase64(data: bytes) -> bytes:
    """What of base64 is there, past anything that is not base64 and whatever is cut off."""
    data = data.translate(None, _NOT_BASE64)
    if len(data) % 4 == 1:  # six bits alone say nothing
        data = data[:-1]
    return binascii.a2b_base64(data + b"=" * (-len(data) % 4))

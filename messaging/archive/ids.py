"""The ids and addresses that messages and people of this store have in mail.

Those that did not come from elsewhere get ones below `msgcli.invalid`: a name that RFC 2606
keeps from ever being anybody's.
"""

from __future__ import annotations

import hashlib
import re
from datetime import datetime, timedelta, timezone
from typing import NamedTuple
from urllib.parse import unquote

MESSAGES = "msgcli.invalid"
PEOPLE = "users.msgcli.invalid"
MAX_LENGTH = 255  # what the column of Mail takes

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)
OURS = re.compile(rf"(\d{{1,19}})\.(-?\d{{1,18}})@{re.escape(MESSAGES)}")


class Native(NamedTuple):
    """A message that was written with msgcli: its id, and its time, aware, in UTC."""

    pk: int
    timestamp: datetime


def msg_id_of(message: Native) -> str:
    """The Message-ID of a message that has none, without angle brackets.

    It has the time to the microsecond, which a Date header has not, and which tells
    messages of the same number in two stores apart.
    """
    microseconds = (message.timestamp - EPOCH) // timedelta(microseconds=1)
    return f"{message.pk}.{microseconds}@{MESSAGES}"


def native(msg_id: str) -> Native | None:
    """Which message a Message-ID was made for, if `msg_id_of` made it."""
    found = OURS.fullmatch(msg_id)
    if found is None:
        return None
    try:
        return Native(int(found[1]), EPOCH + timedelta(microseconds=int(found[2])))
    except OverflowError:
        return None


def address_of(name: str) -> str:
    """The address of a user who has none: the name, in characters that need no quoting."""
    local = "".join(
        char
        if char.isascii() and (char.islower() or char.isdigit())
        else "".join(f"%{byte:02x}" for byte in char.encode())
        for char in name
    )
    return f"{local}@{PEOPLE}"


def name_in(address: str) -> str | None:
    """The user that an address was made for, if `address_of` made it."""
    local, _, domain = address.rpartition("@")
    return unquote(local) if domain == PEOPLE else None


def fitted(msg_id: str) -> str:
    """An id that the column of Mail takes: a longer one ends in a digest of the whole."""
    if len(msg_id) <= MAX_LENGTH:
        return msg_id
    digest = hashlib.sha256(msg_id.encode()).hexdigest()
    return f"{msg_id[: MAX_LENGTH - len(digest) - 1]}.{digest}"

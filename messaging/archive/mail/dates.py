"""When a message was written. RFC 5322 section 3.3, and what is found instead of it"""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone
from email.utils import parsedate_tz

_FROM_WEEKDAY = re.compile(r"\b(?:mon|tue|wed|thu|fri|sat|sun),? .*", re.I)
FIRST = datetime(1970, 1, 1, tzinfo=timezone.utc)


def moment(text: str) -> datetime | None:
    """A date of mail, in UTC, which it is in if it names no zone; None if there is no such day."""
    try:
        parts = parsedate_tz(text)
    except (ValueError, IndexError, TypeError):  # some texts, in some releases of Python
        parts = None
    try:
        if parts is None:
            found = datetime.fromisoformat(text.strip())
            found = found if found.tzinfo else found.replace(tzinfo=timezone.utc)
        else:
            year, month, day, hour, minute, second = parts[:6]
            found = datetime(year, month, day, hour, minute, min(second, 59), tzinfo=timezone.utc)
            found -= timedelta(seconds=parts[9] or 0)
        found = found.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        return None
    return found if found >= FIRST else None


def written(date: str, received: str, envelope: str) -> datetime | None:
    """The first of these that is a date: Date, the topmost Received, the From_ line."""
    stamp = _FROM_WEEKDAY.search(envelope)
    return (
        moment(date)
        or moment(received.rpartition(";")[2])
        or (moment(stamp[0]) if stamp is not None else None)
    )

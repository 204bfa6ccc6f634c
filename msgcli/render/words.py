"""Times and numbers as people say them."""

from __future__ import annotations

from datetime import datetime, timezone


def ago(moment: datetime) -> str:
    """An aware datetime as a person would say it: `3 minutes ago`."""
    import humanize

    said = humanize.naturaltime(moment, when=datetime.now(timezone.utc))
    return {"now": "just now", "a day ago": "yesterday"}.get(said, said)


def count(number: int, noun: str, plural: str = "") -> str:
    """A number with its noun: `1 message`, `2 messages`."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"

"""What an archive of mail or of another tool holds, whichever format it is written in."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from messaging.archive.records import Place, Record
from messaging.exceptions import ArchiveError

__all__ = ["Entries", "Entry", "Letter", "Person", "Place"]


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody in a letter: an address in lower case and a display name, either may be empty."""

    address: str
    name: str


@dataclass(frozen=True, slots=True)
class Letter:
    """One message of an archive, read and checked; `timestamp` is aware, in UTC.

    `id` is its Message-ID without the angle brackets, or one made from what the letter says.
    `references` are the ids of what it answers, the oldest first and its parent last, as
    RFC 5256 chooses them: of References, else the first of In-Reply-To. `recipient` is the
    first of To, else the address of the list, else whoever else the letter went to.
    """

    id: str
    references: tuple[str, ...]
    sender: Person
    recipient: Person | None
    subject: str
    content: str
    timestamp: datetime
    read: bool = True


Entry = tuple[Place, Record | Letter | ArchiveError]
Entries = Iterator[Entry]

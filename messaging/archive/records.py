"""What an archive holds, whichever format it is written in."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from messaging.exceptions import ArchiveError


@dataclass(frozen=True, slots=True)
class Version:
    """An earlier text of a message: what it said until `edited_at`."""

    content: str
    edited_at: datetime
    edited_by: str | None


class MailNames(NamedTuple):
    """What a message that came by mail is called there; see `messaging.models.Mail`."""

    id: str
    references: tuple[str, ...] = ()
    subject: str = ""
    absent_root: str | None = None


@dataclass(frozen=True, slots=True)
class Record:
    """One line of an archive, checked; times are aware, in UTC."""

    id: str | int
    sender: str
    receiver: str
    content: str
    timestamp: datetime
    parent_id: str | int | None
    read: bool = False
    edited: bool = False
    history: tuple[Version, ...] = ()
    mail: MailNames | None = None


class Place(NamedTuple):
    """Where a message of an archive is: which file, and the how manieth in it, from 1."""

    file: str
    position: int


Line = tuple[Place, Record | ArchiveError]  # of JSON

"""The rows that lists are made of, and the look-ups that fill them in one query."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from django.contrib.auth import get_user_model

from messaging.threads import MessageRow


class InboxRow(NamedTuple):
    """One other person of somebody's inbox."""

    user: str
    last_message: MessageRow
    unread: int


class NotificationRow(NamedTuple):
    """A notification and the message it is about; `timestamp` is aware, in UTC."""

    id: int
    user: str
    timestamp: datetime
    read: bool
    message: MessageRow


class VersionRow(NamedTuple):
    """One text that a message had or has; `since` is aware, in UTC, `edited_by` None if unknown."""

    number: int
    content: str
    since: datetime
    edited_by: str | None


def name_of(relation: str) -> str:
    """The look-up of a related user's name, in whichever user model the project has."""
    return f"{relation}__{get_user_model().USERNAME_FIELD}"


def message_columns(prefix: str = "") -> list[str]:
    """The look-ups of a MessageRow's fields, in their order."""
    names = [name_of("sender"), name_of("receiver"), "content", "timestamp", "read", "edited"]
    return [f"{prefix}{name}" for name in ("id", *names, "parent_message_id", "root_id")]

"""Whose messages a command is about, for those that take all of somebody's or everybody's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgcli.errors import UsageError

if TYPE_CHECKING:
    from messaging.managers.messages import MessageQuerySet


def messages_of(user: str | None, other: str | None, usage: str) -> MessageQuerySet:
    """Those of a user, perhaps with one other only; without a user everybody's.

    Raises UsageError with `usage` when there is an `other` and no user, and UserNotFound.
    """
    from messaging.accounts import find_user
    from messaging.models import Message

    messages = Message.objects.all()
    if user is None:
        if other is not None:
            raise UsageError(f"With OTHER, who? {usage}, or set MSGCLI_USER.")
        return messages
    person = find_user(user)
    if other is not None:
        return messages.between(person, find_user(other))
    return messages.of_user(person)

"""What a reader may see of rows that are theirs: not even the ids of messages that are not."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from messaging.managers import InboxRow, NotificationRow
from messaging.models import Message
from messaging.threads import MessageRow


def messages(rows: Sequence[MessageRow], reader: Any) -> list[MessageRow]:
    """The rows, with the ids of parents and roots only where these are the reader's too."""
    own = _own({pk for row in rows for pk in (row.parent_id, row.root_id) if pk}, reader)
    return [
        row._replace(
            parent_id=row.parent_id if row.parent_id in own else None,
            root_id=row.root_id if row.root_id in own else None,
        )
        for row in rows
    ]


def conversations(rows: Sequence[InboxRow], reader: Any) -> list[InboxRow]:
    """The rows of an inbox, with their messages as `messages` leaves them."""
    last = messages([row.last_message for row in rows], reader)
    return [row._replace(last_message=seen) for row, seen in zip(rows, last, strict=True)]


def notifications(rows: Sequence[NotificationRow], reader: Any) -> list[NotificationRow]:
    """The notifications, with their messages as `messages` leaves them."""
    about = messages([row.message for row in rows], reader)
    return [row._replace(message=seen) for row, seen in zip(rows, about, strict=True)]


def _own(ids: Iterable[int], reader: Any) -> set[int]:
    own = Message.objects.of_user(reader)
    return {pk for some in own.with_ids(ids) for pk in some.values_list("pk", flat=True)}

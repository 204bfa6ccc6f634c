"""Writing messages out, in bounded memory."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from django.db.models import Case, F, Q, When

from messaging.batches import batched
from messaging.managers.rows import message_columns, name_of
from messaging.models import Message, MessageHistory
from messaging.plain import dumps, message, utc
from messaging.threads import MessageRow

if TYPE_CHECKING:
    from messaging.types import AnyUser


def export_lines(user: AnyUser | None = None) -> Iterator[str]:
    """The messages of a user, or all there are, as lines of JSON in the order of their ids.

    A reply to a message that is not part of the export opens a thread of its own there, so
    that importing the export and exporting it again gives the same bytes.
    """
    messages = Message.objects.all() if user is None else Message.objects.of_user(user)
    parent: Any = F("parent_message_id")
    if user is not None:
        theirs = Q(parent_message__sender=user) | Q(parent_message__receiver=user)
        parent = Case(When(theirs, then=F("parent_message_id")))
    columns = [name for name in message_columns() if name != "parent_message_id"]
    at = message_columns().index("parent_message_id")
    for ids in batched(messages.order_by("pk").values_list("pk", flat=True).iterator()):
        chosen = Message.objects.filter(pk__in=ids).order_by("pk").annotate(kept_parent=parent)
        rows = [
            MessageRow._make(row)
            for row in chosen.values_list(*columns[:at], "kept_parent", *columns[at:])
        ]
        history = _versions([row.id for row in rows if row.edited])
        for row in rows:
            line = message(row)
            if row.id in history:
                line["history"] = history[row.id]
            yield dumps(line)


def _versions(ids: list[int]) -> dict[int, list[dict[str, Any]]]:
    found: dict[int, list[dict[str, Any]]] = {}
    for pk, content, edited_at, editor in MessageHistory.objects.filter(
        message__in=ids
    ).values_list("message_id", "old_content", "edited_at", name_of("edited_by")):
        version = {"content": content, "edited_at": utc(edited_at), "edited_by": editor}
        found.setdefault(pk, []).append(version)
    return found

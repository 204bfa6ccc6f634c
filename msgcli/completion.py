"""What the shell can complete: names and recent ids, from a store that is there already."""

from __future__ import annotations

RECENT = 50


def user_names(incomplete: str) -> list[str]:
    """The users whose names begin so."""
    if not _has_store():
        return []
    from messaging.accounts import names_from

    return names_from(incomplete, RECENT)


def message_ids(incomplete: str) -> list[tuple[str, str]]:
    """The newest messages whose ids begin so, each with its people and how it begins."""
    if not _has_store():
        return []
    from messaging.models import Message
    from messaging.plain import one_line

    rows = Message.objects.order_by("-id")[:RECENT].rows()
    return [
        (str(row.id), f"{row.sender} → {row.receiver}: {one_line(row.content)[:40]}")
        for row in rows
        if str(row.id).startswith(incomplete)
    ]


def _has_store() -> bool:
    """Whether there is a store to ask. Pressing Tab never makes one, and never fails aloud."""
    from django.db import DatabaseError

    from msgcli import bootstrap
    from msgcli.errors import StoreNotReady

    try:
        bootstrap.setup_django()
        if bootstrap.is_embedded() and not bootstrap.store_path().exists():
            return False
        return not bootstrap.pending_migrations()
    except (StoreNotReady, DatabaseError, OSError):
        return False

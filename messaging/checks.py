"""What `manage.py check` and `manage.py migrate` see to in a host project."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.core import checks
from django.db import connections, router

from messaging.search import index


def register() -> None:
    """Let Django know of the checks, once however often this is called."""
    checks.register(checks.Tags.database)(full_text_search)


def full_text_search(
    databases: Sequence[str] | None = None, **kwargs: Any
) -> list[checks.CheckMessage]:
    """Warn where messages will be searched without an index."""
    from messaging.models import Message

    using = router.db_for_read(Message)
    if using not in (databases or ()) or index.can_search(connections[using]):
        return []
    return [
        checks.Warning(
            "Messages are searched without an index: this database has no full-text search"
            " that messaging knows.",
            hint="Use PostgreSQL, or a Python whose SQLite is built with FTS5.",
            id="messaging.W001",
        )
    ]


def restore_search(using: str, **kwargs: Any) -> None:
    """After migrations, which may lose the triggers, make the search index again if need be."""
    from messaging.models import Message

    tables = connections[using].introspection.table_names()  # none of ours after `migrate zero`
    if router.allow_migrate_model(using, Message) and Message._meta.db_table in tables:
        index.restore(connections[using])

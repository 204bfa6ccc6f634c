"""What signals do for one message, done in sets for the queryset methods that send none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.db import NotSupportedError, connections, transaction
from django.db.models import Case, F, Q, QuerySet, TextField, Value, When
from django.db.models.expressions import RawSQL

from messaging import conversations, trees
from messaging.batches import batched

if TYPE_CHECKING:
    from messaging.managers import MessageQuerySet
    from messaging.models import Message

UPDATED = "messaging_updated"
PLACE = {"sender_id", "receiver_id", "timestamp"}


def update(messages: MessageQuerySet, values: dict[str, Any]) -> int:
    """`QuerySet.update` that logs edits, and keeps threads, notifications and inboxes in step.

    Returns how many messages matched. Raises ThreadCycle, and changes nothing, when a new
    parent would make a message a reply to itself.
    """
    using = messages.write_db
    changed = {_attname(messages.model, name) for name in values}
    with (
        transaction.atomic(using=using),
        connections[using].cursor() as cursor,
        trees.temporary_ids(cursor, UPDATED),
    ):
        # Kept from before, because afterwards a filter may match others.
        trees.fill(cursor, UPDATED, messages)
        updated = RawSQL(f"SELECT id FROM {UPDATED}", ())  # noqa: S611  (a constant)
        these = messages.model.objects.using(using).filter(pk__in=updated)
        before = _pairs(these) if changed & PLACE else set()
        chosen = messages.filter(pk__in=updated)
        if "content" in changed:
            values = _log_versions(chosen, values, using)
        matched = QuerySet.update(chosen, **values)
        _follow(these, updated, changed, values)
        if changed & PLACE:
            conversations.refresh(before | _pairs(these), using)
            # Whether the people of a reply see what it answers may be another thing now.
            these = messages.model.objects.using(using).filter(parent_message__in=updated)
        conversations.changed(these, using)
    messages._result_cache = None
    return matched


def create(
    messages: MessageQuerySet, objs: Sequence[Message], batch_size: int | None
) -> list[Message]:
    """`QuerySet.bulk_create` that puts each message in its thread and notifies its receiver."""
    from messaging.models import Notification

    using = messages.write_db
    with transaction.atomic(using=using):
        _join_threads(messages, objs, using)
        created = QuerySet.bulk_create(messages, objs, batch_size=batch_size)
        if any(message.pk is None for message in created):
            raise NotSupportedError("This database does not return the ids of rows made in bulk.")
        ids = {message.pk for message in created}
        trees.rethread((m.pk for m in created if m.parent_message_id in ids), using)
        Notification.objects.using(using).create_for(created)
        conversations.touch(created, using)
    return created


def _log_versions(messages: MessageQuerySet, values: dict[str, Any], using: str) -> dict[str, Any]:
    """Keep what an update of `content` replaces; return the update with `edited` set with it."""
    from messaging.models import MessageHistory

    content = values["content"]
    if not hasattr(content, "resolve_expression"):
        content = Value(content, output_field=TextField())
    replaced = trees.locked(messages, using).alias(new=content).exclude(content=F("new"))
    rows = replaced.values_list("pk", "content").iterator(chunk_size=2000)
    for batch in batched(rows):
        MessageHistory.objects.using(using).bulk_create(
            MessageHistory(message_id=pk, old_content=old) for pk, old in batch
        )
    # One statement sees the old content on both sides, so it can tell which rows change.
    edited = Case(When(~Q(content=content), then=Value(True)), default=F("edited"))
    return {**values, "edited": edited}


def _follow(these: MessageQuerySet, ids: RawSQL, changed: set[str], values: dict[str, Any]) -> None:
    from messaging.models import Notification

    notifications = Notification.objects.using(these.db)
    if "parent_message_id" in changed:
        trees.rethread(list(these.values_list("pk", flat=True)), these.db)
    if "receiver_id" in changed:
        for message in these.only("receiver"):
            message.notifications.using(these.db).update(user=message.receiver_id)
    if "read" not in changed:
        return
    read = values["read"]
    if not isinstance(read, bool):
        notifications.follow(these.values_list("pk", flat=True))
        return
    QuerySet.update(notifications.filter(message__in=ids).exclude(read=read), read=read)
    if not read:
        notifications.create_for(these.filter(notifications__isnull=True))


def _join_threads(messages: MessageQuerySet, objs: Sequence[Message], using: str) -> None:
    parents = {obj.parent_message_id for obj in objs if obj.parent_message_id is not None}
    roots: dict[int, int] = {}
    for batch in batched(parents):
        stored = trees.locked(messages.model.objects.filter(pk__in=batch), using)
        roots.update((pk, root or pk) for pk, root in stored.values_list("pk", "root_id"))
    for obj in objs:
        obj.root_id = roots.get(obj.parent_message_id or 0)


def _pairs(messages: MessageQuerySet) -> set[tuple[Any, Any]]:
    return set(messages.order_by().values_list("sender_id", "receiver_id").distinct())


def _attname(model: type[Message], name: str) -> str:
    return name if name == "pk" else str(model._meta.get_field(name).attname)  # type: ignore[union-attr]

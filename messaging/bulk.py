"""What signals do for one message, done in sets for the queryset methods that send none."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from django.db import NotSupportedError, connections, transaction
from django.db.models import Case, F, Q, QuerySet, TextField, Value, When
from django.db.models.expressions import RawSQL

from messaging import conversations, trees
from messaging.batches import batched

if TYPE_CHECKING:
    from messaging.managers import MessageQuerySet
    from messaging.models import Message

MARKED = "messaging_marked"
PLACE = {"sender_id", "receiver_id", "timestamp"}


def update(messages: MessageQuerySet, values: dict[str, Any]) -> int:
    """`QuerySet.update` that logs edits, and keeps threads, notifications and inboxes in step.

    Returns how many messages matched. Raises ThreadCycle, and changes nothing, when a new
    parent would make a message a reply to itself.
    """
    using = messages.write_db
    changed = {_attname(messages.model, name) for name in values}
    with transaction.atomic(using=using):
        if "content" in changed:
            values = _log_versions(messages, values, using)
        if not isinstance(values.get("read"), bool):
            return _write(messages, values, changed, using)
        with _marked_alike(messages, values["read"], using):
            return _write(messages, values, changed - {"read"}, using)


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


def _write(messages: MessageQuerySet, values: dict[str, Any], changed: set[str], using: str) -> int:
    if not changed & (PLACE | {"parent_message_id", "read"}):
        return QuerySet.update(messages, **values)
    ids = list(messages.order_by().values_list("pk", flat=True))
    before = _pairs(messages, ids, using) if changed & PLACE else set()
    matched = QuerySet.update(messages, **values)
    _follow(messages, ids, changed, before, using)
    return matched


@contextmanager
def _marked_alike(messages: MessageQuerySet, read: bool, using: str) -> Iterator[None]:
    """Mark the notifications of the messages that the block marks.

    Which these are is kept from before, because afterwards a filter may match others.
    """
    from messaging.models import Notification

    notifications = Notification.objects.using(using)
    with connections[using].cursor() as cursor, trees.temporary_ids(cursor, MARKED):
        trees.fill(cursor, MARKED, messages)
        yield
        marked = RawSQL(f"SELECT id FROM {MARKED}", ())  # noqa: S611  (a constant of this module)
        QuerySet.update(notifications.filter(message__in=marked).exclude(read=read), read=read)
        if not read:
            unheard = messages.model.objects.using(using).filter(notifications__isnull=True)
            notifications.create_for(unheard.filter(pk__in=marked))


def _follow(
    messages: MessageQuerySet,
    ids: Sequence[int],
    changed: set[str],
    before: set[tuple[Any, Any]],
    using: str,
) -> None:
    from messaging.models import Notification

    if "parent_message_id" in changed:
        trees.rethread(ids, using)
    if changed & PLACE:
        conversations.refresh(before | _pairs(messages, ids, using), using)
    if "receiver_id" in changed:
        for message in messages.model.objects.using(using).filter(pk__in=ids).only("receiver"):
            message.notifications.using(using).update(user=message.receiver_id)
    if "read" in changed:
        Notification.objects.using(using).follow(ids)


def _join_threads(messages: MessageQuerySet, objs: Sequence[Message], using: str) -> None:
    parents = {obj.parent_message_id for obj in objs if obj.parent_message_id is not None}
    roots: dict[int, int] = {}
    for batch in batched(parents):
        stored = messages.model.objects.using(using).filter(pk__in=batch)
        roots.update((pk, root or pk) for pk, root in stored.values_list("pk", "root_id"))
    for obj in objs:
        obj.root_id = roots.get(obj.parent_message_id or 0)


def _pairs(messages: MessageQuerySet, ids: Sequence[int], using: str) -> set[tuple[Any, Any]]:
    found: set[tuple[Any, Any]] = set()
    for batch in batched(ids):
        stored = messages.model.objects.using(using).filter(pk__in=batch).order_by()
        found.update(stored.values_list("sender_id", "receiver_id").distinct())
    return found


def _attname(model: type[Message], name: str) -> str:
    return name if name == "pk" else str(model._meta.get_field(name).attname)  # type: ignore[union-attr]

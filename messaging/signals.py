"""The receivers: an edit is logged before it is saved, a new message notifies its receiver.

They write in the transaction of the save that they belong to, so that a save which fails
leaves nothing behind. `QuerySet` methods send no signals; `messaging.managers` does the
same work for them in sets.
"""

from __future__ import annotations

from time import time
from typing import TYPE_CHECKING, Any

from django.contrib.auth.signals import user_logged_in
from django.db.models import QuerySet
from django.db.models.signals import post_save, pre_save

from messaging import conversations, trees
from messaging.exceptions import ThreadCycle
from messaging.models import Message, MessageHistory, Notification

if TYPE_CHECKING:
    from django.http import HttpRequest

# Where a session keeps when its login was, in seconds since 1970.
LOGGED_IN_AT = "messaging_logged_in_at"

# What a save may change that is kept in step elsewhere.
WATCHED = (
    "content",
    "edited",
    "parent_message_id",
    "root_id",
    "sender_id",
    "receiver_id",
    "timestamp",
)


def connect() -> None:
    """Connect every receiver, once however often this is called."""
    pre_save.connect(log_edit, sender=Message, dispatch_uid="messaging.log_edit")
    post_save.connect(notify_receiver, sender=Message, dispatch_uid="messaging.notify_receiver")
    post_save.connect(keep_in_step, sender=Message, dispatch_uid="messaging.keep_in_step")
    post_save.connect(mark_message, sender=Notification, dispatch_uid="messaging.mark_message")
    user_logged_in.connect(remember_login, dispatch_uid="messaging.remember_login")


def log_edit(
    instance: Message, using: str, raw: bool, update_fields: frozenset[str] | None, **kwargs: Any
) -> None:
    """Keep the content that a save is about to replace, and set `edited`.

    What is in the database counts, not what the instance was loaded with: two people
    editing at once each log the version that they replace.
    """
    if raw:
        return
    instance.stored = _stored_values(instance, using)
    if instance.stored is None:
        _join_thread(instance, using)
        return
    instance.root_id = instance.stored["root_id"]  # others may have moved the thread meanwhile
    if _saves("content", update_fields):
        _log_version(instance, instance.stored, using, update_fields)


def notify_receiver(instance: Message, using: str, raw: bool, created: bool, **kwargs: Any) -> None:
    """Create the one Notification of a new message."""
    if created and not raw:
        Notification.objects.using(using).create_for([instance])


def keep_in_step(
    instance: Message,
    using: str,
    raw: bool,
    created: bool,
    update_fields: frozenset[str] | None,
    **kwargs: Any,
) -> None:
    """Bring what repeats a message's fields elsewhere in step with what was saved."""
    if raw:
        return
    if created:
        conversations.touch([instance], using)
        return
    before, instance.stored = instance.stored, None
    changed = _changed(instance, before or {}, update_fields)
    if "parent_message_id" in changed:
        trees.rethread([instance.pk], using)
        instance.refresh_from_db(using=using, fields=["root"])
    if "receiver_id" in changed:
        instance.notifications.using(using).update(user=instance.receiver_id)
    if _saves("read", update_fields) and "read" not in instance.get_deferred_fields():
        Notification.objects.using(using).follow([instance.pk])
    messages = Message.objects.using(using)
    if before and changed & {"sender_id", "receiver_id", "timestamp"}:
        here = (instance.sender_id, instance.receiver_id)
        conversations.refresh({(before["sender_id"], before["receiver_id"]), here}, using)
        # Whether the people of a reply see what it answers may be another thing now.
        conversations.changed(messages.filter(parent_message=instance), using)
    else:
        conversations.changed(messages.filter(pk=instance.pk), using)


def mark_message(
    instance: Notification,
    using: str,
    raw: bool,
    update_fields: frozenset[str] | None,
    **kwargs: Any,
) -> None:
    """Mark the message of a notification as the notification was marked."""
    if not raw and _saves("read", update_fields):
        Message.objects.using(using).filter(pk=instance.message_id).exclude(
            read=instance.read
        ).update(read=instance.read)


def remember_login(request: HttpRequest, **kwargs: Any) -> None:
    """Note the time of a login in its session, for what only a fresh one may do."""
    if hasattr(request, "session"):
        request.session[LOGGED_IN_AT] = int(time())


def _stored_values(instance: Message, using: str) -> dict[str, Any] | None:
    if instance.pk is None:
        return None
    stored = trees.locked(Message.objects.filter(pk=instance.pk), using)
    found: dict[str, Any] | None = stored.values(*WATCHED).first()
    return found


def _join_thread(instance: Message, using: str) -> None:
    parent_id = instance.parent_message_id
    if parent_id is None:
        instance.root_id = None
        return
    if parent_id == instance.pk:
        raise ThreadCycle(f"Message {instance.pk} can't be a reply to itself or to a reply to it.")
    # Locked where the database locks rows, so that the parent stays until this is committed.
    parent = Message.objects.using(using).select_for_update(no_key=True).filter(pk=parent_id)
    instance.root_id = parent.values_list("root_id", flat=True).first() or parent_id


def _log_version(
    instance: Message, stored: dict[str, Any], using: str, update_fields: frozenset[str] | None
) -> None:
    if stored["content"] != instance.content:
        MessageHistory.objects.using(using).create(
            message=instance, old_content=stored["content"], edited_by=instance.editor
        )
        if not _saves("edited", update_fields):
            mine = Message.objects.using(using).filter(pk=instance.pk)
            QuerySet.update(mine, edited=True)
        stored["edited"] = True
    instance.edited = stored["edited"]


def _changed(
    instance: Message, before: dict[str, Any], update_fields: frozenset[str] | None
) -> set[str]:
    deferred = instance.get_deferred_fields()
    return {
        name
        for name, value in before.items()
        if name not in deferred and _saves(name, update_fields) and value != getattr(instance, name)
    }


def _saves(attname: str, update_fields: frozenset[str] | None) -> bool:
    """Whether a save writes this column; `update_fields` may name a relation either way."""
    return update_fields is None or bool({attname, attname.removesuffix("_id")} & update_fields)

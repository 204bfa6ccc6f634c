"""Messages: reads as chainable querysets, changes as verbs.

`messaging.bulk` has the rules for the queryset methods that change many at once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from django.contrib.auth import get_user_model
from django.db import NotSupportedError, models, transaction
from django.db.models import Q, Value
from django.db.models.functions import Coalesce, Greatest, Least

from messaging import bulk, deletion
from messaging.batches import batched
from messaging.exceptions import MessageNotFound, NotAllowed
from messaging.managers.rows import VersionRow, message_columns, name_of
from messaging.search import finding
from messaging.threads import MessageRow
from messaging.validation import clean_content

if TYPE_CHECKING:
    from datetime import datetime

    from messaging.models import Message
    from messaging.types import AnyUser

MAX_ID = 2**63 - 1  # the largest id that a database holds


class MessageQuerySet(models.QuerySet["Message"]):
    """Messages, narrowed down step by step; nothing here marks anything as read by itself."""

    @property
    def write_db(self) -> str:
        self._for_write = True
        return self.db

    # Reads

    def between(self, one: Any, other: Any) -> MessageQuerySet:
        """Those from either of two users (or user ids) to the other."""
        pk = get_user_model()._meta.pk
        ids = [Value(getattr(user, "pk", user), output_field=pk) for user in (one, other)]
        return self.alias(
            low=Least("sender", "receiver"), high=Greatest("sender", "receiver")
        ).filter(low=Least(*ids), high=Greatest(*ids))

    def of_user(self, user: Any) -> MessageQuerySet:
        """Those that a user sent or received."""
        return self.filter(Q(sender=user) | Q(receiver=user))

    def sent(
        self, *, since: datetime | None = None, until: datetime | None = None
    ) -> MessageQuerySet:
        """Those sent at `since` or later, and before `until`; aware datetimes."""
        messages = self if since is None else self.filter(timestamp__gte=since)
        return messages if until is None else messages.filter(timestamp__lt=until)

    def newest_first(self) -> MessageQuerySet:
        return self.order_by("-timestamp", "-id")

    def before(self, message: Message) -> MessageQuerySet:
        """Those older than `message`: the next page, found by index however far back it is."""
        return self.filter(
            Q(timestamp__lt=message.timestamp) | Q(timestamp=message.timestamp, id__lt=message.pk),
            timestamp__lte=message.timestamp,
        )

    def in_thread(self, message_id: int) -> MessageQuerySet:
        """The whole thread that a message is in, oldest first. Raises MessageNotFound.

        It may have several messages on top: replies in mail to one that is absent.
        """
        asked = self.annotate(absent=Coalesce("root__mail__absent_root", "mail__absent_root"))
        message: Any = asked.get_by_id(message_id, only=("root_id",))
        tops: Any = [message.root_id or message_id]
        if message.absent is not None:
            mail = self.model.mail.related.related_model._default_manager
            tops = mail.using(self.db).filter(absent_root=message.absent).values("pk")
        return self.filter(Q(pk__in=tops) | Q(root__in=tops)).order_by("timestamp", "id")

    def rows(self) -> list[MessageRow]:
        """The messages as plain rows, in one query and without building model instances."""
        return list(map(MessageRow._make, self.values_list(*message_columns())))

    def search(self, typed: str) -> MessageQuerySet:
        """Those in which all words of `typed` are, best first; see `messaging.search.words`.

        Where the database has no full-text search, those that contain the words, newest first.
        """
        return finding.search(self, typed)

    def get_by_id(self, message_id: int, only: Sequence[str] = ()) -> Message:
        """One message. Raises MessageNotFound, whose sentence names the newest there is."""
        found = self.filter(pk=message_id).only(*only) if 0 < message_id <= MAX_ID else self.none()
        message = found.first()
        if message is None:
            raise MessageNotFound(f"No message {message_id}. {self._newest()}")
        return message

    def versions(self, message_id: int) -> list[VersionRow]:
        """Every text that a message had, the first first and the present one last.

        Raises MessageNotFound.
        """
        message = self.get_by_id(message_id)
        editors = message.history.order_by("id").values_list(
            "old_content", "edited_at", name_of("edited_by")
        )
        versions = []
        since, editor = message.timestamp, None
        for number, (content, edited_at, edited_by) in enumerate(editors, start=1):
            versions.append(VersionRow(number, content, since, editor))
            since, editor = edited_at, edited_by
        versions.append(VersionRow(len(versions) + 1, message.content, since, editor))
        return versions

    def load_thread(self, message_id: int) -> Message:
        """The message that opened the thread, with every reply at any depth already loaded.

        Two queries whatever the thread's shape; `replies.all()`, `parent_message`, `sender`
        and `receiver` then run none. Of messages narrowed down before, to those without the
        first, the message asked for. Raises MessageNotFound.
        """
        thread = list(self.in_thread(message_id).select_related("sender", "receiver"))
        by_id = {message.pk: message for message in thread}
        replies: dict[int, list[Message]] = {message.pk: [] for message in thread}
        for message in thread:
            parent = by_id.get(message.parent_message_id or 0)
            if parent is not None:
                message.parent_message = parent
                replies[parent.pk].append(message)
        for message in thread:
            # As prefetch_related leaves it, which itself would take a query for each level.
            loaded: Any = self.model.objects.using(self.db).all()
            loaded._result_cache, loaded._prefetch_done = replies[message.pk], True
            vars(message)["_prefetched_objects_cache"] = {"replies": loaded}
        asked = by_id[message_id]
        return by_id.get(asked.root_id or message_id, asked)

    # Verbs

    def all_or_nothing(self) -> transaction.Atomic:
        """A block in which several verbs become one change."""
        return transaction.atomic(using=self.write_db)

    def send(
        self,
        sender: AnyUser,
        receiver: AnyUser,
        content: str,
        *,
        parent: Message | None = None,
    ) -> Message:
        """Send a message, and notify its receiver. Raises InvalidText."""
        return self.create(
            sender=sender, receiver=receiver, content=clean_content(content), parent_message=parent
        )

    send.alters_data = True  # type: ignore[attr-defined]

    def reply(self, message_id: int, sender: AnyUser, content: str) -> Message:
        """Answer a message, to the other person of it.

        Raises MessageNotFound, InvalidText, and NotAllowed to anyone but those two.
        """
        with transaction.atomic(using=self.write_db):
            parent = self.select_related("sender", "receiver").get_by_id(message_id)
            if sender.pk not in (parent.sender_id, parent.receiver_id):
                raise NotAllowed(
                    f"{sender} can't reply to message {message_id}:"
                    f" it is between {parent.sender} and {parent.receiver}."
                )
            other = parent.receiver if sender.pk == parent.sender_id else parent.sender
            return self.send(sender, other, content, parent=parent)

    reply.alters_data = True  # type: ignore[attr-defined]

    def edit(self, message_id: int, content: str, *, editor: AnyUser | None = None) -> Message:
        """Replace what a message says; the earlier version is kept, unless it said the same.

        Raises MessageNotFound, InvalidText, and NotAllowed when `editor` did not send it.
        """
        with transaction.atomic(using=self.write_db):
            message = self.select_related("sender", "receiver").get_by_id(message_id)
            if editor is not None and editor.pk != message.sender_id:
                raise NotAllowed(
                    f"Only {message.sender}, who sent message {message_id}, can edit it."
                )
            message.content = clean_content(content)
            message.editor = editor
            message.save(update_fields=["content"])
            return message

    edit.alters_data = True  # type: ignore[attr-defined]

    def remove(self, message_id: int, *, remover: AnyUser | None = None) -> None:
        """Erase a message; replies to it stay and move up.

        Raises MessageNotFound, and NotAllowed when `remover` did not send it.
        """
        with transaction.atomic(using=self.write_db):
            message = self.select_related("sender").get_by_id(message_id)
            if remover is not None and remover.pk != message.sender_id:
                raise NotAllowed(
                    f"Only {message.sender}, who sent message {message_id}, can delete it."
                )
            message.delete()

    remove.alters_data = True  # type: ignore[attr-defined]

    def mark_read(self) -> int:
        """Mark the unread ones as read; returns how many there were."""
        return self.filter(read=False).update(read=True)

    mark_read.alters_data = True  # type: ignore[attr-defined]

    def with_ids(self, ids: Iterable[int]) -> list[MessageQuerySet]:
        """The messages of a list of ids of any length, in pieces that a database takes."""
        return [self.filter(pk__in=some) for some in batched(ids)]

    def mark_unread(self) -> int:
        """Mark the read ones as unread; returns how many there were."""
        return self.filter(read=True).update(read=False)

    mark_unread.alters_data = True  # type: ignore[attr-defined]

    def update(self, **kwargs: Any) -> int:
        return bulk.update(self, kwargs)

    update.alters_data = True  # type: ignore[attr-defined]

    def bulk_create(
        self,
        objs: Iterable[Message],
        batch_size: int | None = None,
        ignore_conflicts: bool = False,
        update_conflicts: bool = False,
        update_fields: Collection[str] | None = None,
        unique_fields: Collection[str] | None = None,
    ) -> list[Message]:
        if ignore_conflicts or update_conflicts:
            raise NotSupportedError("Messages can't be created over others.")
        return bulk.create(self, list(objs), batch_size)

    bulk_create.alters_data = True  # type: ignore[attr-defined]

    def delete(self) -> tuple[int, dict[str, int]]:
        """Erase the messages; replies to them that stay move up. See `messaging.deletion`."""
        if self.query.is_sliced:
            raise TypeError("Cannot use 'limit' or 'offset' with delete().")
        deleted = deletion.erase([self], self.write_db)
        self._result_cache = None
        return deleted, {self.model._meta.label: deleted} if deleted else {}

    delete.alters_data = True  # type: ignore[attr-defined]
    delete.queryset_only = True  # type: ignore[attr-defined]

    def _newest(self) -> str:
        newest = (
            self.model.objects.using(self.db).order_by("-id").values_list("pk", flat=True).first()
        )
        return "There are none yet." if newest is None else f"The newest is {newest}."


MessageManager = models.Manager.from_queryset(MessageQuerySet, class_name="MessageManager")


class UnreadMessagesManager(MessageManager):  # type: ignore[type-arg]
    """The messages that their receivers have not read."""

    def get_queryset(self) -> MessageQuerySet:
        unread: MessageQuerySet = super().get_queryset().filter(read=False)  # type: ignore[assignment]
        return unread

    def unread_for_user(self, user: Any) -> MessageQuerySet:
        """A user's unread messages, newest first, with just the fields that a list shows.

        Reading those fields, and the names of both people, runs no further query.
        """
        people = [name_of("sender"), name_of("receiver")]
        fields = ["content", "timestamp", "read", "edited", "parent_message", "root"]
        unread = self.get_queryset().filter(receiver=user).newest_first()
        return unread.select_related("sender", "receiver").only(*fields, *people)

"""Users: finding, adding and deleting them, whichever user model the project has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, cast

from django.contrib.auth import get_user_model
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import IntegrityError, router, transaction
from django.db.models import Count, Q
from django.db.models.functions import Coalesce, Length

from messaging import deletion
from messaging.batches import batched
from messaging.exceptions import InvalidName, NotAllowed, SimilarName, UserNotFound
from messaging.managers.rows import name_of
from messaging.models import Conversation, Message, MessageHistory, Notification
from messaging.validation import clean_name

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from messaging.types import AnyUser


class Removal(NamedTuple):
    """What goes with an account; every message counts once, as sent if it was sent to oneself."""

    user: str
    sent: int
    received: int
    notifications: int
    versions: int
    conversations: Sequence[str]
    threads: int
    reattached: int

    @property
    def messages(self) -> int:
        return self.sent + self.received


class UserRow(NamedTuple):
    """A user of the list of users, with how many messages they have."""

    name: str
    sent: int
    received: int
    unread: int


def users() -> Any:
    """Every user, as a queryset of the project's own model."""
    return get_user_model()._default_manager.all()


def find_user(name: str) -> AnyUser:
    """The user of this name. Raises UserNotFound, with a near name where there is one."""
    user = get_user(name)
    if user is not None:
        return user
    near = similar_name(name)
    hint = f" Did you mean {near}?" if near else ""
    raise UserNotFound(f"No user {name.strip()}.{hint}")


def get_user(name: str) -> AnyUser | None:
    """The user of this name, if there is one."""
    try:
        name = clean_name(name)
    except InvalidName:
        return None
    found: AnyUser | None = users().filter(**{get_user_model().USERNAME_FIELD: name}).first()
    return found


def people(
    names: Sequence[str], *, add: bool, even_if_similar: bool = False
) -> tuple[list[AnyUser], list[str]]:
    """The users of these names, and which of them had to be added for it.

    Raises UserNotFound when one is unknown and may not be added; InvalidName; and
    SimilarName when somebody's name is a slip of the finger away, unless told not to mind.
    """
    if not add:
        return [find_user(name) for name in names], []
    names = [clean_name(name) for name in names]
    unknown = [name for name in dict.fromkeys(names) if get_user(name) is None]
    for name in unknown:
        if not even_if_similar and (near := similar_name(name)):
            raise SimilarName(
                f"No user {name}. Did you mean {near}? To add {name}, repeat with --create."
            )
    add_users(unknown)
    return [find_user(name) for name in names], unknown


def add_user(name: str) -> AnyUser:
    """Add a user who can't log in until a password is set. Raises InvalidName and NotAllowed."""
    name = clean_name(name)
    if get_user(name) is not None:
        raise NotAllowed(f"There is a user {name} already.")
    return _create(name)


def user_ids(names: Collection[str]) -> dict[str, Any]:
    """The primary keys of those of `names` that are users'."""
    field = get_user_model().USERNAME_FIELD
    return {
        name: pk
        for some in batched(names)
        for name, pk in users().filter(**{f"{field}__in": some}).values_list(field, "pk")
    }


def add_users(names: Collection[str], addresses: Mapping[str, str] | None = None) -> dict[str, Any]:
    """Add a user for each of `names`, which are clean and not yet taken; returns their keys.

    `addresses` has the mail addresses of those who have one. Who was added meanwhile by somebody
    else is not added again.
    """
    return {name: _create_or_get(name, (addresses or {}).get(name, "")).pk for name in names}


def set_password(user: AnyUser, password: str) -> None:
    """Set a password that the project's validators accept, else raise NotAllowed with reasons."""
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise NotAllowed(" ".join(error.messages)) from None
    user.set_password(password)
    user.save(update_fields=["password"])


def similar_name(name: str) -> str | None:
    """A user's name that `name` may be a slip for: one letter more, less, other, or two swapped."""
    field = get_user_model().USERNAME_FIELD
    length = len(name.strip())
    near = users().alias(length=Length(field)).filter(length__range=(length - 1, length + 1))
    names = near.order_by(field).values_list(field, flat=True)
    others = (known for known in names.iterator() if known != name)
    return next((known for known in others if is_slip(name.strip(), known)), None)


def is_slip(typed: str, meant: str) -> bool:
    """Whether one edit turns `typed` into `meant`: the optimal string alignment distance is 1.

    Names under three letters, and those that differ in digits only (`user1`, `user2`), are
    taken as they are; case makes no difference.
    """
    typed, meant = typed.casefold(), meant.casefold()
    start = 0
    while start < min(len(typed), len(meant)) and typed[start] == meant[start]:
        start += 1
    end = 0
    while end < min(len(typed), len(meant)) - start and typed[-1 - end] == meant[-1 - end]:
        end += 1
    one, other = typed[start : len(typed) - end], meant[start : len(meant) - end]
    if min(len(typed), len(meant)) < 3 or (one + other).isdigit():
        return False
    swapped = len(one) == 2 and one == other[::-1]
    return swapped or max(len(one), len(other)) <= 1


def names_from(prefix: str, limit: int) -> list[str]:
    """The first users by name whose names begin with `prefix`."""
    field = get_user_model().USERNAME_FIELD
    found = users().filter(**{f"{field}__startswith": prefix}).order_by(field)
    return list(found.values_list(field, flat=True)[:limit])


def user_rows() -> list[UserRow]:
    """Every user with their numbers of messages, by name; four queries however many."""
    field = get_user_model().USERNAME_FIELD
    sent, received, unread = (
        dict(messages.order_by().values_list(side).annotate(count=Count("pk")))
        for messages, side in (
            (Message.objects.all(), "sender"),
            (Message.objects.all(), "receiver"),
            (Message.objects.filter(read=False), "receiver"),
        )
    )
    return [
        UserRow(name, sent.get(pk, 0), received.get(pk, 0), unread.get(pk, 0))
        for pk, name in users().order_by(field).values_list("pk", field)
    ]


def removal(user: AnyUser) -> Removal:
    """What deleting this account would take, counted without loading any of it."""
    messages = Message.objects.of_user(user)
    of_message = Q(message__sender=user) | Q(message__receiver=user)
    conversations = Conversation.objects.inbox(user).exclude(other=user)
    replies = Message.objects.filter(
        Q(parent_message__sender=user) | Q(parent_message__receiver=user)
    )
    return Removal(
        user=user.get_username(),
        sent=Message.objects.filter(sender=user).count(),
        received=Message.objects.filter(receiver=user).exclude(sender=user).count(),
        notifications=Notification.objects.filter(Q(user=user) | of_message).count(),
        versions=MessageHistory.objects.filter(of_message).count(),
        conversations=list(conversations.values_list(name_of("other"), flat=True)),
        threads=messages.aggregate(count=Count(Coalesce("root", "pk"), distinct=True))["count"],
        reattached=replies.exclude(sender=user).exclude(receiver=user).count(),
    )


def delete_user(user: AnyUser) -> Removal:
    """Erase an account and every message it sent or received, all or nothing.

    Replies by other people to those messages stay. Returns what went.
    """
    using = router.db_for_write(get_user_model(), instance=user)
    with transaction.atomic(using=using):
        # Locked where the database locks rows, so that nobody sends to it meanwhile.
        users().using(using).select_for_update().filter(pk=user.pk).first()
        gone = removal(user)
        user.delete()
    return gone


def text_is_gone() -> bool:
    """Whether nothing is left of deleted messages in SQLite's files; they are wiped if need be."""
    return deletion.text_is_gone(router.db_for_write(Message))


def email_field() -> str | None:
    """Which field of the project's users is their mail address, if they have one."""
    model = get_user_model()
    name = model.get_email_field_name()
    return name if any(field.name == name for field in model._meta.get_fields()) else None


def _create_or_get(name: str, address: str) -> AnyUser:
    try:
        with transaction.atomic(using=router.db_for_write(get_user_model())):
            return _create(name, address)
    except IntegrityError:
        found = get_user(name)
        if found is None:
            raise
        return found


def _create(name: str, address: str = "") -> AnyUser:
    model = get_user_model()
    user = model(**{model.USERNAME_FIELD: name})
    if address and (field := email_field()) not in (None, model.USERNAME_FIELD):
        limit = cast("Any", model._meta.get_field(field)).max_length or len(address)
        setattr(user, field, address if len(address) <= limit else "")
    user.set_unusable_password()
    user.save()
    return user

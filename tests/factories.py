"""What the tests of the app are made from: people, messages, and ways to look at them."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import User
from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.models import Model
from hypothesis import HealthCheck, settings

from messaging.models import Message, Notification

NAMES = ("alice", "bob", "carol", "dave", "erin")

# For the tests in which each example uses the database; see `undone`. CI tries out more of them.
EXAMPLES = settings(
    max_examples=int(os.environ.get("MSGCLI_EXAMPLES", "10")),
    deadline=None,
    suppress_health_check=[HealthCheck.too_slow],
)


def people(*names: str) -> list[User]:
    """The users of these names, made where there are none yet."""
    return [User.objects.get_or_create(username=name)[0] for name in names or NAMES]


def send(
    sender: str = "alice", receiver: str = "bob", content: str = "hi", **fields: Any
) -> Message:
    """A message between two people by name, saved as host projects do it."""
    one, other = people(sender, receiver)
    return Message.objects.create(sender=one, receiver=other, content=content, **fields)


def send_many(number: int, sender: str = "alice", receiver: str = "bob") -> list[Message]:
    """Many messages at once, each with a text of its own."""
    one, other = people(sender, receiver)
    return Message.objects.bulk_create(
        Message(sender=one, receiver=other, content=f"message {n}") for n in range(number)
    )


def plant(parents: list[int | None], pairs: list[tuple[int, int]]) -> list[int]:
    """A forest: message number n answers number parents[n], between two people of `NAMES`."""
    users = people()
    messages: list[Message] = []
    for parent, (sender, receiver) in zip(parents, pairs, strict=True):
        messages.append(
            Message.objects.create(
                sender=users[sender],
                receiver=users[receiver],
                content=f"number {len(messages)}",
                parent_message=None if parent is None else messages[parent],
            )
        )
    return [message.pk for message in messages]


def plant_many(parents: list[int | None], sender: str = "alice", receiver: str = "bob") -> None:
    """A large forest in one go: message n + 1 answers message parents[n] + 1; no other exists."""
    one, other = people(sender, receiver)
    Message.objects.bulk_create(
        Message(
            pk=number,
            sender=one,
            receiver=other,
            content=f"message {number}",
            parent_message_id=None if parent is None else parent + 1,
        )
        for number, parent in enumerate(parents, start=1)
    )
    go_on_with_ids(Message)


def go_on_with_ids(*models: type[Model]) -> None:
    """After rows with ids that were chosen, let the next get the next ids."""
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), models):
            cursor.execute(statement)


def shape(name: str, size: int) -> list[int | None]:
    """The parents of a thread of one of the shapes that break programs."""
    seed = random.Random(size)
    replies: dict[str, list[int | None]] = {
        "deep": [number - 1 for number in range(1, size)],
        "wide": [0] * (size - 1),
        "mixed": [seed.randrange(number) for number in range(1, size)],
    }
    return [None, *replies[name]]


def tie(pk: int, parent: int | None, root: int | None = None) -> None:
    """Damage the data: set a parent by raw SQL, past every rule."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE messaging_message SET parent_message_id = %s, root_id = %s WHERE id = %s",
            [parent, root, pk],
        )


def parents_now() -> dict[int, int | None]:
    """Every message there is, with its parent."""
    return dict(Message.objects.values_list("pk", "parent_message_id"))


def versions(message: Message) -> list[str]:
    """Every text that a message had, the present one last."""
    return [row.content for row in Message.objects.versions(message.pk)]


def disagreeing() -> list[tuple[int, bool, bool | None, bool]]:
    """The messages that are not marked like their one notification, or whose receiver is not."""
    wrong = []
    for message in Message.objects.prefetch_related("notifications"):
        about: list[Notification] = list(message.notifications.all())
        alike = [(n.read, n.user_id) == (message.read, message.receiver_id) for n in about]
        if not (all(alike) and len(about) <= 1 and (about or message.read)):
            read = about[0].read if about else None
            wrong.append((message.pk, message.read, read, all(alike)))
    return wrong


@contextmanager
def undone() -> Iterator[None]:
    """Undo whatever the block does to the database, so that examples don't meet each other."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)

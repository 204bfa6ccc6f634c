"""Sending by the library, against a bare ORM `create()` of the same rows, on both databases."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise, permutations
from time import perf_counter
from typing import TYPE_CHECKING, Any

from common import Figures, best_timed, empty_store
from django.contrib.auth import get_user_model
from django.db import connection, models, transaction
from django.utils import timezone
from on_postgres import database, durable_server, migrated

from messaging.models import Conversation, Message, Notification

if TYPE_CHECKING:
    from messaging.types import AnyUser

EACH = 100
ROUNDS = 20
PEOPLE = 2 * EACH * (ROUNDS + 1)
TEXT = "As long as what people say in one go, and not much longer."


def bare(model: type[models.Model]) -> Any:
    """A model of the same columns, without managers, receivers or a `save` of its own."""
    table = model._meta.db_table
    meta = type("Meta", (), {"app_label": "bare", "managed": False, "db_table": table})
    columns = {field.name: field.clone() for field in model._meta.local_concrete_fields}
    for column in columns.values():
        if column.remote_field:
            column.remote_field.related_name = "+"
    body = {**columns, "Meta": meta, "__module__": __name__}
    return type(f"Bare{model.__name__}", (models.Model,), body)


BareMessage, BareNotification, BareConversation = map(bare, (Message, Notification, Conversation))


def create_rows(sender: AnyUser, receiver: AnyUser) -> None:
    """The four rows of the first message between two people."""
    people = {"sender_id": sender.pk, "receiver_id": receiver.pk}
    with transaction.atomic():
        now = timezone.now()
        message = BareMessage.objects.create(**people, content=TEXT, timestamp=now)
        BareNotification.objects.create(user_id=receiver.pk, message_id=message.pk, timestamp=now)
        for owner, other in permutations(people.values()):
            BareConversation.objects.create(
                owner_id=owner,
                other_id=other,
                last_message_id=message.pk,
                last_timestamp=now,
                version=1,
            )


def send(sender: AnyUser, receiver: AnyUser) -> None:
    """The same by the library."""
    Message.objects.send(sender, receiver, TEXT)


def compare(figures: Figures, where: str) -> None:
    """Send and create between people who never talked before, in turn, on the present database."""
    user = get_user_model()
    user.objects.bulk_create(user(username=f"user{n}") for n in range(PEOPLE + 1))
    strangers = pairwise(user.objects.order_by("pk"))

    def each(action: Callable[[AnyUser, AnyUser], None]) -> float:
        pairs = [next(strangers) for _ in range(EACH)]
        start = perf_counter()
        for sender, receiver in pairs:
            action(sender, receiver)
        return perf_counter() - start

    each(send)
    each(create_rows)
    taken, floor = best_timed(ROUNDS, lambda: each(send), lambda: each(create_rows))
    figures.ratio(f"{EACH} messages sent / bare create(), {where}", taken, floor, 2)
    connection.close()


def main() -> None:
    """Measure and print."""
    figures = Figures()
    empty_store()
    compare(figures, "SQLite")
    with durable_server() as server, database(migrated(server)):
        compare(figures, "PostgreSQL")
    figures.end()


if __name__ == "__main__":
    main()

"""A whole store from one database to another: a table after the other, a batch at a time.

Source and target are aliases of Django's. What the target has already is compared, and only what
differs is written: so a copy that was interrupted goes on, and one of a store that is being
written to is repeated until both sides are the same. The rows are taken as they are, with their
ids; no signal is sent, nobody is notified.

Sessions, login links and counts of wrong passwords stay behind: people log in again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import asdict, dataclass
from hashlib import sha256
from typing import Any, cast

from django.apps import apps
from django.contrib.auth import get_user_model
from django.core.management import call_command
from django.db import connections, transaction
from django.db.migrations.recorder import MigrationRecorder
from django.db.models import F, Model, Q, QuerySet

from messaging import deletion, sequences
from messaging.batches import SIZE, batched
from messaging.exceptions import MessagingError
from messaging.models import (
    Conversation,
    Mail,
    Message,
    MessageHistory,
    Notification,
    Reference,
)

# What the target calls itself until the copy is whole, so that no msgcli takes it for a store.
UNFINISHED = ("messaging", "unfinished_copy")
TRIES = 3

Row = tuple[Any, ...]
# What is done, and how many rows there are to do it with -> what is told of each number done.
Stage = Callable[[str, int], AbstractContextManager[Callable[[int], None]]]


class NotEmpty(MessagingError):
    """The target has people, messages or tables of its own, which a copy would spoil."""


class AnotherCopy(MessagingError):
    """Somebody else has finished the copy in the meantime."""


class KeepsChanging(MessagingError):
    """The source is written to faster than it can be copied."""


@dataclass(frozen=True)
class Contents:
    """How much is in a store, and a digest (SHA-256) of all of it."""

    messages: int
    users: int
    notifications: int
    versions: int
    digest: str

    def as_dict(self) -> dict[str, Any]:
        """The contents for JSON."""
        return asdict(self)


def copy(source: str, target: str, stage: Stage) -> Contents:
    """Make the target what the source is; returns what both are in the end.

    The target is an empty database, or a copy that was not finished; its tables are made. Raises
    NotEmpty, AnotherCopy or KeepsChanging; the same call goes on then, and after any interruption.
    """
    _refuse_used(target)
    call_command("migrate", database=target, verbosity=0, interactive=False)
    resumed = _claim(target)
    for _ in range(TRIES):
        with _snapshot(source), stage("Copying", _rows_in(source)) as advance:
            _remove_surplus(source, target)
            for model in _models():
                _transfer(model, source, target, advance)
        for model in _models():
            sequences.carry(model, source, target)
        with _snapshot(source), stage("Comparing", _rows_in(source, target)) as advance:
            contents = _contents(source, advance)
            same = contents == _contents(target, advance)
        if same:
            if resumed:
                deletion.text_is_gone(target)
            MigrationRecorder(connections[target]).record_unapplied(*UNFINISHED)
            return contents
    raise KeepsChanging(
        "The store changes faster than it can be copied: stop what writes to it, and copy again."
    )


def _refuse_used(target: str) -> None:
    """Raise NotEmpty before anything is made in a database that is for something else."""
    there = set(connections[target].introspection.table_names())
    ours = {model._meta.db_table for model in apps.get_models(include_auto_created=True)}
    others = {name for name in there - ours if not name.startswith(("messaging_", "django_migr"))}
    if others:
        raise NotEmpty(
            f"The other database is in use for something else (it has {min(others)}):"
            " copy to one that is empty."
        )
    if not _is_unfinished(target):
        users, messages = (
            _all(model, target).count() if model._meta.db_table in there else 0
            for model in (get_user_model(), Message)
        )
        if users or messages:
            raise NotEmpty(
                f"The other store is not empty (users: {users:,}, messages: {messages:,}):"
                " copy to one that is."
            )


def _claim(target: str) -> bool:
    """Mark the target as an unfinished copy; whether it was one before."""
    resumed = _is_unfinished(target)
    if not resumed:
        MigrationRecorder(connections[target]).record_applied(*UNFINISHED)
    return resumed


def _is_unfinished(target: str) -> bool:
    return UNFINISHED in MigrationRecorder(connections[target]).applied_migrations()


@contextmanager
def _snapshot(using: str) -> Iterator[None]:
    """See a database as it is at one moment, while others go on writing."""
    connection: Any = connections[using]
    if connection.vendor == "sqlite":
        connection.ensure_connection()  # which is when the mode is taken from the settings
        usual, connection.transaction_mode = connection.transaction_mode, "DEFERRED"
        try:
            with transaction.atomic(using=using):
                yield
        finally:
            connection.transaction_mode = usual
        return
    with transaction.atomic(using=using):
        with connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        yield


def _models() -> list[type[Model]]:
    """The models whose rows are copied, each after those that it refers to."""
    models: list[type[Model]] = [
        get_user_model(),
        Message,
        Notification,
        MessageHistory,
        Mail,
        Reference,
        Conversation,
    ]
    if apps.is_installed("messaging.access"):
        models.append(apps.get_model("messaging_access", "Token"))
    return models


def _all(model: type[Model], using: str) -> QuerySet[Any]:
    """All rows of a model, without what its own managers do."""
    return QuerySet(model, using=using)


def _rows_in(*databases: str) -> int:
    return sum(_all(model, using).count() for model in _models() for using in databases)


def _names(model: type[Model]) -> list[str]:
    """The columns of a model, its primary key first."""
    key = model._meta.pk
    assert key is not None
    others = (field for field in model._meta.concrete_fields if field is not key)
    return [key.attname, *(field.attname for field in others)]


def _links(model: type[Model]) -> list[str]:
    """The columns by which a row refers to another of the same table."""
    fields = model._meta.concrete_fields
    return [field.attname for field in fields if field.related_model is model]


def _transfer(model: type[Model], source: str, target: str, advance: Callable[[int], None]) -> None:
    """Copy the rows of one table; links to rows that come later follow when all are there."""
    rows, links = _all(model, source), _links(model)
    for batch in _batches(rows):
        _write_different(model, batch, target, without_later=links)
        advance(len(batch))
    if links:
        forward = Q(*((f"{link}__gt", F("pk")) for link in links), _connector=Q.OR)
        for batch in _batches(rows.filter(forward)):
            _write_different(model, batch, target)


def _batches(rows: QuerySet[Any]) -> Iterator[list[Row]]:
    listed = rows.order_by("pk").values_list(*_names(rows.model))
    return batched(cast("Iterable[Row]", listed.iterator(chunk_size=SIZE)), SIZE)


def _write_different(
    model: type[Model], rows: list[Row], target: str, *, without_later: Sequence[str] = ()
) -> None:
    """Write the rows that the target does not have, or has otherwise."""
    names = _names(model)
    with transaction.atomic(using=target):
        if not _is_unfinished(target):
            raise AnotherCopy("Another msgcli copy has finished this one meanwhile.")
        same = _all(model, target).filter(pk__in=[row[0] for row in rows])
        there = set(same.values_list(*names))
        objects = [model.from_db(target, names, row) for row in rows if row not in there]
        for instance in objects:
            for link in without_later:
                if (getattr(instance, link) or 0) > rows[-1][0]:
                    setattr(instance, link, None)
        key, *others = (model._meta.get_field(name).name for name in names)
        _all(model, target).bulk_create(
            objects, update_conflicts=True, unique_fields=[key], update_fields=others
        )


def _remove_surplus(source: str, target: str) -> None:
    """Delete what the target has and the source has no longer, first what refers to others."""
    for model in reversed(_models()):
        keys = _all(model, target).order_by("pk").values_list("pk", flat=True)
        for batch in batched(keys.iterator(chunk_size=SIZE), SIZE):
            there = _all(model, source).filter(pk__in=batch).values_list("pk", flat=True)
            surplus = set(batch).difference(there)
            if surplus:
                with transaction.atomic(using=target):
                    _forget_links(model, surplus, target)
                    _all(model, target).filter(pk__in=surplus)._raw_delete(target)


def _forget_links(model: type[Model], keys: set[Any], target: str) -> None:
    """Let nothing refer to rows that go, where that is allowed to be NULL."""
    for relation in model._meta.get_fields(include_hidden=True):
        field = getattr(relation, "field", None)
        if relation.auto_created and field is not None and field.concrete and field.null:
            pointing = _all(field.model, target).filter(**{f"{field.name}__in": keys})
            pointing.update(**{field.name: None})


def _contents(using: str, advance: Callable[[int], None]) -> Contents:
    """What a store holds. The digest is of each table's name, and its rows as JSON, by ids."""
    digest, numbers = sha256(), {}
    for model in _models():
        number = 0
        digest.update(model._meta.db_table.encode())
        for batch in _batches(_all(model, using)):
            for row in batch:
                digest.update(json.dumps(row, default=_as_text).encode())
            number += len(batch)
            advance(len(batch))
        numbers[model] = number
    return Contents(
        messages=numbers[Message],
        users=numbers[get_user_model()],
        notifications=numbers[Notification],
        versions=numbers[MessageHistory],
        digest=digest.hexdigest(),
    )


def _as_text(moment: Any) -> str:
    return str(moment.isoformat())

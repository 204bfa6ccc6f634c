"""What messages are called in mail: the rows of Mail and Reference, read and written in sets."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from django.db import connections

from messaging.archive import ids
from messaging.batches import batched
from messaging.models import Mail, Message, Reference
from messaging.references import Named

INSERT_MAIL = """
    INSERT INTO messaging_mail (message_id, msg_id, subject, component, absent_root)
    VALUES (%s, %s, %s, %s, %s)"""
INSERT_REFERENCE = """
    INSERT INTO messaging_reference (mail_id, position, msg_id) VALUES (%s, %s, %s)"""


class Member(NamedTuple):
    """A message in the store that is known by a Message-ID."""

    pk: int
    msg_id: str
    references: tuple[str, ...]
    timestamp: datetime
    sender_id: Any
    parent_id: int | None
    root_id: int | None
    absent_root: str | None
    component: int

    @property
    def named(self) -> Named:
        """The message by its ids only."""
        return Named(self.msg_id, self.references, self.timestamp)


class NewMail(NamedTuple):
    """The Mail of a message, to be inserted."""

    pk: int
    msg_id: str
    references: tuple[str, ...]
    subject: str
    absent_root: str | None


def known(msg_ids: Iterable[str], using: str) -> set[str]:
    """Those of these Message-IDs that are a message's here."""
    wanted = set(msg_ids)
    found = {
        msg_id
        for some in batched(wanted)
        for msg_id in Mail.objects.using(using)
        .filter(msg_id__in=some)
        .values_list("msg_id", flat=True)
    }
    return found | set(_natives(wanted - found, using))


def members(msg_ids: Collection[str], using: str) -> list[Member]:
    """Every message that may be in a thread with one that names any of these ids."""
    _name_natives(msg_ids, using)
    return _members(msg_ids, using)


def _members(msg_ids: Iterable[str], using: str) -> list[Member]:
    components: set[int] = set()
    for some in batched(msg_ids):
        named = Reference.objects.using(using).filter(msg_id__in=some)
        components.update(named.values_list("mail__component", flat=True).distinct())
    return [member for some in batched(sorted(components)) for member in _in(some, using)]


def _in(components: list[int], using: str) -> list[Member]:
    references: dict[int, list[str]] = {}
    named = Reference.objects.using(using).filter(mail__component__in=components)
    for pk, msg_id in named.order_by("mail_id", "position").values_list("mail_id", "msg_id"):
        references.setdefault(pk, []).append(msg_id)
    names = ("timestamp", "sender_id", "parent_message_id", "root_id")
    rows = (
        Mail.objects.using(using)
        .filter(component__in=components)
        .values_list(
            "pk", "msg_id", *(f"message__{name}" for name in names), "absent_root", "component"
        )
    )
    return [Member(pk, msg_id, tuple(references[pk][:-1]), *rest) for pk, msg_id, *rest in rows]


def insert(mails: Sequence[NewMail], others: Sequence[Member], using: str) -> None:
    """Insert the names of messages that are inserted already; `others` share some of them."""
    components = _components(mails, others)
    references = [
        (mail.pk, position, msg_id)
        for mail in mails
        for position, msg_id in enumerate((*mail.references, mail.msg_id))
    ]
    with connections[using].cursor() as cursor:
        cursor.executemany(
            INSERT_MAIL,
            [(m.pk, m.msg_id, m.subject, components[m.msg_id], m.absent_root) for m in mails],
        )
        cursor.executemany(INSERT_REFERENCE, references)
    merged: dict[int, set[int]] = {}
    for member in others:
        if components[member.msg_id] != member.component:
            merged.setdefault(components[member.msg_id], set()).add(member.component)
    for component, olds in merged.items():
        for some in batched(olds):
            Mail.objects.using(using).filter(component__in=some).update(component=component)


def insert_unknown(mails: Iterable[NewMail], using: str) -> None:
    """Insert those names that no message has yet; of several the first."""
    named: dict[str, NewMail] = {}
    for mail in mails:
        named.setdefault(mail.msg_id, mail)
    if named:
        there = known(named, using)
        new = [mail for msg_id, mail in named.items() if msg_id not in there]
        ids_named = {name for mail in new for name in (*mail.references, mail.msg_id)}
        insert(new, members(ids_named, using), using)


def _components(mails: Sequence[NewMail], others: Sequence[Member]) -> dict[str, int]:
    """The component of each of these by its id: one number for all that names lead between.

    Source: union by path halving, https://en.wikipedia.org/wiki/Disjoint-set_data_structure
    """
    leaders: dict[str, str] = {}

    def leader(name: str) -> str:
        while (above := leaders.setdefault(name, name)) != name:
            leaders[name] = name = leaders[above]
        return name

    # An old component is a name too: its members may have none other in common by now.
    names = {mail.msg_id: mail.references for mail in mails}
    names |= {one.msg_id: (*one.references, f"<{one.component}>") for one in others}
    for msg_id, named in names.items():
        for name in named:
            leaders[leader(name)] = leader(msg_id)
    numbers: dict[str, int] = {}
    for one in others:
        numbers.setdefault(leader(one.msg_id), one.component)
    for mail in mails:
        numbers.setdefault(leader(mail.msg_id), mail.pk)
    return {msg_id: numbers[leader(msg_id)] for msg_id in names}


def set_absent_roots(roots: Mapping[int, str | None], using: str) -> None:
    """Set what the threads of these messages began with, by the ids of the messages."""
    with connections[using].cursor() as cursor:
        cursor.executemany(
            "UPDATE messaging_mail SET absent_root = %s WHERE message_id = %s",
            [(root, pk) for pk, root in roots.items()],
        )


def _natives(msg_ids: Iterable[str], using: str) -> dict[str, int]:
    """The messages that were written here, of those whose ids `ids.msg_id_of` made."""
    made = {msg_id: native for msg_id in msg_ids if (native := ids.native(msg_id))}
    times: dict[int, datetime] = {}
    for some in batched(native.pk for native in made.values()):
        stored = Message.objects.using(using).filter(pk__in=some)
        times.update(stored.values_list("pk", "timestamp"))
    return {
        msg_id: native.pk
        for msg_id, native in made.items()
        if times.get(native.pk) == native.timestamp
    }


def _name_natives(msg_ids: Iterable[str], using: str) -> None:
    """Give the messages written here that mail answers a Mail, up to the top of their threads.

    Then the mail's tree is worked out with theirs, and leaves theirs as it is.
    """
    names: dict[int, str] = {}
    unnamed: list[tuple[int, int | None]] = []
    pks = set(_natives(msg_ids, using).values())
    while pks:
        above: set[int] = set()
        for some in batched(pks):
            stored = Message.objects.using(using).filter(pk__in=some)
            columns = ("pk", "timestamp", "parent_message_id", "mail__msg_id")
            for pk, time, parent, msg_id in stored.values_list(*columns):
                names[pk] = msg_id or ids.msg_id_of(ids.Native(pk, time))
                if msg_id is None:
                    unnamed.append((pk, parent))
                    above.update(() if parent is None else (parent,))
        pks = above - names.keys()
    made = [
        NewMail(pk, names[pk], () if parent is None else (names[parent],), "", None)
        for pk, parent in unnamed
    ]
    insert(made, _members({name for mail in made for name in mail.references}, using), using)

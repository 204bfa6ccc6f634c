"""Messages on their way out of the store, in bounded memory; a format writes them down."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

from messaging.accounts import email_field
from messaging.archive.ids import Native, address_of, msg_id_of
from messaging.archive.records import MailNames, Version
from messaging.batches import batched
from messaging.managers.messages import MessageQuerySet
from messaging.managers.rows import message_columns, name_of
from messaging.models import Mail, Message, MessageHistory, Reference
from messaging.threads import MessageRow


class Exported(NamedTuple):
    """A message with all that an archive may tell of it.

    What it answers is named only where that is exported too, in `row.parent_id` and at the
    end of `ancestors`; but for the ids that came with it as mail, which are its own.
    """

    row: MessageRow
    history: tuple[Version, ...]
    mail: MailNames | None
    ancestors: tuple[str, ...]
    sender_address: str
    receiver_address: str

    @property
    def msg_id(self) -> str:
        """What the message is called in mail, by a name made for it where it has none."""
        return self.mail.id if self.mail else _msg_id(self.row.id, self.row.timestamp)


def exported(messages: MessageQuerySet) -> Iterator[Exported]:
    """These messages in the order of their ids.

    A reply to a message that is not among them opens a thread of its own, so that importing
    what is written and exporting it again gives the same bytes.
    """
    for pks in batched(messages.order_by("pk").values_list("pk", flat=True).iterator()):
        rows = dict(_rows(pks))
        above = {pk for row in rows for pk in (row.root_id, row.parent_id) if pk is not None}
        names = _msg_ids(messages, above)
        history = _history([row.id for row in rows if row.edited])
        mails = _mails(pks)
        for row, addresses in rows.items():
            yield Exported(
                row if row.parent_id in names else row._replace(parent_id=None, root_id=None),
                tuple(history.get(row.id, ())),
                mails.get(row.id),
                _ancestors(row, mails.get(row.id), names),
                *addresses,
            )


def _rows(pks: list[int]) -> Iterator[tuple[MessageRow, tuple[str, str]]]:
    columns = message_columns()
    email = email_field()
    emails = [f"{side}__{email}" for side in ("sender", "receiver")] if email else []
    found = Message.objects.filter(pk__in=pks).order_by("pk")
    for values in found.values_list(*columns, *emails):
        row = MessageRow._make(values[: len(columns)])
        known = values[len(columns) :] or ("", "")
        yield row, (known[0] or address_of(row.sender), known[1] or address_of(row.receiver))


def _msg_ids(messages: MessageQuerySet, pks: set[int]) -> dict[int, str]:
    """What those of `pks` that are among `messages` are called in mail."""
    return {
        pk: msg_id or _msg_id(pk, timestamp)
        for some in batched(pks)
        for pk, timestamp, msg_id in messages.filter(pk__in=some)
        .order_by()
        .values_list("pk", "timestamp", "mail__msg_id")
    }


def _msg_id(pk: int, timestamp: Any) -> str:
    return msg_id_of(Native(pk, timestamp))


def _ancestors(row: MessageRow, mail: MailNames | None, names: dict[int, str]) -> tuple[str, ...]:
    """The ids of what a message answers, the oldest first; what it answers itself is the last."""
    known = list(mail.references) if mail else [names[pk] for pk in (row.root_id,) if pk in names]
    parent = names.get(row.parent_id or 0)
    if parent is not None and parent not in known:
        known.append(parent)
    return tuple(known)


def _history(pks: list[int]) -> dict[int, list[Version]]:
    found: dict[int, list[Version]] = {}
    for pk, *version in MessageHistory.objects.filter(message__in=pks).values_list(
        "message_id", "old_content", "edited_at", name_of("edited_by")
    ):
        found.setdefault(pk, []).append(Version(*version))
    return found


def _mails(pks: Iterable[int]) -> dict[int, MailNames]:
    mails = Mail.objects.filter(pk__in=pks).values_list("pk", "msg_id", "subject", "absent_root")
    if not mails:
        return {}
    references: dict[int, list[str]] = {}
    named = Reference.objects.filter(mail__in=pks).order_by("mail_id", "position")
    for pk, msg_id in named.values_list("mail_id", "msg_id"):
        references.setdefault(pk, []).append(msg_id)
    return {
        pk: MailNames(msg_id, tuple(references[pk][:-1]), subject, absent_root)
        for pk, msg_id, subject, absent_root in mails
    }

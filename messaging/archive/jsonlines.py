"""JSON Lines: a message a line, in UTF-8. https://jsonlines.org"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from messaging.archive.ids import fitted
from messaging.archive.records import Line, MailNames, Place, Record, Version
from messaging.exceptions import ArchiveError, InvalidName, InvalidText
from messaging.plain import dumps, message, utc
from messaging.validation import check_storable, clean_name

if TYPE_CHECKING:
    from messaging.archive.exporting import Exported

MAX_ID_LENGTH = 255


def parse_line(line: bytes) -> Record:
    """One line as a Record. Raises ArchiveError, whose reason is the same for the same fault.

    The text of an archive is kept as it is, blank or long. Names are trimmed. A time
    without a zone is taken as UTC.
    """
    try:
        data = json.loads(line)
    except UnicodeDecodeError:
        raise ArchiveError("it is not valid UTF-8.") from None
    except (ValueError, RecursionError):
        raise ArchiveError("it is not JSON.") from None
    if not isinstance(data, dict):
        raise ArchiveError("it is not a JSON object.")
    history = tuple(_version(entry) for entry in _list(data, "history"))
    return Record(
        id=_id(data, "id"),
        sender=_name(data, "sender"),
        receiver=_name(data, "receiver"),
        content=_text(data, "content", "body"),
        timestamp=_time(data, "timestamp", "sent_at"),
        parent_id=None if data.get("parent_id") is None else _id(data, "parent_id"),
        read=_flag(data, "read"),
        edited=_flag(data, "edited") or bool(history),
        history=history,
        mail=_mail(data["mail"]) if data.get("mail") else None,
    )


def records(lines: Iterable[bytes], file: str = "-") -> Iterator[Line]:
    """Every line that is not empty, with its place, as a Record or as what is wrong with it."""
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            found = parse_line(line.removeprefix(b"\xef\xbb\xbf") if number == 1 else line)
        except ArchiveError as error:
            yield Place(file, number), ArchiveError(error.reason, number)
        else:
            yield Place(file, number), found


def encode(exported: Exported) -> bytes:
    """One message as a line, as `parse_line` reads it."""
    line = message(exported.row)
    if exported.history:
        line["history"] = [
            {"content": v.content, "edited_at": utc(v.edited_at), "edited_by": v.edited_by}
            for v in exported.history
        ]
    if exported.mail:
        line["mail"] = exported.mail._asdict()
    return dumps(line).encode() + b"\n"


def _version(entry: object) -> Version:
    if not isinstance(entry, dict):
        raise ArchiveError("history is not a list of objects.")
    editor = None if entry.get("edited_by") is None else _name(entry, "edited_by")
    return Version(_text(entry, "content", "old_content"), _time(entry, "edited_at"), editor)


def _mail(names: object) -> MailNames:
    if not isinstance(names, dict):
        raise ArchiveError("mail is not an object.")
    references = _list(names, "references")
    if not all(isinstance(one, str) for one in references):
        raise ArchiveError("references is not a list of texts.")
    absent = names.get("absent_root")
    texts = [_msg_id({"references": one}, "references") for one in references]
    return MailNames(
        _msg_id(names, "id"),
        tuple(texts),
        _text({"subject": "", **names}, "subject"),
        None if absent is None else _msg_id(names, "absent_root"),
    )


def _msg_id(names: dict[str, Any], name: str) -> str:
    return fitted(_text(names, name))


def _value(data: dict[str, Any], *names: str) -> Any:
    for name in names:
        if name in data:
            return data[name]
    raise ArchiveError(f"{names[0]} is missing.")


def _id(data: dict[str, Any], name: str) -> str | int:
    value = _value(data, name)
    if isinstance(value, bool) or not isinstance(value, str | int) or value == "":
        raise ArchiveError(f"{name} is neither a text nor a whole number.")
    if len(str(value)) > MAX_ID_LENGTH:
        raise ArchiveError(f"{name} is longer than {MAX_ID_LENGTH} characters.")
    if isinstance(value, str):
        _storable(value, name)
    return value


def _name(data: dict[str, Any], name: str) -> str:
    value = _value(data, name)
    if not isinstance(value, str):
        raise ArchiveError(f"{name} is not a text.")
    try:
        return clean_name(value)
    except InvalidName as error:
        raise ArchiveError(f"{name}: {error}") from None


def _text(data: dict[str, Any], *names: str) -> str:
    value = _value(data, *names)
    if not isinstance(value, str):
        raise ArchiveError(f"{names[0]} is not a text.")
    _storable(value, names[0])
    return value


def _storable(text: str, name: str) -> None:
    try:
        check_storable(text)
    except InvalidText:
        raise ArchiveError(f"{name} contains NUL or half a character.") from None


def _time(data: dict[str, Any], *names: str) -> datetime:
    value = _value(data, *names)
    try:
        moment = datetime.fromisoformat(value)
        if moment.tzinfo is None:
            return moment.replace(tzinfo=timezone.utc)
        return moment.astimezone(timezone.utc)
    except (TypeError, ValueError, OverflowError):
        raise ArchiveError(f"{names[0]} is not a time in ISO 8601.") from None


def _flag(data: dict[str, Any], name: str) -> bool:
    value = data.get(name, False)
    if not isinstance(value, bool):
        raise ArchiveError(f"{name} is neither true nor false.")
    return value


def _list(data: dict[str, Any], name: str) -> list[Any]:
    value = data.get(name) or []
    if not isinstance(value, list):
        raise ArchiveError(f"{name} is not a list.")
    return value

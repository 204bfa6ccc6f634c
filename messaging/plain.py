"""Messages as plain data for JSON: the same shapes for files, for scripts and for the web."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

from messaging.threads import MessageRow, Node

if TYPE_CHECKING:
    from messaging.managers import InboxRow, NotificationRow, VersionRow
    from messaging.search.words import Span
    from messaging.statistics import ReplyTimes, Statistics

# The characters that can steer a terminal or hide text: control (C0, DEL, C1), bidi,
# invisible and line-separating ones, and tags. Joiners stay: emoji and several scripts
# need them. Source: Unicode categories Cc, Cf, Zl, Zp; Unicode TR 36, section 3.
UNSAFE = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\xad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f"
    "\ufeff\ufff9-\ufffb\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e007f]"
)


def dumps(value: Any) -> str:
    """JSON on one line, readable in any script, with nothing in it that a terminal acts on."""
    return UNSAFE.sub(_escape, json.dumps(value, ensure_ascii=False))


def show_unsafe(text: str) -> str:
    """The text with every character that a terminal would act on written as an escape."""
    return UNSAFE.sub(_escape, text)


def one_line(text: str) -> str:
    """The text as a list shows it: on one line, and safe to print."""
    return show_unsafe(" ".join(text.split()) or "(blank)")


def utc(moment: datetime) -> str:
    """An aware datetime as ISO 8601 in UTC, to the microsecond where it has any (RFC 3339)."""
    return moment.astimezone(timezone.utc).isoformat().replace("+00:00", "Z")


def message(row: MessageRow) -> dict[str, Any]:
    """A message as every `--json` and every view shows it."""
    return {
        "id": row.id,
        "sender": row.sender,
        "receiver": row.receiver,
        "content": row.content,
        "timestamp": utc(row.timestamp),
        "read": row.read,
        "edited": row.edited,
        "parent_id": row.parent_id,
    }


def found(row: MessageRow, parts: Sequence[Span]) -> dict[str, Any]:
    """A message that a search found; `matches` are the parts of its content that match."""
    return {**message(row), "matches": [list(part) for part in parts]}


def inbox_row(row: InboxRow) -> dict[str, Any]:
    """A conversation of an inbox."""
    return {
        "user": row.user,
        "last_message": message(row.last_message),
        "unread": row.unread,
    }


def notification(row: NotificationRow) -> dict[str, Any]:
    """A notification with its message."""
    return {
        "id": row.id,
        "user": row.user,
        "timestamp": utc(row.timestamp),
        "read": row.read,
        "message": message(row.message),
    }


def version(row: VersionRow) -> dict[str, Any]:
    """One of the texts that a message had or has."""
    return {
        "version": row.number,
        "content": row.content,
        "timestamp": utc(row.since),
        "edited_by": row.edited_by,
    }


def statistics(found: Statistics) -> dict[str, Any]:
    """Statistics of a user's messages, or of everybody's."""
    messages, longest = found.messages, found.longest_thread
    return {
        "user": found.user,
        "messages": messages.number,
        "sent": messages.sent,
        "received": messages.received,
        "unread": messages.unread,
        "edited": messages.edited,
        "first": utc(messages.first) if messages.first else None,
        "last": utc(messages.last) if messages.last else None,
        "people": found.people,
        "busiest": [person._asdict() for person in found.busiest],
        "threads": found.threads,
        "longest_thread": longest._asdict() if longest else None,
        "zone": str(found.zone),
        "hours": list(found.hours),
        "period": found.period,
        "periods": [
            {"start": busy.start.isoformat(), "messages": busy.messages} for busy in found.periods
        ],
        "replying": _reply_times(found.replying),
        "waiting": _reply_times(found.waiting) if found.waiting else None,
    }


def thread(*roots: Node) -> Iterator[str]:
    """The JSON of a thread in pieces, each message with its `replies` nested in it.

    Several roots are the replies of a message that is absent, whose id is null.
    """
    if len(roots) == 1:
        yield from _nested(roots[0])
        return
    yield '{"id": null, "replies": ['
    for number, root in enumerate(roots):
        yield ", " if number else ""
        yield from _nested(root)
    yield "]}"


def _nested(root: Node) -> Iterator[str]:
    """A loop, because the json module recurses and a thread may be deeper than Python's stack."""
    previous = -1
    for depth, node in root.walk():
        if depth <= previous:
            yield "]}" * (previous - depth + 1) + ", "
        yield dumps(message(node.message))[:-1] + ', "replies": ['
        previous = depth
    yield "]}" * (previous + 1)


def _reply_times(times: ReplyTimes) -> dict[str, Any]:
    seconds = {
        name: None if time is None else time.total_seconds()
        for name, time in (("median", times.median), ("ninetieth", times.ninetieth))
    }
    return {"replies": times.replies, **seconds, "misdated": times.misdated}


def _escape(match: re.Match[str]) -> str:
    # Beyond the first plane JSON wants a surrogate pair, which is how UTF-16 writes it.
    units = match[0].encode("utf-16-be").hex()
    return "".join(f"\\u{units[i : i + 4]}" for i in range(0, len(units), 4))

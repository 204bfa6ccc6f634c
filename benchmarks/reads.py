"""Reading from 1,000,000 messages, against a bare values_list, raw SQL, and a small store."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, NamedTuple

from common import (
    ALICE,
    BOB,
    SHAPES,
    Figures,
    Row,
    best,
    chatter,
    empty_store,
    fill,
    keep_store,
    open_store,
    raw_connection,
    thread,
)
from django.db.models import QuerySet

from messaging.managers.rows import message_columns, name_of
from messaging.models import Conversation, Message
from messaging.threads import nest

PAGE = 50
LONG = 10_000
RUNS = 20
ROUNDS = 4

# The rows of the thread as sqlite3 gives them, by the same index.
THREAD = """
    SELECT m.id, s.username, r.username, m.content, m.timestamp, m.read, m.edited,
        m.parent_message_id, m.root_id
    FROM messaging_message m
    JOIN auth_user s ON s.id = m.sender_id JOIN auth_user r ON r.id = m.receiver_id
    WHERE m.id = ? OR m.root_id = ? ORDER BY m.timestamp, m.id"""


class Call(NamedTuple):
    """A call of the library and its floor, with how much slower it may be."""

    what: str
    action: Callable[[], Any]
    floor: Callable[[], Any]
    floor_is: str
    target: float


def unread() -> list[Any]:
    """The unread list, as the command shows it."""
    return list(Message.unread.unread_for_user(ALICE)[:PAGE].rows())


def conversation() -> list[Any]:
    """The newest page of a conversation."""
    return Message.objects.between(ALICE, BOB).newest_first()[:PAGE].rows()


def inbox() -> list[Any]:
    """The newest page of an inbox."""
    return Conversation.objects.inbox(ALICE)[:PAGE].rows()


def bare_messages() -> list[Any]:
    """As many messages, the same columns, by primary key."""
    newest: QuerySet[Message] = QuerySet(Message).order_by("-pk")
    return list(newest.values_list(*message_columns())[:PAGE])


def bare_conversations() -> list[Any]:
    """As many conversations, the same columns but for the unread counts, by primary key."""
    columns = (name_of("other"), *message_columns("last_message__"))
    return list(QuerySet(Conversation).order_by("-pk").values_list(*columns)[:PAGE])


def calls(opener: int) -> list[Call]:
    """What is measured, in a store where `opener` begins the long thread."""
    raw = raw_connection()

    def whole_thread() -> list[Any]:
        return nest(Message.objects.in_thread(opener).rows())

    def raw_thread() -> list[Any]:
        return raw.execute(THREAD, (opener, opener)).fetchall()

    return [
        Call(f"unread list ({PAGE})", unread, bare_messages, "values_list", 2),
        Call(f"conversation page ({PAGE})", conversation, bare_messages, "values_list", 2),
        Call(f"inbox page ({PAGE})", inbox, bare_conversations, "values_list", 2),
        Call(f"thread ({LONG:,}), nested", whole_thread, raw_thread, "sqlite3", 4),
    ]


def made_store(number: int, people: int) -> Path:
    """A store of this many messages, and a long thread below them."""

    def rows() -> list[Row]:
        return list(thread(SHAPES["random"](LONG)))

    empty_store()
    fill((row for some in (rows(), chatter(number, people, LONG + 1)) for row in some), people)
    return keep_store(f"{number}.sqlite3")


def measured(store: Path) -> list[list[float]]:
    """The time of each call and of its floor, in turn, in this store."""
    open_store(store)
    found = []
    for call in calls(opener=1):
        assert len(call.floor()) in {PAGE, LONG}
        found.append(best(RUNS, call.action, call.floor))
    return found


def main() -> None:
    """Measure and print."""
    figures = Figures()
    small, large = made_store(10_000, 100), made_store(1_000_000, 1000)
    rounds = [(measured(small), measured(large)) for _ in range(ROUNDS)]
    for n, call in enumerate(calls(opener=1)):
        before, _ = _shortest(few[n] for few, _ in rounds)
        taken, floor = _shortest(many[n] for _, many in rounds)
        figures.ratio(f"{call.what} / {call.floor_is}", taken, floor, call.target)
        figures.ratio(f"{call.what} / in 10,000 messages", taken, before, 1.3)
    figures.end()


def _shortest(times: Iterable[list[float]]) -> list[float]:
    return [min(column) for column in zip(*times, strict=True)]


if __name__ == "__main__":
    main()

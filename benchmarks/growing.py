"""Reading from 5,000,000 messages in PostgreSQL, against the same reading from 50,000."""

from __future__ import annotations

import large_store
from common import Figures, best, seconds
from on_postgres import database, durable_server, migrated
from reads import conversation, inbox, unread

from messaging.models import Message
from messaging.threads import MessageRow, Node, nest
from tests.databases import Postgres

SMALL, LARGE = 50_000, 5_000_000
RUNS = 20
ROUNDS = 5


def thread() -> list[Node]:
    """The long thread, as a tree."""
    rows: list[MessageRow] = Message.objects.in_thread(1).rows()
    return nest(rows)


CALLS = {
    "unread list (50)": unread,
    "conversation page (50)": conversation,
    "inbox page (50)": inbox,
    f"thread ({large_store.LONG:,}), nested": thread,
}


def made(server: Postgres, number: int) -> str:
    """The URL of a new database with this many messages."""
    url = migrated(server)
    with database(url):
        taken = seconds(lambda: large_store.fill(number))
    print(f"{number:,} messages written in {taken:.0f} s", flush=True)
    return url


def measured(url: str) -> list[float]:
    """The shortest time of each call in this database."""
    with database(url):
        assert len(unread()) == len(conversation()) == len(inbox()) == 50
        return best(RUNS, *CALLS.values())


def main() -> None:
    """Measure and print."""
    figures = Figures()
    with durable_server() as server:
        small, large = made(server, SMALL), made(server, LARGE)
        rounds = [(measured(small), measured(large)) for _ in range(ROUNDS)]
        for n, what in enumerate(CALLS):
            before = min(few[n] for few, _ in rounds)
            taken = min(many[n] for _, many in rounds)
            figures.ratio(f"{what}, {LARGE:,} / {SMALL:,}", taken, before, 1.5)
    figures.end()


if __name__ == "__main__":
    main()

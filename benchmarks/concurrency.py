"""Eight processes that send to one store at once: every message arrives, with its notification."""

from __future__ import annotations

from multiprocessing import get_context
from time import perf_counter

from common import FOLDER, Figures, empty_store
from django.db import connection

PROCESSES = 8
EACH = 250


def send_all(number: int, folder: str) -> None:
    """Send as one of several processes."""
    from pathlib import Path

    from messaging.accounts import find_user
    from messaging.models import Message

    connection.settings_dict["NAME"] = str(Path(folder, "msgcli.sqlite3"))
    alice, bob = find_user("alice"), find_user("bob")
    for n in range(EACH):
        Message.objects.send(alice, bob, f"message {n} of process {number}")


def main() -> None:
    """Send, count and print."""
    empty_store()
    from messaging.accounts import add_users
    from messaging.models import Message, Notification

    add_users(["alice", "bob"])
    connection.close()
    spawn = get_context("spawn")
    processes = [spawn.Process(target=send_all, args=(n, str(FOLDER))) for n in range(PROCESSES)]
    start = perf_counter()
    for process in processes:
        process.start()
    for process in processes:
        process.join()
    taken = perf_counter() - start
    figures = Figures()
    figures.exact("processes that failed", sum(bool(p.exitcode) for p in processes), 0)
    figures.exact("messages", Message.objects.count(), PROCESSES * EACH)
    figures.exact("notifications", Notification.objects.count(), PROCESSES * EACH)
    print(f"{PROCESSES * EACH / taken:,.0f} messages a second, starting included")
    figures.end()


if __name__ == "__main__":
    main()

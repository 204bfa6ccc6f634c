"""Statistics of 1,000,000 messages, against reading the columns they need through sqlite3."""

from __future__ import annotations

from collections import deque
from zoneinfo import ZoneInfo

from common import (
    MSGCLI,
    Figures,
    best,
    chatter,
    empty_store,
    fill,
    raw_connection,
    run_for_memory,
)

from messaging.accounts import find_user
from messaging.statistics import statistics

NUMBER = 1_000_000
RUNS = 5
MOST = 69  # periods, as on a terminal of 80 columns
BERLIN = ZoneInfo("Europe/Berlin")
SCAN = """
    SELECT id, sender_id, receiver_id, timestamp, read, edited, parent_message_id, root_id
    FROM messaging_message"""


def main() -> None:
    """Measure and print."""
    figures = Figures()
    empty_store()
    fill(chatter(NUMBER, 1000), 1000)
    raw = raw_connection()
    alice = find_user("alice")

    def scan() -> None:
        deque(raw.execute(SCAN), maxlen=0)

    everybody, hers, floor = best(
        RUNS,
        lambda: statistics(zone=BERLIN, most=MOST),
        lambda: statistics(alice, zone=BERLIN, most=MOST),
        scan,
    )
    figures.ratio(f"statistics of {NUMBER:,} / sqlite3", everybody, floor, 8)
    figures.ratio("statistics of alice, in half of them / sqlite3", hers, floor, 6)
    figures.memory("msgcli stats: memory", run_for_memory(MSGCLI, "stats"), 150)
    figures.end()


if __name__ == "__main__":
    main()

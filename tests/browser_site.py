"""The product as a browser meets it: `msgcli serve` on a store of its own, the commands beside it."""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from tests.conftest import environment_for, run_in
from tests.servers import Server, running

LONG_WORD = "Donaudampfschifffahrtsgesellschaft" * 12
DEEP = 40  # replies below each other

# From whom, to whom, minutes ago, what, the number of the message it answers, whether unread.
SAMPLE = (
    ("erin", "alice", 5760, "Choir is on Thursday this week, in the same room.", 0, False),
    ("alice", "erin", 5700, "I'll be there, with the new scores.", 1, False),
    ("bob", "alice", 4400, "Are you coming to the lake this weekend?\nThe boat is back in the water.", 0, False),
    ("alice", "bob", 4390, "Yes! On Friday evening, if the 17:40 train runs.", 3, False),
    ("bob", "alice", 4310, "It does. I'll pick you up at the station.", 4, False),
    ("alice", "dave", 2990, "Did the parcel arrive?", 0, False),
    ("dave", "alice", 2900, "It did, and all twelve of them are whole.", 6, False),
    ("alice", "bob", 190, "What shall I bring?", 3, False),
    ("bob", "alice", 185, "Bread from your bakery, and the long rope.", 8, False),
    ("carol", "alice", 75, "The draft is in your folder. Page 3 is still a mess, sorry.", 0, True),
    ("bob", "alice", 12, "Two loaves, as Carol is coming too.", 9, True),
    ("bob", "alice", 4, "And a jumper: it was 9 °C on the water this morning.", 0, True),
)  # fmt: skip
EDITED = 4  # the message of SAMPLE that said something else at first
THREAD = 3  # the message that begins the thread of SAMPLE


@dataclass(frozen=True)
class Site:
    """A running server, and the command line on its store."""

    server: Server
    environment: dict[str, str]
    deep: list[int]  # the ids of a chain of replies between dave and erin
    numbers: Iterator[int] = field(default_factory=lambda: itertools.count(1))

    def run(self, *words: str, input: str = "") -> str:
        """What a command prints."""
        return run_in(self.environment, *words, input=input.encode()).stdout

    def send(self, sender: str, receiver: str, text: str) -> int:
        """The id of a message sent by the command line, whatever is in it."""
        sent = self.run("send", sender, receiver, "-", "--json", input=text)
        return int(json.loads(sent)["id"])

    def pair(self) -> tuple[str, str]:
        """The names of two people whom no other test knows."""
        number = next(self.numbers)
        return f"alice-{number}", f"bob-{number}"

    def link(self, name: str) -> str:
        """A link that logs this person in once."""
        found = re.search(r"/login/link/\S+", self.run("login-link", name))
        assert found
        return self.server.url + found[0]


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """A server on a new store in this folder, with the messages of SAMPLE and a deep thread."""
    environment = environment_for(folder / "store")
    lines = [*_sample(), *_deep(first=len(SAMPLE) + 1)]
    run_in(
        environment,
        "import",
        "-",
        input=b"".join(b"%s\n" % json.dumps(line).encode() for line in lines),
    )
    deep = list(range(len(SAMPLE) + 1, len(lines) + 1))
    with running(environment, "--workers", "1") as server:
        yield Site(server, environment, deep)


def _sample() -> Iterator[dict[str, Any]]:
    now = datetime.now(timezone.utc)
    for number, (sender, receiver, minutes, content, parent, unread) in enumerate(SAMPLE, start=1):
        sent = now - timedelta(minutes=minutes)
        line = {
            "id": number,
            "sender": sender,
            "receiver": receiver,
            "content": content,
            "timestamp": sent.isoformat(),
            "parent_id": parent or None,
            "read": not unread,
        }
        if number == EDITED:
            before = {"content": content.replace("17:40", "16:10"), "edited_by": sender}
            later = sent + timedelta(minutes=3)
            line["history"] = [{**before, "edited_at": later.isoformat()}]
        yield line


def _deep(first: int) -> Iterator[dict[str, Any]]:
    """DEEP replies below each other, and as many messages before them, with a very long word."""
    begun = datetime.now(timezone.utc) - timedelta(days=30)
    for number in range(2 * DEEP):
        yield {
            "id": first + number,
            "sender": ("dave", "erin")[number % 2],
            "receiver": ("erin", "dave")[number % 2],
            "content": f"{LONG_WORD} {number}" if number % 9 == 8 else f"number {number}",
            "timestamp": (begun + timedelta(minutes=number)).isoformat(),
            "parent_id": first + number - 1 if number >= DEEP else None,
            "read": True,
        }

"""Importing an mbox, against `notmuch new` on the same mail as a Maildir."""

from __future__ import annotations

import os
import random
import shutil
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from email.utils import format_datetime
from itertools import accumulate, product
from pathlib import Path

from common import FOLDER, MSGCLI, Figures, best_timed, empty_store, keep_store, seconds, use_store

NUMBER = 5_000
PEOPLE = 200
RUNS = 3
START = datetime(2026, 1, 1, tzinfo=timezone.utc)
SYLLABLES = ("ba", "co", "de", "fi", "ga", "hu", "jo", "ke", "li", "mo", "nu", "pa", "que", "ro")
# As words are in any language: a few are everywhere, most are rare (Zipf's law).
WORDS = ["".join(syllables) for syllables in product(SYLLABLES, repeat=4)]
FREQUENCIES = list(accumulate(1 / rank for rank in range(1, len(WORDS) + 1)))


def mails(number: int) -> Iterator[bytes]:
    """Mails to a list, two in three of them replies, of about 3 kB, as such mails are."""
    chance = random.Random(number)
    threads: list[list[int]] = []
    for n in range(number):
        thread = chance.choice(threads) if threads and chance.random() < 0.67 else []
        references = thread[-8:]
        if not thread:
            threads.append(thread)
        thread.append(n)
        yield mail(n, references, chance)


def mail(n: int, references: list[int], chance: random.Random) -> bytes:
    """One mail as it lies in a file."""
    author = chance.randrange(PEOPLE)
    subject = " ".join(words(chance, 6))
    lines = [
        "Received: from mail.example.com (mail.example.com [192.0.2.1])",
        "\tby lists.example.com (Postfix) with ESMTPS id 4F5A2C0123",
        "\tfor <talk@lists.example.com>; " + format_datetime(START + timedelta(minutes=n)),
        "Date: " + format_datetime(START + timedelta(minutes=n)),
        f"From: Person Number{author} <person{author}@example.com>",
        "To: talk@lists.example.com",
        f"Subject: {'Re: ' if references else ''}{subject}",
        f"Message-ID: <{n}.mail@example.com>",
        *([f"In-Reply-To: <{references[-1]}.mail@example.com>"] if references else []),
        *(
            ["References: " + "\n ".join(f"<{r}.mail@example.com>" for r in references)]
            * bool(references)
        ),
        "MIME-Version: 1.0",
        "Content-Type: text/plain; charset=utf-8",
        "Content-Transfer-Encoding: 8bit",
        "List-Id: <talk.lists.example.com>",
        "",
        *(" ".join(words(chance, 11)) for _ in range(30)),
    ]
    return ("\n".join(lines) + "\n").encode()


def words(chance: random.Random, number: int) -> list[str]:
    """So many words, as often as they come in texts."""
    return chance.choices(WORDS, cum_weights=FREQUENCIES, k=number)


def write(folder: Path) -> Path:
    """The mails as a Maildir in `folder`, and as an mbox whose path is returned."""
    for name in ("cur", "new", "tmp"):
        (folder / name).mkdir(parents=True)
    mbox = folder.with_suffix(".mbox")
    with mbox.open("wb") as file:
        for n, one in enumerate(mails(NUMBER)):
            (folder / "cur" / f"{n}.example:2,S").write_bytes(one)
            file.write(b"From person@example.com Thu Jan  1 00:00:00 2026\n" + one + b"\n")
    return mbox


def main() -> None:
    """Measure and print."""
    notmuch = shutil.which("notmuch")
    if notmuch is None:
        sys.exit("This needs notmuch; Debian has it as a package of that name.")
    figures = Figures()
    empty_store()
    empty = keep_store("empty.sqlite3")
    maildir = FOLDER / "mail"
    mbox = write(maildir)
    config = FOLDER / "notmuch.conf"
    config.write_text(f"[database]\npath={maildir}\n")
    environment = {**os.environ, "NOTMUCH_CONFIG": str(config)}

    def run(*words: str) -> float:
        return seconds(
            lambda: subprocess.run(words, env=environment, check=True, capture_output=True)
        )

    def imported() -> float:
        use_store(empty)
        return run(MSGCLI, "import", str(mbox))

    def indexed() -> float:
        shutil.rmtree(maildir / ".notmuch", ignore_errors=True)
        return run(notmuch, "new")

    ours, theirs = best_timed(RUNS, imported, indexed)
    what = f"mails/s of an mbox of {NUMBER:,} / of notmuch new"
    figures.at_least(what, NUMBER / ours, NUMBER / theirs, 3)
    figures.end()


if __name__ == "__main__":
    main()

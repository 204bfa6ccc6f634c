"""Reading archives in tests, and the mail that they are made of."""

from __future__ import annotations

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from hypothesis import settings

from messaging.archive.formats import opened
from messaging.archive.letters import Letter
from messaging.archive.mail.letter import letter
from messaging.archive.records import Record
from messaging.exceptions import ArchiveError

# For tests that load a library in their first example, or write files.
UNHURRIED = settings(deadline=None)

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)


def mail(body: str = "hi", **fields: str) -> str:
    """The text of a small message; an underscore in a field's name is a hyphen."""
    known = {
        "From": "Alice <alice@example.com>",
        "To": "Bob <bob@example.com>",
        "Subject": "lunch",
        "Date": "Thu, 1 Jan 2026 12:00:00 +0100",
        "Message-ID": "<1@example.com>",
    }
    known |= {name.replace("_", "-"): value for name, value in fields.items()}
    return "".join(f"{name}: {value}\n" for name, value in known.items() if value) + f"\n{body}\n"


def parsed(data: str | bytes, **options: Any) -> Letter:
    """A message that can be read."""
    found = letter(data.encode() if isinstance(data, str) else data, NOW, **options)
    assert isinstance(found, Letter), found
    return found


def entries(name: Path | str, format: str | None = None) -> list[Any]:
    """What an archive holds, each with the file and the number in it."""
    with opened(str(name), format=format) as archive:
        return [(place.file, place.position, found) for place, found in archive]


def told(found: Record | Letter | ArchiveError) -> str:
    """The text of a message, or what is wrong with it."""
    return found.reason if isinstance(found, ArchiveError) else found.content


def texts(name: Path | str, format: str | None = None) -> list[str]:
    return [told(found) for _, _, found in entries(name, format)]


def files(folder: Path, contents: dict[str, str | bytes]) -> Path:
    """A folder with these files, some maybe in folders of their own."""
    for name, content in contents.items():
        write(folder / name, content)
    return folder


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path

"""MH: a message a file, with a number for its name. https://www.nongnu.org/nmh/"""

from __future__ import annotations

import re
from pathlib import Path

from messaging.archive.formats.base import Folder, Format, by_number, mail_of
from messaging.archive.formats.eml import is_header
from messaging.archive.formats.sources import START_LENGTH
from messaging.archive.letters import Entries

SEQUENCES = ".mh_sequences"

_RANGE = re.compile(r"(\d{1,9})(?:-(\d{1,9}))?")


class Mh(Format):
    name = "mh"
    of_files = False

    def is_folder(self, path: Path) -> bool:
        """It has the file of sequences, or is of numbered files, the first of which is mail."""
        if (path / SEQUENCES).is_file():
            return True
        files = [one for one in path.iterdir() if one.name[0] not in ".,#" and one.is_file()]
        if not files or not all(one.name.isdecimal() for one in files):
            return False
        with files[0].open("rb") as file:
            return is_header(file.read(START_LENGTH))

    def read_folder(self, folder: Folder) -> Entries:
        unseen = _unseen(folder.path / SEQUENCES)
        for path in sorted(folder.path.iterdir(), key=by_number):
            if path.name.isdecimal() and not path.is_dir():
                number = int(path.name)
                read = not any(first <= number <= last for first, last in unseen)
                yield from mail_of(folder, path, read=read)


def _unseen(path: Path) -> list[tuple[int, int]]:
    """The ranges of messages that nobody has read yet."""
    if not path.is_file():
        return []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        name, _, numbers = line.partition(":")
        if name.strip() == "unseen":
            return [(int(a), int(b or a)) for a, b in _RANGE.findall(numbers)]
    return []

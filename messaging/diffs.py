"""What an edit changed, as a page shows it. Nothing here knows Django."""

from __future__ import annotations

import re
from difflib import SequenceMatcher
from typing import NamedTuple

# Words, else lines, else all of a text: the first that are few enough between the first and the
# last change. SequenceMatcher takes the cube of their number at worst: a second for 2000 words.
PARTS = (re.compile(r"\w+|\s+|[^\w\s]"), re.compile(r".*\n|.+"), re.compile(r"(?s).+"))
MOST = 2000


class Piece(NamedTuple):
    """A run of text that is in both versions ("same"), only in the old one, or in the new."""

    kind: str
    text: str


def changes(old: str, new: str) -> list[Piece]:
    """The pieces that make up both texts, what was taken out before what was put in.

    The pieces that are not "old" joined are `new`, those that are not "new" joined `old`.
    """
    for part in PARTS:
        before, after = part.findall(old), part.findall(new)
        size = _alike(before, after)
        first, before, after = before[:size], before[size:], after[size:]
        size = _alike(before[::-1], after[::-1])
        last = before[len(before) - size :]
        before, after = before[: len(before) - size], after[: len(after) - size]
        if max(len(before), len(after)) <= MOST:
            break
    pieces = [Piece("same", "".join(first))]
    for kind, i, j, k, m in SequenceMatcher(None, before, after).get_opcodes():
        if kind == "equal":
            pieces.append(Piece("same", "".join(before[i:j])))
        else:
            pieces += [Piece("old", "".join(before[i:j])), Piece("new", "".join(after[k:m]))]
    pieces.append(Piece("same", "".join(last)))
    return [piece for piece in pieces if piece.text]


def _alike(one: list[str], other: list[str]) -> int:
    """How many of the first parts are the same in both."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((n for n, (a, b) in pairs if a != b), min(len(one), len(other)))

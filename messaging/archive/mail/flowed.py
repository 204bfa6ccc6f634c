"""Text whose lines were broken for the way only. RFC 3676, section 4.2"""

from __future__ import annotations

SIGNATURE = "-- "


def unflowed(text: str, *, delete_space: bool) -> str:
    """Join each line that ends in a space to the next, unless the two are quoted differently."""
    pieces: list[str] = []
    before = ""  # the quote marks of the line before
    flowing = False
    for line in text.split("\n"):
        body = line.lstrip(">")
        marks = line[: len(line) - len(body)]
        body = body.removeprefix(" ")
        if not (flowing and marks == before and body != SIGNATURE):
            pieces.append(f"\n{marks} " if marks else "\n")
        flowing = body.endswith(" ") and body != SIGNATURE
        pieces.append(body[:-1] if flowing and delete_space else body)
        before = marks
    return "".join(pieces)[1:]

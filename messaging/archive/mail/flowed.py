"""Text whose lines were broken for the way only. RFC 3676, section 4.2"""

from __future__ import annotations

import re

_QUOTE = re.compile(r">*")
SIGNATURE = "-- "


def unflowed(text: str, *, delete_space: bool) -> str:
    """Join each line that ends in a space to the next, unless the two are quoted differently."""
    out: list[str] = []
    open_at = ""  # the quote marks of the line that the next may continue
    flowing = False
    for line in text.split("\n"):
        marks = _QUOTE.match(line)[0]  # type: ignore[index]
        body = line[len(marks) :].removeprefix(" ")
        if flowing and marks == open_at and body != SIGNATURE:
            out[-1] += body
        else:
            out.append(f"{marks} {body}" if marks else body)
        flowing = body.endswith(" ") and body != SIGNATURE
        open_at = marks
        if flowing and delete_space:
            out[-1] = out[-1][:-1]
    return "\n".join(out)

"""Draw what msgcli prints as an SVG, from a real store.

    python docs/draw.py docs/images/thread.svg "thread 37109" "inbox nickrud -n 5"

Runs each command in this process, on the store that MSGCLI_DATA_DIR (or another variable)
names, and saves the output of all of them, in colour and 100 columns wide, in one picture.
"""

from __future__ import annotations

import io
import re
import shlex
import sys
from functools import cache
from pathlib import Path

from rich.console import Console
from rich.text import Text

from msgcli import console
from msgcli.main import app

WIDTH = 100
FONTS = "ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace"


def record(commands: list[str]) -> Console:
    """Run the commands as if on one terminal, each after a prompt, and keep what they print."""
    recorder = Console(
        record=True,
        force_terminal=True,
        color_system="truecolor",
        width=WIDTH,
        file=io.StringIO(),
        highlight=False,
        markup=False,
        emoji=False,
    )
    console.out = console.err = cache(lambda: recorder)
    console.is_terminal = lambda: True
    for number, command in enumerate(commands):
        if number:
            recorder.print()
        recorder.print(Text.assemble(("$ ", "dim"), (f"msgcli {command}", "bold")))
        code = app(["--no-pager", *shlex.split(command)], "msgcli", standalone_mode=False)
        if code:
            sys.exit(f"msgcli {command} ended with code {code}.")
    return recorder


def draw(recorder: Console, name: str) -> str:
    """The picture, with the reader's own fonts: nothing is fetched to show it."""
    svg = recorder.export_svg(title="msgcli", unique_id=f"msgcli-{name}")
    svg = re.sub(r"\s*@font-face \{.*?\n\s*\}\n", "\n", svg, flags=re.DOTALL)
    svg = svg.replace("<svg ", '<svg xml:space="preserve" ', 1)  # spaces begin many a piece of text
    svg = re.sub(r"font-family: [^;]+;", f"font-family: {FONTS};", svg)
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


def main() -> None:
    """Draw the commands of the command line into its first word."""
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    path = Path(sys.argv[1])
    path.write_text(draw(record(sys.argv[2:]), path.stem), encoding="utf-8")


if __name__ == "__main__":
    main()

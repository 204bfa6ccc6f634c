"""Where output goes: two Consoles, a pager, and JSON without either."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import cache
from itertools import islice
from typing import IO, TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

# A pipe has no width, so nothing that goes through one is cut or wrapped.
PIPE_WIDTH = 1_000_000
PIECE = 1000  # segments of long output written at a time

_settings = {"no_color": False, "pager": True}


def configure(*, no_color: bool, pager: bool) -> None:
    """Take over the global options."""
    _settings.update(no_color=no_color, pager=pager)
    out.cache_clear()
    err.cache_clear()
    for stream in (sys.stdout, sys.stderr):
        # A terminal that can't show a character shows its code instead of failing.
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")


def is_terminal() -> bool:
    """Whether a person is reading the output."""
    return sys.stdout.isatty()


@cache
def out() -> Console:
    """The Console for what was asked for."""
    return _console(sys.stdout, width=None if is_terminal() else PIPE_WIDTH)


@cache
def err() -> Console:
    """The Console for remarks to the person, and for questions."""
    return _console(sys.stderr, width=None if sys.stderr.isatty() else PIPE_WIDTH)


def _console(file: IO[str], width: int | None, terminal: bool | None = None) -> Console:
    from rich.console import Console

    class PlainConsole(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError

    return PlainConsole(
        file=file,
        width=width,
        force_terminal=terminal,
        no_color=_settings["no_color"] or None,
        highlight=False,
        markup=False,
        emoji=False,
    )


def remark(text: str) -> None:
    """Tell the person something beside the output, on stderr."""
    err().print(text)


def show(*renderables: RenderableType) -> None:
    """Print on stdout, through the pager where a person reads and it is longer than the screen."""
    with _paged() as console:
        for renderable in renderables:
            segments = iter(console.render(renderable))
            while piece := list(islice(segments, PIECE)):
                _print_segments(console, piece)


def _print_segments(console: Console, piece: list[Any]) -> None:
    from rich.segment import Segments

    console.print(Segments(piece), end="")


def show_lines(lines: Iterable[str]) -> None:
    """Write lines of plain text on stdout, as they come."""
    for line in lines:
        sys.stdout.write(line + "\n")


def show_bytes(pieces: Iterable[bytes]) -> None:
    """Write bytes on stdout, as they come."""
    sys.stdout.flush()
    sys.stdout.buffer.writelines(pieces)


def show_pieces(pieces: Iterable[str]) -> None:
    """Write one line on stdout, in pieces."""
    sys.stdout.writelines(pieces)
    sys.stdout.write("\n")


def width() -> int:
    """The columns that there are to print in."""
    return out().width


def can_show(text: str) -> bool:
    """Whether stdout's encoding has these characters."""
    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:
        return False
    return True


def show_json(value: Any) -> None:
    """Write one JSON value on stdout."""
    from messaging.plain import dumps

    sys.stdout.write(dumps(value) + "\n")


def show_json_list(values: Iterable[Any]) -> None:
    """Write a JSON array on stdout, an element a line, as they come."""
    from messaging.plain import dumps

    separator = "[\n"
    for value in values:
        sys.stdout.write(separator + dumps(value))
        separator = ",\n"
    sys.stdout.write("[]\n" if separator == "[\n" else "\n]\n")


def flush() -> None:
    """Write what is left; a reader that has gone away is no error."""
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        discard()


def push() -> None:
    """Let what was written be read now. Raises BrokenPipeError when nobody reads any more."""
    sys.stdout.flush()


def discard() -> None:
    """Let what is still to be written go nowhere, without an error when the program ends."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


@contextmanager
def _paged() -> Iterator[Console]:
    """A Console into the pager, as git has it: less stays away when all fits on the screen."""
    command = os.environ.get("MSGCLI_PAGER", os.environ.get("PAGER", "less"))
    if not (is_terminal() and _settings["pager"] and command not in {"", "cat"}):
        yield out()
        return
    try:
        pager = subprocess.Popen(
            shlex.split(command),
            stdin=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            errors="backslashreplace",
            env={"LESS": "FRX", **os.environ},
        )
    except OSError:  # no such program
        yield out()
        return
    assert pager.stdin is not None
    try:
        # Closed in any case, else it would wait for more; a person may leave it before that.
        with suppress(BrokenPipeError), pager.stdin:
            yield _console(pager.stdin, width=out().width, terminal=True)
    finally:
        pager.wait()

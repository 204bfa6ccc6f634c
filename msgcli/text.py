"""Where the text of a message comes from: the argument, a pipe, or an editor."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from messaging.exceptions import InvalidText
from msgcli.errors import NotConfirmed, UsageError


def read_text(argument: str | None, *, template: str = "") -> str:
    """The text of the argument; of stdin for `-` or through a pipe; else of an editor.

    The newline that ends a piped text is not part of it. Raises InvalidText for bytes that
    are not UTF-8, NotConfirmed when the editor is left without a text.
    """
    if argument is not None and argument != "-":
        return argument
    if argument == "-" or not sys.stdin.isatty():
        return _from_stdin()
    return _from_editor(template)


def _from_stdin() -> str:
    try:
        text = sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidText(
            f"The text is not valid UTF-8: byte 0x{error.object[error.start]:02x}"
            f" at position {error.start}."
        ) from None
    return text.removesuffix("\n").removesuffix("\r")


def _from_editor(template: str) -> str:
    editor = os.environ.get("VISUAL") or os.environ.get("EDITOR")
    if not editor:
        raise UsageError("What should it say? Give the TEXT, pipe it in, or set EDITOR.")
    # Made with mode 0600; in a folder of its own, since editors leave copies beside a file.
    with tempfile.TemporaryDirectory(prefix="msgcli-") as folder:
        path = Path(folder, "message.txt")
        path.write_text(template, encoding="utf-8")
        try:
            result = subprocess.run([*shlex.split(editor), str(path)], check=False)
        except OSError as error:
            raise UsageError(f"The editor {editor} can't be started: {error.strerror}.") from error
        text = path.read_text(encoding="utf-8").removesuffix("\n")
    if result.returncode != 0 or not text.strip():
        raise NotConfirmed("The editor was left without a text, so nothing was sent.")
    return text

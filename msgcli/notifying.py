"""The program that is run for each message that arrives."""

from __future__ import annotations

import shlex
import shutil
import subprocess
from typing import TYPE_CHECKING, NamedTuple

import typer

from msgcli import console

if TYPE_CHECKING:
    from messaging.threads import MessageRow

STDERR = 2


class Program(NamedTuple):
    """A program with its arguments."""

    words: tuple[str, ...]

    def run(self, row: MessageRow) -> None:
        """Run it to its end with the message as JSON on stdin; its failure is only a remark.

        What it prints goes to stderr, so that stdout has the messages and nothing else.
        """
        from messaging import plain

        written = (plain.dumps(plain.message(row)) + "\n").encode()
        try:
            done = subprocess.run(self.words, input=written, stdout=STDERR, check=False)
        except OSError as error:
            trouble = f"can't be started: {error.strerror}"
        else:
            trouble = f"ended with code {done.returncode}" if done.returncode else ""
        if trouble:
            name = plain.show_unsafe(self.words[0])
            console.remark(f"The command {name} {trouble}, for message {row.id}.")


def program(typed: str) -> Program:
    """What was typed as words, split as a shell does it, without any of its other meanings."""
    try:
        words = shlex.split(typed)
    except ValueError as error:
        raise typer.BadParameter(f"{typed} can't be read: {error}") from error
    if not words:
        raise typer.BadParameter("there is no command")
    if shutil.which(words[0]) is None:
        raise typer.BadParameter(f"there is no command {words[0]}")
    return Program(tuple(words))

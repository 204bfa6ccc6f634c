"""The command line in one process that stays: for what a test needs done before it looks.

A command takes milliseconds there, and a quarter of a second as a process of its own. What is
about the command itself is tested with the fixtures `run` and `invoke`.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass


@dataclass(frozen=True)
class Resident:
    """A process that runs the commands of one environment, one after the other."""

    process: subprocess.Popen[str]

    def run(self, *words: str, input: str = "") -> str:
        """What a command prints; it has to succeed."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{json.dumps([words, input])}\n")
        self.process.stdin.flush()
        code, printed, said = json.loads(self.process.stdout.readline())
        assert code == 0, said
        return str(printed)


@contextmanager
def resident(environment: dict[str, str]) -> Iterator[Resident]:
    """A process that runs commands on the store of this environment until the block ends."""
    command = [sys.executable, "-m", "tests.resident"]
    with subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        yield Resident(process)


def main() -> None:
    """Run each line of stdin; write its exit code, stdout and stderr as a line of JSON."""
    from typer.testing import CliRunner

    from msgcli.main import app

    for line in sys.stdin:
        words, given = json.loads(line)
        result = CliRunner().invoke(app, words, input=given, prog_name="msgcli")
        sys.stdout.write(f"{json.dumps([result.exit_code, result.stdout, result.stderr])}\n")
        sys.stdout.flush()
        _close_connections()


def _close_connections() -> None:
    """Leave nothing open between two commands, as a process that has ended would."""
    from django.db import connections

    connections.close_all()


if __name__ == "__main__":
    main()

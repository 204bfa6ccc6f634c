"""Running msgcli as a process that is forked from one which has Python and Django loaded.

Starting an interpreter takes ten times as long as most commands do. What is forked is a process
of its own all the same, with its own environment, folder and streams; only modules that do not
depend on these were imported before, and nothing of msgcli's settings or the store.

    python -m tests.forks FD    what Forks starts
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import runpy
import socket
import subprocess
import sys
import tempfile
import termios
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
PRELOADED = (
    "django.contrib.auth.password_validation",
    "django.core.cache.backends.locmem",
    "django.core.management.commands.migrate",
    "django.db.backends.postgresql.base",
    "django.db.backends.sqlite3.base",
    "django.forms",
    "django.views.generic",
    "humanize",
    "msgcli.main",
    "msgcli.render",
    "rich.console",
    "rich.progress",
    "rich.tree",
)
SIZE = 16  # bytes of an answer, which is an exit code


class Forks:
    """The process that forks; `environment` is that of its beginning, which Python itself reads."""

    def __init__(self, environment: dict[str, str]) -> None:
        self.python = _for_python(environment)
        self.one = threading.Lock()
        self.socket, theirs = socket.socketpair()
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "tests.forks", str(theirs.fileno())],
                pass_fds=[theirs.fileno()],
                env=environment,
                cwd=ROOT,
            )

    def run(
        self, words: Sequence[str | bytes], environment: dict[str, str], cwd: Path, input: bytes
    ) -> subprocess.CompletedProcess[bytes]:
        """Run msgcli to its end.

        From a beginning of its own where Python would begin otherwise, or one is running already.
        """
        if _for_python(environment) != self.python or not self.one.acquire(blocking=False):
            return run_anew(words, environment, cwd, input)
        try:
            return self._forked(words, environment, cwd, input)
        finally:
            self.one.release()

    def run_on_terminal(
        self, words: Sequence[str], environment: dict[str, str], cwd: Path, rows: int, columns: int
    ) -> tuple[int, bytes]:
        """Run msgcli to its end on a terminal of its own; its exit code, and what was shown."""
        ours, theirs = pty.openpty()
        with open(ours, "rb", buffering=0) as shown, self.one:
            termios.tcsetwinsize(theirs, (rows, columns))
            self._send(words, environment, cwd, [theirs] * 3)
            os.close(theirs)
            pieces = []
            with suppress(OSError):  # which Linux raises where a terminal ends
                while piece := shown.read(100_000):
                    pieces.append(piece)
            return int(self.socket.recv(SIZE)), b"".join(pieces)

    def close(self) -> None:
        self.socket.close()
        self.process.wait(30)

    def _forked(
        self, words: Sequence[str | bytes], environment: dict[str, str], cwd: Path, input: bytes
    ) -> subprocess.CompletedProcess[bytes]:
        with (
            tempfile.TemporaryFile() as stdin,
            tempfile.TemporaryFile() as stdout,
            tempfile.TemporaryFile() as stderr,
        ):
            stdin.write(input)
            stdin.seek(0)
            streams = [stdin.fileno(), stdout.fileno(), stderr.fileno()]
            self._send(words, environment, cwd, streams)
            code = int(self.socket.recv(SIZE))
            stdout.seek(0)
            stderr.seek(0)
            return subprocess.CompletedProcess(words, code, stdout.read(), stderr.read())

    def _send(
        self,
        words: Sequence[str | bytes],
        environment: dict[str, str],
        cwd: Path,
        streams: list[int],
    ) -> None:
        request = {"words": [*map(os.fsdecode, words)], "env": environment, "cwd": str(cwd)}
        with tempfile.TemporaryFile() as told:
            told.write(json.dumps(request).encode())
            told.seek(0)
            socket.send_fds(self.socket, [b"run"], [told.fileno(), *streams])


def run_anew(
    words: Sequence[str | bytes],
    environment: dict[str, str],
    cwd: Path,
    input: bytes,
    **options: Any,
) -> subprocess.CompletedProcess[bytes]:
    """Run msgcli to its end, as a process that begins as any does."""
    return subprocess.run(
        [sys.executable, "-m", "msgcli", *words],
        env=environment,
        cwd=cwd,
        input=input,
        capture_output=True,
        check=False,
        **options,
    )


def _for_python(environment: dict[str, str]) -> dict[str, str]:
    names = ("PYTHON", "LC_", "LANG")
    return {name: value for name, value in environment.items() if name.startswith(names)}


def main(descriptor: int) -> None:
    """Fork for each request, until nobody is left to ask."""
    _preload()
    with socket.socket(fileno=descriptor) as requests:
        while True:
            word, files, *_ = socket.recv_fds(requests, SIZE, 4)
            if not word:
                return
            pid = os.fork()
            if not pid:
                requests.close()
                _become(*files)
            for file in files:
                os.close(file)
            code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
            requests.sendall(str(code).encode())


def _preload() -> None:
    """Import what reads neither environment nor settings: most of what a command does."""
    for name in PRELOADED:
        import_module(name)


def _become(told: int, *streams: int) -> None:
    """Be the command that was asked for, until its end."""
    with open(told, "rb") as file:
        request: dict[str, Any] = json.load(file)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    if os.isatty(0):
        _take_terminal()
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    os.chdir(request["cwd"])
    sys.argv = ["msgcli", *request["words"]]
    sys.path[0] = os.getcwd()
    runpy.run_module("msgcli", run_name="__main__", alter_sys=True)


def _take_terminal() -> None:
    """Let the terminal be this process's own, and the streams what Python makes of one."""
    os.setsid()
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    sys.stdin = os.fdopen(0, errors="surrogateescape", closefd=False)
    sys.stdout = os.fdopen(1, "w", buffering=1, errors="surrogateescape", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, errors="backslashreplace", closefd=False)


if __name__ == "__main__":
    main(int(sys.argv[1]))

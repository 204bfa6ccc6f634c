"""Running msgcli as a process that is forked from one which has Python and Django loaded.

Starting an interpreter takes ten times as long as most commands do. What is forked is a process
of its own all the same, with its own environment, folder and streams; only modules that do not
depend on these were imported before, and nothing of msgcli's settings or the store.

    python -m tests.forks FD    what Forks starts
"""

from __future__ import annotations

import json
import os
import runpy
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
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

    def close(self) -> None:
        self.socket.close()
        self.process.wait(30)

    def _forked(
        self, words: Sequence[str | bytes], environment: dict[str, str], cwd: Path, input: bytes
    ) -> subprocess.CompletedProcess[bytes]:
        request = {"words": [*map(os.fsdecode, words)], "env": environment, "cwd": str(cwd)}
        with (
            tempfile.TemporaryFile() as told,
            tempfile.TemporaryFile() as stdin,
            tempfile.TemporaryFile() as stdout,
            tempfile.TemporaryFile() as stderr,
        ):
            told.write(json.dumps(request).encode())
            stdin.write(input)
            files = [told, stdin, stdout, stderr]
            for file in files:
                file.seek(0)
            socket.send_fds(self.socket, [b"run"], [file.fileno() for file in files])
            code = int(self.socket.recv(SIZE))
            stdout.seek(0)
            stderr.seek(0)
            return subprocess.CompletedProcess(words, code, stdout.read(), stderr.read())


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
    """Import what every command does, and what reads neither environment nor settings."""

    import msgcli.main  # noqa: F401


def _become(told: int, *streams: int) -> None:
    """Be the command that was asked for, until its end."""
    with open(told, "rb") as file:
        request: dict[str, Any] = json.load(file)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(request["env"])
    time.tzset()
    os.chdir(request["cwd"])
    sys.argv = ["msgcli", *request["words"]]
    sys.path[0] = os.getcwd()
    runpy.run_module("msgcli", run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main(int(sys.argv[1]))

"""Real servers for tests: `msgcli serve` as a process of its own, on a free port."""

from __future__ import annotations

import http.client
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import pytest

SERVING = Path(__file__).parent.parent / "docs/serving.md"


@dataclass(frozen=True)
class Answer:
    """The answer to a request, read to its end."""

    status: int
    headers: http.client.HTTPMessage
    body: bytes


@dataclass(frozen=True)
class Server:
    """A server that answers at `url`; with --user, `link` logs that user in once."""

    url: str
    link: str
    process: subprocess.Popen[str]
    log: Path

    @property
    def port(self) -> int:
        return int(self.url.rpartition(":")[2])

    def logged(self) -> list[str]:
        """The lines on its stderr so far."""
        return self.log.read_text("utf-8").splitlines()

    def ask(self, path: str, method: str = "GET", body: bytes = b"", **headers: str) -> Answer:
        """One request, on a connection of its own; a header's name has _ for -."""
        host = urlsplit(self.url).hostname or ""
        connection = http.client.HTTPConnection(host, self.port, timeout=20)
        try:
            named = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, path, body or None, named)
            response = connection.getresponse()
            return Answer(response.status, response.headers, response.read())
        finally:
            connection.close()

    def stop(self) -> int:
        """Stop it as a service manager does; returns its exit code."""
        self.process.terminate()
        return self.process.wait(30)


@contextmanager
def running(
    environment: dict[str, str],
    *options: str,
    code: Path | None = None,
    within: Sequence[str] = (),
) -> Iterator[Server]:
    """`msgcli serve` with these options, which answers already, until the block ends.

    It runs the code in this folder, or that under test, perhaps by a command as `ip netns exec`.
    """
    with tempfile.TemporaryDirectory() as folder:
        log = Path(folder, "log")
        with log.open("w") as stderr:
            process = subprocess.Popen(
                [*within, sys.executable, "-m", "msgcli", "serve", "--port", "0", *options],
                env=environment,
                cwd=code,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                start_new_session=True,  # a signal to its group is not one to the tests
            )
        try:
            url = _wait_for_url(process, log)
            assert process.stdout is not None
            link = process.stdout.readline().strip() if "--user" in options else ""
            yield Server(url, link, process, log)
        finally:
            process.terminate()
            process.communicate(timeout=30)


def _wait_for_url(process: subprocess.Popen[str], log: Path) -> str:
    for _ in range(600):
        if found := re.search(r"Serving on (\S+)  ", log.read_text("utf-8")):
            return found[1]
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError(f"It does not serve: {log.read_text('utf-8')}")


@contextmanager
def behind_nginx(server: Server, certificate: str, key: str, folder: Path) -> Iterator[int]:
    """The nginx example of the documentation before this server; the block gets its port."""
    nginx = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin")
    if not nginx:
        pytest.skip("there is no nginx")
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
    example = re.search(r"```nginx\n(.+?)```", SERVING.read_text("utf-8"), re.DOTALL)
    assert example is not None
    written = example[1]
    for told, here in (
        ("443 ssl", f"127.0.0.1:{port} ssl"),
        ("/etc/ssl/messages.pem", certificate),
        ("/etc/ssl/messages.key", key),
        ("127.0.0.1:8000", f"127.0.0.1:{server.port}"),
    ):
        assert written.count(told) == 1
        written = written.replace(told, here)
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    paths = "".join(f"{kind}_temp_path {folder}/{kind}; " for kind in kinds)
    config = folder / "nginx.conf"
    config.write_text(
        f"daemon off; pid {folder}/pid; error_log {folder}/errors;\n"
        f"events {{}}\nhttp {{ access_log off; {paths}\n{written} }}"
    )
    process = subprocess.Popen([nginx, "-p", str(folder), "-c", str(config)])
    try:
        _wait_for_port(port)
        yield port
    finally:
        process.terminate()
        process.wait()


def _wait_for_port(port: int) -> None:
    for _ in range(100):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError(f"Nothing listens on port {port}.")

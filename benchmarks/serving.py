"""`msgcli serve` under wrk, against a bare Django site on the same server with the same settings.

wrk is https://github.com/wg/wrk, in Debian the package wrk. One worker process serves, which
leaves the other core to wrk. The two sides take turns, and the best run of each counts.
"""

from __future__ import annotations

import http.client
import os
import re
import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import sleep
from urllib.parse import urlencode

from common import ALICE, BOB, FOLDER, MSGCLI, Figures, Row, at, empty_store, fill, user_name

from messaging.access.models import LoginLink
from messaging.accounts import find_user
from msgcli.web.middleware import WAITING

WORKER_THREADS = 16
ROUNDS = 5
SECONDS = 3
QUICK = "--quick" in sys.argv
REQUESTS = 5_000 if QUICK else 100_000
MANY, FEW, FRIENDS = (20_000 if QUICK else 100_000), 100, 50
HALF_SENT = 64
HERE = Path(__file__).parent


def messages() -> Iterator[Row]:
    """Alice has many messages and bob a few, each with the same fifty friends; 2 % are unread."""
    pk = 0
    for owner, number in ((BOB, FEW), (ALICE, MANY)):
        for n in range(number):
            pk += 1
            friend = 5 + n % FRIENDS
            sender, receiver = (owner, friend) if n % 2 else (friend, owner)
            text = f"Message {pk} is about as long as what people say in one go, not much longer."
            yield Row(pk, sender, receiver, text, at(pk), n % 50 > 0)


class Site:
    """A running server, and the cookies of somebody who is logged in there."""

    def __init__(self, port: int, cookie: str, process: subprocess.Popen[str]) -> None:
        self.port, self.cookie, self.process = port, cookie, process

    def wrk(self, path: str, *, connections: int = 16, script: str = "") -> str:
        """What wrk reports of a few seconds of requests; fails unless all are answered with 200."""
        command = [
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{SECONDS}s",
            "--latency",
            "--timeout",
            "30s",
        ]
        command += ["-H", f"Cookie: {self.cookie}", "-H", "Accept: text/html"]
        if script:
            command += ["-s", str(HERE / script)]
        command += [f"http://127.0.0.1:{self.port}{path}"]
        report = subprocess.check_output(command, text=True)
        if "Non-2xx" in report or "Socket errors" in report:
            raise SystemExit(f"Not every request was answered:\n{report}")
        return report

    def rate(self, path: str, script: str = "") -> float:
        """Requests a second."""
        return _number(r"Requests/sec:\s+([\d.]+)()", self.wrk(path, script=script))

    def p99(self, path: str) -> float:
        """Seconds below which 99 of 100 requests are answered, one at a time."""
        return _number(r"99%\s+([\d.]+)(\w+)", self.wrk(path, connections=1))

    def get(self, path: str) -> bytes:
        """One page."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=30)
        connection.request("GET", path, headers={"Cookie": self.cookie, "Accept": "text/html"})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if answer.status != 200:
            raise SystemExit(f"{path} was answered with {answer.status}.")
        return body

    def memory(self) -> int:
        """Bytes of memory of the largest process below the server's first, its worker."""
        below = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        sizes = (Path(f"/proc/{pid}/status").read_text() for pid in below.split())
        return max(int(_number(r"VmRSS:\s+(\d+)()", text)) for text in sizes) * 1024


def _number(pattern: str, text: str) -> float:
    found = re.search(pattern, text)
    assert found, text
    return float(found[1]) * {"us": 1e-6, "ms": 1e-3}.get(found[2], 1)


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port: int = free.getsockname()[1]
        return port


@contextmanager
def bare_site(page: bytes) -> Iterator[Site]:
    """The floor, which answers with these bytes."""
    (FOLDER / "page.html").write_bytes(page)
    port = free_port()
    command = [sys.executable, str(HERE / "bare_site.py"), str(port)]
    command += [str(WORKER_THREADS + WAITING)]
    env = {**os.environ, "BARE_SITE": str(FOLDER), "PYTHONPATH": str(HERE)}
    process = subprocess.Popen(
        command, env=env, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    assert process.stdout is not None
    site = Site(port, process.stdout.readline().strip(), process)
    try:
        _wait_for(port)
        yield site
    finally:
        process.terminate()
        process.wait()


@contextmanager
def msgcli_serve(name: str) -> Iterator[Site]:
    """`msgcli serve`, with somebody logged in by a link."""
    port = free_port()
    command = [MSGCLI, "serve", "--port", str(port), "--workers", "1"]
    command += ["--threads", str(WORKER_THREADS)]
    log = (FOLDER / "log").open("a")
    process = subprocess.Popen(command, stderr=log, text=True)
    try:
        _wait_for(port)
        yield Site(port, log_in(port, name), process)
    finally:
        process.terminate()
        process.wait()
        log.close()


def _wait_for(port: int) -> None:
    for _ in range(400):
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            sleep(0.05)
        else:
            return
    raise SystemExit("The server does not start.")


def log_in(port: int, name: str) -> str:
    """The cookies of a browser in which `name` has redeemed a login link."""
    secret = LoginLink.objects.issue(find_user(name), 10)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.request("GET", f"/login/link/?token={secret}", headers={"Accept": "text/html"})
    shown = connection.getresponse()
    form = re.search(rb'csrfmiddlewaretoken" value="(\w+)"', shown.read())
    csrf = re.search(r"msgcli_csrf=(\w+)", shown.headers["Set-Cookie"])
    assert form
    assert csrf
    fields = urlencode({"csrfmiddlewaretoken": form[1].decode(), "token": secret})
    headers = {
        "Cookie": csrf[0],
        "Content-Type": "application/x-www-form-urlencoded",
        "Accept": "text/html",
    }
    connection.request("POST", "/login/link/", fields, headers)
    answer = connection.getresponse()
    answer.read()
    return "; ".join(re.findall(r"msgcli_\w+=\w+", str(answer.headers)))


@contextmanager
def half_sent(port: int) -> Iterator[None]:
    """Requests that never end: half of them in the head, half in the body."""
    head = b"POST /login/ HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 100\r\n"
    with ExitStack() as stack:
        for n in range(HALF_SENT):
            half = stack.enter_context(socket.create_connection(("127.0.0.1", port)))
            half.sendall(head + (b"\r\nhalf a bo" if n % 2 else b""))
        yield


def cached_page(figures: Figures, site: Site) -> None:
    """A cached conversation of 50 messages against the floor, and against itself uncached."""
    path = f"/with/{user_name(5)}/"
    with bare_site(site.get(path)) as floor:
        rates = [(site.rate(path), floor.rate("/page/")) for _ in range(ROUNDS)]
        cached, bare = (max(column) for column in zip(*rates, strict=True))
    figures.at_least("cached conversation, requests/s against a bare page", cached, bare, 0.6)
    rates = [(site.rate(path), site.rate(path, "uncached.lua")) for _ in range(ROUNDS)]
    cached, uncached = (max(column) for column in zip(*rates, strict=True))
    figures.at_least("cached conversation, requests/s against uncached", cached, uncached, 3)


def large_inbox(figures: Figures, site: Site) -> None:
    """The inbox of somebody with many messages against that of one with a few."""
    other = Site(site.port, log_in(site.port, "bob"), site.process)
    times = [(site.p99("/"), other.p99("/")) for _ in range(ROUNDS)]
    many, few = (min(column) for column in zip(*times, strict=True))
    figures.ratio(f"inbox p99, {MANY:,} messages against {FEW}", many, few, 2)


def slow_clients(figures: Figures, site: Site) -> None:
    """The cached page while many requests are half-sent."""
    path = f"/with/{user_name(5)}/"
    rates = []
    for _ in range(ROUNDS):
        undisturbed = site.rate(path)
        with half_sent(site.port):
            rates.append((site.rate(path), undisturbed))
    disturbed, undisturbed = (max(column) for column in zip(*rates, strict=True))
    figures.at_least(f"requests/s beside {HALF_SENT} half-sent", disturbed, undisturbed, 0.8)


def flat_memory(figures: Figures, site: Site) -> None:
    """The worker's memory before and after many requests of all kinds."""
    answered = 0
    warm = 0
    while answered < REQUESTS + REQUESTS // 10:
        answered += int(_number(r"(\d+)() requests in", site.wrk("/", script="mixed.lua")))
        warm = warm or (site.memory() if answered >= REQUESTS // 10 else 0)
    figures.at_most(f"memory after {REQUESTS:,} requests", site.memory(), warm, 1.1)


def main() -> None:
    """Serve, measure and print."""
    if shutil.which("wrk") is None:
        raise SystemExit("This benchmark needs wrk: apt install wrk")
    empty_store()
    fill(messages(), 5 + FRIENDS)
    figures = Figures()
    with msgcli_serve("alice") as site:
        cached_page(figures, site)
        large_inbox(figures, site)
        slow_clients(figures, site)
        flat_memory(figures, site)
    figures.end()


if __name__ == "__main__":
    main()

"""`msgcli serve` as it runs: real processes, sockets and signals."""

import json
import os
import re
import shutil
import signal
import socket
import sqlite3
import ssl
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from http.client import HTTPResponse, HTTPSConnection
from pathlib import Path
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest

from msgcli.server import STOP_SECONDS
from tests import stores
from tests.conftest import IN_A_FILE, Run, environment_for, slow
from tests.servers import Server, behind_nginx, running

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks at processes as Linux does")
made = pytest.mark.usefixtures("made")
ONE = ("--workers", "1")  # starts sooner
HALF_A_HEAD = b"GET /login/ HTTP/1.1\r\nHost: localhost\r\nX-Slow: "
HALF_A_BODY = b"POST /login/ HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8\r\n\r\nhalf"


@pytest.fixture(scope="module")
def server(store_with_hi: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server that the tests share which only ask it."""
    store = stores.copy(store_with_hi, tmp_path_factory.mktemp("served") / "store")
    with running(environment_for(store), "--user", "carol") as started:
        yield started


def send(server: Server, data: bytes) -> socket.socket:
    """What is sent on a connection that stays open."""
    connection = socket.create_connection(("127.0.0.1", server.port), timeout=20)
    connection.sendall(data)
    return connection


def last(read: Callable[[], list[str]], words: str) -> str:
    """The last line with these words, as soon as it is there."""
    for _ in range(100):
        found = [line for line in read() if words in line]
        if found:
            return found[-1]
        time.sleep(0.02)
    raise AssertionError(f"{words} is not in {read()}")


def children_of(server: Server) -> set[int]:
    found = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text()
    return {int(pid) for pid in found.split()}


def gone(pids: set[int], within: int = 5) -> bool:
    """Whether these processes have ended, or do so within so many seconds."""
    for _ in range(10 * within):
        if not any(Path(f"/proc/{pid}").exists() for pid in pids):
            return True
        time.sleep(0.1)
    return False


def test_says_where_it_serves_and_gives_a_link(server: Server) -> None:
    assert server.logged()[:2] == [
        "(+ new here: carol)",
        f"Serving on {server.url}  (Ctrl-C stops)",
    ]
    assert server.link.startswith(f"{server.url}/login/link/?token=")
    page = server.ask(server.link.removeprefix(server.url))
    assert page.status == 200
    assert b"Log in" in page.body


def test_health_is_told_to_anybody_and_nothing_else(server: Server) -> None:
    answer = server.ask("/healthz")
    assert (answer.status, answer.body) == (200, b"ok")
    assert "Set-Cookie" not in answer.headers
    assert server.ask("/healthz", "HEAD").status == 200
    assert server.ask("/healthz", "POST").status == 405


def test_every_answer_has_the_safe_headers(server: Server) -> None:
    for path in ("/login/", "/nothing/here", "/healthz"):
        headers = server.ask(path).headers
        assert headers["Content-Security-Policy"].startswith(
            "default-src 'none'; script-src 'self'"
        )
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["X-Frame-Options"] == "DENY"
        assert headers["Referrer-Policy"] == "same-origin"
        assert headers["Cross-Origin-Opener-Policy"] == "same-origin"


def test_an_unknown_address_is_a_problem(server: Server) -> None:
    answer = server.ask("/nothing", Accept="application/json")
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert json.loads(answer.body) == {
        "title": "Not Found",
        "status": 404,
        "detail": "There is no such page.",
    }
    assert b"There is no such page." in server.ask("/nothing").body


def test_an_unknown_name_is_refused(server: Server) -> None:
    answer = server.ask("/login/", Host="evil.example", Accept="application/json")
    assert answer.status == 400
    assert json.loads(answer.body)["detail"] == (
        "This server does not go by that name; see --allow-host."
    )


def test_a_body_that_is_too_large_is_refused_unread(server: Server) -> None:
    head = b"POST /login/ HTTP/1.1\r\nHost: localhost\r\nAccept: application/json\r\n"
    with send(server, head + b"Content-Length: 3000000\r\n\r\n") as connection:
        answer = HTTPResponse(connection)
        answer.begin()
        assert answer.status == 413
        assert b"A request can have 2,097,152 bytes at most." in answer.read()


def test_a_body_of_unknown_length_is_refused(server: Server) -> None:
    head = b"POST /login/ HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n"
    with send(server, head + b"5\r\nhello\r\n0\r\n\r\n") as connection:
        assert b" 411 " in connection.recv(1000)


def test_a_body_that_breaks_off_is_refused(server: Server) -> None:
    with send(server, HALF_A_BODY) as connection:
        connection.shutdown(socket.SHUT_WR)
        assert b" 400 " in connection.recv(1000)


@pytest.mark.parametrize("half", [HALF_A_HEAD, HALF_A_BODY], ids=["head", "body"])
def test_64_half_sent_requests_stop_nobody(server: Server, half: bytes) -> None:
    slow = [send(server, half) for _ in range(64)]
    time.sleep(0.3)
    begun = time.monotonic()
    for _ in range(20):
        assert server.ask("/login/").status == 200
        assert server.ask("/login/", "POST", b"whole").status == 403
    assert time.monotonic() - begun < 5
    for connection in slow:
        connection.close()


def test_many_more_half_sent_bodies_are_refused(server: Server) -> None:
    slow = [send(server, HALF_A_BODY) for _ in range(200)]
    time.sleep(0.5)
    assert server.ask("/login/").status == 200
    slow[-1].settimeout(5)
    answers = [one.recv(1000) for one in slow if one in _readable(slow)]
    assert answers
    assert all(b" 503 " in answer and b"retry-after: 5" in answer for answer in answers)
    for connection in slow:
        connection.close()


def _readable(connections: list[socket.socket]) -> list[socket.socket]:
    import select

    return select.select(connections, [], [], 0)[0]


def test_each_request_is_a_line_of_the_log(server: Server) -> None:
    server.ask("/login/?next=/secret/")
    line = last(server.logged, "GET /login/")
    assert re.fullmatch(
        r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ 127\.0\.0\.1 GET /login/ 200 [\d.]+ ms", line
    )
    assert not [line for line in server.logged() if "secret" in line or "token=" in line]
    assert not [line for line in server.logged() if "healthz" in line and " 200 " in line]


def test_a_log_can_not_be_forged(server: Server) -> None:
    server.ask("/a%0a%1b[31m%20b")
    assert " GET /a%0A%1B%5B31m%20b 404 " in last(server.logged, "31m")


def test_headers_of_a_proxy_are_believed_of_nobody(server: Server) -> None:
    server.ask("/forwarded", X_Forwarded_For="10.1.2.3", X_Forwarded_Proto="https")
    assert " 127.0.0.1 GET /forwarded " in last(server.logged, "/forwarded")


def test_a_port_that_is_taken_is_refused(server: Server, run: Run) -> None:
    result = run("serve", "--port", str(server.port))
    assert result.stderr == (
        f"Port {server.port} on 127.0.0.1 is taken: choose another with --port.\n"
    )
    assert result.code == 1


REFUSED = [
    (
        ["--host", "0.0.0.0"],
        "Others on the network could read along: add --certfile and --keyfile, or --proxy,"
        " or --insecure.",
    ),
    (["--certfile", "cert.pem"], "TLS needs both: --certfile and --keyfile."),
    (
        ["--certfile", "none.pem", "--keyfile", "none.pem"],
        "The certificate or its key can't be used: No such file or directory.",
    ),
    (
        ["--proxy", "nginx"],
        "--proxy takes an address, as 10.0.0.7, or a network, as 10.0.0.0/24, not nginx.",
    ),
    (
        ["--host", "nowhere.invalid", "--insecure"],
        "There is no address nowhere.invalid: choose another with --host.",
    ),
]


@pytest.mark.parametrize(
    ("words", "sentence"), REFUSED, ids=[" ".join(words) for words, _ in REFUSED]
)
def test_options_that_make_no_sense(
    run: Run, environment: dict[str, str], words: list[str], sentence: str
) -> None:
    result = run("serve", *words)
    assert (result.stderr, result.stdout, result.code) == (f"{sentence}\n", "", 2)
    assert not Path(environment["MSGCLI_DATA_DIR"]).exists()


def test_an_address_of_another_machine(run: Run) -> None:
    result = run("serve", "--host", "192.0.2.1", "--insecure")
    assert result.stderr == "192.0.2.1 is no address of this machine: choose another with --host.\n"
    assert result.code == 1


def test_a_project_serves_itself(run: Run) -> None:
    result = run("--settings", "tests.settings", "serve")
    assert result.stderr == (
        "msgcli serve is for msgcli's own store; a project serves messaging.urls itself.\n"
    )
    assert result.code == 2


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        ("granian", "msgcli serve needs the extra 'serve': pip install 'msgcli[serve]'"),
        ("watchfiles", "--reload needs watchfiles: pip install 'granian[reload]'"),
    ],
)
def test_without_the_extra(environment: dict[str, str], missing: str, sentence: str) -> None:
    code = f"""
import sys
sys.modules[{missing!r}] = None
from msgcli.main import app
app(["serve", "--reload"], prog_name="msgcli")
"""
    command = [sys.executable, "-c", code]
    process = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (process.stderr, process.returncode) == (f"{sentence}\n", 5)


def test_the_link_of_an_unknown_name(hi: Path, run: Run) -> None:
    result = run("serve", "--port", "0", "--user", "alicee")
    assert (result.stderr, result.code) == ("No user alicee. Did you mean alice?\n", 3)
    result = run("serve", "--port", "0", "--user", "dave", env={"MSGCLI_STRICT_USERS": "1"})
    assert (result.stderr, result.code) == ("No user dave.\n", 3)


def test_the_key_is_made_once_and_for_its_owner_alone(environment: dict[str, str]) -> None:
    key = Path(environment["MSGCLI_DATA_DIR"], "secret_key")
    with running(environment, *ONE):
        made = key.read_text()
        assert len(made.strip()) == 64
        assert stat.S_IMODE(key.stat().st_mode) == 0o600
    with running(environment, *ONE):
        assert key.read_text() == made


def test_a_key_that_others_can_read_is_refused(hi: Path, run: Run) -> None:
    hi.parent.mkdir(exist_ok=True)
    key = hi.with_name("secret_key")
    key.write_text("x" * 50)
    key.chmod(0o644)
    result = run("serve")
    assert result.stderr == f"Others can read {key}: delete it, and everybody logs in anew.\n"
    assert result.code == 5


def test_a_key_that_is_too_short_is_refused(hi: Path, run: Run) -> None:
    result = run("serve", env={"MSGCLI_SECRET_KEY": "short"})
    assert result.stderr == (
        "The settings can't be used: MSGCLI_SECRET_KEY has to have at least 32 characters.\n"
    )
    assert result.code == 5


@made
def test_a_key_from_the_environment_needs_no_file(environment: dict[str, str]) -> None:
    with running({**environment, "MSGCLI_SECRET_KEY": "k" * 32}, *ONE) as server:
        assert server.ask("/login/").status == 200
    assert not Path(environment["MSGCLI_DATA_DIR"], "secret_key").exists()


@made
@pytest.mark.parametrize(
    "stop",
    [signal.SIGTERM, *slow(signal.SIGINT, signal.SIGHUP)],
)
def test_stopping_answers_the_requests_in_flight(environment: dict[str, str], stop: int) -> None:
    with running(environment) as server:
        workers = children_of(server)
        connections = [send(server, HALF_A_BODY) for _ in range(4)]
        time.sleep(0.3)
        os.killpg(server.process.pid, stop)
        time.sleep(0.3)
        for connection in connections:
            connection.sendall(b"done")
            assert connection.recv(1000).startswith(b"HTTP/1.1 403 ")
            connection.close()
        assert server.process.wait(15) == 0
        assert gone(workers)
        assert not [line for line in server.logged() if "Traceback" in line]


@IN_A_FILE
def test_a_stopped_store_is_one_file(environment: dict[str, str]) -> None:
    with running(environment, *ONE, "--user", "alice") as server:
        server.ask("/login/")
        server.stop()
    names = {path.name for path in Path(environment["MSGCLI_DATA_DIR"]).iterdir()}
    assert names == {"msgcli.sqlite3", "msgcli.sqlite3.lock", "secret_key"}


@made
@linux
def test_killed_it_leaves_no_process(environment: dict[str, str]) -> None:
    with running(environment) as server:
        workers = children_of(server)
        assert len(workers) >= 2
        server.process.kill()
        server.process.wait()
        assert gone(workers)


# What a worker does when it is to stop: nothing, and nothing else of it can run meanwhile.
STUCK = """
import ctypes, signal
usual = signal.signal
def stuck(number, handler):
    seconds = ctypes.PyDLL(None).sleep  # keeps the interpreter's lock
    return usual(number, handler if number != signal.SIGTERM else lambda *told: seconds(60))
signal.signal = stuck
"""


@made
@linux
@pytest.mark.slow
def test_killed_it_leaves_no_process_even_if_one_is_stuck(
    environment: dict[str, str], tmp_path: Path
) -> None:
    (tmp_path / "sitecustomize.py").write_text(STUCK)
    with running({**environment, "PYTHONPATH": str(tmp_path)}, *ONE) as server:
        workers = children_of(server)
        server.process.kill()
        server.process.wait()
        assert gone(workers, within=STOP_SECONDS + 5)


@made
@linux
def test_a_worker_that_dies_is_replaced(environment: dict[str, str]) -> None:
    with running(environment, *ONE) as server:
        tracker, worker = sorted(children_of(server))  # multiprocessing keeps a process too
        os.kill(worker, signal.SIGKILL)
        for _ in range(400):
            if children_of(server) - {tracker, worker}:
                with suppress(ConnectionError):
                    assert server.ask("/login/").status == 200
                    return
            time.sleep(0.05)
    raise AssertionError("No other worker answers.")


@made
def test_the_log_as_json(environment: dict[str, str]) -> None:
    with running(environment, *ONE, "--log-format", "json") as server:
        server.ask("/login/?next=/secret/")
        line = json.loads(last(server.logged, "/login/"))
        ms = line.pop("ms")
        assert isinstance(ms, float)
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", line.pop("time"))
        assert line == {"address": "127.0.0.1", "method": "GET", "path": "/login/", "status": 200}


def test_a_store_in_trouble(environment: dict[str, str], tmp_path: Path) -> None:
    store = tmp_path / "store.sqlite3"
    with (
        running({**environment, "MSGCLI_DATABASE_URL": f"sqlite:///{store}"}, *ONE) as server,
        closing(sqlite3.connect(store)) as connection,
    ):
        connection.execute("DROP TABLE django_migrations")
        connection.commit()
        answer = server.ask("/healthz")
        assert (answer.status, answer.body) == (503, b"not ok")
        connection.execute("DROP TABLE messaging_access_token")
        connection.commit()
        answer = server.ask("/", Authorization="Bearer abc", Accept="application/json")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        assert json.loads(answer.body)["detail"] == (
            "The database does not answer. Try again in a moment."
        )
        assert last(server.logged, "error").endswith(
            "The database does not answer: no such table: messaging_access_token"
        )


@pytest.fixture
def certificate(tmp_path: Path) -> list[str]:
    """A certificate for localhost and its key, as options."""
    if not shutil.which("openssl"):
        pytest.skip("there is no openssl")
    cert, key = str(tmp_path / "cert.pem"), str(tmp_path / "key.pem")
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
        + ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]
        + ["-keyout", key, "-out", cert],
        check=True,
        capture_output=True,
    )
    return ["--certfile", cert, "--keyfile", key]


@made
def test_tls(environment: dict[str, str], certificate: list[str]) -> None:
    with running(environment, "--host", "0.0.0.0", *ONE, *certificate) as server:
        assert server.url == f"https://0.0.0.0:{server.port}"
        context = ssl.create_default_context(cafile=certificate[1])
        address = f"https://localhost:{server.port}/login/"
        with urlopen(address, context=context, timeout=10) as response:
            assert response.status == 200
            assert "; Secure" in response.headers["Set-Cookie"]


@made
def test_open_shows_it_in_the_browser(environment: dict[str, str], tmp_path: Path) -> None:
    browser, shown = tmp_path / "browser", tmp_path / "shown"
    browser.write_text(f'#!/bin/sh\nprintf %s "$1" > {shown}\n')
    browser.chmod(0o755)
    options = [*ONE, "--open", "--user", "alice"]
    with running({**environment, "BROWSER": str(browser)}, *options) as server:
        for _ in range(50):
            if shown.exists() and shown.read_text() == server.link:
                break
            time.sleep(0.05)
        assert shown.read_text() == server.link


@made
def test_without_a_browser(environment: dict[str, str]) -> None:
    nothing = {**environment, "BROWSER": "", "DISPLAY": "", "PATH": "/nowhere"}
    with running(nothing, *ONE, "--open") as server:
        assert last(server.logged, "browser") == "There is no browser here that could be opened."


@pytest.mark.slow
@made
def test_a_change_of_the_code_is_loaded(environment: dict[str, str], tmp_path: Path) -> None:
    pytest.importorskip("watchfiles")
    for name in ("msgcli", "messaging"):
        shutil.copytree(name, tmp_path / name)
    shutil.copy("settings.py", tmp_path)
    path = os.pathsep.join(sys.path)  # wherever watchfiles is
    with running({**environment, "PYTHONPATH": path}, *ONE, "--reload", code=tmp_path) as server:
        views = tmp_path / "msgcli/web/views.py"
        time.sleep(0.5)
        views.write_text(views.read_text().replace("There is no such page", "Nothing is here"))
        for _ in range(100):
            with suppress(OSError):
                if b"Nothing is here." in server.ask("/nothing").body:
                    return
            time.sleep(0.1)
        raise AssertionError(server.logged()[-1])


@pytest.mark.slow
def test_starting_many_at_once_makes_one_store_and_key(environment: dict[str, str]) -> None:
    def login_page(_: int) -> int:
        with running(environment, *ONE) as server:
            return server.ask("/login/").status

    with ThreadPoolExecutor(3) as pool:
        assert list(pool.map(login_page, range(3))) == [200, 200, 200]


@made
def test_under_a_server_of_ones_own(environment: dict[str, str]) -> None:
    code = """
from wsgiref.simple_server import make_server
from msgcli.wsgi import application
server = make_server("127.0.0.1", 0, application)
print(server.server_port, flush=True)
server.handle_request()
"""
    command = [sys.executable, "-c", code]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        request = Request(f"http://127.0.0.1:{port}/login/", headers={"Connection": "close"})
        with urlopen(request, timeout=10) as response:
            assert response.status == 200
    assert process.returncode == 0
    assert Path(environment["MSGCLI_DATA_DIR"], "secret_key").exists()


@made
@linux  # where all of 127.0.0.0/8 is this machine
def test_the_nginx_example(
    environment: dict[str, str], certificate: list[str], tmp_path: Path
) -> None:
    options = [*ONE, "--proxy", "127.0.0.1", "--allow-host", "messages.example.org"]
    with (
        running(environment, *options) as server,
        behind_nginx(server, certificate[1], certificate[3], tmp_path) as port,
    ):
        context = ssl.create_default_context(cafile=certificate[1])
        connection = HTTPSConnection(
            "localhost", port, context=context, source_address=("127.0.0.2", 0), timeout=10
        )
        named = {"Host": "messages.example.org"}
        connection.request("GET", "/login/", headers={**named, "X-Forwarded-For": "10.1.2.3"})
        response = connection.getresponse()
        token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', response.read().decode())
        cookie = response.headers["Set-Cookie"] or ""
        assert token is not None
        assert "; Secure" in cookie
        assert " 127.0.0.2 GET /login/ 200 " in last(server.logged, "/login/")
        form = urlencode({"csrfmiddlewaretoken": token[1], "username": "erin", "password": "x"})
        origin = {"Origin": "https://messages.example.org", "Cookie": cookie.partition(";")[0]}
        kind = {"Content-Type": "application/x-www-form-urlencoded"}
        connection.request("POST", "/login/", form, {**named, **origin, **kind})
        assert connection.getresponse().status == 400  # the password; 403 would be the origin
        connection.close()


@made
@linux
def test_ctrl_c_while_the_workers_begin_leaves_no_traceback(
    environment: dict[str, str], tmp_path: Path
) -> None:
    for number in range(6):
        log = tmp_path / f"log{number}"
        with log.open("w") as stderr:
            process = subprocess.Popen(
                [sys.executable, "-m", "msgcli", "serve", "--port", "0", "--workers", "2"],
                env=environment,
                stderr=stderr,
                start_new_session=True,  # as a terminal's foreground, which Ctrl-C reaches whole
            )
            children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
            while len(children.read_text().split()) < 2:  # one that multiprocessing keeps, a worker
                assert process.poll() is None
                time.sleep(0.001)
            time.sleep(0.03 * number)
            os.killpg(process.pid, signal.SIGINT)
            assert process.wait(30) in {0, 130}
        assert "Traceback" not in log.read_text("utf-8")

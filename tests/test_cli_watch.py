"""Messages that appear by themselves: on a terminal, through a pipe, and handed to a program."""

import json
import shlex
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pexpect
import psycopg
import pytest

from msgcli import errors
from tests import stores
from tests.conftest import Run
from tests.databases import Postgres
from tests.test_cli_shell import validator
from tests.test_cli_terminal import ESCAPE, HOSTILE, SHOWN, Spawn, spawn  # noqa: F401

WATCHING = "Watching for messages{}  (Ctrl-C stops)\n"
LOST = "The database can't be reached. Waiting until it can.\n"
WRITERS = 4
TOGETHER = 20  # messages of one transaction


@dataclass(frozen=True)
class Watcher:
    """A `msgcli watch` that watches already."""

    process: subprocess.Popen[str]

    def line(self) -> str:
        """The next line it prints."""
        assert self.process.stdout is not None
        return self.process.stdout.readline()

    def remark(self) -> str:
        """The next line it says on stderr."""
        assert self.process.stderr is not None
        return self.process.stderr.readline()

    def stop(self) -> tuple[str, str, int]:
        """Press Ctrl-C, and see it end."""
        self.process.send_signal(signal.SIGINT)
        return self.end()

    def end(self) -> tuple[str, str, int]:
        """What it still prints and says until its end, and its exit code."""
        # Not by `communicate`, which does not know of what was read ahead with a line.
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        printed, said = self.process.stdout.read(), self.process.stderr.read()
        return printed, said, self.process.wait(30)


@contextmanager
def watching(
    environment: dict[str, str], *words: str, whom: str = "", **options: Any
) -> Iterator[Watcher]:
    """`msgcli watch` with these words, until the block ends."""
    with subprocess.Popen(
        [sys.executable, "-m", "msgcli", "watch", *words],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    ) as process:
        patience = threading.Timer(60, process.kill)  # then it has no further line
        patience.start()
        try:
            watcher = Watcher(process)
            assert watcher.remark() == WATCHING.format(whom)
            yield watcher
        finally:
            patience.cancel()
            process.kill()


def put(store: Path, *contents: str, receivers: tuple[int, ...] = (2,)) -> None:
    """Send each from the other of two people in a transaction of its own, without a process."""
    with stores.connected(store.parent) as connection:
        for content, receiver in zip(contents, receivers * len(contents), strict=False):
            connection.execute(insert([content], receiver))


def insert(contents: list[str], receiver: int = 2) -> str:
    """A statement that sends these, which all databases read."""
    rows = ", ".join(
        f"({3 - receiver}, {receiver}, '{content}', '2026-01-01 00:00:00+00:00', FALSE, FALSE)"
        for content in contents
    )
    columns = "(sender_id, receiver_id, content, timestamp, edited, read)"
    return f"INSERT INTO messaging_message {columns} VALUES {rows}"


def test_a_line_for_each_message(hi: Path, run: Run, environment: dict[str, str]) -> None:
    with watching(environment, "bob", whom=" to bob") as watcher:
        put(hi, "first\tand\nsecond\x1b[31m line")
        put(hi, "to alice", "last", receivers=(1, 2))
        first, last = watcher.line(), watcher.line()
        assert watcher.stop() == ("", "", errors.INTERRUPTED)
    number, when, *rest = first.split("\t")
    assert number == "2"
    assert when.endswith("Z")
    assert rest == ["alice", "bob", "first and second\\u001b[31m line\n"]
    assert last == "4\t2026-01-01T00:00:00Z\talice\tbob\tlast\n"
    assert len(run("unread", "bob", "--json").json) == 3


@pytest.mark.parametrize(
    ("words", "name", "whom", "seen"),
    [
        ((), "", "", ["to bob", "to alice"]),
        ((), "alice", " to alice", ["to alice"]),
        (("bob",), "alice", " to bob", ["to bob"]),
        (("--all",), "alice", "", ["to bob", "to alice"]),
    ],
)
def test_whose_messages(
    hi: Path,
    environment: dict[str, str],
    words: tuple[str, ...],
    name: str,
    whom: str,
    seen: list[str],
) -> None:
    environment = {**environment, "MSGCLI_USER": name}
    with watching(environment, *words, "--json", whom=whom) as watcher:
        put(hi, "to bob", "to alice", receivers=(2, 1))
        shown = [json.loads(watcher.line()) for _ in seen]
    assert [message["content"] for message in shown] == seen
    for message in shown:
        validator("watch").validate(message)


def test_once_ends_after_one(hi: Path, environment: dict[str, str]) -> None:
    with watching(environment, "--once") as watcher:
        put(hi, "one")
        printed, said, code = watcher.end()
    assert (printed.count("\n"), said, code) == (1, "", errors.DONE)
    assert printed.endswith("\tone\n")


def test_a_reader_that_goes_away_is_no_error(hi: Path, environment: dict[str, str]) -> None:
    with watching(environment) as watcher:
        assert watcher.process.stdout is not None
        assert watcher.process.stderr is not None
        watcher.process.stdout.close()
        put(hi, "one")
        assert watcher.process.wait(30) == errors.DONE
        assert watcher.process.stderr.read() == ""


def test_a_program_gets_each_message(hi: Path, environment: dict[str, str], tmp_path: Path) -> None:
    script = tmp_path / "notified.py"
    script.write_text("import json, sys; print(json.load(sys.stdin)['content'], sys.argv[1:])")
    command = shlex.join([sys.executable, str(script), "two words", "; exit 1", "$HOME"])
    with watching(environment, "--once", "--json", "--notify", command) as watcher:
        put(hi, "`id`")
        printed, said, code = watcher.end()
    assert json.loads(printed)["content"] == "`id`"
    assert said == "`id` ['two words', '; exit 1', '$HOME']\n"
    assert code == errors.DONE


def test_a_program_that_fails_stops_nothing(
    hi: Path, environment: dict[str, str], tmp_path: Path
) -> None:
    script = tmp_path / "failing"
    script.write_text("#!/bin/sh\nexit 3\n")
    script.chmod(0o700)
    with watching(environment, "--notify", str(script)) as watcher:
        put(hi, "one")
        assert watcher.line().endswith("\tone\n")
        assert watcher.remark() == f"The command {script} ended with code 3, for message 2.\n"
        script.unlink()
        put(hi, "two")
        assert watcher.line().endswith("\ttwo\n")
        trouble = "can't be started: No such file or directory, for message 3."
        assert watcher.remark() == f"The command {script} {trouble}\n"
        assert watcher.stop() == ("", "", errors.INTERRUPTED)


@pytest.mark.parametrize(
    ("command", "trouble"),
    [
        ("no-such-program -x", "there is no command no-such-program"),
        ("echo 'hi", "echo 'hi can't be read: No closing quotation"),
        (" ", "there is no command"),
    ],
)
def test_a_program_that_is_not_there(invoke: Run, command: str, trouble: str) -> None:
    result = invoke("watch", "--notify", command)
    sentence = f"Invalid value for '--notify': {trouble}. See msgcli watch --help.\n"
    assert (result.stdout, result.stderr, result.code) == ("", sentence, errors.USAGE)


def test_watching_for_nobody(invoke: Run) -> None:
    result = invoke("watch", "bob")
    assert (result.stderr, result.code) == ("No user bob.\n", errors.NOT_FOUND)


@pytest.mark.parametrize("columns", [80, 120])
def test_on_a_terminal(hi: Path, run: Run, spawn: Spawn, columns: int) -> None:  # noqa: F811
    child = spawn("watch", columns=columns, env={"TZ": "UTC"})
    child.expect_exact("(Ctrl-C stops)\r\n")
    words = " ".join(["word"] * 29)
    sent = run("reply", "1", "bob", f"{HOSTILE}\n{words} end", "--json").json
    put(hi, "older")
    child.expect("older\r\n")
    shown = ESCAPE.sub("", f"{child.before}older").splitlines()
    child.sendintr()
    child.expect(pexpect.EOF)
    assert child.before == "^C\r\n"
    child.close()
    assert child.exitstatus == errors.INTERRUPTED
    room = (columns - 3) // 5
    assert shown == [
        f"#2 bob → alice · {sent['timestamp'][11:19]} · in thread 1",
        f"   {SHOWN}",
        "   " + " ".join(["word"] * room),
        "   " + " ".join(["word"] * (29 - room)) + " end",
        "#3 alice → bob · 2026-01-01 00:00:00",
        "   older",
    ]


class Writers:
    """Several connections that write messages at once, some of them in each transaction."""

    def __init__(self, database: str, number: int) -> None:
        self.database = database
        each = number // WRITERS
        self.threads = [threading.Thread(target=self.write, args=(n, each)) for n in range(WRITERS)]
        for thread in self.threads:
            thread.start()

    def connect(self) -> Any:
        if self.database.startswith("postgres"):
            return psycopg.connect(self.database, autocommit=True)
        connection = sqlite3.connect(self.database, timeout=20, isolation_level=None)
        connection.execute("PRAGMA synchronous = OFF")
        return connection

    def write(self, writer: int, number: int) -> None:
        connection = self.connect()
        for start in range(0, number, TOGETHER):
            try:
                connection.execute(insert([f"{writer} {start + n}" for n in range(TOGETHER)]))
            except psycopg.OperationalError:  # whether they were sent nobody knows
                connection.close()
                connection = self.again()
        connection.close()

    def again(self) -> Any:
        for _ in range(200):
            try:
                return self.connect()
            except psycopg.OperationalError:
                time.sleep(0.05)
        raise AssertionError("The server did not come back.")

    def wait(self) -> list[int]:
        """The ids of all messages that there are when they are done."""
        for thread in self.threads:
            thread.join()
        with closing(self.connect()) as connection:
            return [pk for (pk,) in connection.execute("SELECT id FROM messaging_message")]


@pytest.fixture
def on_postgres(postgres: Postgres, environment: dict[str, str], run: Run) -> str:
    """The URL of a PostgreSQL database with two people, which is the store from now on."""
    environment["MSGCLI_DATABASE_URL"] = url = postgres.new_database()
    run("migrate")
    database = url.rpartition("/")[2]
    for name in ("alice", "bob"):
        postgres.query(
            "INSERT INTO auth_user (username, password, first_name, last_name, email, date_joined,"
            f" is_active, is_staff, is_superuser) VALUES ('{name}', '', '', '', '', now(),"
            " TRUE, FALSE, FALSE)",
            database,
        )
    return url


@pytest.mark.parametrize("database", ["sqlite", "postgresql"])
def test_a_burst(
    request: pytest.FixtureRequest, environment: dict[str, str], database: str
) -> None:
    if database == "sqlite":
        request.getfixturevalue("in_a_file")
        store = str(request.getfixturevalue("hi"))
    else:
        store = request.getfixturevalue("on_postgres")
    with watching(environment, "--json") as watcher:
        writers = Writers(store, 10_000)
        shown = [json.loads(watcher.line())["id"] for _ in range(10_000)]
        there = writers.wait()
        assert watcher.stop() == ("", "", errors.INTERRUPTED)
    assert sorted(shown) == sorted(set(there) - ({1} if database == "sqlite" else set()))


def test_a_burst_in_which_the_server_is_restarted(
    environment: dict[str, str], on_postgres: str, postgres: Postgres
) -> None:
    with watching(environment, "--json") as watcher:
        writers = Writers(on_postgres, 10_000)
        shown = [json.loads(watcher.line())["id"] for _ in range(1_000)]
        postgres.stop("immediate")
        postgres.start()
        there = writers.wait()
        shown += [json.loads(watcher.line())["id"] for _ in range(len(there) - 1_000)]
        time.sleep(0.5)
        printed, said, code = watcher.stop()
    assert (printed, said, code) == ("", LOST, errors.INTERRUPTED)
    assert 1_000 < len(there) <= 10_000
    assert sorted(shown) == sorted(there)

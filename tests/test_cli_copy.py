"""`msgcli copy`: a store moves to PostgreSQL and back, whatever happens on the way."""

from __future__ import annotations

import json
import re
import signal
import stat
import subprocess
import sys
import time
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from msgcli import errors
from tests.conftest import Run, slow
from tests.databases import Postgres, free_port
from tests.servers import running

PASSWORD = "correct horse battery"
MANY = 3000  # messages: several batches
UNFINISHED = (
    "The store is a copy that is not finished. To finish it, run msgcli copy again from the store"
    " that it is copied from.\n"
)


@pytest.fixture
def url(postgres: Postgres) -> str:
    """An empty database."""
    return postgres.new_database()


def at(url: str) -> dict[str, str]:
    return {"MSGCLI_DATABASE_URL": url}


@pytest.mark.usefixtures("hi")
def test_a_store_moves_to_postgresql_and_back(run: Run, url: str, tmp_path: Path) -> None:
    run("set-password", "alice", input=PASSWORD.encode())
    run("reply", "1", "bob", "an answer about lakes")
    run("edit", "1", "alice", "hello")
    run("mark-read", "1")
    archive, thread = run("export", "--all").stdout, run("thread", "1", "--json").stdout
    there = run("copy", "--to", url)
    assert there.code == errors.DONE
    *first, digest = there.stdout.splitlines()
    assert first == [f"Copied to {url}", "2 messages, 2 people, 1 old version"]
    assert re.fullmatch("Both sides are the same: [0-9a-f]{16}", digest)
    assert there.stderr == (
        "To use it, set MSGCLI_DATABASE_URL to its URL, or database_url in config.toml.\n"
    )
    assert run("export", "--all", env=at(url)).stdout == archive
    assert run("thread", "1", "--json", env=at(url)).stdout == thread
    assert [found["id"] for found in run("search", "lake*", "--json", env=at(url)).json] == [2]
    back = f"sqlite:///{tmp_path}/back.sqlite3"
    assert run("copy", "--to", back, env=at(url)).stdout.splitlines()[2] == digest
    assert run("export", "--all", env=at(back)).stdout == archive
    assert run("check", env=at(back)).stdout.endswith("Everything is fine.\n")
    assert stat.S_IMODE((tmp_path / "back.sqlite3").stat().st_mode) == 0o600


@pytest.mark.usefixtures("hi")
def test_people_log_in_to_the_copy_with_their_passwords_and_tokens(
    run: Run, environment: dict[str, str], url: str
) -> None:
    run("set-password", "alice", input=PASSWORD.encode())
    token = run("token", "create", "alice", "--json").json["token"]
    run("copy", "--to", url)
    with running({**environment, **at(url)}, "--workers", "1") as server:
        answer = server.ask("/", Authorization=f"Bearer {token}", Accept="application/json")
        assert answer.status == 200
        assert b'"bob"' in answer.body


@pytest.fixture
def many(run: Run) -> None:
    """A store of MANY messages."""
    begun = datetime(2026, 1, 1, tzinfo=timezone.utc)
    lines = (
        {
            "id": number,
            "sender": "alice",
            "receiver": "bob",
            "content": f"number {number}",
            "timestamp": (begun + timedelta(minutes=number)).isoformat(),
        }
        for number in range(1, MANY + 1)
    )
    run("import", "-", input=b"".join(b"%s\n" % json.dumps(line).encode() for line in lines))


@pytest.mark.usefixtures("many")
@pytest.mark.parametrize("how", [signal.SIGINT, *slow(signal.SIGKILL)])
def test_a_copy_that_was_stopped_goes_on(
    run: Run, environment: dict[str, str], postgres: Postgres, url: str, how: signal.Signals
) -> None:
    words = [sys.executable, "-m", "msgcli", "copy", "--to", url]
    process = subprocess.Popen(words, env=environment, stderr=subprocess.PIPE, text=True)
    database = url.rpartition("/")[2]
    for _ in range(600):
        time.sleep(0.02)
        there = postgres.query("SELECT to_regclass('messaging_messagehistory')", database)
        if there and postgres.query("SELECT 1 FROM messaging_message LIMIT 1", database):
            break
    process.send_signal(how)
    _, told = process.communicate(timeout=30)
    if how == signal.SIGINT:
        assert process.returncode == errors.INTERRUPTED
        assert told == "Stopped. What is copied is kept; the same command goes on.\n"
    refused = run("send", "bob", "alice", "too early", env={**at(url), "MSGCLI_STRICT_USERS": "0"})
    assert (refused.code, refused.stderr) == (errors.NOT_READY, UNFINISHED)
    found = run("copy", "--to", url, "--json").json
    assert (found["messages"], found["users"], found["notifications"]) == (MANY, 2, MANY)
    assert run("export", "--all", env=at(url)).stdout == run("export", "--all").stdout


@pytest.mark.usefixtures("hi")
def test_a_store_in_use_is_not_replaced(run: Run, url: str) -> None:
    run("copy", "--to", url)
    assert run("send", "alice", "bob", "on the server", env=at(url)).code == errors.DONE
    refused = run("copy", "--to", url)
    assert refused.code == errors.REFUSED
    assert refused.stderr == (
        "The other store is not empty (users: 2, messages: 2): copy to one that is.\n"
    )
    assert run("thread", "2", env=at(url)).code == errors.DONE


@pytest.mark.usefixtures("hi")
def test_the_store_itself_is_no_copy(run: Run, environment: dict[str, str], hi: Path) -> None:
    itself = environment.get("MSGCLI_DATABASE_URL", f"sqlite:///{hi}")
    refused = run("copy", "--to", itself)
    assert refused.code == errors.USAGE
    assert refused.stderr == f"{itself} is the store itself: name another.\n"


@pytest.mark.usefixtures("made")
def test_where_nothing_can_be_copied_to(run: Run, tmp_path: Path) -> None:
    words = {
        "mysql://localhost/x": "--to has to begin with postgres:// or sqlite:///.",
        f"sqlite:///{tmp_path}/none/x": f"The file {tmp_path}/none/x can't be written:"
        " No such file or directory.",
    }
    for url, sentence in words.items():
        assert run("copy", "--to", url).stderr == sentence + "\n"
    nobody = f"127.0.0.1:{free_port()}/x"
    refused = run("copy", "--to", f"postgres://alice:secret@{nobody}")
    assert refused.code == errors.NOT_READY
    assert refused.stderr.startswith(f"The copy to postgres://alice:***@{nobody} stopped: ")
    assert refused.stderr.count("\n") == 1
    assert "secret" not in refused.stderr


@pytest.mark.usefixtures("made")
def test_the_database_of_a_project_stays_where_it_is(run: Run, tmp_path: Path) -> None:
    project = ("--settings", "tests.settings")
    assert run(*project, "migrate", cwd=None).code == errors.DONE
    refused = run(*project, "copy", "--to", f"sqlite:///{tmp_path}/x", cwd=None)
    assert refused.code == errors.USAGE
    assert refused.stderr == (
        "msgcli copy is for msgcli's own store, not for a project's database.\n"
    )

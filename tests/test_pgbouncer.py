"""Commands and the server through pgbouncer in transaction mode.

Each transaction of a client goes to another connection of PostgreSQL here, one after the other:
whatever is left behind for the next one (a prepared statement, a cursor, a temporary table, a
setting of the session) is missed at once.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests import databases
from tests.conftest import Run, environment_for, has_server, run_in
from tests.servers import running

pytestmark = pytest.mark.servers

CONFIG = """
[databases]
* = host=127.0.0.1 port={postgres} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {port}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = 3
min_pool_size = 3
server_round_robin = 1
"""


@contextmanager
def pgbouncer(postgres: databases.Postgres) -> Iterator[int]:
    """The port of a pgbouncer before this server, gone after the block. Raises NoServer."""
    program = shutil.which("pgbouncer", path=f"{os.environ['PATH']}:/usr/sbin")
    if program is None:
        raise databases.NoServer("There is no pgbouncer on this machine.")
    port = databases.free_port()
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder, "pgbouncer.ini")
        user = databases.SUPERUSER
        config.write_text(CONFIG.format(postgres=postgres.port, user=user, port=port))
        as_user = () if os.getuid() else ("-u", "nobody")  # it refuses to be root
        process = subprocess.Popen([program, "-q", *as_user, str(config)], stderr=subprocess.PIPE)
        try:
            databases.wait_for_port(port)
            yield port
        finally:
            process.terminate()
            process.communicate(timeout=20)


@pytest.fixture
def store(postgres: databases.Postgres, tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of an empty store behind pgbouncer."""
    with has_server(), pgbouncer(postgres) as port:
        url = postgres.new_database()
        environment = environment_for(tmp_path / "store")
        run_in({**environment, "MSGCLI_DATABASE_URL": url}, "migrate")
        pooled = url.replace(f":{postgres.port}/", f":{port}/")
        yield {**environment, "MSGCLI_DATABASE_URL": f"{pooled}?disable_server_side_cursors=true"}


def letters(number: int) -> bytes:
    """A conversation as an archive of JSON Lines, a long thread."""
    return b"".join(
        json.dumps(
            {
                "id": n,
                "sender": ("alice", "bob")[n % 2],
                "receiver": ("bob", "alice")[n % 2],
                "content": f"message {n}",
                "timestamp": f"2026-01-01T00:00:{n % 60:02}Z",
                "parent_id": n - 1 or None,
            }
        ).encode()
        + b"\n"
        for n in range(1, number + 1)
    )


def test_commands(store: dict[str, str], run: Run) -> None:
    assert run("import", "-", "--create", input=letters(300), env=store).code == 0
    assert run("export", env=store).stdout.count("\n") == 300
    assert run("reply", "300", "alice", "the last", env=store).code == 0
    assert run("delete", "2", "--yes", env=store).code == 0
    assert run("check", "--fix", env=store).code == 0
    assert run("thread", "301", env=store).stdout.count("message ") == 299
    assert run("delete-user", "bob", "--yes", env=store).code == 0
    assert run("export", env=store).stdout == ""


def test_the_server(store: dict[str, str]) -> None:
    for name in ("alice", "bob"):
        run_in(store, "add-user", name)
    run_in(store, "send", "alice", "bob", "hi")
    token = run_in(store, "token", "create", "alice").stdout.strip()
    with running(store, "--workers", "1") as server:

        def ask(number: int) -> int:
            return server.ask("/with/bob/", authorization=f"Bearer {token}").status

        with ThreadPoolExecutor(8) as pool:
            assert set(pool.map(ask, range(20))) == {200}

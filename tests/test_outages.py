"""`msgcli serve` on PostgreSQL and Redis: its pool, and what it does while one of them is away."""

from __future__ import annotations

import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from redis import Redis

from msgcli import errors
from tests.conftest import Run, environment_for, has_server, run_in
from tests.databases import Postgres, postgres, redis
from tests.servers import Server, running

pytestmark = pytest.mark.servers

Template = tuple[str, str]


@pytest.fixture(scope="module")
def database() -> Iterator[Postgres]:
    """A server of their own, which these tests stop."""
    with has_server(), postgres() as server:
        yield server


@pytest.fixture(scope="module")
def template(database: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Template:
    """A database in which alice has sent bob a message, and a token of alice."""
    url = database.new_database()
    environment = environment_for(tmp_path_factory.mktemp("template") / "store")
    environment["MSGCLI_DATABASE_URL"] = url
    run_in(environment, "migrate")
    for name in ("alice", "bob"):
        run_in(environment, "add-user", name)
    run_in(environment, "send", "alice", "bob", "hi")
    return url.rpartition("/")[2], run_in(environment, "token", "create", "alice").stdout.strip()


@pytest.fixture
def store(database: Postgres, template: Template, tmp_path: Path) -> dict[str, str]:
    """The environment of a store that is a copy of the template."""
    url = database.new_database(template[0])
    return {**environment_for(tmp_path / "store"), "MSGCLI_DATABASE_URL": url}


@pytest.fixture
def token(template: Template) -> str:
    return template[1]


def status(server: Server, token: str) -> tuple[int, str]:
    """How the conversation is answered, and whether from the cache."""
    answer = server.ask("/with/bob/", Authorization=f"Bearer {token}")
    return answer.status, answer.headers.get("Cache-Status", "")


def test_an_outage_of_the_database_is_a_503_and_ends_by_itself(
    database: Postgres, store: dict[str, str], token: str
) -> None:
    with running(store, "--workers", "1") as server:
        assert status(server, token)[0] == 200
        database.stop()
        begun = time.monotonic()
        answer = server.ask("/with/bob/", Authorization=f"Bearer {token}")
        assert (answer.status, answer.headers["Retry-After"]) == (503, "5")
        assert b"The database does not answer. Try again in a moment." in answer.body
        assert time.monotonic() - begun < 5
        database.start()
        assert status(server, token)[0] == 200
        database.stop("immediate")
        assert server.ask("/healthz").status == 503
        database.start()
        assert server.ask("/healthz").status == 200
        assert "error The database does not answer: " in "\n".join(server.logged())


def test_many_requests_share_few_connections(
    database: Postgres, store: dict[str, str], token: str
) -> None:
    with running(store, "--workers", "1", "--threads", "40") as server:
        with ThreadPoolExecutor(60) as pool:
            answers = list(pool.map(lambda _: status(server, token)[0], range(300)))
        count = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'msgcli'"
        assert set(answers) == {200}
        assert int(database.query(count)) <= 20


def test_without_its_cache_pages_are_made_anew(store: dict[str, str], token: str) -> None:
    with has_server(), redis() as url:
        store["MSGCLI_CACHE_URL"] = url.replace("redis://", "valkey://")
        with running(store, "--workers", "2") as server:
            found = [status(server, token) for _ in range(5)]
            assert found[0] == (200, "msgcli; fwd=miss")
            assert set(found[1:]) == {(200, "msgcli; hit")}  # whichever worker it was
            Redis.from_url(url).shutdown(nosave=True)
            begun = time.monotonic()
            assert {status(server, token) for _ in range(5)} == {(200, "msgcli; fwd=miss")}
            assert time.monotonic() - begun < 5
            logged = "\n".join(server.logged())
        assert "error The cache does not answer, going on without it: " in logged


def test_a_database_that_is_away_is_one_sentence(
    database: Postgres, store: dict[str, str], run: Run
) -> None:
    database.stop()
    try:
        for words in ("inbox alice", "serve"):
            result = run(*words.split(), env=store)
            assert result.code == errors.NOT_READY
            assert result.stderr.count("\n") == 1
            assert result.stderr.startswith("The database can't be used: connection failed: ")
            assert "Connection refused" in result.stderr
    finally:
        database.start()

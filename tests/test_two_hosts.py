"""`msgcli serve` on two hosts, each with a network of its own, on one PostgreSQL and one Redis."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass

import pytest

from tests import databases, hosts
from tests.conftest import environment_for, has_server, run_in
from tests.servers import Answer, Server, running

pytestmark = pytest.mark.servers

NAME = "chat.example"  # what the browser knows them both by


@dataclass(frozen=True)
class Site:
    """Two hosts and what they share."""

    database: databases.Postgres
    hosts: list[hosts.Host]
    environments: list[dict[str, str]]
    servers: list[Server]
    tokens: dict[str, str]

    def page(self, number: int, reader: str, other: str) -> Answer:
        """A conversation, as one of the hosts answers it."""
        return self.servers[number].ask(
            f"/with/{other}/", host=NAME, authorization=f"Bearer {self.tokens[reader]}"
        )

    def texts(self, number: int, reader: str, other: str) -> list[str]:
        """What a conversation says, on one of the hosts."""
        return [row["content"] for row in json.loads(self.page(number, reader, other).body)]

    def send(self, number: int, sender: str, receiver: str, content: str) -> Answer:
        """Send a message by one of the hosts."""
        return self.servers[number].ask(
            "/send/",
            "POST",
            f"receiver={receiver}&content={content}".encode(),
            host=NAME,
            authorization=f"Bearer {self.tokens[sender]}",
            content_type="application/x-www-form-urlencoded",
        )


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    with has_server(), ExitStack() as stack:
        network = stack.enter_context(hosts.network())
        listen = f"127.0.0.1,{network.address}"
        database = stack.enter_context(databases.postgres(listen=listen))
        cache = stack.enter_context(databases.redis(listen=listen))
        url = database.new_database()
        home = environment_for(tmp_path_factory.mktemp("here"))
        home["MSGCLI_DATABASE_URL"] = url
        run_in(home, "migrate")
        for name in ("alice", "bob"):
            run_in(home, "add-user", name)
        run_in(home, "send", "alice", "bob", "hi")
        tokens = {
            name: run_in(home, "token", "create", name).stdout.strip() for name in ("alice", "bob")
        }
        machines = [network.host(), network.host()]
        environments = [
            {
                **environment_for(tmp_path_factory.mktemp(host.name)),
                "MSGCLI_DATABASE_URL": url.replace("127.0.0.1", network.address),
                "MSGCLI_CACHE_URL": cache.replace("127.0.0.1", network.address),
                "MSGCLI_SECRET_KEY": "the same on both hosts, as it has to be",
            }
            for host in machines
        ]
        options = ("--allow-host", NAME, "--insecure", "--workers", "1")
        servers = [
            stack.enter_context(
                running(environment, "--host", host.address, *options, within=host.within)
            )
            for host, environment in zip(machines, environments, strict=True)
        ]
        yield Site(database, machines, environments, servers, tokens)


def test_what_is_sent_on_one_host_is_on_the_next_page_of_the_other(site: Site) -> None:
    states = [site.page(n, "bob", "alice").headers["Cache-Status"] for n in (0, 1, 0)]
    assert states == ["msgcli; fwd=miss", "msgcli; hit", "msgcli; hit"]
    for number, other in ((0, 1), (1, 0)):
        assert site.send(number, "alice", "bob", f"by+host+{number}").status == 201
        assert site.texts(other, "bob", "alice")[-1] == f"by host {number}"


def test_what_is_sent_on_one_host_is_seen_by_who_watches_on_the_other(site: Site) -> None:
    with subprocess.Popen(
        [*site.hosts[1].within, sys.executable, "-m", "msgcli", "watch", "bob", "--once"],
        env=site.environments[1],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as watcher:
        assert watcher.stderr is not None
        assert watcher.stderr.readline().startswith("Watching for messages to bob")
        site.send(0, "alice", "bob", "watched")
        begun = time.monotonic()
        printed, _ = watcher.communicate(timeout=20)
        assert time.monotonic() - begun < 1
    assert printed.endswith("\talice\tbob\twatched\n")


def test_an_outage_of_the_database_is_a_503_on_both_and_ends_by_itself(site: Site) -> None:
    def ask(number: int) -> tuple[Answer, float]:
        begun = time.monotonic()
        if number < 3:
            answer = site.page(number % 2, "bob", "alice")
        else:
            answer = site.send(number % 2, "alice", "bob", "lost")
        return answer, time.monotonic() - begun

    site.database.stop("immediate")
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(ask, range(6)))
    assert {answer.status for answer, _ in answers} == {503}
    assert all(b"The database does not answer. Try again" in answer.body for answer, _ in answers)
    assert max(seconds for _, seconds in answers) < 8
    site.database.start()
    assert site.send(0, "alice", "bob", "found").status == 201
    assert site.texts(1, "bob", "alice")[-1] == "found"
    assert "lost" not in site.texts(0, "bob", "alice")


def test_one_host_goes_on_when_the_other_dies(site: Site) -> None:
    """Last, because the host stays dead."""
    site.hosts[0].kill()
    assert site.servers[0].process.wait(5)
    for number in range(3):
        assert site.send(1, "bob", "alice", f"answer+{number}").status == 201
        assert site.texts(1, "alice", "bob")[-1] == f"answer {number}"

"""The cached conversation of real servers: what anybody writes is on everybody's next page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import product
from pathlib import Path

import pytest

from tests.conftest import Result, environment_for, run_in
from tests.servers import Answer, Server, running

MISS, HIT = "msgcli; fwd=miss", "msgcli; hit"


class Store:
    """A store with two servers of two workers each, as two hosts would have them."""

    def __init__(self, environment: dict[str, str], servers: tuple[Server, Server]) -> None:
        self.environment, self.servers = environment, servers
        self.tokens = {
            name: self.run("token", "create", name).stdout.strip() for name in ("alice", "bob")
        }

    def run(self, *words: str) -> Result:
        return run_in(self.environment, *words)

    def page(self, reader: str, other: str, server: int = 0) -> Answer:
        authorization = f"Bearer {self.tokens[reader]}"
        return self.servers[server].ask(f"/with/{other}/", authorization=authorization)

    def texts(self, reader: str, other: str, server: int = 0) -> list[str]:
        return [row["content"] for row in json.loads(self.page(reader, other, server).body)]

    def warm(self) -> None:
        """Ask until every worker of both servers has each page in its cache."""
        for server in (0, 1):
            for reader, other in (("alice", "bob"), ("bob", "alice")):
                hits = 0
                for _ in range(200):
                    hit = self.page(reader, other, server).headers["Cache-Status"] == HIT
                    hits = hits + 1 if hit else 0
                    if hits == 12:
                        break
                else:
                    raise AssertionError("It is never a hit.")


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    environment = environment_for(Path(tmp_path_factory.mktemp("cache"), "store"))
    run_in(environment, "send", "alice", "bob", "first")
    with (
        running(environment, "--workers", "2") as one,
        running(environment, "--workers", "2") as two,
    ):
        yield Store(environment, (one, two))


def test_what_the_command_line_writes_is_on_the_next_page_of_every_worker(store: Store) -> None:
    store.run("send", "bob", "alice", "second")
    pk = json.loads(store.page("alice", "bob").body)[-1]["id"]
    for words, last in (
        (("send", "alice", "bob", "third"), ("third", False)),
        (("edit", str(pk + 1), "alice", "changed"), ("changed", False)),
        (("mark-read", str(pk + 1)), ("changed", True)),
        (("delete", str(pk + 1), "--yes"), ("second", False)),
    ):
        store.warm()
        store.run(*words)
        for server, reader, other in product((0, 1), ("alice", "bob"), ("alice", "bob")):
            if reader != other:
                for _ in range(4):  # whichever of the workers answers
                    row = json.loads(store.page(reader, other, server).body)[-1]
                    assert (row["content"], row["read"]) == last


def test_what_one_server_writes_is_on_the_next_page_of_the_other(store: Store) -> None:
    store.warm()
    sent = store.servers[1].ask(
        "/send/",
        "POST",
        b"receiver=bob&content=by+the+other+server",
        authorization=f"Bearer {store.tokens['alice']}",
        content_type="application/x-www-form-urlencoded",
    )
    assert sent.status == 201
    for _ in range(4):
        assert store.texts("bob", "alice", 0)[-1] == "by the other server"


def test_whose_token_is_revoked_or_account_deleted_gets_nothing_from_a_cache(store: Store) -> None:
    store.run("send", "alice", "carol", "to carol")
    store.tokens["carol"] = store.run("token", "create", "carol").stdout.strip()
    for _ in range(6):
        assert store.texts("carol", "alice") == ["to carol"]
    store.run("token", "revoke", "3")
    assert {store.page("carol", "alice").status for _ in range(4)} == {401}
    store.tokens["carol"] = store.run("token", "create", "carol").stdout.strip()
    assert store.texts("carol", "alice") == ["to carol"]
    store.run("delete-user", "carol", "--yes")
    assert {store.page("carol", "alice").status for _ in range(4)} == {401}
    assert {store.page("alice", "carol").status for _ in range(4)} == {404}

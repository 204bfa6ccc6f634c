"""A project that reads from a streaming replica what may lag, and all else from its database."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import environment_for, has_server, run_in
from tests.databases import Postgres, replica

pytestmark = pytest.mark.servers

SETTINGS = """
import os
from settings import *
DATABASES["replica"] = database(os.environ["REPLICA_URL"])
DATABASE_ROUTERS = ["messaging.replicas.ReplicaRouter"]
"""

SEEN = """
import json
import django
django.setup()
from django.db import connections, transaction
from django.test import Client
from messaging.accounts import find_user
from messaging.models import Message
from messaging.replicas import may_lag
from messaging.statistics import statistics

alice = find_user("alice")
client = Client(headers={"accept": "application/json"}, SERVER_NAME="localhost")
client.force_login(alice)
seen = {
    "search page": len(client.get("/search/?q=hi").json()),
    "statistics": statistics(alice, most=9).messages.number,
    "conversation page": len(client.get("/with/bob/").json()),
    "sent": Message.objects.filter(sender=alice).count(),
}
with transaction.atomic(), may_lag():
    seen["in a transaction"] = Message.objects.count()
with may_lag():
    seen["before a write"] = Message.objects.count()
    find_user("bob").save()
    seen["after a write"] = Message.objects.count()
connections.close_all()
print(json.dumps(seen))
"""


@dataclass(frozen=True)
class Project:
    """A project with a replica, in which alice has sent bob one message."""

    copy: Postgres
    environment: dict[str, str]

    def seen(self) -> dict[str, Any]:
        """How many messages the parts of the project see."""
        command = [sys.executable, "-c", SEEN]
        found = subprocess.check_output(command, env=self.environment, text=True)
        result: dict[str, Any] = json.loads(found)
        return result

    def catch_up(self, primary: Postgres) -> None:
        """Wait until the replica has all that is written."""
        here = primary.query("SELECT pg_current_wal_lsn()")
        for _ in range(200):
            if self.copy.query(f"SELECT pg_last_wal_replay_lsn() >= '{here}'") == "t":
                return
            time.sleep(0.05)
        raise AssertionError("The replica does not catch up.")


@pytest.fixture
def project(postgres: Postgres, tmp_path: Path) -> Iterator[Project]:
    url = postgres.new_database()
    environment = {**environment_for(tmp_path / "store"), "MSGCLI_DATABASE_URL": url}
    environment["MSGCLI_SECRET_KEY"] = "long enough to be a key, and no secret"
    run_in(environment, "migrate")
    for name in ("alice", "bob"):
        run_in(environment, "add-user", name)
    run_in(environment, "send", "alice", "bob", "hi")
    tmp_path.joinpath("replicated.py").write_text(SETTINGS)
    with has_server(), replica(postgres) as copy:
        environment["REPLICA_URL"] = copy.url(url.rpartition("/")[2])
        environment["PYTHONPATH"] = str(tmp_path)
        environment["DJANGO_SETTINGS_MODULE"] = "replicated"
        yield Project(copy, environment)


def test_only_what_may_lag_reads_from_the_replica(postgres: Postgres, project: Project) -> None:
    project.catch_up(postgres)
    project.copy.query("SELECT pg_wal_replay_pause()")
    run_in(project.environment, "send", "alice", "bob", "hi again")
    assert project.seen() == {
        "search page": 1,
        "statistics": 1,
        "conversation page": 2,
        "sent": 2,
        "in a transaction": 2,
        "before a write": 1,
        "after a write": 2,
    }
    project.copy.query("SELECT pg_wal_replay_resume()")
    project.catch_up(postgres)
    assert set(project.seen().values()) == {2}

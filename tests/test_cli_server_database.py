"""Where the database is a server's, it makes no tables and adds nobody by itself."""

import pytest

from msgcli import errors
from tests.conftest import Run
from tests.databases import Postgres


def test_a_server_database_gets_its_tables_when_told(run: Run, postgres: Postgres) -> None:
    url = {"MSGCLI_DATABASE_URL": postgres.new_database()}
    refused = run("inbox", "alice", env=url)
    sentence = "The database has to be brought up to date first: msgcli migrate\n"
    assert (refused.stdout, refused.stderr, refused.code) == ("", sentence, errors.NOT_READY)
    assert "messaging.0001_initial" in run("migrate", env=url).stdout.splitlines()
    assert run("users", env=url).stderr == "No users yet.\n"


def test_a_server_database_adds_people_only_where_that_is_allowed(
    run: Run, postgres: Postgres
) -> None:
    url = {"MSGCLI_DATABASE_URL": postgres.new_database()}
    assert run("migrate", env=url).code == errors.DONE
    words = ("send", "alice", "bob", "hi")
    for strict in ("", "1"):
        refused = run(*words, env={**url, "MSGCLI_STRICT_USERS": strict})
        assert refused.code == errors.NOT_FOUND
        assert refused.stderr.startswith("No user alice.")
    assert run(*words, env={**url, "MSGCLI_STRICT_USERS": "0"}).code == errors.DONE


@pytest.mark.usefixtures("made")
def test_the_users_of_a_project_are_its_own(run: Run) -> None:
    project = ("--settings", "tests.settings")
    assert run(*project, "migrate", cwd=None).code == errors.DONE
    words = (*project, "send", "alice", "bob", "hi")
    refused = run(*words, env={"MSGCLI_STRICT_USERS": "0"}, cwd=None)
    assert refused.code == errors.NOT_FOUND
    assert refused.stderr.startswith("No user alice.")

"""The store in one file, and back: whole, beside writers, and never in place of what is well."""

from __future__ import annotations

import shlex
import shutil
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from msgcli import errors
from tests.conftest import Run, environment_for, run_in
from tests.databases import Postgres

MARKER = "a text that has to go"


@pytest.fixture
def store(in_a_file: None, hi: Path) -> Path:
    """The file of a store in which alice has sent bob one message."""
    return hi


@pytest.fixture(scope="module")
def backup_of_hi(store_with_hi: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("backup") / "copy.sqlite3"
    run_in(environment_for(store_with_hi), "backup", str(made))
    return made


@pytest.fixture
def copy(request: pytest.FixtureRequest, store: Path, tmp_path: Path) -> Path:
    """A backup of it."""
    made: Path = request.getfixturevalue("backup_of_hi")  # after the store, which may be skipped
    return Path(shutil.copy(made, tmp_path / "copy.sqlite3"))


def texts(run: Run) -> list[str]:
    found = run("conversation", "alice", "bob", "--json").json
    return [message["content"] for message in found]


def test_a_backup_is_one_file_for_its_owner_alone(store: Path, run: Run, tmp_path: Path) -> None:
    result = run("backup", "copy.sqlite3", "--verify")
    file = tmp_path / "copy.sqlite3"
    size = f"{file.stat().st_size / 1000:.1f} kB"
    assert result.stdout == f"copy.sqlite3: 1 message, 2 people, {size}, verified\n"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert {path.name for path in tmp_path.iterdir()} == {"copy.sqlite3", "store"}
    assert file.read_bytes()[18:20] == b"\x01\x01"  # no write-ahead log to go with it


def test_a_backup_takes_the_place_of_the_one_before(copy: Path, run: Run) -> None:
    run("send", "alice", "bob", "more")
    assert run("backup", "copy.sqlite3", "--json").json["messages"] == 2


def test_what_is_restored_is_all_that_was_there(store: Path, run: Run) -> None:
    run("set-password", "alice", input=b"correct horse battery\n")
    run("reply", "1", "bob", "an answer")
    run("edit", "1", "alice", "hello")
    run("mark-read", "1")
    before = run("export", "--all").stdout
    run("backup", "copy.sqlite3")
    run("delete-user", "bob", "--yes")
    result = run("restore", "copy.sqlite3", "--yes")
    assert result.stdout.startswith("Restored: copy.sqlite3: 2 messages, 2 people, ")
    assert run("export", "--all").stdout == before
    assert run("check").stdout.endswith("Everything is fine.\n")
    with closing(sqlite3.connect(store)) as database:
        query = "SELECT password FROM auth_user WHERE username = 'alice'"
        assert database.execute(query).fetchone()[0].startswith("pbkdf2_sha256$")
        assert database.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def test_nothing_is_left_of_what_was_there_instead(copy: Path, store: Path, run: Run) -> None:
    run("send", "alice", "bob", MARKER)
    assert MARKER.encode() in store.read_bytes()
    run("restore", "copy.sqlite3", "--yes")
    left = b"".join(path.read_bytes() for path in store.parent.iterdir())
    assert MARKER.encode() not in left
    assert texts(run) == ["hi"]


def test_who_reads_meanwhile_sees_the_one_or_the_other(copy: Path, store: Path, run: Run) -> None:
    run("send", "alice", "bob", "more")
    count = "SELECT COUNT(*) FROM messaging_message"
    with closing(sqlite3.connect(store, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        assert reader.execute(count).fetchone() == (2,)
        impatient = {"MSGCLI_DATABASE_URL": f"sqlite:///{store}?timeout=1"}
        result = run("restore", "copy.sqlite3", "--yes", env=impatient)
        assert result.code == errors.DONE
        assert "To wipe it when that program is done: msgcli check --fix" in result.stderr
        assert reader.execute(count).fetchone() == (2,)
        reader.execute("COMMIT")
        assert reader.execute(count).fetchone() == (1,)


WRITER = """
import sys
from msgcli import bootstrap
bootstrap.setup_django()
from messaging.accounts import find_user
from messaging.models import Message
alice, bob = map(find_user, ["alice", "bob"])
print("begun", flush=True)
while True:
    Message.objects.send(alice, bob, "again " * 50)
"""


@pytest.fixture
def writer(store: Path, environment: dict[str, str]) -> Iterator[None]:
    """Somebody who sends one message after another."""
    command = [sys.executable, "-c", WRITER]
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"begun\n"
        yield
        assert process.poll() is None
        process.kill()


@pytest.mark.usefixtures("writer")
def test_a_backup_beside_a_writer_is_of_one_moment(run: Run) -> None:
    numbers = [run("backup", "copy.sqlite3", "--verify", "--json").json for _ in range(4)]
    messages = [number["messages"] for number in numbers]
    assert messages == sorted(set(messages))
    assert all(number["verified"] for number in numbers)


def test_it_asks_before_it_replaces_messages(copy: Path, run: Run) -> None:
    run("send", "alice", "bob", "more")
    result = run("restore", "copy.sqlite3")
    assert result.code == errors.NOT_CONFIRMED
    assert result.stderr == (
        "To keep what is there now: msgcli backup ANOTHER-FILE\n"
        "There is no terminal to ask on: repeat with --yes to go on.\n"
    )
    assert texts(run) == ["hi", "more"]


def test_an_empty_store_is_replaced_without_asking(copy: Path, store: Path, run: Run) -> None:
    shutil.rmtree(store.parent)
    assert run("restore", "copy.sqlite3").code == errors.DONE
    assert texts(run) == ["hi"]
    assert stat.S_IMODE(store.stat().st_mode) == 0o600


def test_an_older_backup_is_brought_up_to_date(copy: Path, run: Run) -> None:
    with closing(sqlite3.connect(copy)) as database:
        database.execute("DELETE FROM django_migrations WHERE name = '0005_arrivals'")
        database.commit()
    assert run("restore", "copy.sqlite3", "--yes").code == errors.DONE
    assert "Schema   up to date\n" in run("check").stdout


def newer(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.execute(
            "INSERT INTO django_migrations (app, name, applied)"
            " VALUES ('messaging', '9999_later', '2030-01-01')"
        )
        database.commit()


def another(file: Path) -> None:
    file.unlink()
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE anything (id)")


def overwritten(file: Path) -> None:
    whole = bytearray(file.read_bytes())
    whole[20_000:60_000] = bytes(40_000)
    file.write_bytes(whole)


def orphaned(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.execute("DELETE FROM auth_user WHERE username = 'bob'")
        database.commit()


def disagreeing(file: Path) -> None:
    with closing(sqlite3.connect(file)) as database:
        database.execute("DELETE FROM messaging_notification")
        database.commit()


@pytest.mark.parametrize(
    ("spoil", "sentence"),
    [
        (Path.unlink, "There is no file copy.sqlite3."),
        (lambda file: file.write_text("hello\n" * 999), "copy.sqlite3 can't be read as a backup: "),
        (another, "copy.sqlite3 is not a backup of a store."),
        (overwritten, "copy.sqlite3 can't be read as a backup: "),
        (orphaned, "copy.sqlite3 is damaged: "),
        (
            disagreeing,
            "copy.sqlite3 is damaged: messages whose notification disagrees: 1.",
        ),
        (newer, "The store was made by a newer msgcli (it has messaging.9999_later): update"),
    ],
)
def test_what_is_no_sound_backup_is_refused(
    copy: Path, run: Run, spoil: object, sentence: str
) -> None:
    assert callable(spoil)
    spoil(copy)
    result = run("restore", "copy.sqlite3", "--yes")
    assert result.code in {errors.REFUSED, errors.NOT_READY}
    assert result.stderr.startswith(sentence)
    assert result.stderr.count("\n") == 1
    assert texts(run) == ["hi"]


def test_the_store_itself_is_no_backup(store: Path, run: Run) -> None:
    for command in ("backup", "restore"):
        result = run(command, str(store))
        assert result.code == errors.USAGE
        assert result.stderr == f"{store} is the store itself: name another file.\n"
    assert texts(run) == ["hi"]


def test_where_nothing_can_be_written_is_said(store: Path, run: Run) -> None:
    result = run("backup", "nowhere/copy.sqlite3")
    assert result.code == errors.REFUSED
    assert result.stderr == "nowhere/copy.sqlite3 can't be written: No such file or directory.\n"


def test_on_postgresql_the_lines_to_run_are_said_and_work(
    postgres: Postgres, run: Run, tmp_path: Path
) -> None:
    url = postgres.new_database()
    env = {"MSGCLI_DATABASE_URL": url.replace("msgcli@", "msgcli:secret@")}
    run("migrate", env=env)
    run("add-user", "alice", env=env)
    said = [run(word, "a copy", env=env) for word in ("backup", "restore")]
    assert {result.code for result in said} == {errors.USAGE}
    name = urlsplit(url).path[1:]
    where = f"--host=127.0.0.1 --port={postgres.port} --username=msgcli --dbname={name}"
    beginning = "PostgreSQL has its own program for that, run: "
    assert [result.stderr for result in said] == [
        f"{beginning}pg_dump --format=custom {where} --file='a copy'\n",
        f"{beginning}pg_restore --clean --if-exists --single-transaction {where} 'a copy'\n",
    ]
    lines = [shlex.split(result.stderr.removeprefix(beginning)) for result in said]
    for number, (program, *words) in enumerate(lines):
        if number:
            run("delete-user", "alice", "--yes", env=env)
        subprocess.run([postgres.bin / program, *words], cwd=tmp_path, check=True)
    assert [user["name"] for user in run("users", "--json", env=env).json] == ["alice"]

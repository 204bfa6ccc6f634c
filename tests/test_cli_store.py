"""The store: made on first use, kept private, looked over, and what is said when it is broken."""

import ctypes
import os
import resource
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from messaging import health
from messaging.models import Message, MessageHistory, Notification
from msgcli import errors
from tests import stores
from tests.conftest import IN_A_FILE, Run
from tests.factories import send, tie

PR_CAPBSET_DROP = 24
CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 1, 2


def without_privileges() -> None:
    """In a child that is root: let the modes of files mean what they say, as for anybody."""
    if os.geteuid() == 0:
        prctl = ctypes.CDLL(None).prctl
        for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
            prctl(PR_CAPBSET_DROP, capability, 0, 0, 0)


def small_files() -> None:
    """In a child: let no file grow beyond what the empty store needs, and a little."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (300_000, 300_000))


@contextmanager
def connected(path: Path) -> Iterator[sqlite3.Connection]:
    """The store as SQLite alone sees it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        yield connection


@pytest.fixture
def store(in_a_file: None, hi: Path) -> Path:
    """The file of a store with one message."""
    return hi


def test_the_store_is_for_its_owner_only(run: Run, store: Path) -> None:
    run("send", "alice", "bob", "more")
    assert stat.S_IMODE(store.parent.stat().st_mode) == 0o700
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in store.parent.iterdir()}
    assert set(modes.values()) == {0o600}, modes


@IN_A_FILE
def test_the_store_is_for_its_owner_only_whatever_the_umask(run: Run, tmp_path: Path) -> None:
    run("users", preexec_fn=lambda: os.umask(0) and None)
    assert stat.S_IMODE((tmp_path / "store").stat().st_mode) == 0o700
    assert stat.S_IMODE((tmp_path / "store/msgcli.sqlite3").stat().st_mode) == 0o600


def test_the_store_has_a_write_ahead_log_and_one_file_when_nobody_uses_it(store: Path) -> None:
    with connected(store) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    assert {path.name for path in store.parent.iterdir()} <= {store.name, f"{store.name}.lock"}


@IN_A_FILE
@pytest.mark.django_db
def test_a_connection_keeps_foreign_keys_and_begins_by_locking(invoke: Run) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        for pragma, value in (("foreign_keys", 1), ("secure_delete", 1), ("busy_timeout", 20_000)):
            assert cursor.execute(f"PRAGMA {pragma}").fetchone() == (value,)
    assert connection.settings_dict["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


def test_a_command_that_reads_makes_the_schema_too(run: Run) -> None:
    result = run("inbox", "alice")
    assert (result.stderr, result.code) == ("No user alice.\n", errors.NOT_FOUND)


@IN_A_FILE
def test_migrate_says_what_it_did(run: Run) -> None:
    assert "messaging.0001_initial" in run("migrate").stdout.splitlines()
    assert run("migrate").stdout == "Up to date\n"
    assert run("migrate", "--json").json == {"applied": []}


def test_an_older_schema_is_brought_up_to_date(run: Run, store: Path) -> None:
    older = "DELETE FROM django_migrations WHERE name = '0012_alter_user_first_name_max_length'"
    with connected(store) as connection:
        connection.execute(older)
    assert "hi\n" in run("thread", "1").stdout
    assert run("check", "--json").json["pending"] == []


@pytest.mark.parametrize("words", ["users", "send alice bob hi", "check", "check --fix", "migrate"])
def test_a_newer_schema_is_left_alone(run: Run, store: Path, words: str) -> None:
    with connected(store) as connection:
        connection.execute(
            "INSERT INTO django_migrations (app, name, applied)"
            " VALUES ('messaging', '9999_future', '2030-01-01')"
        )
    before = store.read_bytes()
    result = run(*words.split())
    sentence = (
        "The store was made by a newer msgcli (it has messaging.9999_future):"
        " update msgcli to use it.\n"
    )
    assert (result.stdout, result.stderr, result.code) == ("", sentence, errors.NOT_READY)
    assert store.read_bytes() == before


def test_check_of_a_healthy_store(run: Run, store: Path) -> None:
    size = store.stat().st_size
    result = run("check")
    first, *rest = result.stdout.splitlines()
    assert first.startswith(f"Store    SQLite {sqlite3.sqlite_version}, {store}, ")
    assert first.endswith(" kB, 0600")
    assert rest == ["Schema   up to date", "Data     1 message, 2 people", "Everything is fine."]
    assert (result.stderr, result.code) == ("", errors.DONE)
    assert run("check", "--json").json == {
        "database": f"SQLite {sqlite3.sqlite_version}",
        "location": str(store),
        "size": size,
        "mode": "0600",
        "pending": [],
        "messages": 1,
        "users": 2,
        "findings": [],
        "healthy": True,
    }


def disagree() -> None:
    send("alice", "bob")
    with_sql("UPDATE messaging_notification SET read = TRUE")


def circle() -> None:
    pk = send("alice", "bob").pk
    tie(pk, pk)


def misplace() -> None:
    first, other = send("alice", "bob"), send("alice", "bob")
    tie(send("alice", "bob").pk, first.pk, other.pk)


def lose_conversation() -> None:
    send("alice", "bob")
    with_sql("DELETE FROM messaging_conversation")


def hide_edit() -> None:
    message = send("alice", "bob")
    MessageHistory.objects.create(message=message, old_content="old")
    with_sql("UPDATE messaging_message SET edited = FALSE")


def with_sql(statement: str) -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(statement)


def lose_trigger() -> None:
    if stores.ON_SERVER:
        pytest.skip("there the index is a column, which is never out of step")
    with_sql("DROP TRIGGER messaging_search_update")


@pytest.mark.parametrize(
    ("damage", "problem"),
    [
        (disagree, "messages whose notification disagrees: 1"),
        (circle, "replies in a circle: 1"),
        (misplace, "messages in the wrong thread: 1"),
        (lose_conversation, "conversations out of step: 2"),
        (lose_trigger, "search index out of step: 1"),
        (hide_edit, "edits not marked: 1"),
    ],
)
def test_check_finds_what_disagrees_and_fix_puts_it_right(
    invoke: Run, damage: Any, problem: str
) -> None:
    invoke("check", "--fix")
    damage()
    result = invoke("check")
    fix = "msgcli check --fix"
    assert f"Problem  {problem}. To put it right: {fix}\n" in result.stdout
    assert result.code == errors.NOT_READY
    assert {"problem": problem, "fix": fix} in invoke("check", "--json").json["findings"]
    mended = invoke("check", "--fix")
    assert (mended.stdout.splitlines()[-1], mended.code) == ("Everything is fine.", errors.DONE)


def test_every_check_of_health_is_among_these() -> None:
    parameters = test_check_finds_what_disagrees_and_fix_puts_it_right.pytestmark[0].args[1]
    told = {problem.split(":")[0] for _, problem in parameters}
    assert told == {check.problem for check in health.CHECKS}


def test_check_finds_a_file_that_others_may_read(run: Run, store: Path) -> None:
    store.chmod(0o644)
    result = run("check")
    problem = "others may read the file (its mode is 0644)"
    line = f"Problem  {problem}. To put it right: msgcli check --fix"
    assert line in result.stdout.splitlines()
    assert result.code == errors.NOT_READY
    assert run("check", "--fix").code == errors.DONE
    assert stat.S_IMODE(store.stat().st_mode) == 0o600


def test_check_finds_orphans(run: Run, store: Path) -> None:
    with connected(store) as connection:
        connection.execute("DELETE FROM auth_user WHERE username = 'alice'")
    result = run("check")
    assert "rows refer to rows that are gone" in result.stdout
    assert "To put it right: msgcli export --all --output copy.jsonl" in result.stdout
    assert result.code == errors.NOT_READY


def test_check_finds_a_file_that_can_not_be_written_to(run: Run, store: Path) -> None:
    store.chmod(0o400)
    result = run("check", preexec_fn=without_privileges)
    fix = f"chmod u+w {store}"
    line = f"Problem  the file can't be written to. To put it right: {fix}"
    assert line in result.stdout.splitlines()
    assert result.code == errors.NOT_READY
    subprocess.run(fix, shell=True, check=True)
    assert run("check", preexec_fn=without_privileges).code == errors.DONE


def test_a_file_that_can_not_be_written_to_can_be_read(run: Run, store: Path) -> None:
    store.chmod(0o400)
    result = run("send", "alice", "bob", "more", preexec_fn=without_privileges)
    advice = "can't be written to: allow it with chmod u+w, or use another store."
    assert (result.stdout, result.stderr) == ("", f"The store {store} {advice}\n")
    assert result.code == errors.NOT_READY
    assert "hi" in run("unread", "bob", preexec_fn=without_privileges).stdout


@pytest.mark.parametrize("words", ["unread bob", "send alice bob hi", "check"])
def test_a_file_that_can_not_be_read(run: Run, store: Path, words: str) -> None:
    store.chmod(0)
    result = run(*words.split(), preexec_fn=without_privileges)
    advice = "can't be opened: check that you may read it, and its folder."
    assert (result.stdout, result.stderr) == ("", f"The store {store} {advice}\n")
    assert result.code == errors.NOT_READY


def test_a_folder_that_can_not_be_entered(run: Run, store: Path) -> None:
    store.parent.chmod(0)
    result = run("unread", "bob", preexec_fn=without_privileges)
    store.parent.chmod(0o700)
    sentence = f"The store {store} can't be created: Permission denied.\n"
    assert (result.stderr, result.code) == (sentence, errors.NOT_READY)


@IN_A_FILE
def test_a_folder_that_can_not_be_made(run: Run, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = run("users", env={"MSGCLI_DATA_DIR": str(tmp_path / "file" / "store")})
    store = tmp_path / "file" / "store" / "msgcli.sqlite3"
    sentence = f"The store {store} can't be created: Not a directory.\n"
    assert (result.stderr, result.code) == (sentence, errors.NOT_READY)


def test_a_misspelt_folder_of_a_named_file_is_not_made(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "nosuch" / "my.sqlite3"
    result = run("users", env={"MSGCLI_DATABASE_URL": f"sqlite:///{path}"})
    sentence = f"The store {path} can't be created: No such file or directory.\n"
    assert (result.stderr, result.code) == (sentence, errors.NOT_READY)
    assert not path.parent.exists()


@pytest.mark.parametrize("words", ["users", "send alice bob hi", "check", "migrate"])
def test_a_file_that_is_no_database_is_left_alone(run: Run, tmp_path: Path, words: str) -> None:
    path = tmp_path / "letter.txt"
    path.write_text("Dear Bob, " * 200)
    result = run(*words.split(), env={"MSGCLI_DATABASE_URL": f"sqlite:///{path}"})
    advice = "is not an SQLite database: choose another file with MSGCLI_DATABASE_URL."
    assert (result.stdout, result.stderr) == ("", f"The store {path} {advice}\n")
    assert result.code == errors.NOT_READY
    assert path.read_text() == "Dear Bob, " * 200


def test_a_damaged_file(run: Run, store: Path) -> None:
    content = bytearray(store.read_bytes())
    content[3 * 4096 : 20 * 4096] = b"\xff" * (17 * 4096)
    store.write_bytes(content)
    result = run("unread", "bob")
    sentence = f"The store {store} is damaged: restore it from a copy.\n"
    assert (result.stdout, result.stderr, result.code) == ("", sentence, errors.NOT_READY)


def test_a_store_that_is_locked_can_be_read_but_not_written(run: Run, store: Path) -> None:
    impatient = {"MSGCLI_DATABASE_URL": f"sqlite:///{store}?timeout=0.1"}
    with connected(store) as connection:
        connection.execute("BEGIN EXCLUSIVE")
        result = run("send", "alice", "bob", "more", env=impatient)
        assert "hi" in run("unread", "bob", env=impatient).stdout
        connection.execute("ROLLBACK")
    advice = "is busy: another program has been writing for too long. Try again."
    assert (result.stdout, result.stderr) == ("", f"The store {store} {advice}\n")
    assert result.code == errors.NOT_READY
    assert len(run("unread", "bob", "--json").json) == 1


def test_a_file_that_can_not_grow_keeps_what_it_has(run: Run, store: Path) -> None:
    results = [
        run("send", "alice", "carol", "-", input=b"x" * 99_000, preexec_fn=small_files)
        for _ in range(3)
    ]
    advice = "could not be read or written: the disk reported an error, or is full."
    assert results[-1].stderr == f"The store {store} {advice}\n"
    assert (results[-1].stdout, results[-1].code) == ("", errors.NOT_READY)
    sent = sum(result.code == errors.DONE for result in results)
    state = run("check", "--json").json
    assert (state["healthy"], state["messages"]) == (True, 1 + sent)


@pytest.fixture
def tiny_disk(in_a_file: None, tmp_path: Path) -> Iterator[Path]:
    """A file system that is full after two megabytes."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if sys.platform != "linux" or subprocess.run(command, check=False).returncode:
        pytest.skip("only root can mount a file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


def test_a_full_disk_keeps_what_it_has(run: Run, tiny_disk: Path) -> None:
    env = {"MSGCLI_DATA_DIR": str(tiny_disk / "store")}
    assert run("send", "alice", "bob", "hi", env=env).code == errors.DONE
    (tiny_disk / "filler").write_bytes(b"x" * (2_000_000 - 800_000))
    results = [run("send", "alice", "bob", "-", input=b"x" * 99_000, env=env) for _ in range(8)]
    store = tiny_disk / "store" / "msgcli.sqlite3"
    advice = "could not be written: the disk is full. Free some space and try again."
    assert results[-1].stderr == f"The store {store} {advice}\n"
    assert (results[-1].stdout, results[-1].code) == ("", errors.NOT_READY)
    sent = sum(result.code == errors.DONE for result in results)
    (tiny_disk / "filler").unlink()
    state = run("check", "--json", env=env).json
    assert (state["healthy"], state["messages"]) == (True, 1 + sent)


def test_an_export_to_a_full_disk_deletes_nothing(run: Run, store: Path, tiny_disk: Path) -> None:
    (tiny_disk / "filler").write_bytes(b"x" * 2_097_152)
    copy = tiny_disk / "bob.jsonl"
    result = run("delete-user", "bob", "--yes", "--export", str(copy))
    sentence = f"{copy} can't be written: No space left on device.\n"
    assert (result.stderr, result.code) == (sentence, errors.REFUSED)
    assert len(run("unread", "bob", "--json").json) == 1
    assert [path.name for path in tiny_disk.iterdir()] == ["filler"]


@pytest.mark.django_db
def test_marks_agree_after_every_way_of_marking(invoke: Run) -> None:
    pk = send("alice", "bob").pk
    for words in (f"mark-read {pk}", f"mark-unread {pk}", "notifications bob --clear"):
        invoke(*words.split())
        assert health.faults() == []
    assert Message.objects.get().read
    assert not Notification.objects.exists()

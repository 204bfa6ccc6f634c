"""What export chooses, and how it is written."""

import gzip
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from messaging.models import Message
from msgcli import errors
from tests.conftest import Run
from tests.factories import send

MONDAY = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)

pytestmark = pytest.mark.usefixtures("messages")


@pytest.fixture
def messages(invoke: Run) -> None:
    """Four messages, a day apart; the third answers the first."""
    first = send("alice", "bob", "one", pk=1, timestamp=MONDAY)
    send("alice", "carol", "two", pk=2, timestamp=MONDAY + timedelta(days=1))
    send("bob", "alice", "three", pk=3, parent_message=first, timestamp=MONDAY + timedelta(days=2))
    send("bob", "carol", "four", pk=4, timestamp=MONDAY + timedelta(days=3))


def texts(invoke: Run, *words: str) -> list[str]:
    """What is said in an export with these options."""
    result = invoke("export", *words, env={"TZ": "UTC"})
    assert result.code == errors.DONE
    return [json.loads(line)["content"] for line in result.stdout.splitlines()]


@pytest.mark.parametrize(
    ("words", "chosen"),
    [
        ([], ["one", "two", "three", "four"]),
        (["alice"], ["one", "two", "three"]),
        (["alice", "--with", "bob"], ["one", "three"]),
        (["--thread", "#3"], ["one", "three"]),
        (["carol", "--thread", "4"], ["four"]),
        (["--since", "2026-11-24"], ["two", "three", "four"]),
        (["--until", "2026-11-24"], ["one", "two"]),
        (["--since", "2026-11-24T12:00", "--until", "2026-11-25T12:00:00Z"], ["two"]),
        (["bob", "--since", "2026-11-25", "--until", "2026-11-25"], ["three"]),
    ],
)
def test_what_is_exported_is_chosen(invoke: Run, words: list[str], chosen: list[str]) -> None:
    assert texts(invoke, *words) == chosen


def test_a_reply_to_what_is_left_out_opens_a_thread(invoke: Run) -> None:
    [line] = invoke("export", "--since", "2026-11-25", "alice").stdout.splitlines()
    assert json.loads(line)["parent_id"] is None


def test_the_thread_of_somebody_else_is_not_there(invoke: Run) -> None:
    result = invoke("export", "carol", "--thread", "1")
    assert (result.code, result.stdout) == (errors.NOT_FOUND, "")
    assert result.stderr == "No message 1. The newest is 4.\n"


def test_with_needs_somebody(invoke: Run) -> None:
    result = invoke("export", "--with", "bob")
    assert result.code == errors.USAGE
    assert result.stderr == (
        "With OTHER, who? msgcli export USER --with OTHER, or set MSGCLI_USER.\n"
    )
    assert texts_of(invoke("export", "--with", "bob", env={"MSGCLI_USER": "alice"}).stdout) == [
        "one",
        "three",
    ]


def texts_of(stdout: str) -> list[str]:
    return [json.loads(line)["content"] for line in stdout.splitlines()]


@pytest.mark.parametrize("day", ["tomorrow", "2026-13-01", "", "9999-12-31"])
def test_a_day_that_is_none_is_refused(invoke: Run, day: str) -> None:
    result = invoke("export", "--until", day)
    assert result.code == errors.USAGE
    assert f"{day} is not a day or a time: write 2026-11-23 or 2026-11-23T18:30" in " ".join(
        result.stderr.split()
    )


@pytest.mark.parametrize("name", ["all.mbox", "all.mbox.gz"])
def test_a_file_named_mbox_is_one(invoke: Run, tmp_path: Path, name: str) -> None:
    result = invoke("export", "-o", str(tmp_path / name))
    assert result.stderr == f"4 messages in {tmp_path / name}\n"
    raw = (tmp_path / name).read_bytes()
    mbox = gzip.decompress(raw) if name.endswith(".gz") else raw
    assert mbox.startswith(b"From alice@users.msgcli.invalid Mon Nov 23 12:00:00 2026\n")
    assert mbox.count(b"\nFrom ") == 3
    assert invoke("export", "--format", "mbox").stdout.encode() == mbox


def test_the_format_that_is_named_counts(invoke: Run, tmp_path: Path) -> None:
    path = tmp_path / "all.mbox"
    invoke("export", "-o", str(path), "--format", "jsonl")
    assert json.loads(path.read_bytes().splitlines()[0])["content"] == "one"
    result = invoke("export", "--format", "pst")
    assert result.code == errors.USAGE
    assert "'pst' is not one of 'jsonl', 'mbox'" in " ".join(result.stderr.split())


def test_a_deleted_person_can_take_mail_along(invoke: Run, tmp_path: Path) -> None:
    path = tmp_path / "bob.mbox"
    assert invoke("delete-user", "bob", "--yes", "--export", str(path)).code == errors.DONE
    assert path.read_bytes().count(b"Message-ID: ") == 3
    assert Message.objects.count() == 1

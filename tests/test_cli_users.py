"""Users: list, add, give a password, delete."""

import json
import stat
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from messaging.models import Message, MessageHistory, Notification
from msgcli import errors
from tests.conftest import IN_A_FILE, Run
from tests.factories import people, send, send_many

SUMMARY = """\
This removes bob for good:
   messages sent                       1
   messages received                   2
   notifications                       3
   old versions                        1
   threads that lose a message         2
   conversations                       1   with alice
1 reply by other people stays and moves up to the nearest message left.
"""


def names() -> list[str]:
    return list(User.objects.order_by("username").values_list("username", flat=True))


@pytest.fixture
def bobs_messages(db: None) -> None:
    """Two threads that bob is in, an edit, and a reply between two others."""
    first = send("alice", "bob", "one")
    second = send("bob", "alice", "two", parent_message=first)
    send("alice", "carol", "stays", parent_message=second)
    other = send("alice", "bob", "three")
    other.content = "changed"
    other.save()


def test_users_are_listed_with_their_numbers(invoke: Run) -> None:
    send("alice", "bob")
    send("alice", "bob", read=True)
    people("carol")
    result = invoke("users")
    assert result.stdout.splitlines() == [
        "Name   Unread  Sent  Received",
        "alice       –     2         0",
        "bob         1     0         2",
        "carol       –     0         0",
    ]
    assert result.stderr == "3 users.\n"


def test_users_as_json(invoke: Run) -> None:
    send("alice", "bob")
    assert invoke("users", "--json", "--limit", "1").json == [
        {"name": "alice", "sent": 1, "received": 0, "unread": 0}
    ]


def test_a_limit_of_users_says_how_many_there_are(invoke: Run) -> None:
    people()
    assert invoke("users", "--limit", "2").stderr == "2 of 5 users; --limit N shows more.\n"


def test_no_users_is_said(invoke: Run) -> None:
    result = invoke("users")
    assert (result.stdout, result.stderr, result.code) == ("", "No users yet.\n", errors.DONE)


def test_a_user_is_added_who_can_not_log_in(invoke: Run) -> None:
    assert invoke("add-user", " alice ").stdout == "alice added\n"
    assert not User.objects.get(username="alice").has_usable_password()


def test_a_user_is_added_once(invoke: Run) -> None:
    people("alice")
    result = invoke("add-user", "alice")
    assert (result.stderr, result.code) == ("There is a user alice already.\n", errors.REFUSED)
    assert names() == ["alice"]


def test_a_password_is_the_first_line_of_a_pipe(invoke: Run) -> None:
    people("alice")
    result = invoke("set-password", "alice", input="corre ct horse\nignored\n")
    assert result.stdout == "alice has a new password\n"
    assert User.objects.get(username="alice").check_password("corre ct horse")


def test_a_weak_password_is_refused_with_reasons(invoke: Run) -> None:
    people("alice")
    result = invoke("set-password", "alice", input="x9f\n")
    reason = "This password is too short. It must contain at least 8 characters.\n"
    assert (result.stderr, result.code) == (reason, errors.REFUSED)
    assert User.objects.get(username="alice").password == ""


@pytest.mark.usefixtures("bobs_messages")
def test_a_user_is_deleted_with_their_messages_and_only_those(invoke: Run) -> None:
    result = invoke("delete-user", "bob", "--yes")
    sentence = "bob is deleted: 3 messages, 3 notifications, 1 old version.\n"
    assert (result.stdout, result.code) == (sentence, errors.DONE)
    assert names() == ["alice", "carol"]
    message = Message.objects.get()
    assert (message.content, message.parent_message) == ("stays", None)
    assert Notification.objects.get().message == message
    assert not MessageHistory.objects.exists()


@pytest.mark.usefixtures("bobs_messages")
def test_what_will_go_is_shown_and_without_a_terminal_nothing_goes(invoke: Run) -> None:
    result = invoke("delete-user", "bob", input="bob\n")
    assert result.stdout == ""
    assert result.stderr == (
        f"{SUMMARY}"
        "Nothing is kept. To keep a copy first: msgcli delete-user bob --export bob.jsonl\n"
        "There is no terminal to ask on: repeat with --yes to go on.\n"
    )
    assert result.code == errors.NOT_CONFIRMED
    assert names() == ["alice", "bob", "carol"]


@pytest.mark.usefixtures("bobs_messages")
def test_what_went_as_json(invoke: Run) -> None:
    assert invoke("delete-user", "bob", "--yes", "--json").json == {
        "user": "bob",
        "sent": 1,
        "received": 2,
        "notifications": 3,
        "versions": 1,
        "conversations": ["alice"],
        "threads": 2,
        "reattached": 1,
    }


def test_i_am_deleted_when_nobody_is_named(invoke: Run) -> None:
    people("alice", "bob")
    invoke("delete-user", "--yes", env={"MSGCLI_USER": "alice"})
    assert names() == ["bob"]


@pytest.mark.usefixtures("bobs_messages")
def test_a_copy_is_written_first_for_its_owner_only(invoke: Run, tmp_path: Path) -> None:
    copy = tmp_path / "bob.jsonl"
    assert invoke("delete-user", "bob", "--yes", "--export", str(copy)).code == errors.DONE
    lines = [json.loads(line) for line in copy.read_text().splitlines()]
    assert [line["content"] for line in lines] == ["one", "two", "changed"]
    assert lines[2]["history"][0]["content"] == "three"
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert names() == ["alice", "carol"]


def test_a_copy_that_can_not_be_written_deletes_nothing(invoke: Run, tmp_path: Path) -> None:
    send("alice", "bob")
    copy = tmp_path / "missing" / "bob.jsonl"
    result = invoke("delete-user", "bob", "--yes", "--export", str(copy))
    sentence = f"{copy} can't be written: No such file or directory.\n"
    assert (result.stdout, result.stderr, result.code) == ("", sentence, errors.REFUSED)
    assert names() == ["alice", "bob"]
    assert Message.objects.count() == 1


def test_a_copy_can_be_imported_again(run: Run, tmp_path: Path) -> None:
    run("send", "alice", "bob", "hi")
    before = run("export").stdout
    run("delete-user", "bob", "--yes", "--export", "bob.jsonl.gz")
    assert run("export").stdout == ""
    assert run("import", "bob.jsonl.gz").code == errors.DONE
    assert run("export").stdout == before


@IN_A_FILE
def test_what_a_deleted_user_wrote_is_not_in_the_files(run: Run, tmp_path: Path) -> None:
    run("send", "alice", "bob", "a secret to forget")
    run("send", "carol", "dave", "stays")
    run("edit", "1", "alice", "another secret")
    run("delete-user", "bob", "--yes")
    stored = b"".join(path.read_bytes() for path in (tmp_path / "store").iterdir())
    assert b"stays" in stored
    assert b"secret" not in stored


def test_people_are_named_up_to_four(invoke: Run) -> None:
    send_many(1)
    for n in range(8):
        send(f"friend{n}", "alice")
    shown = invoke("delete-user", "alice").stderr
    (line,) = [line for line in shown.splitlines() if "conversations" in line]
    assert line.endswith(" and 5 more")
    assert line.count(", ") == 3

"""Writing messages: send, reply, edit, history, delete."""

import re
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from messaging.models import Message, MessageHistory, Notification
from msgcli import errors
from tests.conftest import IN_A_FILE, Run
from tests.factories import people, send

NEAR = "No user bbo. Did you mean bob? To add bbo, repeat with --create.\n"


def contents() -> list[str]:
    return list(Message.objects.order_by("id").values_list("content", flat=True))


def names() -> list[str]:
    return list(User.objects.order_by("username").values_list("username", flat=True))


def test_send_works_on_an_empty_store(run: Run) -> None:
    result = run("send", "alice", "bob", "hi")
    assert result.stdout == "#1  alice → bob   sent\n"
    assert result.stderr == "(+ new here: alice, bob)\n"
    assert result.code == errors.DONE
    assert "hi\n" in run("thread", "1").stdout


@pytest.mark.parametrize("words", [("-",), ()])
def test_text_comes_from_a_pipe_without_its_last_newline(invoke: Run, words: list[str]) -> None:
    result = invoke("send", "alice", "bob", *words, input="one\n  two\n\n")
    assert result.code == errors.DONE
    assert contents() == ["one\n  two\n"]


def test_windows_lines_of_a_pipe_lose_only_their_last_end(invoke: Run) -> None:
    invoke("send", "alice", "bob", "-", input=b"one\r\ntwo\r\n")
    assert contents() == ["one\r\ntwo"]


@pytest.mark.parametrize("text", ["--", "-5", "--help"])
def test_text_may_begin_with_a_dash_after_two(invoke: Run, text: str) -> None:
    invoke("send", "alice", "bob", "--", text)
    assert contents() == [text]


def test_send_to_oneself_is_a_note(invoke: Run) -> None:
    result = invoke("send", "alice", "alice", "note")
    assert (result.stdout, result.stderr) == (
        f"#{Message.objects.get().pk}  alice → alice   sent\n",
        "(+ new here: alice)\n",
    )


def test_send_makes_one_notification(invoke: Run) -> None:
    invoke("send", "alice", "bob", "hi")
    assert Notification.objects.get().user.username == "bob"


def test_a_near_name_is_asked_about_and_nothing_is_sent(invoke: Run) -> None:
    people("alice", "bob")
    result = invoke("send", "alice", "bbo", "hi")
    assert (result.stdout, result.stderr, result.code) == ("", NEAR, errors.NOT_FOUND)
    assert names() == ["alice", "bob"]
    assert contents() == []


def test_a_near_name_is_added_when_it_is_meant(invoke: Run) -> None:
    people("alice", "bob")
    result = invoke("send", "alice", "bbo", "hi", "--create")
    assert (result.stderr, result.code) == ("(+ new here: bbo)\n", errors.DONE)
    assert names() == ["alice", "bbo", "bob"]


@pytest.mark.parametrize("value", ["1", "yes"])
def test_nobody_is_added_where_users_are_strict(invoke: Run, value: str) -> None:
    people("alice")
    words = ("send", "alice", "bob", "hi", "--create")
    result = invoke(*words, env={"MSGCLI_STRICT_USERS": value})
    assert (result.stderr, result.code) == ("No user bob.\n", errors.NOT_FOUND)
    assert names() == ["alice"]


@pytest.mark.parametrize("value", [pytest.param("", marks=IN_A_FILE), "0"])
def test_people_are_added_where_users_are_not_strict(invoke: Run, value: str) -> None:
    assert invoke("send", "alice", "bob", "hi", env={"MSGCLI_STRICT_USERS": value}).code == 0
    assert names() == ["alice", "bob"]


def test_a_refused_text_adds_nobody(invoke: Run) -> None:
    assert invoke("send", "alice", "bob", " ").code == errors.REFUSED
    assert names() == []


def test_the_sender_left_out_is_me(invoke: Run) -> None:
    invoke("send", "bob", "hi", env={"MSGCLI_USER": "alice"})
    message = Message.objects.get()
    assert (message.sender.username, message.receiver.username) == ("alice", "bob")


def test_a_sender_who_is_named_goes_before_me(invoke: Run) -> None:
    invoke("send", "bob", "carol", "hi", env={"MSGCLI_USER": "alice"})
    assert Message.objects.get().sender.username == "bob"


def test_me_and_a_pipe(invoke: Run) -> None:
    invoke("send", "bob", input="hi", env={"MSGCLI_USER": "alice"})
    assert contents() == ["hi"]
    assert Message.objects.get().receiver.username == "bob"


def test_without_a_receiver_it_is_asked_for(invoke: Run) -> None:
    result = invoke("send", "alice")
    sentence = "To whom? msgcli send FROM TO TEXT, or set MSGCLI_USER to be FROM.\n"
    assert (result.stderr, result.code) == (sentence, errors.USAGE)


def test_reply_goes_to_the_other_person_in_the_same_thread(invoke: Run) -> None:
    first = send("alice", "bob")
    second = invoke("reply", str(first.pk), "bob", "yes", "--json").json
    third = invoke("reply", f"#{second['id']}", "alice", "-", input="fine\n")
    assert (second["sender"], second["receiver"], second["parent_id"]) == ("bob", "alice", first.pk)
    assert third.stdout.endswith(f"  alice → bob   sent, in thread {first.pk}\n")


def test_reply_as_me(invoke: Run) -> None:
    first = send("alice", "bob")
    answer = invoke("reply", str(first.pk), "yes", "--json", env={"MSGCLI_USER": "bob"}).json
    assert (answer["sender"], answer["content"]) == ("bob", "yes")


def test_reply_never_adds_anybody(invoke: Run) -> None:
    first = send("alice", "bob")
    result = invoke("reply", str(first.pk), "carol", "hi")
    assert (result.stderr, result.code) == ("No user carol.\n", errors.NOT_FOUND)
    assert names() == ["alice", "bob"]


def test_reply_without_anybody_asks_who(invoke: Run) -> None:
    result = invoke("reply", "1")
    sentence = "Who replies? msgcli reply ID USER TEXT, or set MSGCLI_USER.\n"
    assert (result.stderr, result.code) == (sentence, errors.USAGE)


def test_only_people_of_a_message_reply(invoke: Run) -> None:
    people("carol")
    pk = send("alice", "bob").pk
    result = invoke("reply", str(pk), "carol", "me too")
    sentence = f"carol can't reply to message {pk}: it is between alice and bob.\n"
    assert (result.stderr, result.code) == (sentence, errors.REFUSED)
    assert contents() == ["hi"]


def test_edit_keeps_the_earlier_text_and_who_edited(invoke: Run) -> None:
    pk = send("alice", "bob", "old").pk
    result = invoke("edit", str(pk), "alice", "new")
    assert result.stdout == f"#{pk}  alice → bob   edited\n"
    version = MessageHistory.objects.get()
    assert (version.old_content, version.edited_by) == ("old", User.objects.get(username="alice"))


def test_edit_by_nobody_in_particular(invoke: Run) -> None:
    pk = send("alice", "bob", "old").pk
    invoke("edit", str(pk), "new")
    assert contents() == ["new"]
    assert MessageHistory.objects.get().edited_by is None


def test_edit_as_me(invoke: Run) -> None:
    pk = send("alice", "bob", "old").pk
    invoke("edit", str(pk), "new", env={"MSGCLI_USER": "alice"})
    assert MessageHistory.objects.get().edited_by == User.objects.get(username="alice")


def test_edit_to_the_same_text_changes_nothing(invoke: Run) -> None:
    pk = send("alice", "bob", "same").pk
    result = invoke("edit", str(pk), "alice", "same")
    assert result.stdout == f"#{pk}  alice → bob   unchanged\n"
    assert not MessageHistory.objects.exists()
    assert not Message.objects.get().edited


def test_only_the_sender_edits(invoke: Run) -> None:
    pk = send("alice", "bob", "old").pk
    result = invoke("edit", str(pk), "bob", "new")
    sentence = f"Only alice, who sent message {pk}, can edit it.\n"
    assert (result.stderr, result.code) == (sentence, errors.REFUSED)
    assert contents() == ["old"]


def test_history_is_told_as_what_changed(invoke: Run) -> None:
    pk = send("alice", "bob", "one\ntwo").pk
    invoke("edit", str(pk), "alice", "one\n2 [map]")
    told = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "TIME", invoke("history", str(pk)).stdout)
    assert told.splitlines() == [
        f"#{pk} alice → bob, 2 versions",
        "@ TIME UTC, first version",
        "  one",
        "  two",
        "@ TIME UTC, edited by alice",
        "  one",
        "- two",
        "+ 2 [map]",
    ]


def test_history_as_json_has_every_text_in_order(invoke: Run) -> None:
    pk = send("alice", "bob", "one").pk
    for text in ("two", "three"):
        invoke("edit", str(pk), text)
    versions = invoke("history", str(pk), "--json").json
    assert [(v["version"], v["content"]) for v in versions] == [
        (1, "one"),
        (2, "two"),
        (3, "three"),
    ]


def test_delete_keeps_the_replies(invoke: Run) -> None:
    first = send("alice", "bob")
    second = send("bob", "alice", parent_message=first)
    third = send("alice", "bob", "stays", parent_message=second)
    result = invoke("delete", str(second.pk), "--yes")
    assert result.stdout == f"#{second.pk} deleted; 1 reply moved up\n"
    third.refresh_from_db()
    assert third.parent_message_id == first.pk


def test_delete_without_a_terminal_has_to_be_confirmed(invoke: Run) -> None:
    pk = send("alice", "bob").pk
    result = invoke("delete", str(pk), input="y\n")
    sentence = "There is no terminal to ask on: repeat with --yes to go on.\n"
    assert (result.stderr, result.code) == (sentence, errors.NOT_CONFIRMED)
    assert contents() == ["hi"]


@IN_A_FILE
def test_what_is_deleted_is_not_in_the_files(run: Run, tmp_path: Path) -> None:
    run("send", "alice", "bob", "a secret to forget")
    files = list((tmp_path / "store").iterdir())
    assert any(b"a secret to forget" in path.read_bytes() for path in files)
    assert run("delete", "1", "--yes").stdout == "#1 deleted\n"
    files = list((tmp_path / "store").iterdir())
    assert not any(b"a secret to forget" in path.read_bytes() for path in files)

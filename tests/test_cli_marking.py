"""Marking messages, and the notifications about them."""

import pytest

from messaging.models import Message, Notification
from msgcli import errors
from tests.conftest import Run
from tests.factories import disagreeing, people, send, send_many


def unread_ids() -> list[int]:
    return list(Message.objects.filter(read=False).order_by("id").values_list("id", flat=True))


def test_messages_are_marked_by_id(invoke: Run) -> None:
    one, two, three = (message.pk for message in send_many(3))
    result = invoke("mark-read", str(one), f"#{three}")
    assert (result.stdout, result.stderr, result.code) == ("2 marked as read\n", "", errors.DONE)
    assert unread_ids() == [two]
    assert disagreeing() == []


def test_only_what_changes_is_counted(invoke: Run) -> None:
    one, two = (message.pk for message in send_many(2))
    invoke("mark-read", str(one))
    assert invoke("mark-read", str(one), str(two), str(two), "--json").json == {"changed": 1}


def test_messages_are_marked_as_unread(invoke: Run) -> None:
    pk = send("alice", "bob", read=True).pk
    assert invoke("mark-unread", str(pk)).stdout == "1 marked as unread\n"
    assert unread_ids() == [pk]
    assert disagreeing() == []


def test_all_are_those_that_one_person_received(invoke: Run) -> None:
    send_many(1200)
    kept = send("bob", "alice").pk
    assert invoke("mark-read", "--all", "bob").stdout == "1,200 marked as read\n"
    assert unread_ids() == [kept]
    assert disagreeing() == []


def test_all_without_a_name_are_mine(invoke: Run) -> None:
    send("alice", "bob")
    kept = send("bob", "alice").pk
    result = invoke("mark-read", "--all", env={"MSGCLI_USER": "bob"})
    assert result.stdout == "1 marked as read\n"
    assert unread_ids() == [kept]


def test_an_id_that_is_missing_leaves_the_others_as_they_are(invoke: Run) -> None:
    pk = send("alice", "bob").pk
    result = invoke("mark-read", str(pk), "99")
    sentence = f"No message 99. The newest is {pk}.\n"
    assert (result.stderr, result.code) == (sentence, errors.NOT_FOUND)
    assert unread_ids() == [pk]


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("", "Which? Name the IDs of messages, or --all."),
        ("--all", "Whose? Name a USER, or set MSGCLI_USER to your own name."),
        ("--all 1 2", "--all takes one USER, and no ids."),
        ("bob", "Invalid value: bob is not an id: ids are whole numbers from 1."),
    ],
)
@pytest.mark.parametrize("name", ["mark-read", "mark-unread"])
def test_words_that_make_no_sense(invoke: Run, name: str, words: str, sentence: str) -> None:
    result = invoke(name, *words.split())
    assert result.stderr.split(" See ")[0].strip() == sentence
    assert result.code == errors.USAGE


def test_notifications_are_newest_first_with_their_state(invoke: Run) -> None:
    one = send("alice", "bob", "one", read=True).pk
    two = send("carol", "bob", "two").pk
    result = invoke("notifications", "bob")
    head, first, second = result.stdout.splitlines()
    assert head.split() == ["Message", "From", "When", "State", "Text"]
    assert first.split()[:2] + first.split()[-2:] == [str(two), "carol", "unread", "two"]
    assert second.split()[:2] + second.split()[-2:] == [str(one), "alice", "read", "one"]
    assert result.stderr == "2 notifications.\n"


def test_notifications_that_are_cleared_leave_their_messages_read(invoke: Run) -> None:
    send("alice", "bob")
    send("bob", "alice")
    assert invoke("notifications", "bob", "--clear").stdout == "1 cleared\n"
    assert Notification.objects.get().user.username == "alice"
    assert [m.receiver.username for m in Message.objects.filter(read=False)] == ["alice"]
    assert invoke("notifications", "bob").stderr == "No notifications for bob.\n"


def test_clearing_nothing_is_no_error(invoke: Run) -> None:
    people("bob")
    result = invoke("notifications", "bob", "--clear", "--json")
    assert (result.json, result.code) == ({"cleared": 0}, errors.DONE)


def test_a_notification_says_which_message_it_is_about(invoke: Run) -> None:
    pk = send("alice", "bob").pk
    (row,) = invoke("notifications", "bob", "--json").json
    assert (row["user"], row["read"], row["message"]["id"]) == ("bob", False, pk)

"""Reading: thread, conversation, inbox, unread. Nothing is added, nothing is marked unasked."""

from datetime import datetime, timedelta, timezone

import pytest
from django.contrib.auth.models import User

from messaging.models import Message, Notification
from msgcli import errors
from tests.conftest import Run
from tests.factories import disagreeing, people, plant_many, send, send_many, shape

# So long ago that it is said in the same words during a whole test.
THEN = datetime.now(timezone.utc) - timedelta(days=2, hours=6)

READS = [
    "thread {id}",
    "conversation alice bob",
    "inbox bob",
    "unread bob",
    "history {id}",
    "notifications bob",
    "users",
    "stats bob",
    "export",
    "check",
]


def invoke_words(invoke: Run, words: str, pk: int = 0) -> None:
    name, *rest = words.format(id=pk).split()
    assert invoke(name, *rest).stdout


def test_a_thread_is_a_tree_whichever_message_is_named(invoke: Run) -> None:
    first = send("alice", "bob", "Lunch at noon?", pk=1, timestamp=THEN, read=True)
    second = send("bob", "alice", "Make it\none.", pk=2, parent_message=first, timestamp=THEN)
    send("alice", "bob", "Fine. [map]", pk=4, parent_message=second, timestamp=THEN, edited=True)
    send("alice", "carol", "Joining us?", pk=3, parent_message=first, timestamp=THEN)
    result = invoke("thread", "4")
    assert result.stdout.splitlines() == [
        "#1 alice → bob · 2 days ago",
        "│  Lunch at noon?",
        "├── #2 bob → alice · 2 days ago · unread",
        "│   │  Make it",
        "│   │  one.",
        "│   └── #4 alice → bob · 2 days ago · unread · edited",
        "│          Fine. [map]",
        "└── #3 alice → carol · 2 days ago · unread",
        "       Joining us?",
    ]
    assert result.stderr == "4 messages, 3 people, 3 unread\n"
    assert invoke("thread", "1").stdout == result.stdout


def test_a_thread_as_json_is_nested(invoke: Run) -> None:
    first = send("alice", "bob", "one")
    second = send("bob", "alice", "two", parent_message=first)
    send("alice", "bob", "three", parent_message=second)
    thread = invoke("thread", str(second.pk), "--json").json
    assert thread["content"] == "one"
    assert thread["replies"][0]["replies"][0]["content"] == "three"
    assert thread["replies"][0]["replies"][0]["replies"] == []


def test_a_thread_deeper_than_the_stack_of_python_is_shown_whole(invoke: Run) -> None:
    plant_many(shape("deep", 3_000))
    assert invoke("thread", "3000").stdout.count(" → ") == 3_000
    assert invoke("thread", "1", "--json").stdout.count('"replies": [') == 3_000


def test_unread_is_newest_first(invoke: Run) -> None:
    first = send("alice", "bob", "Release notes", pk=8, timestamp=THEN)
    send("carol", "bob", "two\nlines", pk=10, timestamp=THEN, parent_message=first, edited=True)
    send("carol", "bob", "seen", read=True)
    result = invoke("unread", "bob")
    assert result.stdout.splitlines() == [
        "ID  From   Thread  When        Message",
        "10  carol  #8      2 days ago  (edited) two lines",
        " 8  alice  #8      2 days ago  Release notes",
    ]
    hint = "2 unread. msgcli thread ID to read, msgcli mark-read ID when done.\n"
    assert result.stderr == hint


def test_unread_of_nothing_says_so(invoke: Run) -> None:
    people("bob")
    result = invoke("unread", "bob")
    assert (result.stdout, result.stderr, result.code) == ("", "Nothing unread for bob.\n", 0)


def test_inbox_has_a_row_for_each_other_person_newest_first(invoke: Run) -> None:
    send("bob", "alice", "older", timestamp=THEN - timedelta(minutes=1))
    send("bob", "alice", "Make it one.", timestamp=THEN)
    send("alice", "carol", "Joining us?", timestamp=THEN + timedelta(minutes=1))
    result = invoke("inbox", "alice")
    assert result.stdout.splitlines() == [
        "With   Unread  Last        Message",
        "carol       –  2 days ago  you: Joining us?",
        "bob         2  2 days ago  bob: Make it one.",
    ]
    assert result.stderr == "2 conversations.\n"


def test_inbox_as_json(invoke: Run) -> None:
    pk = send("bob", "alice").pk
    (row,) = invoke("inbox", "alice", "--json").json
    assert (row["user"], row["unread"], row["last_message"]["id"]) == ("bob", 1, pk)


def test_inbox_of_nothing_says_so(invoke: Run) -> None:
    people("alice")
    result = invoke("inbox", "alice")
    assert (result.stdout, result.stderr) == ("", "No messages for alice yet.\n")


def test_conversation_is_newest_last_with_the_thread_of_replies(invoke: Run) -> None:
    first = send("alice", "bob", "one", pk=1, timestamp=THEN, read=True)
    send("bob", "alice", "two", pk=2, parent_message=first, timestamp=THEN, read=True)
    send("alice", "carol", "not this")
    result = invoke("conversation", "bob", "alice")
    assert result.stdout.splitlines() == [
        "#1 alice → bob · 2 days ago",
        "   one",
        "#2 bob → alice · 2 days ago · in thread 1",
        "   two",
    ]


def test_conversation_of_nothing_says_so(invoke: Run) -> None:
    people("alice", "bob")
    result = invoke("conversation", "alice", "bob")
    assert (result.stdout, result.stderr) == ("", "No messages between alice and bob.\n")


def test_conversation_is_paged_back_by_id(invoke: Run) -> None:
    ids = [message.pk for message in send_many(7)]
    words = ("conversation", "alice", "bob", "--json", "--limit", "3")
    page = [message["id"] for message in invoke(*words).json]
    assert page == ids[4:]
    page = [message["id"] for message in invoke(*words, "--before", str(page[0])).json]
    assert page == ids[1:4]
    page = [message["id"] for message in invoke(*words, "--before", str(page[0])).json]
    assert page == ids[:1]


def test_conversation_says_how_to_see_what_is_older(invoke: Run) -> None:
    ids = [message.pk for message in send_many(5)]
    result = invoke("conversation", "alice", "bob", "--limit", "2")
    older = f"3 older: msgcli conversation alice bob --before {ids[3]}\n"
    assert result.stderr == older


@pytest.mark.parametrize("name", ["unread bob", "notifications bob", "conversation alice bob"])
def test_a_limit_keeps_the_newest(invoke: Run, name: str) -> None:
    newest = {message.pk for message in send_many(5)[3:]}
    shown = invoke(*name.split(), "--json", "--limit", "2").json
    assert {row.get("message", row)["id"] for row in shown} == newest


def test_a_limit_says_how_many_are_not_shown(invoke: Run) -> None:
    send_many(5)
    result = invoke("unread", "bob", "-n", "2")
    assert result.stderr.startswith("2 of 5 unread; --limit N shows more. ")
    assert len(result.stdout.splitlines()) == 3


@pytest.mark.parametrize("name", ["unread bob", "notifications bob", "conversation alice bob"])
def test_a_pipe_gets_everything(invoke: Run, name: str) -> None:
    send_many(120)
    assert len(invoke(*name.split(), "--json").json) == 120
    assert invoke(*name.split()).stdout.count(" message ") >= 120


def test_a_pipe_gets_wide_names_and_long_texts_uncut(invoke: Run) -> None:
    text = "漢字" * 400 + "END"
    send("名" * 60, "bob", text)
    (line,) = invoke("unread", "bob").stdout.splitlines()[1:]
    assert "名" * 60 in line
    assert line.endswith(text)


@pytest.mark.parametrize("words", READS)
def test_reading_marks_nothing(invoke: Run, words: str) -> None:
    message = send("alice", "bob")
    invoke_words(invoke, words, message.pk)
    assert not Message.objects.get().read
    assert not Notification.objects.get().read


@pytest.mark.parametrize(
    "words",
    [
        "inbox carol",
        "unread carol",
        "conversation carol alice",
        "notifications carol",
        "export carol",
        "delete-user carol",
        "set-password carol",
        "mark-read --all carol",
    ],
)
def test_only_sending_adds_people(invoke: Run, words: str) -> None:
    people("alice")
    result = invoke(*words.split())
    assert (result.stderr, result.code) == ("No user carol.\n", errors.NOT_FOUND)
    assert list(User.objects.values_list("username", flat=True)) == ["alice"]


@pytest.mark.parametrize("words", ["unread bbo", "inbox bbo", "conversation alice bbo"])
def test_a_near_name_is_named(invoke: Run, words: str) -> None:
    people("alice", "bob")
    result = invoke(*words.split())
    assert (result.stderr, result.code) == (
        "No user bbo. Did you mean bob?\n",
        errors.NOT_FOUND,
    )


@pytest.mark.parametrize("words", ["inbox", "unread", "notifications", "set-password"])
def test_whose_is_asked_when_nobody_is_named(invoke: Run, words: str) -> None:
    result = invoke(words)
    sentence = "Whose? Name a USER, or set MSGCLI_USER to your own name.\n"
    assert (result.stderr, result.code) == (sentence, errors.USAGE)


def test_with_whom_is_asked_when_one_is_missing(invoke: Run) -> None:
    result = invoke("conversation", "alice")
    sentence = "With whom? msgcli conversation USER OTHER, or set MSGCLI_USER.\n"
    assert (result.stderr, result.code) == (sentence, errors.USAGE)


@pytest.mark.parametrize(
    "words", ["inbox", "unread", "notifications", "conversation bob", "export"]
)
def test_msgcli_user_is_me(invoke: Run, words: str) -> None:
    send("bob", "alice", "for alice")
    send("bob", "carol", "for carol")
    result = invoke(*words.split(), env={"MSGCLI_USER": "alice"})
    assert "for alice" in result.stdout
    assert "for carol" not in result.stdout


def test_one_who_is_named_goes_before_me(invoke: Run) -> None:
    send("alice", "bob", "for bob")
    assert "for bob" in invoke("unread", "bob", env={"MSGCLI_USER": "alice"}).stdout


@pytest.mark.parametrize("words", ["unread bob", "thread {}", "conversation bob alice"])
def test_what_is_shown_is_marked_when_asked(invoke: Run, words: str) -> None:
    message = send("alice", "bob", "hi")
    other = send("carol", "alice", "not shown")
    invoke(*words.format(message.pk).split(), "--mark-read")
    assert dict(Message.objects.values_list("pk", "read")) == {message.pk: True, other.pk: False}
    assert disagreeing() == []


def test_only_what_is_shown_is_marked(invoke: Run) -> None:
    send_many(5)
    invoke("unread", "bob", "--limit", "2", "--mark-read")
    assert Message.objects.filter(read=False).count() == 3


def test_in_a_thread_only_my_own_are_marked(invoke: Run) -> None:
    first = send("alice", "bob")
    send("bob", "alice", parent_message=first)
    invoke("thread", str(first.pk), "--mark-read", env={"MSGCLI_USER": "bob"})
    assert Message.objects.get(read=True) == first

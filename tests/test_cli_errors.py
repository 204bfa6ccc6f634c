"""What people get wrong, and what goes wrong around them: one sentence, one exit code, no harm."""

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management.color import no_style
from django.db import connection

from messaging.models import Message
from msgcli import errors
from tests.conftest import Run
from tests.factories import people, send

LARGEST = 2**63 - 1

TEXTS = [
    ("", "A message can't be blank."),
    (" \n\t\u3000", "A message can't be blank."),
    ("x" * 100_001, "The text has 100,001 characters; the limit is 100,000."),
    ("a\0b", "The text contains a NUL character, which can't be stored."),
]

NAMES = [
    ("", "A user name can't be blank."),
    ("a\x1b[31m", "A user name can't contain control characters."),
    ("a\u202eb", "A user name can't contain control characters."),
    ("a\nb", "A user name can't contain control characters."),
    ("a/b", "A user name can't contain a slash."),
    ("a" * 151, "A user name can have 150 characters at most; this has 151."),
]

IDS = [
    ("x", "x is not an id: ids are whole numbers from 1"),
    ("1.5", "1.5 is not an id: ids are whole numbers from 1"),
    ("1_0", "1_0 is not an id: ids are whole numbers from 1"),
    ("", " is not an id: ids are whole numbers from 1"),
    ("0", f"0 is not an id: ids are whole numbers from 1 to {LARGEST}"),
    (str(LARGEST + 1), f"{LARGEST + 1} is not an id: ids are whole numbers from 1 to {LARGEST}"),
    ("9" * 5000, f"{'9' * 5000} is not an id: ids are whole numbers from 1 to {LARGEST}"),
]


def stored() -> tuple[list[str], list[str]]:
    """The texts and the names that there are."""
    texts = Message.objects.order_by("id").values_list("content", flat=True)
    return list(texts), list(User.objects.order_by("username").values_list("username", flat=True))


@pytest.mark.parametrize(("text", "sentence"), TEXTS)
def test_a_text_that_can_not_be_sent(invoke: Run, text: str, sentence: str) -> None:
    result = invoke("send", "alice", "bob", "-", input=text)
    assert (result.stdout, result.stderr, result.code) == ("", f"{sentence}\n", errors.REFUSED)
    assert stored() == ([], [])


@pytest.mark.parametrize("command", ["reply", "edit"])
@pytest.mark.parametrize(("text", "sentence"), TEXTS)
def test_a_text_that_can_not_be_replied_or_edited(
    invoke: Run, command: str, text: str, sentence: str
) -> None:
    pk = send("alice", "bob", "hi").pk
    result = invoke(command, str(pk), "alice", "-", input=text)
    assert (result.stderr, result.code) == (f"{sentence}\n", errors.REFUSED)
    assert stored() == (["hi"], ["alice", "bob"])


def test_the_longest_text_is_sent(invoke: Run) -> None:
    assert invoke("send", "alice", "bob", "-", input="x" * 100_000).code == errors.DONE


def test_another_limit_can_be_set(run: Run) -> None:
    result = run("send", "alice", "bob", "12345", env={"MSGCLI_MAX_LENGTH": "4"})
    sentence = "The text has 5 characters; the limit is 4.\n"
    assert (result.stderr, result.code) == (sentence, errors.REFUSED)


@pytest.mark.parametrize(
    ("words", "input", "sentence"),
    [
        ((b"a\xffb",), b"", "The text is not valid Unicode at character 2."),
        (("-",), b"a\xffb", "The text is not valid UTF-8: byte 0xff at position 1."),
        (("-",), b"\xed\xa0\x80", "The text is not valid UTF-8: byte 0xed at position 0."),
    ],
)
def test_bytes_that_are_no_text(
    run: Run, words: tuple[str | bytes, ...], input: bytes, sentence: str
) -> None:
    result = run("send", "alice", "bob", *words, input=input)
    assert (result.stdout, result.stderr, result.code) == ("", f"{sentence}\n", errors.REFUSED)
    assert run("users").stderr == "No users yet.\n"


def test_bytes_that_are_no_name(run: Run) -> None:
    result = run("send", b"al\xff", "bob", "hi")
    sentence = "A user name can't contain control characters.\n"
    assert (result.stderr, result.code) == (sentence, errors.REFUSED)
    result = run("unread", b"al\xff")
    assert (result.stderr, result.code) == ("No user al\\udcff.\n", errors.NOT_FOUND)


@pytest.mark.parametrize(("name", "sentence"), NAMES)
def test_a_name_that_can_not_be_added(invoke: Run, name: str, sentence: str) -> None:
    for words in (("send", name, "bob", "hi"), ("send", "bob", name, "hi"), ("add-user", name)):
        result = invoke(*words)
        assert (result.stderr, result.code) == (f"{sentence}\n", errors.REFUSED)
    assert stored() == ([], [])


@pytest.mark.parametrize("name", ["a/b", "a" * 151, "[bold]", "[/etc/passwd]", "nobody"])
def test_a_name_that_nobody_has(invoke: Run, name: str) -> None:
    result = invoke("unread", name)
    assert (result.stderr, result.code) == (f"No user {name}.\n", errors.NOT_FOUND)


def test_a_name_in_an_error_can_not_steer_the_terminal(invoke: Run) -> None:
    result = invoke("unread", "a\x1b[31m\u202eb")
    assert result.stderr == "No user a\\u001b[31m\\u202eb.\n"


@pytest.mark.parametrize("command", ["thread", "history", "delete", "mark-read", "mark-unread"])
@pytest.mark.parametrize(("id", "sentence"), IDS)
def test_an_id_that_is_none(invoke: Run, command: str, id: str, sentence: str) -> None:
    result = invoke(command, id)
    assert result.stderr.endswith(f"{sentence}. See msgcli {command} --help.\n")
    assert (result.stdout, result.code) == ("", errors.USAGE)


@pytest.mark.parametrize("command", ["thread", "history", "delete", "mark-read"])
def test_a_negative_id(invoke: Run, command: str) -> None:
    result = invoke(command, "-5")
    sentence = f"-5 is not an id: ids are whole numbers from 1. See msgcli {command} --help.\n"
    assert (result.stderr, result.code) == (sentence, errors.USAGE)


@pytest.mark.parametrize(
    "words",
    [
        "thread {}",
        "history {}",
        "delete {} --yes",
        "mark-read {}",
        "reply {} alice hi",
        "edit {} alice hi",
        "conversation alice bob --before {}",
    ],
)
@pytest.mark.parametrize("id", [99, LARGEST])
def test_an_id_that_no_message_has(invoke: Run, words: str, id: int) -> None:
    people("alice", "bob")
    with connection.cursor() as cursor:  # so that the numbers are known
        for statement in connection.ops.sequence_reset_sql(no_style(), [Message]):
            cursor.execute(statement)
    result = invoke(*words.format(id).split())
    sentence = f"No message {id}. There are none yet.\n"
    assert (result.stderr, result.code) == (sentence, errors.NOT_FOUND)
    newest = send("alice", "bob").pk
    result = invoke(*words.format(id).split())
    sentence = f"No message {id}. The newest is {newest}.\n"
    assert (result.stderr, result.code) == (sentence, errors.NOT_FOUND)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("frob", "No such command 'frob'. See msgcli --help."),
        ("thread", "Missing argument 'ID'. See msgcli thread --help."),
        ("thread 1 2", "Got unexpected extra argument(s) (2). See msgcli thread --help."),
        ("users --frob", "No such option: --frob. See msgcli users --help."),
    ],
)
def test_words_that_are_not_understood(invoke: Run, words: str, sentence: str) -> None:
    result = invoke(*words.split())
    assert (result.stdout, result.stderr, result.code) == ("", f"{sentence}\n", errors.USAGE)


def test_an_error_is_one_sentence_and_debug_adds_the_traceback(invoke: Run) -> None:
    plain = invoke("thread", "99")
    assert plain.stderr.count("\n") == 1
    debugged = invoke("--debug", "thread", "99")
    assert debugged.stderr.startswith("Traceback (most recent call last):\n")
    assert debugged.stderr.endswith(plain.stderr)
    assert debugged.code == plain.code == errors.NOT_FOUND


def test_debug_shows_what_was_not_foreseen(run: Run, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("1 / 0\n")
    result = run("--debug", "--settings", "broken", "users")
    assert "ZeroDivisionError" in result.stderr
    assert result.code == errors.NOT_READY


def test_exit_codes_are_those_that_were_promised() -> None:
    codes = (errors.DONE, errors.REFUSED, errors.USAGE, errors.NOT_FOUND, errors.NOT_CONFIRMED)
    assert (*codes, errors.NOT_READY, errors.INTERRUPTED) == (0, 1, 2, 3, 4, 5, 130)


HOSTILE = (
    "\x1b[31mred\x1b[0m \x9b2J \u202eback\u202c \u2066x\u2069 [bold]b[/bold] [/etc/passwd] \x07"
)
SHOWN = (
    r"\u001b[31mred\u001b[0m \u009b2J \u202eback\u202c \u2066x\u2069"
    r" [bold]b[/bold] [/etc/passwd] \u0007"
)


@pytest.mark.parametrize(
    "words",
    [
        "thread {}",
        "conversation alice bob",
        "unread bob",
        "inbox bob",
        "notifications bob",
        "history {}",
    ],
)
def test_a_hostile_text_is_kept_and_shown_harmless(invoke: Run, words: str) -> None:
    pk = invoke("send", "--json", "alice", "bob", "--", HOSTILE).json["id"]
    assert Message.objects.get().content == HOSTILE
    assert SHOWN in invoke(*words.format(pk).split()).stdout


def test_an_edit_of_a_hostile_text_is_shown_harmless(invoke: Run) -> None:
    pk = send("alice", "bob", HOSTILE).pk
    invoke("edit", str(pk), "new")
    assert f"- {SHOWN}\n" in invoke("history", str(pk)).stdout


@pytest.mark.parametrize("name", ["[bold]", "#ubuntu", "foo[away]", ":smile:"])
def test_a_name_with_markup_is_shown_as_it_is(invoke: Run, name: str) -> None:
    pk = invoke("send", name, "bob", "hi", "--json").json["id"]
    for words in (f"thread {pk}", "unread bob", "inbox bob", "notifications bob", "users"):
        assert name in invoke(*words.split()).stdout
    assert name in invoke("delete-user", name).stderr
    assert invoke("delete-user", name, "--yes").stdout.startswith(f"{name} is deleted: 1 message,")


def test_a_hostile_name_from_elsewhere_is_shown_harmless(invoke: Run) -> None:
    """A host project may have let it in."""
    pk = send("a\x1b[31m", "bob", "hi").pk
    for words in (f"thread {pk}", "unread bob", "inbox bob", "notifications bob", "users"):
        assert "a\\u001b[31m" in invoke(*words.split()).stdout
    assert "\x1b" not in invoke("delete-user", "bob").stderr

"""msgcli search."""

from datetime import datetime, timezone

import pytest

from messaging.search.words import excerpt, spans, terms
from msgcli import errors, render
from tests.conftest import Run
from tests.factories import send

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)


@pytest.fixture(autouse=True)
def messages(invoke: Run) -> None:
    """Three messages, two of them about lunch."""
    send("alice", "bob", "Lunch at noon?", pk=1, timestamp=NOON)
    send("bob", "alice", "No\x1b[2J, lunch\nat one", pk=2, timestamp=NOON)
    send("bob", "carol", "Café tomorrow", pk=3, timestamp=NOON.replace(day=24))


def found(invoke: Run, *words: str) -> list[int]:
    return [one["id"] for one in invoke("search", *words, "--json").json]


def test_what_is_found_is_a_list_with_ids(invoke: Run) -> None:
    result = invoke("search", "lunch", "at")
    lines = result.stdout.splitlines()
    assert lines[0].split() == ["ID", "From", "To", "When", "Message"]
    assert sorted(lines[1:])[0].startswith(" 1  alice  bob    ")
    assert sorted(lines[1:])[1].endswith("  No\\u001b[2J, lunch at one")
    assert result.stderr == "2 messages. msgcli thread ID to read.\n"


@pytest.mark.parametrize(
    ("words", "ids"),
    [
        (["cafe"], [3]),
        (['"at noon"'], [1]),
        (["lun*", "--user", "alice"], [1, 2]),
        (["lunch", "--user", "carol"], []),
        (["cafe", "--user", "bob", "--with", "carol"], [3]),
        (["cafe", "--user", "bob", "--with", "alice"], []),
        (["cafe", "--since", "2026-11-24"], [3]),
        (["lunch", "--since", "2026-11-24"], []),
        (["lunch", "--until", "2026-11-23"], [1, 2]),
    ],
)
def test_what_is_searched_is_chosen(invoke: Run, words: list[str], ids: list[int]) -> None:
    assert sorted(found(invoke, *words)) == ids


def test_the_best_of_many(invoke: Run) -> None:
    assert len(found(invoke, "lunch", "-n", "1")) == 1
    result = invoke("search", "lunch", "--limit", "1")
    assert result.stderr == ("1 of 2 messages; --limit N shows more. msgcli thread ID to read.\n")


def test_whose_messages_they_are(invoke: Run) -> None:
    carol = {"MSGCLI_USER": "carol"}
    assert invoke("search", "lunch", "--json", env=carol).json == []
    assert len(invoke("search", "lunch", "--json", "--all", env=carol).json) == 2
    result = invoke("search", "lunch", "--user", "nobody")
    assert (result.code, result.stderr) == (errors.NOT_FOUND, "No user nobody.\n")
    result = invoke("search", "lunch", "--with", "bob")
    usage = "msgcli search WORDS --user USER --with OTHER"
    assert (result.code, result.stderr) == (
        errors.USAGE,
        f"With OTHER, who? {usage}, or set MSGCLI_USER.\n",
    )


@pytest.mark.parametrize(
    ("typed", "said"), [("nonsense", "Nothing found.\n"), ('"*"', "There are no words in that.\n")]
)
def test_what_is_not_found_is_said(invoke: Run, typed: str, said: str) -> None:
    result = invoke("search", typed)
    assert (result.stdout, result.stderr, result.code) == ("", said, errors.DONE)
    assert invoke("search", typed, "--json").stdout == "[]\n"


def test_json_says_which_characters_match(invoke: Run) -> None:
    [one] = invoke("search", "noon", "--json").json
    assert (one["content"], one["matches"]) == ("Lunch at noon?", [[9, 13]])


def test_on_a_terminal_the_words_are_marked_and_the_text_begins_near_them() -> None:
    text = "A long beginning that nobody looks for,\nand then the lunch that they want"
    parts = spans(text, terms("lunch"))
    shown = list(excerpt(text, parts, render.BEFORE_MATCH))
    assert shown == [
        ("…", False),
        ("and then the ", False),
        ("lunch", True),
        (" that they want", False),
    ]
    assert "".join(piece for piece, _ in excerpt(text, (), 16)) == text.replace("\n", " ")

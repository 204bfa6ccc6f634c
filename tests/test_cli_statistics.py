"""`stats`: whose, in which zone, and what a terminal, a pipe and a script get."""

from datetime import datetime, timedelta, timezone

import pytest

from msgcli import errors
from tests.conftest import Run
from tests.factories import people, send

MONDAY = datetime(2026, 1, 5, 23, 30, tzinfo=timezone.utc)

pytestmark = pytest.mark.django_db


@pytest.fixture
def talk(db: None) -> None:
    """Alice and bob, with one reply a minute later, and a message of carol's in the next week."""
    first = send("alice", "bob", pk=1, timestamp=MONDAY)
    send("bob", "alice", pk=2, parent_message=first, timestamp=MONDAY + timedelta(minutes=1))
    send("carol", "bob", pk=3, timestamp=MONDAY + timedelta(days=7))


@pytest.mark.usefixtures("talk")
def test_everybody(invoke: Run) -> None:
    result = invoke("stats")
    lines = result.stdout.splitlines()
    assert (result.code, result.stderr) == (errors.DONE, "")
    assert lines[0] == "Everybody's messages, times in UTC"
    assert lines[2:9] == [
        "Messages  3",
        "Unread    3",
        "Edited    0",
        "People    3",
        "Threads   2   the longest, #1, has 2 messages",
        "First     2026-01-05 23:30",
        "Last      2026-01-12 23:30",
    ]
    assert "Messages per week" in lines
    assert lines[-1] == "Everybody          1        1 min       1 min"


@pytest.mark.usefixtures("talk")
def test_one_user_is_named_or_is_msgcli_user_unless_all_is_said(invoke: Run) -> None:
    me = {"MSGCLI_USER": "alice"}
    heads = [
        invoke(*words, env=me).stdout.splitlines()[0].split(",")[0]
        for words in (["stats"], ["stats", "bob"], ["stats", "--all"])
    ]
    assert heads == ["Messages of alice", "Messages of bob", "Everybody's messages"]


@pytest.mark.usefixtures("talk")
def test_hours_and_weeks_are_those_of_the_zone(invoke: Run) -> None:
    found = invoke("stats", "--zone", "Europe/Berlin", "--json").json
    assert found["zone"] == "Europe/Berlin"
    assert {hour: n for hour, n in enumerate(found["hours"]) if n} == {0: 3}
    assert "First     2026-01-06 00:30" in invoke("stats", "--zone", "Europe/Berlin").stdout


@pytest.mark.usefixtures("talk")
def test_as_json(invoke: Run) -> None:
    found = invoke("stats", "alice", "--json").json
    assert found == {
        "user": "alice",
        "messages": 2,
        "sent": 1,
        "received": 1,
        "unread": 1,
        "edited": 0,
        "first": "2026-01-05T23:30:00Z",
        "last": "2026-01-05T23:31:00Z",
        "people": 1,
        "busiest": [{"name": "bob", "sent": 1, "received": 1}],
        "threads": 1,
        "longest_thread": {"id": 1, "messages": 2},
        "zone": "UTC",
        "hours": [0] * 23 + [2],
        "period": "week",
        "periods": [{"start": "2026-01-05", "messages": 2}],
        "replying": {"replies": 0, "median": None, "ninetieth": None, "misdated": 0},
        "waiting": {"replies": 1, "median": 60.0, "ninetieth": 60.0, "misdated": 0},
    }


def test_of_nothing_says_so(invoke: Run) -> None:
    result = invoke("stats")
    assert (result.stdout, result.stderr, result.code) == ("", "No messages yet.\n", 0)
    people("alice")
    result = invoke("stats", "alice")
    assert (result.stdout, result.stderr) == ("", "No messages for alice yet.\n")
    found = invoke("stats", "--json").json
    assert (found["messages"], found["first"], found["periods"]) == (0, None, [])


def test_an_unknown_user_is_the_usual_sentence(invoke: Run) -> None:
    people("bob")
    result = invoke("stats", "bbo")
    expected = ("", "No user bbo. Did you mean bob?\n", errors.NOT_FOUND)
    assert (result.stdout, result.stderr, result.code) == expected


@pytest.mark.parametrize(
    "zone", ["Europe", "Mars/Olympus", "../etc/passwd", "/etc/localtime", "a\0b", "", "x" * 5000]
)
def test_an_unknown_zone_is_wrong_usage(invoke: Run, zone: str) -> None:
    result = invoke("stats", "--zone", zone)
    sentence = f"there is no time zone {zone}: they have names like Europe/Berlin."
    assert result.code == errors.USAGE
    assert sentence.replace("\0", r"\u0000") in result.stderr


@pytest.mark.parametrize("at", [datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59)])
def test_a_message_at_the_end_of_the_calendar_is_shown(invoke: Run, at: datetime) -> None:
    send(timestamp=at.replace(tzinfo=timezone.utc))
    for zone in ("America/New_York", "Asia/Kathmandu"):
        assert invoke("stats", "--zone", zone).code == errors.DONE


def test_where_the_encoding_has_no_blocks_it_is_ascii(run: Run) -> None:
    run("send", "alice", "bob", "hi")
    result = run("stats", env={"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"})
    assert result.stdout.isascii()
    assert "\\u" not in result.stdout.split("Reply times")[0]
    assert "1 |" in result.stdout
    assert "█" in run("stats").stdout

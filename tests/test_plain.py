"""Plain data for JSON: the same shape everywhere, and harmless on a terminal."""

from __future__ import annotations

import json
import unicodedata
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging import plain
from messaging.managers import InboxRow, NotificationRow, VersionRow
from messaging.threads import MessageRow

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
ROW = MessageRow(2, "alice", "bob", "hi", NOON, False, True, 1, 1)
MESSAGE = {
    "id": 2,
    "sender": "alice",
    "receiver": "bob",
    "content": "hi",
    "timestamp": "2026-01-01T12:00:00Z",
    "read": False,
    "edited": True,
    "parent_id": 1,
}


def test_a_message_has_these_fields() -> None:
    assert plain.message(ROW) == MESSAGE


def test_an_inbox_row_has_these_fields() -> None:
    row = plain.inbox_row(InboxRow("bob", ROW, 3))
    assert row == {"user": "bob", "last_message": MESSAGE, "unread": 3}


def test_a_notification_has_these_fields() -> None:
    found = plain.notification(NotificationRow(7, "bob", NOON, True, ROW))
    time = "2026-01-01T12:00:00Z"
    assert found == {"id": 7, "user": "bob", "timestamp": time, "read": True, "message": MESSAGE}


def test_a_version_has_these_fields() -> None:
    found = plain.version(VersionRow(1, "hi", NOON, None))
    time = "2026-01-01T12:00:00Z"
    assert found == {"version": 1, "content": "hi", "timestamp": time, "edited_by": None}


@pytest.mark.parametrize(
    ("moment", "text"),
    [
        (NOON, "2026-01-01T12:00:00Z"),
        (NOON.replace(microsecond=1), "2026-01-01T12:00:00.000001Z"),
        (NOON.astimezone(timezone(timedelta(hours=5, minutes=30))), "2026-01-01T12:00:00Z"),
        (datetime(1, 1, 1, tzinfo=timezone.utc), "0001-01-01T00:00:00Z"),
    ],
)
def test_times_are_in_utc(moment: datetime, text: str) -> None:
    assert plain.utc(moment) == text
    assert datetime.fromisoformat(text) == moment


@given(st.text())
def test_json_holds_every_text_and_nothing_that_steers_a_terminal(text: str) -> None:
    written = plain.dumps({"content": text})
    assert json.loads(written) == {"content": text}
    assert not {unicodedata.category(char) for char in written} & {"Cc", "Zl", "Zp"}
    assert "\u202e" not in written


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b[31m", "\\u001b[31m"),
        ("\x9b", "\\u009b"),
        ("\u202eabc", "\\u202eabc"),
        ("\u200b", "\\u200b"),
        ("\U000e0041", "\\udb40\\udc41"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("👩‍👩‍👧 é 日本", "👩‍👩‍👧 é 日本"),
    ],
)
def test_what_a_terminal_would_act_on_is_shown_escaped(text: str, shown: str) -> None:
    assert plain.show_unsafe(text) == shown


@given(st.text())
def test_one_line_is_one_line(text: str) -> None:
    assert len(plain.one_line(text).splitlines()) == 1


def test_blank_text_is_shown_as_such() -> None:
    assert [plain.one_line(text) for text in ("", " \n", " a\n b ")] == [
        "(blank)",
        "(blank)",
        "a b",
    ]

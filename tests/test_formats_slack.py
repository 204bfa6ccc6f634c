"""Exports of Slack: a folder a channel, a file a day."""

from __future__ import annotations

import io
import json
import sys
import zipfile
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.archive.formats import opened, slack
from messaging.archive.letters import Letter, Person
from messaging.exceptions import ArchiveError
from tests.letters import UNHURRIED, entries, texts, write

USERS = [
    {
        "id": "U1",
        "name": "alice",
        "profile": {"display_name": "Alice", "email": "Alice@Example.com"},
    },
    {"id": "U2", "name": "bob", "profile": {"display_name": "", "real_name": "Bob B."}},
    {"id": "U3", "name": "carol"},
]
CHANNELS = [{"id": "C1", "name": "general", "members": ["U1", "U2", "U3"]}]
DMS = [{"id": "D1", "members": ["U1", "U2"]}, {"id": "D2", "members": ["U1", "U1"]}]
DAY = "general/2026-01-01.json"
ALICE, BOB = Person("alice@example.com", "Alice"), Person("", "Bob B.")


def said(
    text: str = "hi", user: str = "U1", ts: str = "1767268800.000100", **more: Any
) -> dict[str, Any]:
    return {"type": "message", "text": text, "user": user, "ts": ts, **more}


def export(path: Path, days: dict[str, Any], root: str = "") -> Path:
    """A zip with these days, by the names of their files."""
    content: dict[str, Any] = {"users.json": USERS, "channels.json": CHANNELS, "dms.json": DMS}
    content |= days
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, value in content.items():
            packed.writestr(root + name, value if isinstance(value, bytes) else json.dumps(value))
    return path


def unpacked(path: Path, folder: Path) -> Path:
    with zipfile.ZipFile(path) as packed:
        packed.extractall(folder)
    return folder


def one(tmp_path: Path, message: Any, name: str = DAY) -> Any:
    """What the only message of an export is read as."""
    ((_, _, found),) = entries(export(tmp_path / "export.zip", {name: [message]}))
    return found


def test_a_message_of_a_channel_is_a_letter(tmp_path: Path) -> None:
    assert one(tmp_path, said(thread_ts="1767268700.000000")) == Letter(
        id="1767268800.000100.C1@slack.invalid",
        references=("1767268700.000000.C1@slack.invalid",),
        sender=ALICE,
        recipient=Person("", "#general"),
        subject="",
        content="hi",
        timestamp=datetime(2026, 1, 1, 12, 0, 0, 100, tzinfo=timezone.utc),
        read=True,
    )


def test_a_zip_a_folder_and_stdin_hold_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    days = {
        "general/2026-01-02.json": [said("c")],
        DAY: [said("a"), said("b", ts="1767268801.000000")],
        "D1/2026-01-01.json": [said("d")],
    }
    for root in ("", "workspace/"):
        path = export(tmp_path / "export.zip", days, root)
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))
        assert texts(path) == texts("-") == ["d", "a", "b", "c"]
        assert entries(path)[1][:2] == (root + DAY, 1)
    folder = unpacked(export(path, days), tmp_path / "unpacked")
    assert entries(folder) == entries(path)
    with opened(str(folder)) as archive:
        assert archive.format == "slack"
    assert [place for place, _, _ in entries(tmp_path)][:2] == [
        "export.zip/D1/2026-01-01.json",
        "export.zip/general/2026-01-01.json",
    ]


def test_what_was_read_of_a_zip_adds_up_to_its_size(tmp_path: Path) -> None:
    days = {f"general/2026-01-{n:02}.json": [said("x" * 5_000)] for n in range(1, 30)}
    path = export(tmp_path / "export.zip", days)
    told: list[int] = []
    with opened(str(path), on_read=told.append) as archive:
        list(archive)
    assert sum(told) == archive.size == path.stat().st_size


@pytest.mark.parametrize(
    ("message", "sender"),
    [
        (said(), ALICE),
        (said(user="U2"), BOB),
        (said(user="U3"), Person("", "carol")),
        (said(user="U9"), Person("", "U9")),
        (said(user="U9", user_profile={"display_name": "Dave"}), Person("", "Dave")),
        (said(user="", username="deploys", bot_id="B1"), Person("", "deploys")),
        (said(user="", bot_id="B1", bot_profile={"name": "deploys"}), Person("", "deploys")),
        (said(user="", bot_id="B1"), Person("", "B1")),
        (said(user="", comment={"user": "U2"}), BOB),
    ],
)
def test_senders_are_people_and_programs(tmp_path: Path, message: Any, sender: Person) -> None:
    assert one(tmp_path, message).sender == sender


@pytest.mark.parametrize(
    ("user", "folder", "recipient"),
    [
        ("U1", "D1", BOB),
        ("U2", "D1", ALICE),
        ("U1", "D2", ALICE),
        ("U1", "unlisted", Person("", "#unlisted")),
    ],
)
def test_a_message_between_two_is_for_the_other(
    tmp_path: Path, user: str, folder: str, recipient: Person
) -> None:
    assert one(tmp_path, said(user=user), f"{folder}/2026-01-01.json").recipient == recipient


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("<@U1> and <@U2|bobby> and <@U9>", "@Alice and @Bob B. and @U9"),
        ("<#C1> <#C1|general> <#C9|other>", "#general #general #other"),
        ("<!here> <!subteam^S1|@team> <!date^1^{date}|today>", "@here @team today"),
        ("<http://x> <http://x|label> <http://x|http://x>", "http://x label (http://x) http://x"),
        ("<mailto:a@x|a@x>", "a@x"),
        ("1 &lt; 2 &amp;&amp; 3 &gt; 2 &amp;lt;", "1 < 2 && 3 > 2 &lt;"),
        ("*a* _b_", "*a* _b_"),
        ("\0\ud800", "��"),
    ],
)
def test_the_marks_of_slack_become_text(tmp_path: Path, text: str, wanted: str) -> None:
    assert one(tmp_path, said(text)).content == wanted


def test_files_and_quotes_are_lines(tmp_path: Path) -> None:
    quote = {
        "pretext": "a build",
        "title": "<http://x|it>",
        "title_link": "http://y",
        "text": "failed\nat 5",
        "fields": [{"title": "by", "value": "bob"}],
        "fallback": "not needed",
    }
    found = one(
        tmp_path,
        said(
            attachments=[quote, {"fallback": "only this"}, "junk"],
            files=[{"name": "a.pdf", "size": 12_345}, {"mode": "tombstone"}, {"title": "b"}],
            file={"name": "c", "size": 1},
        ),
    )
    assert found.content.splitlines() == [
        "hi",
        "> a build",
        "> it (http://x)",
        "> failed",
        "> at 5",
        "> by: bob",
        "> http://y",
        "> only this",
        "[attachment: a.pdf, 12.3 kB]",
        "[attachment: tombstone, not in the archive]",
        "[attachment: b]",
        "[attachment: c, 1 Byte]",
    ]


def test_a_message_of_blocks_alone_has_their_text(tmp_path: Path) -> None:
    blocks = [
        {"type": "section", "text": {"text": "a"}},
        {"elements": [{"text": "b"}, {"text": "c"}]},
    ]
    assert one(tmp_path, said("", blocks=blocks)).content == "a b c"


@pytest.mark.parametrize(
    ("message", "reason"),
    [
        (said(subtype="tombstone"), "it was deleted."),
        (said(ts="yesterday"), "its time is not one of Slack."),
        (said(ts="99999999999999999999.1"), "its time is not one of Slack."),
        ("text", "its time is not one of Slack."),
        (None, "its time is not one of Slack."),
    ],
)
def test_what_is_no_message_is_reported(tmp_path: Path, message: Any, reason: str) -> None:
    found = one(tmp_path, message)
    assert isinstance(found, ArchiveError)
    assert found.reason == reason


def test_joining_is_a_message(tmp_path: Path) -> None:
    message = said("<@U1> has joined the channel", subtype="channel_join")
    assert one(tmp_path, message).content == "@Alice has joined the channel"


def test_a_bad_day_does_not_stop_the_next(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slack, "MAX_SIZE", 5_000)
    days: dict[str, Any] = {
        "general/2026-01-01.json": b"{",
        "general/2026-01-02.json": {},
        "general/2026-01-03.json": [said("x" * 6_000)],
        "general/2026-01-04.json": [said("good")],
        "general/canvas.json": [],
    }
    assert texts(export(tmp_path / "export.zip", days)) == [
        "it is not JSON.",
        "it is not a list in JSON.",
        "it is larger than 1 GiB when unpacked.",
        "good",
        "it is not a day of a channel.",
    ]


def test_a_zip_that_is_damaged_or_of_something_else_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = export(tmp_path / "export.zip", {DAY: [said()]}).read_bytes()
    cut = write(tmp_path / "cut.zip", whole[:-30])
    with pytest.raises(ArchiveError, match=r"cut\.zip is not an archive that can be read"):
        entries(cut)
    with zipfile.ZipFile(tmp_path / "other.zip", "w") as packed:
        packed.writestr("a.txt", "a")
    for data, sentence in (
        (whole[:-30], "it is a damaged zip file."),
        ((tmp_path / "other.zip").read_bytes(), "it is a zip file, but not an export of Slack."),
    ):
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(data)))
        with pytest.raises(ArchiveError) as caught:
            entries("-")
        assert str(caught.value) == sentence
    middle = whole.find(b"2026-01-01.json") + 25
    write(cut, whole[:middle] + b"\xff\xff\xff" + whole[middle + 3 :])
    assert texts(cut) == ["it can't be read: it is cut off or damaged."]


def test_lists_that_are_broken_are_named(tmp_path: Path) -> None:
    path = export(tmp_path / "export.zip", {DAY: [said()], "groups.json": b"{"})
    with pytest.raises(ArchiveError, match=r"^groups\.json: it is not JSON\.$"):
        entries(path)


KEYS = st.sampled_from(
    [*said(), "subtype", "files", "attachments", "thread_ts", "comment", "blocks"]
)
VALUES = st.recursive(
    st.none() | st.integers() | st.sampled_from(["1767268800.1", "tombstone", "<@U1>", "\0"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["text", "name", "size"]), inner, max_size=3)
    ),
    max_leaves=5,
)


@UNHURRIED
@given(st.lists(st.dictionaries(KEYS, VALUES) | VALUES, max_size=5), VALUES)
def test_random_messages_are_read_or_reported(
    tmp_path_factory: pytest.TempPathFactory, messages: list[Any], members: Any
) -> None:
    dms = [{"id": "D1", "members": members, "name": members}]
    path = tmp_path_factory.getbasetemp() / "random.zip"
    day = "D1/2026-01-01.json"
    assert (
        len(texts(export(path, {"dms.json": dms, day: [said(), *messages]}))) == len(messages) + 1
    )

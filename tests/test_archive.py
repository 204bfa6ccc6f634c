"""Archives: in whatever order, however often, and whatever is in them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime, timezone
from random import Random
from typing import Any

import pytest
from django.contrib.auth.models import User
from hypothesis import given
from hypothesis import strategies as st

from messaging import health
from messaging.archive import (
    Letter,
    Person,
    Place,
    Record,
    Report,
    import_letters,
    import_records,
)
from messaging.archive.jsonlines import parse_line, records
from messaging.archive.writing import encoded
from messaging.exceptions import ArchiveError
from messaging.models import Mail, Message, MessageHistory, Notification
from tests.factories import EXAMPLES, disagreeing, people, send, undone

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=20)


def line(pk: object = 1, parent: object = None, **fields: object) -> dict[str, Any]:
    """One message of an archive."""
    return {
        "id": pk,
        "sender": "alice",
        "receiver": "bob",
        "content": f"text {pk}",
        "timestamp": "2026-01-01T12:00:00Z",
        "parent_id": parent,
        **fields,
    }


def as_bytes(lines: Iterable[object]) -> list[bytes]:
    return [one if isinstance(one, bytes) else json.dumps(one).encode() for one in lines]


def written(user: User | None = None) -> list[bytes]:
    """The messages of a user, or all, as export writes them."""
    messages = Message.objects.all() if user is None else Message.objects.of_user(user)
    return list(encoded(messages, "jsonl"))


def take(*lines: object, **options: bool) -> Report:
    """Import these lines: dicts, or the bytes of a line."""
    return import_records(records(as_bytes(lines)), **options)


def forest() -> dict[str, str | None]:
    """What each message of the store answers, by their texts."""
    found = Message.objects.values_list("content", "parent_message__content")
    assert len(found) == len(dict(found))
    return dict(found)


def refused(*lines: object, **options: bool) -> str:
    """The sentence with which these lines are refused; they must leave nothing behind."""
    before = (Message.objects.count(), Notification.objects.count(), User.objects.count())
    with pytest.raises(ArchiveError) as caught:
        take(*lines, **options)
    assert (Message.objects.count(), Notification.objects.count(), User.objects.count()) == before
    return str(caught.value)


def test_an_archive_brings_its_people_messages_and_notifications() -> None:
    report = take(line(1), line(2, 1, sender="bob", receiver="alice", read=True))
    assert (report.read, report.added, report.users_added) == (2, 2, 2)
    assert forest() == {"text 1": None, "text 2": "text 1"}
    assert list(Notification.objects.order_by("message").values_list("read", flat=True)) == [
        False,
        True,
    ]
    assert health.faults() == []


def test_the_names_of_other_programs_fields_are_understood() -> None:
    raw = line(1)
    raw["body"], raw["sent_at"] = raw.pop("content"), raw.pop("timestamp")
    take(raw)
    message = Message.objects.get()
    assert (message.content, message.timestamp.isoformat()) == (
        "text 1",
        "2026-01-01T12:00:00+00:00",
    )


@EXAMPLES
@given(st.lists(st.integers(0, 99), max_size=30), st.integers())
def test_the_order_of_the_lines_makes_no_difference(choices: list[int], seed: int) -> None:
    parents = [c % pk if pk and c % 3 else None for pk, c in enumerate(choices)]
    lines = [
        line(pk + 1, None if parent is None else parent + 1) for pk, parent in enumerate(parents)
    ]
    wanted = {
        f"text {pk + 1}": None if parent is None else f"text {parent + 1}"
        for pk, parent in enumerate(parents)
    }
    Random(seed).shuffle(lines)
    with undone():
        report = take(*lines)
        assert forest() == wanted
        assert (report.added, report.parents_absent, report.circles_opened) == (len(lines), 0, 0)
        assert health.faults() == []
        assert disagreeing() == []


@pytest.mark.parametrize("key", [int, str, "<{}@mail.example>".format])
def test_a_long_archive_backwards_is_the_same_forest(key: Any) -> None:
    lines = [line(key(n), key(n // 2) if n > 1 else None) for n in range(1, 1_201)]
    take(*reversed(lines))
    found = Message.objects.values_list("content", "parent_message__content")
    assert dict(found) == {
        f"text {key(n)}": f"text {key(n // 2)}" if n > 1 else None for n in range(1, 1_201)
    }
    assert health.faults() == []
    assert take(*lines).already_there == 1_200


@pytest.mark.parametrize(
    "lines",
    [
        [line(3), line(7, 3)],
        [line("a"), line("b", "a")],
        [line(5, "x"), line(1, 2), line(2, 1), line("5a", 5)],
        [line(2**60), line(-4), line(0)],
    ],
)
@pytest.mark.parametrize("others", [0, 5])
def test_an_archive_that_comes_twice_adds_nothing(lines: list[Any], others: int) -> None:
    for _ in range(others):
        send("carol", "dave")
    first = take(*lines)
    before = list(Message.objects.order_by("pk").values())
    again = take(*reversed(lines))
    assert (first.added, again.added, again.already_there) == (len(lines), 0, len(lines))
    assert list(Message.objects.order_by("pk").values()) == before
    assert health.faults() == []


def test_half_of_an_archive_and_then_the_whole_is_the_whole() -> None:
    lines = [line(n, n - 1 if n > 1 else None) for n in range(1, 9)]
    take(*lines[:4])
    report = take(*lines)
    assert (report.added, report.already_there) == (4, 4)
    assert forest() == {f"text {n}": f"text {n - 1}" if n > 1 else None for n in range(1, 9)}


def test_ids_are_kept_where_they_are_free() -> None:
    take(line(7), line(2**53, 7))
    assert set(Message.objects.values_list("pk", "source_id")) == {(7, None), (2**53, None)}


def test_ids_that_are_taken_or_no_ids_are_renumbered_and_remembered() -> None:
    mine = send(pk=10)
    take(line(mine.pk), line("x", mine.pk), line(2**53 + 1), line(0), line(-1))
    ids = dict(Message.objects.exclude(pk=mine.pk).values_list("source_id", "pk"))
    assert ids.keys() == {str(mine.pk), "x", str(2**53 + 1), "0", "-1"}
    assert sorted(ids.values()) == list(range(mine.pk + 1, mine.pk + 6))
    assert Message.objects.get(source_id="x").parent_message_id == ids[str(mine.pk)]


def test_the_next_message_gets_the_next_id() -> None:
    take(line(700))
    assert send().pk == 701


def test_two_archives_with_the_same_ids_do_not_mix() -> None:
    take(line(1), line(2, 1))
    other = {"sender": "carol", "receiver": "dave"}
    take(line(1, content="theirs", **other), line(2, 1, content="answer", **other))
    assert forest() == {"text 1": None, "text 2": "text 1", "theirs": None, "answer": "theirs"}


def test_a_parent_that_is_absent_makes_a_thread_and_is_counted() -> None:
    report = take(line(1, 99), line(2, "nowhere"), line(3, 1))
    assert report.parents_absent == 2
    assert forest() == {"text 1": None, "text 2": None, "text 3": "text 1"}


def test_a_parent_of_the_store_is_not_taken_for_one_of_the_archive() -> None:
    mine = send(content="mine")
    assert take(line("a", mine.pk)).parents_absent == 1
    assert forest() == {"mine": None, "text a": None}


@pytest.mark.parametrize("order", [1, -1])
def test_circles_are_opened_at_their_oldest_and_counted(order: int) -> None:
    circles = [line(1, 3), line(2, 1), line(3, 2), line(4, 4), line(5, 3)]
    report = take(*circles[::order])
    assert report.circles_opened == 2
    assert forest() == {
        "text 1": None,
        "text 2": "text 1",
        "text 3": "text 2",
        "text 4": None,
        "text 5": "text 3",
    }
    assert health.faults() == []


@pytest.mark.parametrize(
    "change", [{"timestamp": "2026-01-01T12:00:01Z"}, {"sender": "carol"}, {"receiver": "carol"}]
)
def test_two_messages_of_one_id_are_refused(change: dict[str, str]) -> None:
    sentence = "Line 2: its id is that of another message of this archive."
    assert refused(line(1), line(1, **change)) == sentence
    assert refused(line("a"), line("a", **change)) == sentence


def test_the_same_message_twice_in_one_archive_is_one() -> None:
    report = take(line(1), line(1), line("1"))
    assert (report.added, report.already_there) == (1, 2)


def test_blank_and_very_long_messages_are_kept() -> None:
    take(line(1, content=""), line(2, content=" \n "), line(3, content="x" * 100_001))
    texts = Message.objects.order_by("pk").values_list("content", flat=True)
    assert list(texts) == ["", " \n ", "x" * 100_001]


def test_names_are_trimmed() -> None:
    take(line(1, sender=" alice ", receiver="#ubuntu\n"))
    assert list(User.objects.order_by("username").values_list("username", flat=True)) == [
        "#ubuntu",
        "alice",
    ]


def test_times_in_any_zone_are_the_same_moment_and_without_one_are_utc() -> None:
    take(
        line(1, timestamp="2026-01-01T12:00:00.5+02:00"),
        line(2, timestamp="2026-01-01T12:00:00"),
        line(3, timestamp="2026-01-01 12:00:00Z"),
    )
    times = Message.objects.order_by("pk").values_list("timestamp", flat=True)
    assert [time.isoformat() for time in times] == [
        "2026-01-01T10:00:00.500000+00:00",
        "2026-01-01T12:00:00+00:00",
        "2026-01-01T12:00:00+00:00",
    ]


def test_versions_come_along_with_their_editors() -> None:
    history = [
        {"content": "one", "edited_at": "2026-01-02T00:00:00Z", "edited_by": "carol"},
        {"old_content": "two", "edited_at": "2026-01-03T00:00:00Z"},
    ]
    take(line(1, history=history))
    found = Message.objects.versions(1)
    assert [(v.content, v.edited_by) for v in found] == [
        ("one", None),
        ("two", "carol"),
        ("text 1", None),
    ]
    assert Message.objects.get().edited


def test_unknown_people_are_refused_where_none_may_be_added() -> None:
    people("alice")
    sentence = "Line 1: its sender or receiver is not a user here."
    assert refused(line(1), add_unknown_users=False) == sentence
    assert take(line(1, receiver="alice"), add_unknown_users=False).added == 1


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (b"{", "it is not JSON."),
        (b"nonsense", "it is not JSON."),
        (b"[" * 100_000, "it is not JSON."),
        (b"9" * 5_000, "it is not JSON."),
        (b'{"id": "\xff"}', "it is not valid UTF-8."),
        ([], "it is not a JSON object."),
        ("text", "it is not a JSON object."),
        (None, "it is not a JSON object."),
        ({}, "id is missing."),
        ({"id": 1}, "sender is missing."),
        ({"id": 1, "sender": "alice"}, "receiver is missing."),
        ({"id": 1, "sender": "alice", "receiver": "bob"}, "content is missing."),
        (
            {"id": 1, "sender": "alice", "receiver": "bob", "body": "hi"},
            "timestamp is missing.",
        ),
        (line(None), "id is neither a text nor a whole number."),
        (line(1.5), "id is neither a text nor a whole number."),
        (line(True), "id is neither a text nor a whole number."),
        (line(""), "id is neither a text nor a whole number."),
        (line("x" * 256), "id is longer than 255 characters."),
        (line(10**255), "id is longer than 255 characters."),
        (line("\0"), "id contains NUL or half a character."),
        (line("\ud800"), "id contains NUL or half a character."),
        (line(1, []), "parent_id is neither a text nor a whole number."),
        (line(1, "x" * 256), "parent_id is longer than 255 characters."),
        (line(1, sender=5), "sender is not a text."),
        (line(1, sender=" "), "sender: A user name can't be blank."),
        (line(1, receiver="a/b"), "receiver: A user name can't contain a slash."),
        (line(1, receiver="\ud800"), "receiver: A user name can't contain control characters."),
        (
            line(1, sender="x" * 200),
            "sender: A user name can have 150 characters at most; this has 200.",
        ),
        (line(1, content=None), "content is not a text."),
        (line(1, content="a\0b"), "content contains NUL or half a character."),
        (line(1, content="\udc00"), "content contains NUL or half a character."),
        (line(1, timestamp=5), "timestamp is not a time in ISO 8601."),
        (line(1, timestamp="yesterday"), "timestamp is not a time in ISO 8601."),
        (line(1, timestamp="0001-01-01T00:00:00+10:00"), "timestamp is not a time in ISO 8601."),
        (line(1, read="yes"), "read is neither true nor false."),
        (line(1, edited=1), "edited is neither true nor false."),
        (line(1, history="x"), "history is not a list."),
        (line(1, history=["x"]), "history is not a list of objects."),
        (line(1, history=[{}]), "content is missing."),
        (line(1, history=[{"content": "one"}]), "edited_at is missing."),
    ],
)
def test_a_bad_line_is_refused_with_its_number_and_reason(bad: object, reason: str) -> None:
    assert refused(line(50), bad) == f"Line 2: {reason}"


def test_bad_lines_can_be_skipped_and_are_counted_by_reason() -> None:
    report = take(line(1), b"{", b"", line(1, sender="carol"), {}, b"[", line(2, 1), skip_bad=True)
    assert (report.read, report.added) == (6, 2)
    assert report.skipped == {
        "it is not JSON.": [Place("-", 2), Place("-", 6)],
        "its id is that of another message of this archive.": [Place("-", 4)],
        "id is missing.": [Place("-", 5)],
    }
    assert [entry["reason"] for entry in report.as_dict()["skipped"]] == sorted(report.skipped)
    assert forest() == {"text 1": None, "text 2": "text 1"}


def test_a_reply_to_a_line_that_was_skipped_opens_a_thread() -> None:
    report = take(line(1, content=None), line(2, 1), skip_bad=True)
    assert report.parents_absent == 1
    assert forest() == {"text 2": None}


def test_a_line_that_is_bad_late_takes_everything_with_it() -> None:
    lines: list[object] = [line(n) for n in range(1, 1_101)]
    assert refused(*lines, b"{") == "Line 1101: it is not JSON."


def test_empty_lines_and_a_byte_order_mark_are_passed_over() -> None:
    raw = b"\xef\xbb\xbf" + json.dumps(line(1)).encode()
    assert take(raw, b"\n", b"  \r\n", line(2)).added == 2


def test_an_empty_archive_adds_nothing() -> None:
    assert take() == Report()


def assert_parsed_or_refused(data: bytes) -> None:
    try:
        result: Record | str = parse_line(data)
    except ArchiveError as error:
        result = error.reason
    assert isinstance(result, Record) or result.endswith(".")


@given(st.binary(max_size=60))
def test_random_bytes_are_a_record_or_an_archive_error(data: bytes) -> None:
    assert_parsed_or_refused(data)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=4,
)


@given(st.dictionaries(st.sampled_from([*line(), "read", "edited", "history"]), JSON))
def test_random_values_are_a_record_or_an_archive_error(changes: dict[str, Any]) -> None:
    assert_parsed_or_refused(json.dumps({**line(), **changes}).encode())


def empty() -> None:
    """Leave nothing in the store, as if the archive came to another machine."""
    User.objects.all().delete()
    assert not Message.objects.exists()


@EXAMPLES
@given(
    st.lists(
        st.tuples(
            st.integers(0, 3), st.integers(0, 3), st.integers(0, 99), TEXT, st.booleans(), TEXT
        ),
        max_size=15,
    )
)
def test_export_import_export_gives_the_same_bytes(messages: list[Any]) -> None:
    with undone():
        users = people("alice", "bob", "carol", "ゴジラ")
        made: list[Message] = []
        for one, other, choice, text, read, edit in messages:
            parent = made[choice % len(made)] if made and choice % 3 else None
            made.append(
                Message.objects.create(
                    sender=users[one],
                    receiver=users[other],
                    content=text,
                    read=read,
                    parent_message=parent,
                )
            )
            made[-1].content, made[-1].editor = edit, users[2] if read else None
            made[-1].save()
        assert_round_trips(written(), None)
        assert_round_trips(written(users[0]), "alice")


def assert_round_trips(before: list[bytes], name: str | None) -> None:
    with undone():
        empty()
        report = import_records(records(before))
        assert (report.added, report.parents_absent) == (len(before), 0)
        user = people(name)[0] if name else None
        assert written(user) == before
        assert health.faults() == []
        assert disagreeing() == []


def test_an_export_is_one_line_for_each_message_by_id() -> None:
    send("bob", "carol", "not mine")
    top = send("alice", "bob", "line\nbreak \x1b[31m \u2028 é")
    lines = written(people("alice")[0])
    assert len(lines) == 1
    assert len(lines[0].splitlines()) == 1
    assert json.loads(lines[0])["content"] == top.content
    assert "é".encode() in lines[0]


def test_an_export_of_one_person_answers_only_messages_in_it() -> None:
    theirs = send("bob", "carol")
    mine = send("alice", "bob", parent_message=theirs)
    send("bob", "alice", parent_message=mine)
    parents = [json.loads(one)["parent_id"] for one in written(people("alice")[0])]
    assert parents == [None, mine.pk]


def test_an_export_has_the_history_only_of_what_was_edited() -> None:
    send(content="never")
    Message.objects.edit(send(content="one").pk, "two", editor=people("alice")[0])
    plain, edited = (json.loads(one) for one in written())
    when = MessageHistory.objects.get().edited_at.isoformat().replace("+00:00", "Z")
    assert "history" not in plain
    assert edited["history"] == [{"content": "one", "edited_at": when, "edited_by": "alice"}]


def test_the_people_and_order_of_a_forest_are_kept_by_ids() -> None:
    take(line(9), line(4, 9), line(6, 4))
    assert [json.loads(one)["id"] for one in written()] == [4, 6, 9]


def test_importing_an_export_of_this_store_adds_nothing() -> None:
    send(parent_message=send())
    report = import_records(records(written()))
    assert (report.added, report.already_there) == (0, 2)


def test_what_a_message_is_called_in_mail_comes_along() -> None:
    letters = [
        Letter(f"{n}@x", (f"{n - 1}@x",), Person("a@x", "alice"), None, "Hi", "text", NOON)
        for n in (1, 2, 3)
    ]
    import_letters((Place("x", n), one) for n, one in enumerate(letters, start=1))
    before = written()
    assert json.loads(before[1])["mail"] == {
        "id": "2@x",
        "references": ["1@x"],
        "subject": "Hi",
        "absent_root": None,
    }
    assert_round_trips(before, None)
    with undone():
        empty()
        take(*before)
        again = import_letters((Place("x", n), one) for n, one in enumerate(letters, start=1))
        assert (again.added, again.already_there) == (0, 3)


def test_a_name_in_mail_that_is_taken_is_left_with_its_message() -> None:
    names: dict[str, Any] = {"id": "a@x", "references": [], "subject": "", "absent_root": None}
    take(line(1, mail=names), line(2, mail=names))
    assert Mail.objects.get().message_id == 1
    assert Message.objects.count() == 2


@pytest.mark.parametrize(
    ("names", "reason"),
    [
        ([1], "mail is not an object."),
        ({"references": []}, "id is missing."),
        ({"id": 1}, "id is not a text."),
        ({"id": "a@x", "references": "b@x"}, "references is not a list."),
        ({"id": "a@x", "references": [1]}, "references is not a list of texts."),
        ({"id": "a@x", "subject": "a\0b"}, "subject contains NUL or half a character."),
    ],
)
def test_what_is_wrong_with_the_names_in_mail_is_said(names: object, reason: str) -> None:
    assert refused(line(1, mail=names)) == f"Line 1: {reason}"

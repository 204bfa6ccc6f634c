"""Letters become messages: once each, in their threads, between the right people."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import closing
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from itertools import count
from random import Random

import pytest
from django.contrib.auth.models import User
from hypothesis import given
from hypothesis import strategies as st

from messaging import accounts, health
from messaging.archive import Letter, Person, Place, Post, Record, Report, import_letters
from messaging.archive.ids import Native, msg_id_of
from messaging.exceptions import ArchiveError
from messaging.models import Conversation, Mail, Message, Notification, Reference
from messaging.references import Named, above
from tests.factories import EXAMPLES, people, send, undone

pytestmark = pytest.mark.django_db

START = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)
ALICE = Person("alice@example.com", "Alice")
BOB = Person("bob@example.com", "Bob")
CAROL = Person("carol@example.com", "Carol")
LIST = Person("talk@lists.example.com", "")


def letter(
    msg_id: str,
    *references: str,
    sender: Person = ALICE,
    recipient: Person | None = BOB,
    minute: int = 0,
    content: str = "",
    subject: str = "",
) -> Letter:
    """A letter with only an id to tell; its text repeats it."""
    time = START + timedelta(minutes=minute)
    text = content or f"text {msg_id}"
    return Letter(msg_id, references, sender, recipient, subject, text, time)


def post(*letters: Letter | Record | ArchiveError, **options: bool) -> Report:
    """Import these, as the messages of one file."""
    places = (Place("mail.mbox", number) for number in count(1))
    return import_letters(zip(places, letters), **options)  # noqa: B905  (one is endless)


def forest() -> dict[str, str | None]:
    """What each message answers, by their Message-IDs."""
    found = Message.objects.exclude(mail=None)
    return dict(found.values_list("mail__msg_id", "parent_message__mail__msg_id"))


def names(msg_id: str) -> tuple[str, str]:
    """Who sent this letter, and who got it."""
    message = Message.objects.get(mail__msg_id=msg_id)
    return message.sender.get_username(), message.receiver.get_username()


def test_a_letter_is_a_message() -> None:
    report = post(letter("a@x", subject="Lunch", content="At noon?", minute=5))
    assert report == Report(read=1, added=1, users_added=2)
    message = Message.objects.get()
    assert message.content == "Lunch\n\nAt noon?"
    assert message.timestamp == START + timedelta(minutes=5)
    assert (message.read, message.edited) == (True, False)
    assert names("a@x") == ("Alice", "Bob")
    assert Notification.objects.get().read
    assert Conversation.objects.count() == 2
    assert message.mail.subject == "Lunch"


def test_an_unread_letter_notifies() -> None:
    post(replace(letter("a@x"), read=False))
    assert Message.unread.unread_for_user(User.objects.get(username="Bob")).count() == 1
    assert not Notification.objects.get().read


@pytest.mark.parametrize(
    ("subject", "content", "references", "text"),
    [
        ("", "Text", (), "Text"),
        ("Lunch", "", (), "Lunch"),
        ("Re: Lunch", "Yes", ("a@x",), "Yes"),
        ("RE: Lunch", "", ("a@x",), "RE: Lunch"),
        ("Re: Lunch", "Yes", (), "Re: Lunch\n\nYes"),
        ("Dinner (was: Lunch)", "Yes", ("a@x",), "Dinner (was: Lunch)\n\nYes"),
    ],
)
def test_the_subject_is_the_first_line_but_of_replies(
    subject: str, content: str, references: tuple[str, ...], text: str
) -> None:
    post(replace(letter("b@x", *references, subject=subject), content=content))
    assert Message.objects.get().content == text


def test_people_are_known_by_their_address() -> None:
    known = User.objects.create(username="bob", email="Bob@Example.com")
    post(letter("a@x"), letter("b@x", recipient=replace(BOB, name="Robert")))
    assert set(Message.objects.values_list("receiver", flat=True)) == {known.pk}
    assert User.objects.get(username="Alice").email == "alice@example.com"


def test_a_name_that_is_somebody_elses_is_not_taken_for_them() -> None:
    people("Alice")
    other = replace(ALICE, address="alice@elsewhere.example")
    post(letter("a@x"), letter("b@x", sender=other))
    assert names("a@x")[0] == "alice@example.com"
    assert names("b@x")[0] == "alice@elsewhere.example"
    post(letter("c@x"))
    assert names("c@x")[0] == "alice@example.com"


def test_people_without_an_address_are_known_by_name() -> None:
    people("bob")
    post(letter("a@x", sender=Person("", "#channel"), recipient=Person("", " bob ")))
    assert names("a@x") == ("#channel", "bob")


def test_nobody_is_unknown_and_writes_to_themselves() -> None:
    post(letter("a@x", sender=Person("", ""), recipient=None))
    assert names("a@x") == ("unknown", "unknown")


@pytest.mark.parametrize(
    ("name", "kept"),
    [
        ("Alice/Bob", "Alice-Bob"),
        ("A\x1b[31mlice\u202e", "A[31mlice"),
        ("\x00\x01", "alice@example.com"),
        ("x" * 200, "x" * 150),
    ],
)
def test_names_that_no_user_can_have_are_made_fit(name: str, kept: str) -> None:
    post(letter("a@x", sender=replace(ALICE, name=name)))
    assert names("a@x")[0] == kept


def test_two_strangers_of_one_name_and_no_free_address() -> None:
    people("Alice", "alice@example.com")
    User.objects.filter(username="alice@example.com").update(email="other@example.com")
    post(letter("a@x", sender=Person("alice@b.example", "Alice")))
    assert names("a@x")[0] == "alice@b.example"


def test_unknown_people_are_refused_where_nobody_is_added() -> None:
    User.objects.create(username="alice", email=ALICE.address)
    User.objects.create(username="bob", email=BOB.address)
    report = post(
        letter("a@x"),
        letter("b@x", sender=CAROL),
        letter("c@x", "b@x"),
        letter("d@x", "a@x", sender=BOB, recipient=CAROL),
        letter("e@x", recipient=CAROL),
        add_unknown_users=False,
    )
    places = [Place("mail.mbox", 2), Place("mail.mbox", 5)]
    assert report.skipped == {"its sender or receiver is not a user here.": places}
    assert forest() == {"a@x": None, "c@x": None, "d@x": "a@x"}
    assert User.objects.count() == 2


def test_a_reply_goes_to_whom_it_answers() -> None:
    post(
        letter("a@x", recipient=LIST),
        letter("b@x", "a@x", sender=BOB, recipient=LIST, minute=1),
        letter("c@x", "a@x", sender=ALICE, recipient=CAROL, minute=2),
        letter("d@x", "gone@x", sender=BOB, recipient=LIST, minute=3),
        letter("e@x", sender=BOB, recipient=None, minute=4),
    )
    assert names("a@x") == ("Alice", "talk@lists.example.com")
    assert names("b@x") == ("Bob", "Alice")
    assert names("c@x") == ("Alice", "Carol")
    assert names("d@x") == ("Bob", "talk@lists.example.com")
    assert names("e@x") == ("Bob", "Bob")


def test_a_reply_older_than_what_it_answers_finds_it() -> None:
    """Clocks are wrong; and a batch of letters is not the whole archive."""
    many = [letter(f"{n}@x", recipient=LIST, minute=n) for n in range(1, 1_200)]
    early = letter("early@x", "1199@x", sender=BOB, recipient=LIST)
    report = post(early, *many)
    assert report.added == 1_200
    assert names("early@x") == ("Bob", "Alice")
    assert forest()["early@x"] == "1199@x"


def test_an_archive_twice_adds_nothing() -> None:
    letters = [letter("a@x"), letter("b@x", "a@x"), letter("c@x", "b@x")]
    post(*letters)
    before = list(Message.objects.values())
    assert post(*letters) == Report(read=3, already_there=3)
    assert list(Message.objects.values()) == before


def test_overlapping_archives_add_each_letter_once() -> None:
    letters = [letter(f"{n}@x", *(f"{above}@x" for above in range(n))) for n in range(5)]
    assert post(*letters[:3]).added == 3
    report = post(*letters[1:], letters[4])
    assert (report.read, report.added, report.already_there) == (5, 2, 3)
    assert Message.objects.count() == 5


def test_a_late_parent_adopts_the_replies_that_are_there() -> None:
    assert post(letter("c@x", "a@x", "b@x", minute=2)).parents_absent == 1
    post(letter("a@x"))
    assert forest() == {"a@x": None, "c@x": "a@x"}
    post(letter("b@x", "a@x", minute=1))
    assert forest() == {"a@x": None, "b@x": "a@x", "c@x": "b@x"}
    thread = Message.objects.get(mail__msg_id="a@x").pk
    assert set(Message.objects.exclude(pk=thread).values_list("root", flat=True)) == {thread}
    assert not health.faults()


def test_replies_written_here_move_with_what_they_answer() -> None:
    post(letter("b@x", "a@x"))
    reply = Message.objects.reply(
        Message.objects.get().pk, User.objects.get(username="Bob"), "written here"
    )
    post(letter("a@x", minute=-1))
    reply.refresh_from_db()
    assert reply.root is not None
    assert reply.root.mail.msg_id == "a@x"
    assert not health.faults()


def test_messages_below_the_same_absent_one_are_one_thread() -> None:
    post(letter("b@x", "a@x"), letter("c@x", "a@x", minute=1), letter("d@x", "c@x", minute=2))
    for one in Message.objects.all():
        assert [row.content for row in Message.objects.in_thread(one.pk).rows()] == [
            "text b@x",
            "text c@x",
            "text d@x",
        ]
    send()
    assert Message.objects.in_thread(Message.objects.latest("pk").pk).count() == 1
    post(letter("a@x", minute=-1))
    assert forest() == {"a@x": None, "b@x": "a@x", "c@x": "a@x", "d@x": "c@x"}
    assert not Mail.objects.exclude(absent_root=None).exists()


def test_a_letter_that_answers_a_message_of_this_store_joins_its_thread() -> None:
    first = send()
    second = send("bob", "alice", "two", parent_message=first)
    name = msg_id_of(Native(second.pk, second.timestamp))
    post(letter("a@x", name, sender=ALICE))
    message = Message.objects.get(mail__msg_id="a@x")
    assert (message.parent_message, message.root) == (second, first)
    second.refresh_from_db()
    assert second.parent_message == first
    assert names("a@x") == ("Alice", "bob")
    assert not health.faults()


def test_a_message_of_this_store_is_known_again() -> None:
    message = send()
    name = msg_id_of(Native(message.pk, message.timestamp))
    assert post(letter(name)) == Report(read=1, already_there=1)
    other = msg_id_of(Native(message.pk, message.timestamp + timedelta(microseconds=1)))
    assert post(letter(other)).added == 1


def test_one_bad_message_does_not_stop_the_rest() -> None:
    report = post(letter("a@x"), ArchiveError("it is broken."), letter("b@x"))
    assert (report.read, report.added) == (3, 2)
    assert report.skipped == {"it is broken.": [Place("mail.mbox", 2)]}


def test_lines_of_json_among_the_letters_are_taken_too() -> None:
    line = Record("x", "alice", "bob", "a line", START, None)
    report = post(letter("a@x"), line)
    assert (report.read, report.added) == (2, 2)
    assert Message.objects.filter(content="a line").exists()


def test_what_was_delivered_stays_when_the_rest_does_not_come() -> None:
    letters = [letter(f"{n}@x", minute=n) for n in range(1_200)]
    places = (Place("mail.mbox", number) for number in count(1))
    with closing(Post()) as stopped:
        stopped.read(zip(places, letters))  # noqa: B905
        assert next(stopped.deliver()) == 500
    assert Message.objects.count() == 500
    assert post(*letters) == Report(read=1_200, added=700, already_there=500)


def test_ids_that_are_too_long_are_told_apart() -> None:
    first, second = ("x" * 400 + end for end in "12")
    post(letter(first), letter(second, minute=1), letter("c@x", second, minute=2))
    assert Message.objects.count() == 3
    child = Message.objects.get(content="text c@x")
    assert child.parent_message is not None
    assert child.parent_message.content == f"text {second}"
    assert post(letter(first)).already_there == 1


def test_nothing_is_left_of_the_names_of_a_deleted_message() -> None:
    post(letter("a@x"), letter("b@x", "a@x", sender=BOB), letter("c@x", "a@x", "b@x"))
    Message.objects.filter(mail__msg_id="b@x").delete()
    assert set(Reference.objects.values_list("msg_id", flat=True)) == {"a@x", "c@x"}
    assert forest() == {"a@x": None, "c@x": "a@x"}
    accounts.delete_user(User.objects.get(username="Alice"))
    assert not Mail.objects.exists()
    assert not Reference.objects.exists()


IDS = st.sampled_from([f"{name}@x" for name in "abcdefgh"])
LETTERS = st.lists(
    st.builds(
        lambda own, references, minute: letter(own, *dict.fromkeys(references), minute=minute),
        IDS,
        st.lists(IDS, max_size=4),
        st.integers(0, 9),
    ),
    unique_by=lambda one: one.id,
    min_size=1,
)


@EXAMPLES
@given(LETTERS, st.integers(1, 4), st.integers())
def test_the_tree_never_depends_on_the_order_of_import(
    letters: list[Letter], pieces: int, seed: int
) -> None:
    shuffled = list(letters)
    Random(seed).shuffle(shuffled)
    wanted = above(Named(one.id, one.references, one.timestamp) for one in letters)
    with undone():
        for piece in range(pieces):
            post(*shuffled[piece::pieces])
        assert forest() == {one: found.parent for one, found in wanted.items()}
        roots = dict(Mail.objects.values_list("msg_id", "absent_root"))
        assert roots == {one: found.absent_root for one, found in wanted.items()}
        assert not health.faults()


@EXAMPLES
@given(LETTERS, st.integers())
def test_whatever_is_deleted_and_comes_again_is_where_it_was(
    letters: list[Letter], seed: int
) -> None:
    with undone():
        post(*letters)
        gone: Iterable[str] = {one.id for one in Random(seed).sample(letters, len(letters) // 2)}
        Message.objects.filter(mail__msg_id__in=gone).delete()
        post(*letters)
        assert forest().keys() == {one.id for one in letters}
        assert not health.faults()

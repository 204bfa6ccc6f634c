"""What people may type, and the sentences they read when they may not."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from django.conf import settings
from django.test import override_settings
from hypothesis import given
from hypothesis import strategies as st

from messaging.exceptions import InvalidName, InvalidText, MessagingError, NotAllowed
from messaging.models import Message
from messaging.validation import clean_content, clean_name, max_length
from tests.factories import people, send


@pytest.mark.parametrize("blank", ["", " ", "\n\t ", "\u3000"])
def test_a_message_cannot_be_blank(blank: str) -> None:
    with pytest.raises(InvalidText, match=r"^A message can't be blank\.$"):
        clean_content(blank)


@override_settings(MESSAGING_MAX_LENGTH=1000)
def test_a_message_can_be_as_long_as_the_limit_and_no_longer() -> None:
    assert clean_content("x" * 1000) == "x" * 1000
    with pytest.raises(InvalidText, match=r"^The text has 1,001 characters; the limit is 1,000\.$"):
        clean_content("x" * 1001)


@override_settings()
def test_the_limit_is_a_hundred_thousand_where_nothing_is_set() -> None:
    del settings.MESSAGING_MAX_LENGTH
    assert max_length() == 100_000


def test_nul_is_refused() -> None:
    sentence = r"^The text contains a NUL character, which can't be stored\.$"
    with pytest.raises(InvalidText, match=sentence):
        clean_content("a\0b")


def test_half_of_a_surrogate_pair_is_refused_and_where_it_is() -> None:
    with pytest.raises(InvalidText, match=r"^The text is not valid Unicode at character 3\.$"):
        clean_content("ab\udcff")


@given(st.text(min_size=1))
def test_whatever_is_accepted_is_kept_as_it_is(text: str) -> None:
    try:
        assert clean_content(text) == text
    except InvalidText:
        assert not text.strip() or "\0" in text


@pytest.mark.parametrize(
    "text", ["[bold]x[/bold]", "\x1b[31mred\x1b[0m", "\u202eright to left", "  indented", "👩‍👩‍👧"]
)
@pytest.mark.django_db
def test_text_is_stored_as_given(text: str) -> None:
    alice, bob = people("alice", "bob")
    message = Message.objects.send(alice, bob, text)
    message.refresh_from_db()
    assert message.content == text


@pytest.mark.parametrize(
    "name", ["alice", "#ubuntu", "foo[away]", "a.b@c.example", "Ünï", "x" * 150]
)
def test_these_are_names(name: str) -> None:
    assert clean_name(f"  {name}\n") == name


def test_names_are_normalized_as_django_does() -> None:
    assert clean_name("\uff41lice") == "alice"  # FULLWIDTH LATIN SMALL LETTER A


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("", "A user name can't be blank."),
        ("   ", "A user name can't be blank."),
        ("x" * 151, "A user name can have 150 characters at most; this has 151."),
        ("a\0b", "A user name can't contain control characters."),
        ("a\x1bb", "A user name can't contain control characters."),
        ("a\u202eb", "A user name can't contain control characters."),
        ("a\u2028b", "A user name can't contain control characters."),
        ("a\ud800", "A user name can't contain control characters."),
        ("a/b", "A user name can't contain a slash."),
        ("a\uff0fb", "A user name can't contain a slash."),  # FULLWIDTH SOLIDUS
        ("\ufdfa" * 9, "A user name can have 150 characters at most; this has 162."),
    ],
)
def test_these_are_none(name: str, sentence: str) -> None:
    with pytest.raises(InvalidName) as caught:
        clean_name(name)
    assert str(caught.value) == sentence


@given(st.text())
def test_a_name_is_either_refused_or_stays_itself(name: str) -> None:
    try:
        cleaned = clean_name(name)
    except InvalidName:
        return
    assert clean_name(cleaned) == cleaned


@pytest.mark.django_db
def test_only_the_two_people_of_a_message_can_reply_to_it() -> None:
    message = send("alice", "bob")
    alice, bob, carol = people("alice", "bob", "carol")
    sentence = rf"^carol can't reply to message {message.pk}: it is between alice and bob\.$"
    with pytest.raises(NotAllowed, match=sentence):
        Message.objects.reply(message.pk, carol, "me too")
    replies = [Message.objects.reply(message.pk, user, "yes") for user in (alice, bob)]
    assert [reply.receiver for reply in replies] == [bob, alice]
    assert Message.objects.filter(parent_message=message, root=message).count() == 2


@pytest.mark.django_db
@pytest.mark.parametrize("text", ["", "a\0b", "\ud800"])
def test_what_is_refused_leaves_nothing_behind(text: str) -> None:
    message = send("alice", "bob")
    alice, bob = people("alice", "bob")
    attempts: list[Callable[[], object]] = [
        lambda: Message.objects.send(alice, bob, text),
        lambda: Message.objects.reply(message.pk, bob, text),
        lambda: Message.objects.edit(message.pk, text),
    ]
    for attempt in attempts:
        with pytest.raises(MessagingError):
            attempt()
    assert Message.objects.get() == message
    assert not message.history.exists()

"""Threads of mail as RFC 5256 finds them, whatever the order of the messages."""

from datetime import datetime, timedelta, timezone
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.references import Above, Named, above

START = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)


def named(*messages: str) -> list[Named]:
    """Messages a minute apart from texts such as `c: a b`, which is c in reply to b, to a."""
    made = []
    for minute, message in enumerate(messages):
        own, _, references = message.partition(":")
        time = START + timedelta(minutes=minute)
        made.append(Named(own, tuple(references.split()), time))
    return made


def tree(*messages: str) -> dict[str, str]:
    """What each of these messages hangs from; an absent root in brackets."""
    return {
        own: found.parent or (f"({found.absent_root})" if found.absent_root else "")
        for own, found in sorted(above(named(*messages)).items())
    }


def test_a_reply_hangs_from_its_last_reference() -> None:
    assert tree("a", "b: a", "c: a b", "d: a") == {"a": "", "b": "a", "c": "b", "d": "a"}


def test_an_absent_parent_is_bridged() -> None:
    assert tree("a", "d: a b c") == {"a": "", "d": "a"}


def test_a_bridge_leads_to_what_others_say_is_there() -> None:
    """Only c knows that the absent b answers a."""
    assert tree("a", "c: a b", "d: b") == {"a": "", "c": "a", "d": "a"}


def test_messages_below_the_same_absent_message_know_it() -> None:
    assert tree("b: a", "c: a", "e: d") == {"b": "(a)", "c": "(a)", "e": "(d)"}


def test_a_message_that_lost_its_references_is_placed_by_those_of_others() -> None:
    assert tree("a", "b", "c: a b") == {"a": "", "b": "a", "c": "b"}


def test_what_a_message_says_of_itself_counts_more_than_what_others_say() -> None:
    assert tree("a", "b", "c: a", "d: b c") == {"a": "", "b": "", "c": "a", "d": "c"}


def test_the_first_of_two_in_a_circle_is_the_reply() -> None:
    """As a server answers to the same messages: the later one, whose link is refused, is on top."""
    assert tree("b: a c", "c: b", "a") == {"a": "", "b": "c", "c": ""}


def test_a_reply_to_itself_is_none() -> None:
    assert tree("a: a", "b: a b") == {"a": "", "b": "a"}


def test_a_long_circle_is_opened_once() -> None:
    found = tree("a: d", "b: a", "c: b", "d: c")
    assert found == {"a": "d", "b": "a", "c": "b", "d": ""}


def test_a_deep_thread_needs_no_deep_stack() -> None:
    deep = 20_000
    messages = [Named(str(n), (str(n - 1),), START + timedelta(minutes=n)) for n in range(deep)]
    found = above(messages)
    assert found["0"] == Above(None, "-1")
    assert all(found[str(n)].parent == str(n - 1) for n in range(1, deep))


IDS = st.sampled_from("abcdefgh")
MESSAGES = st.lists(
    st.builds(
        Named,
        IDS,
        st.lists(IDS, max_size=5).map(tuple),
        st.integers(0, 5).map(lambda minutes: START + timedelta(minutes=minutes)),
    ),
    unique_by=lambda message: message.id,
)


@given(MESSAGES, st.randoms(use_true_random=False))
def test_the_order_of_the_messages_makes_no_difference(
    messages: list[Named], random: Random
) -> None:
    shuffled = list(messages)
    random.shuffle(shuffled)
    assert above(shuffled) == above(messages)


@given(MESSAGES)
def test_the_tree_has_no_circles_and_nobody_unknown(messages: list[Named]) -> None:
    found = above(messages)
    assert found.keys() == {message.id for message in messages}
    for message in messages:
        climbed = []
        at: str | None = message.id
        while at is not None:
            assert at not in climbed
            climbed.append(at)
            at = found[at].parent


@pytest.mark.parametrize("size", [2, 9])
def test_a_thread_that_is_whole_is_as_it_was_written(size: int) -> None:
    messages = [f"{n}: {' '.join(map(str, range(n)))}" for n in range(size)]
    assert tree(*messages) == {str(n): str(n - 1) if n else "" for n in range(size)}

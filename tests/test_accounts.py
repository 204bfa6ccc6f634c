"""Finding, adding and deleting people, and what is said before anything goes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from messaging import accounts
from messaging.exceptions import InvalidName, NotAllowed, SimilarName, UserNotFound
from messaging.models import Message, MessageHistory, Notification
from tests.factories import EXAMPLES, NAMES, people, plant, send, undone

pytestmark = pytest.mark.django_db

WORDS = st.text("abc1", min_size=0, max_size=6)


def one_edit_away(word: str, other: str) -> bool:
    """By trying: whether a letter more, less, other, or two neighbours swapped make the other."""
    letters = "abc1"
    cuts = [(word[:n], word[n:]) for n in range(len(word) + 1)]
    edits = {word}
    edits |= {a + b[1:] for a, b in cuts if b}
    edits |= {a + b[1] + b[0] + b[2:] for a, b in cuts if len(b) > 1}
    edits |= {a + letter + b[1:] for a, b in cuts if b for letter in letters}
    edits |= {a + letter + b for a, b in cuts for letter in letters}
    return other in edits


@given(WORDS, WORDS)
def test_a_slip_is_one_edit_and_always_works_both_ways(one: str, other: str) -> None:
    if accounts.is_slip(one, other):
        assert one_edit_away(one, other)
    assert accounts.is_slip(one, other) == accounts.is_slip(other, one)


@given(st.text("abc", min_size=3, max_size=6), st.text("abc", min_size=3, max_size=6))
def test_every_single_edit_of_a_word_is_a_slip(one: str, other: str) -> None:
    assert accounts.is_slip(one, other) == one_edit_away(one, other)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("bbo", "bob"), ("alic", "alice"), ("carrol", "carol"), ("dava", "dave"), ("Erin", "erin")],
)
def test_these_are_slips(typed: str, meant: str) -> None:
    assert accounts.is_slip(typed, meant)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [("alice", "carol"), ("bo", "bob"), ("user1", "user2"), ("user1", "user12"), ("bbbo", "bob")],
)
def test_these_are_not(typed: str, meant: str) -> None:
    assert not accounts.is_slip(typed, meant)


def test_a_user_is_found_by_name_around_spaces() -> None:
    (alice,) = people("alice")
    assert accounts.find_user(" alice ") == alice


def test_an_unknown_user_is_named_with_a_near_one() -> None:
    people("bob")
    with pytest.raises(UserNotFound, match=r"^No user bbo\. Did you mean bob\?$"):
        accounts.find_user("bbo")
    with pytest.raises(UserNotFound, match=r"^No user nobody\.$"):
        accounts.find_user("nobody")


@pytest.mark.parametrize("name", ["", "a/b", "a\0b", "x" * 151, "\ud800"])
def test_a_name_that_nobody_can_have_is_nobodys(name: str) -> None:
    with pytest.raises(UserNotFound, match=r"^No user "):
        accounts.find_user(name)


def test_people_are_found_or_added_and_the_added_are_told() -> None:
    people("alice")
    found, added = accounts.people(["alice", "carol"], add=True)
    assert ([user.username for user in found], added) == (["alice", "carol"], ["carol"])
    assert not found[1].has_usable_password()


def test_people_of_the_same_new_name_are_one() -> None:
    found, added = accounts.people(["carol", " carol "], add=True)
    assert (found[0], added) == (found[1], ["carol"])


def test_people_are_not_added_where_that_is_not_wanted() -> None:
    people("alice")
    with pytest.raises(UserNotFound, match=r"^No user carol\.$"):
        accounts.people(["alice", "carol"], add=False)
    assert accounts.users().count() == 1


def test_people_with_nearly_the_name_of_another_are_asked_about_first() -> None:
    people("bob")
    with pytest.raises(
        SimilarName, match=r"^No user bbo\. Did you mean bob\? To add bbo, repeat with --create\.$"
    ):
        accounts.people(["erin", "bbo"], add=True)
    assert accounts.users().count() == 1
    assert accounts.people(["bbo"], add=True, even_if_similar=True)[1] == ["bbo"]


def test_who_was_added_meanwhile_is_not_added_again() -> None:
    [alice] = people("alice")
    assert accounts.add_users(["alice"]) == {"alice": alice.pk}
    assert accounts.similar_name("alice") is None


def test_a_user_is_added_without_a_password() -> None:
    assert not accounts.add_user("alice").has_usable_password()


def test_a_user_is_not_added_twice_nor_with_a_bad_name() -> None:
    accounts.add_user("alice")
    with pytest.raises(NotAllowed, match=r"^There is a user alice already\.$"):
        accounts.add_user(" alice")
    with pytest.raises(InvalidName, match=r"^A user name can't be blank\.$"):
        accounts.add_user(" ")


def test_a_password_must_pass_the_projects_validators() -> None:
    (alice,) = people("alice")
    with pytest.raises(NotAllowed, match=r"too short.* too common.* entirely numeric\.$"):
        accounts.set_password(alice, "1234")
    alice.refresh_from_db()
    assert not alice.check_password("1234")


def test_a_password_like_the_name_is_refused() -> None:
    alice = accounts.add_user("alice-in-chains")
    with pytest.raises(NotAllowed, match=r"^The password is too similar to the username\.$"):
        accounts.set_password(alice, "alice-in-chains")


def test_a_good_password_is_set() -> None:
    (alice,) = people("alice")
    accounts.set_password(alice, "correct horse battery staple")
    alice.refresh_from_db()
    assert alice.check_password("correct horse battery staple")


def test_names_are_completed_in_order() -> None:
    people(*NAMES, "bobby")
    assert accounts.names_from("b", 5) == ["bob", "bobby"]
    assert accounts.names_from("", 2) == ["alice", "bob"]
    assert accounts.names_from("%", 5) == []


def test_everybody_is_listed_with_their_messages_in_three_more_queries_however_many(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    people(*NAMES)
    send("alice", "bob")
    send("bob", "alice", read=True)
    send("alice", "alice")
    with django_assert_num_queries(4):
        rows = accounts.user_rows()
    assert [tuple(row) for row in rows[:3]] == [
        ("alice", 2, 2, 1),
        ("bob", 1, 1, 1),
        ("carol", 0, 0, 0),
    ]


def test_what_would_go_is_counted_once_each() -> None:
    top = send("alice", "bob")
    note = send("alice", "alice", parent_message=top)
    reply = send("bob", "alice", parent_message=note)
    send("carol", "dave", parent_message=reply)
    send("carol", "bob", parent_message=top)
    Message.objects.edit(top.pk, "two")
    Message.objects.edit(top.pk, "three")
    gone = accounts.removal(people("alice")[0])
    assert (gone.user, gone.sent, gone.received, gone.messages) == ("alice", 2, 1, 3)
    assert (gone.notifications, gone.versions) == (3, 2)
    assert (list(gone.conversations), gone.threads, gone.reattached) == (["bob"], 1, 2)


def test_nothing_goes_with_somebody_who_never_wrote() -> None:
    gone = accounts.removal(people("erin")[0])
    assert tuple(gone) == ("erin", 0, 0, 0, 0, [], 0, 0)


@EXAMPLES
@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=12),
    st.lists(st.integers(0, 99), min_size=12, max_size=12),
)
def test_what_is_said_to_go_is_what_goes(pairs: list[tuple[int, int]], choices: list[int]) -> None:
    parents = [c % n if n and c % 3 else None for n, c in zip(range(len(pairs)), choices)]  # noqa: B905
    with undone():
        ids = plant(parents, pairs)
        Message.objects.filter(pk__in=ids[::2]).update(content="edited")
        kinds = (Message, Notification, MessageHistory)
        before = [kind._default_manager.count() for kind in kinds]
        parents_before = dict(Message.objects.values_list("pk", "parent_message"))
        said = accounts.removal(people("alice")[0])
        assert accounts.delete_user(people("alice")[0]) == said
        after = [kind._default_manager.count() for kind in kinds]
        moved = [
            pk
            for pk, parent in Message.objects.values_list("pk", "parent_message")
            if parent != parents_before[pk]
        ]
        differences = [b - a for b, a in zip(before, after, strict=True)]
        assert differences == [said.messages, said.notifications, said.versions]
        assert said.reattached == len(moved)

"""Searching in the browser, and as JSON at the same address."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from messaging.views.searching import PAGE
from tests.factories import send, send_many
from tests.test_pages import ids, text
from tests.test_views import client

pytestmark = pytest.mark.django_db


def test_the_page_has_a_box_and_says_how() -> None:
    page = text("alice", "search/")
    assert '<input type="search" name="q" value=""' in page
    assert "All words have to be in a message." in page
    assert 'href="/messages/search/" aria-current="page"' in page


def test_what_matches_is_marked() -> None:
    found = send("alice", "bob", "Café <b>at</b> noon\u202e")
    send("alice", "bob", "dinner")
    page = text("alice", f"search/?q={quote('cafe noon')}")
    assert ids(page) == [found.pk]
    assert "<mark>Café</mark> &lt;b&gt;at&lt;/b&gt; <mark>noon</mark>\\u202e" in page
    assert 'value="cafe noon"' in page
    assert "<title>cafe noon · Search · Messages</title>" in page


def test_only_what_is_ones_own_is_found() -> None:
    first = send("alice", "bob", "secret one")
    send("bob", "carol", "secret two", parent_message=first)
    assert [one["content"] for one in client("alice").get("/messages/search/?q=secret").json()] == [
        "secret one"
    ]
    [theirs] = client("carol").get("/messages/search/?q=secret").json()
    assert (theirs["content"], theirs["parent_id"]) == ("secret two", None)
    assert client("dave").get("/messages/search/?q=secret").json() == []


def test_json_says_which_characters_match() -> None:
    message = send("alice", "bob", "At noon, NOON")
    [found] = client("bob").get("/messages/search/?q=noon").json()
    assert (found["id"], found["matches"]) == (message.pk, [[3, 7], [9, 13]])


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("nothing", "No message of yours has all of these words."),
        ('"', "There are no words in that."),
        ("<script>x", "No message of yours has all of these words."),
        ("\0", "There are no words in that."),
    ],
)
def test_what_is_not_found_is_said(typed: str, said: str) -> None:
    page = text("alice", f"search/?q={quote(typed)}")
    assert said in page
    assert "<script>x" not in page


def test_the_next_best_are_a_page_away() -> None:
    send_many(PAGE + 5)
    answer = client("alice").get("/messages/search/?q=message")
    assert len(answer.json()) == PAGE
    assert answer["Link"] == f'</messages/search/?q=message&skip={PAGE}>; rel="next"'
    rest = client("alice").get(f"/messages/search/?q=message&skip={PAGE}")
    assert len(rest.json()) == 5
    assert "Link" not in rest
    assert not {one["id"] for one in answer.json()} & {one["id"] for one in rest.json()}
    assert f'href="?q=message&amp;skip={PAGE}">More' in text("alice", "search/?q=message")


@pytest.mark.parametrize("skip", ["-1", "x", "", "9" * 5000, "99999999"])
def test_a_number_that_is_none_passes_over_nothing_or_all(skip: str) -> None:
    send("alice", "bob", "hi")
    found = client("alice").get(f"/messages/search/?q=hi&skip={skip}").json()
    assert len(found) == (0 if skip == "99999999" else 1)

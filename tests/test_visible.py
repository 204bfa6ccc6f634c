"""What is somebody else's stays theirs: not even its id is on a page or in JSON."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.core.management.color import no_style
from django.db import connection
from django.http import HttpResponse, StreamingHttpResponse
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.models import Message
from tests.factories import EXAMPLES, NAMES, people, plant, send, undone
from tests.test_views import client
from tests.test_views_writing import browser

pytestmark = pytest.mark.django_db

HERE = "/messages"
FAR = 7_000_000  # ids have seven digits, which nothing else in an answer has
ID = re.compile(r"(?<![0-9A-Za-z])[a-z]*(\d{7})(?![0-9A-Za-z])")


@pytest.fixture(autouse=True)
def _long_ids(db: None) -> None:
    send("dave", "erin", "the first", pk=FAR)
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), [Message]):
            cursor.execute(statement)


def ids(answer: Any) -> set[int]:
    """Every id of a message in an answer, be it in its text or in its headers."""
    assert isinstance(answer, HttpResponse | StreamingHttpResponse)
    assert answer.status_code < 400, (answer.status_code, answer.getvalue())
    text = answer.getvalue().decode() + str(answer.headers)
    return {int(found) for found in ID.findall(text)}


def own_ids(name: str) -> set[int]:
    return set(Message.objects.of_user(people(name)[0]).values_list("pk", flat=True))


def paths(name: str) -> list[str]:
    """The addresses of all that a reader can look at."""
    [reader] = people(name)
    others = reader.conversations.values_list("other__username", flat=True)
    mine = own_ids(name)
    return [
        *(f"{HERE}/{path}" for path in ("", "unread/", "notifications/", "account/")),
        f"{HERE}/account/export/",
        *(f"{HERE}/with/{other}/" for other in others),
        *(f"{HERE}/thread/{pk}/" for pk in mine),
        *(f"{HERE}/message/{pk}/history/" for pk in mine),
    ]


FORESTS = st.integers(1, 7).flatmap(
    lambda size: st.tuples(
        st.tuples(*(st.none() | st.integers(0, n - 1) if n else st.none() for n in range(size))),
        st.lists(st.tuples(*[st.integers(0, 4)] * 2), min_size=size, max_size=size),
        st.sets(st.integers(0, size - 1), max_size=2),
    )
)


@given(FORESTS)
@settings(EXAMPLES, max_examples=EXAMPLES.max_examples // 2)
def test_of_any_forest_everybody_sees_the_ids_of_their_own_messages_and_no_other(
    forest: tuple[list[int | None], list[tuple[int, int]], set[int]],
) -> None:
    parents, pairs, gone = forest
    with undone():
        planted = plant(list(parents), pairs)
        Message.objects.filter(pk__in=[planted[n] for n in gone]).delete()
        for name in NAMES:
            mine = own_ids(name)
            for reader in (client(name), browser(name)):
                seen = [ids(reader.get(path)) for path in paths(name)]
                assert set().union(*seen) == mine


@pytest.fixture
def thread(_long_ids: None) -> list[Message]:
    """alice to bob, answered to carol, who answers bob, who answers alice; then dave comes in."""
    texts = ("alice bob", "bob carol", "carol bob", "bob alice", "alice dave")
    messages: list[Message] = []
    for text in texts:
        parent = messages[-1] if messages else None
        sender, receiver = text.split()
        messages.append(send(sender, receiver, f"from {text}", parent_message=parent))
    return messages


# Of the five, those that each person may know, with the parent that they may know of each.
KNOWN: dict[str, dict[int, int | None]] = {
    "alice": {0: None, 3: None, 4: 3},
    "bob": {0: None, 1: 0, 2: 1, 3: 2},
    "carol": {1: None, 2: 1},
    "dave": {4: None},
}


def known_parents(thread: list[Message], name: str) -> dict[int, int | None]:
    return {
        thread[n].pk: None if parent is None else thread[parent].pk
        for n, parent in KNOWN[name].items()
    }


def shown(data: Any) -> dict[int, int | None]:
    """The messages in some JSON, each with the parent that it gives."""
    found: dict[int, int | None] = {}
    if isinstance(data, list):
        for value in data:
            found |= shown(value)
    elif isinstance(data, dict):
        for value in data.values():
            found |= shown(value)
        if "content" in data and "id" in data:
            found[data["id"]] = data["parent_id"]
    return found


@pytest.mark.parametrize("name", ["alice", "bob", "carol"])
@pytest.mark.parametrize("path", ["", "unread/", "notifications/", "with/{other}/", "thread/{pk}/"])
def test_a_parent_is_named_only_to_those_whose_it_is_too(
    thread: list[Message], name: str, path: str
) -> None:
    known = known_parents(thread, name)
    for pk in known:
        message = Message.objects.get(pk=pk)
        [other] = {message.sender.username, message.receiver.username} - {name}
        url = f"{HERE}/{path.format(pk=pk, other=other)}"
        assert shown(client(name).get(url).json()).items() <= known.items()
        assert ids(browser(name).get(url)) <= set(known)


@pytest.mark.parametrize("path", ["with/bob/", "with/carol/", "thread/{}/"])
def test_whoever_is_in_none_of_a_thread_gets_nothing_of_it(
    thread: list[Message], path: str
) -> None:
    for message in thread:
        for reader in (client("erin"), browser("erin")):
            answer = reader.get(f"{HERE}/{path.format(message.pk)}")
            assert answer.status_code == 404
            assert not ID.search(answer.content.decode())


def test_a_thread_is_whole_for_whoever_is_in_all_of_it(thread: list[Message]) -> None:
    for message in thread[:4]:
        answer = client("bob").get(f"{HERE}/thread/{message.pk}/").json()
        assert shown(answer) == known_parents(thread, "bob")
        assert answer["id"] == thread[0].pk


def test_messages_that_others_part_are_threads_of_their_own(thread: list[Message]) -> None:
    first, fourth = thread[0].pk, thread[3].pk
    assert ids(client("alice").get(f"{HERE}/thread/{first}/")) == {first}
    assert ids(client("alice").get(f"{HERE}/thread/{fourth}/")) == {fourth, thread[4].pk}
    page = browser("alice").get(f"{HERE}/thread/{fourth}/").content.decode()
    assert f"<h1>Thread #{fourth}</h1>" in page
    assert "2 messages" in page
    assert f'in reply to <a href="#m{fourth}">' in page


@pytest.mark.parametrize("what", ["edit", "delete"])
def test_a_message_before_it_is_changed_names_no_parent_of_others(
    thread: list[Message], what: str
) -> None:
    third = thread[2].pk
    path = f"{HERE}/message/{thread[3].pk}/{what}/"
    assert client("bob").get(path).json()["parent_id"] == third
    Message.objects.filter(pk=third).update(receiver=people("dave")[0])
    assert client("bob").get(path).json()["parent_id"] is None
    assert ids(browser("bob").get(path)) == {thread[3].pk}


def test_an_edit_answers_with_no_parent_of_others(thread: list[Message]) -> None:
    path = f"{HERE}/message/{thread[4].pk}/edit/"
    assert client("alice").post(path, {"content": "x"}).json()["parent_id"] == thread[3].pk
    path = f"{HERE}/message/{thread[1].pk}/reply/"
    answer = client("carol").post(path, {"content": "y"})
    assert answer.json()["parent_id"] == thread[1].pk
    assert ids(answer) <= own_ids("carol")


def test_a_deletion_counts_ones_own_replies_only(thread: list[Message]) -> None:
    assert client("alice").post(f"{HERE}/message/{thread[0].pk}/delete/").json() == {
        "id": thread[0].pk,
        "deleted": True,
        "reattached": 0,
    }
    assert client("bob").get(f"{HERE}/with/carol/").json()[0]["parent_id"] is None


def test_replies_that_move_up_to_a_message_of_others_do_not_name_it(thread: list[Message]) -> None:
    Message.objects.remove(thread[2].pk)
    assert Message.objects.get(pk=thread[3].pk).parent_message == thread[1]
    assert shown(client("alice").get(f"{HERE}/with/bob/").json()) == {
        thread[0].pk: None,
        thread[3].pk: None,
    }


def test_what_went_with_an_account_counts_no_replies_by_others(thread: list[Message]) -> None:
    answer = client("carol").get(f"{HERE}/account/").json()
    assert "reattached" not in answer
    assert answer["conversations"] == ["bob"]
    assert "reattached" not in client("carol").post(f"{HERE}/account/delete/").json()

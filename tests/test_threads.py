"""Threads of any shape: loaded in two queries, nested without recursion, never hanging."""

from __future__ import annotations

import ast
import inspect
import json
from datetime import datetime, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from messaging import exceptions, plain, threads
from messaging.exceptions import MessageNotFound
from messaging.models import Message, Notification
from messaging.threads import MessageRow, Node, nest
from tests.conftest import slow
from tests.factories import people, plant_many, send, shape, tie

SHAPES = ("deep", "wide", "mixed")
NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)


def row(pk: int, parent: int | None = None, root: int | None = None) -> MessageRow:
    return MessageRow(pk, "alice", "bob", f"message {pk}", NOON, False, False, parent, root)


def flat(roots: list[Node]) -> list[tuple[int, int]]:
    """The ids with their depths, in the order in which they are shown."""
    return [(node.message.id, depth) for root in roots for depth, node in root.walk()]


def test_replies_hang_below_what_they_answer_in_their_order() -> None:
    rows = [row(1), row(4, 1), row(2, 1), row(3, 4), row(5)]
    assert flat(nest(rows)) == [(1, 0), (4, 1), (3, 2), (2, 1), (5, 0)]


def test_nothing_nests_to_nothing() -> None:
    assert nest([]) == []


def test_a_reply_to_a_message_that_is_not_there_opens_a_tree() -> None:
    assert flat(nest([row(2, 1), row(3, 2)])) == [(2, 0), (3, 1)]


def test_a_reply_may_come_before_its_parent() -> None:
    assert flat(nest([row(2, 1), row(1)])) == [(1, 0), (2, 1)]


def test_a_message_that_answers_itself_is_shown_once() -> None:
    assert flat(nest([row(1, 1), row(2, 1)])) == [(1, 0), (2, 1)]


def test_a_circle_is_opened_at_its_first_row() -> None:
    rows = [row(5, 3), row(1, 3), row(2, 1), row(3, 2), row(4, 3)]
    assert flat(nest(rows)) == [(1, 0), (2, 1), (3, 2), (5, 3), (4, 3)]


@given(st.lists(st.one_of(st.none(), st.integers(0, 30)), max_size=30))
def test_every_row_is_shown_exactly_once_whatever_the_parents(parents: list[int | None]) -> None:
    rows = [row(pk, parent) for pk, parent in enumerate(parents)]
    shown = [pk for pk, _ in flat(nest(rows))]
    assert sorted(shown) == list(range(len(parents)))


@given(st.lists(st.integers(0, 99), max_size=60))
def test_in_a_forest_every_row_hangs_from_its_own_parent(choices: list[int]) -> None:
    parents = [choice % pk if pk and choice % 4 else None for pk, choice in enumerate(choices)]
    roots = nest(row(pk, parent) for pk, parent in enumerate(parents))
    assert [root.message.id for root in roots] == [pk for pk, p in enumerate(parents) if p is None]
    for root in roots:
        for _, node in root.walk():
            assert {reply.message.parent_id for reply in node.replies} <= {node.message.id}


@pytest.mark.parametrize("name", SHAPES)
def test_ten_thousand_nest_without_recursion(name: str) -> None:
    parents = shape(name, 10_000)
    roots = nest(row(pk, parent) for pk, parent in enumerate(parents))
    shown = flat(roots)
    assert len(shown) == 10_000
    assert len(roots) == 1
    depths: list[int | None] = [None] * 10_000
    for pk, depth in shown:
        depths[pk] = depth
    assert all(depths[pk] == (depths[p] or 0) + 1 for pk, p in enumerate(parents) if p is not None)


def test_a_circle_of_ten_thousand_does_not_hang() -> None:
    rows = [row(pk, (pk + 1) % 10_000) for pk in range(10_000)]
    assert flat(nest(rows))[:3] == [(0, 0), (9_999, 1), (9_998, 2)]


def test_the_id_of_a_thread_is_that_of_its_first_message() -> None:
    assert (row(1).thread_id, row(3, 2, 1).thread_id) == (1, 1)


def test_the_json_of_a_thread_nests_at_any_depth() -> None:
    (root,) = nest([row(1), row(2, 1), row(3, 2), row(4, 1)])
    data = json.loads("".join(plain.thread(root)))
    assert data == {
        **plain.message(row(1)),
        "replies": [
            {**plain.message(row(2, 1)), "replies": [{**plain.message(row(3, 2)), "replies": []}]},
            {**plain.message(row(4, 1)), "replies": []},
        ],
    }


@pytest.mark.parametrize("module", [threads, exceptions])
def test_what_is_pure_imports_no_django(module: object) -> None:
    tree = ast.parse(inspect.getsource(module))  # type: ignore[arg-type]
    named = [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    named += [a.name for n in ast.walk(tree) if isinstance(n, ast.Import) for a in n.names]
    assert not [name for name in named if name.startswith("django")]


@pytest.mark.django_db
@pytest.mark.parametrize("name", ["mixed", *slow("deep", "wide")])
def test_a_thread_of_ten_thousand_is_loaded_in_two_queries_and_then_runs_none(
    name: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    plant_many(shape(name, 10_000))
    with django_assert_num_queries(2):
        root = Message.objects.load_thread(9_999)
    assert root.pk == 1
    seen = 0
    with django_assert_num_queries(0):
        todo = [root]
        while todo:
            message = todo.pop()
            seen += 1
            replies = list(message.replies.all())
            assert all(reply.parent_message is message for reply in replies)
            assert (message.sender.username, message.receiver.username) == ("alice", "bob")
            todo.extend(replies)
    assert seen == 10_000


@pytest.mark.django_db
def test_the_replies_of_a_loaded_thread_are_oldest_first() -> None:
    top = send()
    late = send(parent_message=top)
    early = send(parent_message=top, timestamp=NOON)
    assert list(Message.objects.load_thread(late.pk).replies.all()) == [early, late]


@pytest.mark.django_db
def test_the_replies_of_a_loaded_thread_can_be_filtered_and_counted() -> None:
    top = send()
    send(parent_message=top, content="yes")
    loaded = Message.objects.load_thread(top.pk)
    assert loaded.replies.count() == len(loaded.replies.all()) == 1
    assert loaded.replies.filter(content="no").count() == 0


@pytest.mark.django_db
def test_a_thread_is_the_same_from_whichever_message_it_is_asked() -> None:
    top = send()
    middle = send(parent_message=top)
    deep = send(parent_message=middle)
    send()
    for message in (top, middle, deep):
        assert list(Message.objects.in_thread(message.pk)) == [top, middle, deep]
        assert Message.objects.load_thread(message.pk) == top


@pytest.mark.django_db
def test_looking_at_a_thread_marks_nothing() -> None:
    top = send()
    Message.objects.load_thread(top.pk)
    Message.objects.in_thread(top.pk).rows()
    assert not Message.objects.get().read
    assert not Notification.objects.get().read


@pytest.mark.django_db
@pytest.mark.parametrize("wrong", [0, -1, 2**63, 10**40, 12345])
def test_a_thread_of_no_message_is_not_found(wrong: int) -> None:
    with pytest.raises(MessageNotFound, match=rf"^No message {wrong}\. There are none yet\.$"):
        Message.objects.load_thread(wrong)
    newest = send().pk
    with pytest.raises(MessageNotFound, match=rf"^No message {wrong}\. The newest is {newest}\.$"):
        Message.objects.in_thread(wrong)


@pytest.mark.django_db
def test_a_circle_in_the_data_hangs_nothing() -> None:
    top = send()
    deep = send(parent_message=send(parent_message=top))
    tie(top.pk, deep.pk)
    loaded = Message.objects.load_thread(deep.pk)
    rows = Message.objects.in_thread(top.pk).rows()
    assert loaded.pk == top.pk
    assert [pk for pk, _ in flat(nest(rows))] == [row.id for row in rows]


@pytest.mark.django_db
def test_a_circle_in_the_data_can_be_deleted() -> None:
    top = send()
    tie(top.pk, send(parent_message=top).pk)
    outside = send("carol", "dave", parent_message=top)
    (alice,) = people("alice")
    alice.delete()
    assert list(Message.objects.values_list("pk", "parent_message", "root")) == [
        (outside.pk, None, None)
    ]


@pytest.mark.django_db
def test_a_thread_narrowed_to_a_person_loads_without_its_first_message() -> None:
    first = send("alice", "bob")
    asked = send("alice", "carol", parent_message=first)
    answer = send("carol", "alice", parent_message=asked)
    (carol,) = people("carol")
    loaded = Message.objects.of_user(carol).load_thread(asked.pk)
    assert loaded == asked
    assert list(loaded.replies.all()) == [answer]

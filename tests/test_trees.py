"""`root`, which thread each message is in, follows `parent_message` in sets."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from messaging import health, trees
from messaging.exceptions import ThreadCycle
from messaging.models import Message
from tests.factories import EXAMPLES, parents_now, plant, plant_many, send, shape, tie, undone

pytestmark = pytest.mark.django_db

MOVES = st.lists(st.tuples(st.integers(0, 11), st.one_of(st.none(), st.integers(0, 11))))


def top_of(pk: int, parents: dict[int, int | None]) -> int | None:
    """The first message of a thread, climbing one parent at a time; None from a circle."""
    for _ in parents:
        above = parents[pk]
        if above is None:
            return pk
        pk = above
    return None


def assert_roots_follow_parents() -> None:
    parents = parents_now()
    for pk, root in Message.objects.values_list("pk", "root"):
        assert (root or pk) == top_of(pk, parents)
    assert health.faults() == []


@EXAMPLES
@given(MOVES)
def test_roots_follow_every_move_and_a_refused_one_changes_nothing(
    moves: list[tuple[int, int | None]],
) -> None:
    with undone():
        ids = plant([None] * 12, [(0, 1)] * 12)
        for child, parent in moves:
            wanted = parents_now() | {ids[child]: None if parent is None else ids[parent]}
            circle = top_of(ids[child], wanted) is None
            try:
                with transaction.atomic():
                    Message.objects.filter(pk=ids[child]).update(parent_message=wanted[ids[child]])
                assert not circle
            except ThreadCycle:
                assert circle
        assert_roots_follow_parents()


@EXAMPLES
@given(st.lists(st.integers(0, 11), min_size=12, max_size=12))
def test_circles_by_raw_sql_are_found_and_opened_at_their_oldest(parents: list[int]) -> None:
    with undone():
        ids = plant([None] * 12, [(0, 1)] * 12)
        for pk, parent in zip(ids, parents, strict=True):
            tie(pk, ids[parent], ids[parent])
        before = parents_now()
        opened = trees.open_circles(ids, "default")
        assert all(top_of(pk, before) is None for pk in opened)
        assert {pk for pk, parent in parents_now().items() if parent is None} == set(opened)
        assert all(parents_now()[pk] == before[pk] for pk in ids if pk not in opened)
        assert_roots_follow_parents()


def test_of_a_circle_the_oldest_message_becomes_the_first() -> None:
    one, two, three, tail = plant([None] * 4, [(0, 1)] * 4)
    for pk, parent in ((one, three), (two, one), (three, two), (tail, three)):
        tie(pk, parent)
    assert trees.open_circles([tail], "default") == [one]
    assert parents_now() == {one: None, two: one, three: two, tail: three}


def test_moving_a_thread_of_ten_thousand_takes_a_few_queries() -> None:
    plant_many(shape("deep", 10_000))
    top = send()
    with CaptureQueriesContext(connection) as queries:
        Message.objects.filter(pk=1).update(parent_message=top)
    assert Message.objects.filter(root=top).count() == 10_000
    assert len(queries) < 30


def test_a_circle_of_ten_thousand_is_refused() -> None:
    plant_many(shape("deep", 10_000))
    with pytest.raises(ThreadCycle), transaction.atomic():
        Message.objects.filter(pk=1).update(parent_message=10_000)
    assert health.faults() == []


def test_nothing_is_left_in_the_temporary_tables() -> None:
    plant_many(shape("mixed", 50))
    Message.objects.filter(pk=40).update(parent_message=1)
    Message.objects.filter(pk__lt=9).delete()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TEMPORARY TABLE IF NOT EXISTS messaging_moved (id integer)")
        cursor.execute("SELECT COUNT(*) FROM messaging_moved")
        assert cursor.fetchone() == (0,)

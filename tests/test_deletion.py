"""Deleting messages and users: who goes, who stays, and where the replies of others end up."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.db import connection, models, transaction
from django.db.models import signals
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st

from messaging import accounts, health
from messaging.models import Conversation, Message, MessageHistory, Notification
from tests.conftest import slow
from tests.factories import (
    EXAMPLES,
    disagreeing,
    parents_now,
    people,
    plant,
    plant_many,
    send,
    send_many,
    shape,
    undone,
)

pytestmark = pytest.mark.django_db

FORESTS = st.integers(0, 16).flatmap(
    lambda size: st.tuples(
        st.tuples(
            *(st.one_of(st.none(), st.integers(0, n - 1)) if n else st.none() for n in range(size))
        ).map(list),
        st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=size, max_size=size),
    )
)


def survivors(parents: dict[int, int | None], gone: set[int]) -> dict[int, int | None]:
    """The rule in plain Python: each survivor is attached to its nearest surviving ancestor."""
    left: dict[int, int | None] = {}
    for pk in parents.keys() - gone:
        left[pk] = parents[pk]
        while (above := left[pk]) in gone:
            left[pk] = parents[above] if above else None
    return left


class AnyonesProxy(User):
    """A host's proxy of the user model."""

    class Meta:
        proxy = True
        app_label = "auth"


def by_user(user: User) -> None:
    user.delete()


def by_queryset(user: User) -> None:
    User.objects.filter(pk=user.pk).delete()


def by_accounts(user: User) -> None:
    accounts.delete_user(user)


def by_proxy(user: User) -> None:
    AnyonesProxy.objects.get(pk=user.pk).delete()


def by_view(user: User) -> None:
    client = Client()
    client.force_login(user)
    assert client.post("/messages/account/delete/").status_code == 200


def admin_client() -> Client:
    """Somebody who may delete users in the admin."""
    client = Client()
    client.force_login(User.objects.create_superuser("root"))
    return client


def by_admin(user: User) -> None:
    answer = admin_client().post(f"/admin/auth/user/{user.pk}/delete/", {"post": "yes"})
    assert answer.status_code == 302


def by_admin_action(user: User) -> None:
    data = {"action": "delete_selected", "_selected_action": [str(user.pk)], "post": "yes"}
    assert admin_client().post("/admin/auth/user/", data).status_code == 302


WAYS = (by_user, by_queryset, by_accounts, by_proxy, by_view, by_admin, by_admin_action)


@pytest.mark.parametrize("delete", WAYS)
def test_deleting_a_user_is_the_same_however_it_is_done(delete: Callable[[User], None]) -> None:
    top = send("alice", "bob")
    reply = send("bob", "alice", parent_message=top)
    stays = send("carol", "dave", parent_message=reply)
    deep = send("dave", "carol", parent_message=stays)
    Message.objects.edit(top.pk, "edited")
    send("alice", "alice")
    (alice,) = people("alice")
    delete(alice)
    assert not User.objects.filter(username="alice").exists()
    assert parents_now() == {stays.pk: None, deep.pk: stays.pk}
    assert list(Notification.objects.values_list("message", flat=True)) == [stays.pk, deep.pk]
    assert not MessageHistory.objects.exists()
    assert health.faults() == []


@pytest.mark.parametrize("delete", WAYS)
def test_replies_by_others_are_attached_to_the_nearest_ancestor_that_stays(
    delete: Callable[[User], None],
) -> None:
    top = send("carol", "dave")
    one = send("alice", "carol", parent_message=top)
    two = send("carol", "alice", parent_message=one)
    stays = send("carol", "dave", parent_message=two)
    delete(people("alice")[0])
    assert parents_now() == {top.pk: None, stays.pk: top.pk}
    assert Message.objects.get(pk=stays.pk).root == top


@EXAMPLES
@given(FORESTS)
def test_deleting_a_user_leaves_what_the_rule_says(
    forest: tuple[list[int | None], list[tuple[int, int]]],
) -> None:
    parents, pairs = forest
    with undone():
        ids = plant(parents, pairs)
        before = parents_now()
        gone = {pk for pk, pair in zip(ids, pairs, strict=True) if 0 in pair}
        told = accounts.delete_user(people("alice")[0])
        assert parents_now() == survivors(before, gone)
        assert told.messages == len(gone)
        assert disagreeing() == []
        assert health.faults() == []
        assert health.damage("default") == []


@EXAMPLES
@given(FORESTS, st.sets(st.integers(0, 15)), st.booleans())
def test_deleting_messages_leaves_what_the_rule_says(
    forest: tuple[list[int | None], list[tuple[int, int]]], chosen: set[int], at_once: bool
) -> None:
    with undone():
        ids = plant(*forest)
        before = parents_now()
        gone = {ids[n] for n in chosen if n < len(ids)}
        if at_once:
            Message.objects.filter(pk__in=gone).delete()
        else:
            for message in list(Message.objects.filter(pk__in=gone)):
                message.delete()
        assert parents_now() == survivors(before, gone)
        assert health.faults() == []
        assert health.damage("default") == []


@pytest.mark.parametrize("name", ["mixed", *slow("deep", "wide")])
def test_a_thread_of_ten_thousand_goes_without_recursion(name: str) -> None:
    plant_many(shape(name, 10_000))
    stays = send("carol", "dave", parent_message=Message.objects.get(pk=10_000))
    people("alice")[0].delete()
    assert parents_now() == {stays.pk: None}


def queries_to_delete_among(number: int) -> int:
    with undone():
        send_many(number, "alice", "bob")
        top = send("alice", "bob")
        for _ in range(number // 10):
            send("carol", "dave", parent_message=top)
        with CaptureQueriesContext(connection) as queries:
            people("alice")[0].delete()
    return len(queries)


def test_the_number_of_queries_does_not_grow_with_the_messages() -> None:
    queries_to_delete_among(10)  # temporary tables are made once
    assert queries_to_delete_among(10) == queries_to_delete_among(1_500)


def peak_of_deleting(number: int) -> int:
    """The most memory that deleting a user with this many messages takes, in bytes."""
    with undone():
        send_many(number)
        (alice,) = people("alice")
        tracemalloc.start()
        try:
            alice.delete()
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()


def test_memory_stays_flat_however_many_messages_go() -> None:
    peak_of_deleting(10)  # what is imported and compiled once
    assert peak_of_deleting(20_000) < 1.5 * peak_of_deleting(2_000)


@pytest.fixture
def listen() -> Iterator[Callable[..., None]]:
    """Connects a host's receiver for the time of one test."""
    connected: list[tuple[signals.ModelSignal, Any, Any]] = []

    def connect(signal: signals.ModelSignal, receiver: Any, sender: type[models.Model]) -> None:
        signal.connect(receiver, sender=sender, weak=False)
        connected.append((signal, receiver, sender))

    yield connect
    for signal, receiver, sender in connected:
        signal.disconnect(receiver, sender=sender)


@pytest.mark.parametrize("signal", [signals.pre_delete, signals.post_delete])
@pytest.mark.parametrize("delete", [by_user, by_queryset, by_accounts])
def test_a_hosts_receivers_are_called_for_every_message_that_goes(
    listen: Callable[..., None], signal: signals.ModelSignal, delete: Callable[[User], None]
) -> None:
    heard: list[int] = []
    listen(signal, lambda instance, **kwargs: heard.append(instance.pk), Message)
    made = [m.pk for m in send_many(600)]
    stays = send("carol", "dave", parent_message_id=made[0])
    delete(people("alice")[0])
    assert sorted(heard) == made
    assert parents_now() == {stays.pk: None}
    assert health.faults() == []


def everything() -> list[Any]:
    kinds: tuple[Any, ...] = (User, Message, Notification, MessageHistory, Conversation)
    return [list(kind.objects.order_by("pk").values()) for kind in kinds]


@pytest.mark.parametrize("delete", [by_user, by_queryset, by_accounts])
@pytest.mark.parametrize(
    ("signal", "sender"),
    [
        (signals.pre_delete, User),
        (signals.post_delete, User),
        (signals.pre_delete, Message),
        (signals.post_delete, Message),
    ],
)
@pytest.mark.django_db(transaction=True)
def test_a_deletion_that_fails_half_way_changes_nothing(
    listen: Callable[..., None],
    signal: signals.ModelSignal,
    sender: type[models.Model],
    delete: Callable[[User], None],
) -> None:
    top, _ = send("alice", "bob"), send("bob", "alice")
    send("carol", "dave", parent_message=top)
    Message.objects.edit(top.pk, "edited")
    before, calls = everything(), []

    def fail(**kwargs: Any) -> None:
        calls.append(kwargs)
        if len(calls) == (2 if sender is Message else 1):
            raise RuntimeError("the host said no")

    listen(signal, fail, sender)
    with pytest.raises(RuntimeError, match="the host said no"):
        delete(people("alice")[0])
    assert everything() == before
    assert health.faults() == []


@pytest.mark.django_db(transaction=True)
def test_a_deletion_that_is_rolled_back_changes_nothing_and_can_be_done_again() -> None:
    send_many(5)
    before = everything()
    with transaction.atomic():
        people("alice")[0].delete()
        transaction.set_rollback(True)
    assert everything() == before
    people("alice")[0].delete()
    assert not Message.objects.exists()


def test_deleting_nobody_is_nothing() -> None:
    send()
    assert User.objects.none().delete()[0] == 0
    assert Message.objects.none().delete() == (0, {})
    assert Message.objects.filter(pk__in=[]).delete() == (0, {})
    assert Message.objects.count() == 1


def test_several_users_go_at_once() -> None:
    top = send("alice", "bob")
    stays = send("carol", "dave", parent_message=send("bob", "carol", parent_message=top))
    User.objects.filter(username__in=["alice", "bob"]).delete()
    assert parents_now() == {stays.pk: None}
    assert health.faults() == []


def test_a_queryset_with_a_join_or_an_order_can_be_deleted() -> None:
    send("alice", "bob")
    stays = send("carol", "dave")
    theirs = Message.objects.select_related("sender").filter(sender__username="alice")
    assert theirs.newest_first().delete() == (1, {"messaging.Message": 1})
    assert list(Message.objects.all()) == [stays]


@pytest.mark.django_db(transaction=True)
def test_messages_can_be_deleted_while_they_are_read_from_the_database() -> None:
    send_many(250)
    for message in Message.objects.iterator(chunk_size=10):
        message.delete()
    assert not Message.objects.exists()


def test_deleting_counts_the_messages_that_went() -> None:
    send_many(3)
    deleted, by_model = people("alice")[0].delete()
    assert by_model["messaging.Message"] == 3
    assert deleted == sum(by_model.values())


def test_dates_of_the_people_left_are_kept_in_their_inboxes() -> None:
    send("alice", "bob")
    kept = send("carol", "bob")
    people("alice")[0].delete()
    rows = Conversation.objects.inbox(people("bob")[0]).rows()
    assert [(row.user, row.last_message.id) for row in rows] == [("carol", kept.pk)]

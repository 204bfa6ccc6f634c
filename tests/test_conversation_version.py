"""The version of a conversation: another one after every change to what its pages show."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timezone
from threading import Event
from time import sleep
from typing import Any, NamedTuple

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import IntegrityError, connection, connections, transaction
from django.db.models import Case, F, Value, When
from django.test import Client
from django.test.utils import CaptureQueriesContext
from hypothesis import given
from hypothesis import strategies as st
from pytest_django import DjangoAssertNumQueries

from messaging import conversations, health, plain, visible
from messaging.archive import import_records
from messaging.archive.jsonlines import records
from messaging.models import Conversation, Message, Notification
from tests.factories import EXAMPLES, people, plant, send, tie, undone

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 1, 1, 12, tzinfo=timezone.utc)
HERE, ELSEWHERE = ("alice", "bob"), ("carol", "dave")


def version(owner: str, other: str) -> int | None:
    return Conversation.objects.version(people(owner)[0], other)


def versions(one: str, other: str) -> tuple[int | None, int | None]:
    return version(one, other), version(other, one)


def first() -> Message:
    return Message.objects.order_by("pk")[0]


def mine() -> Any:
    """The messages of alice and bob."""
    return Message.objects.between(*people(*HERE))


def notified() -> Any:
    return Notification.objects.filter(message__in=mine())


def line(id: int, text: str) -> bytes:
    return (
        f'{{"id": {id}, "sender": "alice", "receiver": "bob", "content": "{text}",'
        ' "timestamp": "2020-01-01T00:00:00Z"}\n'
    ).encode()


# One message, the older of two unread ones


def by_send() -> None:
    send(*HERE)


def by_send_of_an_older_one() -> None:
    send(*HERE, timestamp=NOON)


def by_reply() -> None:
    Message.objects.reply(first().pk, people("bob")[0], "back")


def by_edit() -> None:
    Message.objects.edit(first().pk, "new")


def by_save() -> None:
    message = first()
    message.content = "new"
    message.save()


def by_saving_read() -> None:
    message = first()
    message.read = True
    message.save(update_fields=["read"])


def by_saving_another_time() -> None:
    message = first()
    message.timestamp = NOON
    message.save()


def by_saving_no_parent() -> None:
    message = mine().get(content="an answer")
    message.parent_message = None
    message.save()


def by_saving_another_receiver() -> None:
    message = first()
    message.receiver = people("erin")[0]
    message.save()


def by_removing() -> None:
    Message.objects.remove(first().pk)


def by_saving_a_notification() -> None:
    notification = first().notifications.get()
    notification.read = True
    notification.save()


def by_deleting_a_notification() -> None:
    first().notifications.get().delete()


# Many at once


def by_bulk_create() -> None:
    one, other = people(*HERE)
    Message.objects.bulk_create([Message(sender=other, receiver=one, content="hi", timestamp=NOON)])


def by_bulk_update() -> None:
    messages = list(mine())
    for message in messages:
        message.content += "!"
    Message.objects.bulk_update(messages, ["content"])


def by_update_of_the_text() -> None:
    mine().update(content="new")


def by_update_of_read() -> None:
    assert mine().filter(read=False).update(read=True) == 2


def by_update_of_read_by_an_expression() -> None:
    mine().update(read=Case(When(read=True, then=Value(False)), default=True))


def by_update_of_edited() -> None:
    mine().filter(edited=False).update(edited=True)


def by_update_of_the_time() -> None:
    mine().update(timestamp=NOON)


def by_update_of_the_parent() -> None:
    mine().exclude(parent_message=None).update(parent_message=None)


def by_update_of_the_receiver() -> None:
    Message.objects.filter(pk=first().pk).update(receiver=people("erin")[0])


def by_swapping_people() -> None:
    mine().update(sender=F("receiver"), receiver=F("sender"))


def by_marking_read() -> None:
    assert mine().mark_read() == 2


def by_deleting_many() -> None:
    mine().filter(pk=first().pk).delete()


def by_marking_notifications() -> None:
    notified().update(read=True)


def by_clearing_notifications() -> None:
    notified().delete()


def by_import() -> None:
    import_records(records([line(7001, "from long ago")]))


def by_the_admin() -> None:
    browser = Client()
    browser.force_login(User.objects.create_superuser("root"))
    data = {"action": "delete_selected", "_selected_action": [str(first().pk)], "post": "yes"}
    assert browser.post("/admin/messaging/message/", data).status_code == 302


def by_reading() -> None:
    version(*HERE)


WAYS = [
    way for name, way in list(globals().items()) if name.startswith("by_") and way is not by_reading
]


@pytest.mark.parametrize("change", WAYS)
def test_every_change_gives_both_people_another_version(change: Callable[[], None]) -> None:
    send(*HERE, content="an answer", parent_message=send(*HERE))
    send(*ELSEWHERE)
    here, elsewhere = versions(*HERE), versions(*ELSEWHERE)
    change()
    assert None not in versions(*HERE)
    assert not set(versions(*HERE)) & set(here)
    assert versions(*ELSEWHERE) == elsewhere
    assert health.faults() == []


def test_a_change_that_is_rolled_back_leaves_the_version() -> None:
    message = send(*HERE)
    before = versions(*HERE)
    with transaction.atomic():
        Message.objects.edit(message.pk, "new")
        assert versions(*HERE) != before
        transaction.set_rollback(True)
    assert versions(*HERE) == before


def test_a_conversation_that_was_deleted_begins_with_a_version_of_its_own() -> None:
    found = set()
    for _ in range(3):
        message = send(*HERE)
        found.add(version(*HERE))
        message.delete()
        assert versions(*HERE) == (None, None)
    assert len(found) == 3


def test_a_version_fits_into_a_column_and_is_hard_to_guess() -> None:
    found = {conversations.new_version() for _ in range(100)}
    assert len(found) == 100
    assert 2**50 < max(found) < 2**63


def test_notes_to_oneself_have_a_version() -> None:
    note = send("alice", "alice")
    before = version("alice", "alice")
    Message.objects.edit(note.pk, "new")
    assert version("alice", "alice") not in (before, None)


def test_whoever_never_wrote_has_no_version() -> None:
    send(*HERE)
    assert versions("alice", "carol") == (None, None)
    assert version("alice", "nobody") is None


def test_both_the_place_that_a_message_leaves_and_the_one_it_comes_to_change() -> None:
    stays = send(*HERE)
    moved = send(*HERE)
    send(*ELSEWHERE)
    here, elsewhere = versions(*HERE), versions(*ELSEWHERE)
    carol, dave = people(*ELSEWHERE)
    Message.objects.filter(pk=moved.pk).update(sender=carol, receiver=dave)
    assert not set(versions(*HERE)) & set(here)
    assert not set(versions(*ELSEWHERE)) & set(elsewhere)
    assert list(mine()) == [stays]


def by_deleting_the_message(top: Message) -> None:
    top.delete()


def by_deleting_the_sender(top: Message) -> None:
    top.sender.delete()


def by_moving_the_message(top: Message) -> None:
    top.receiver = people("erin")[0]
    top.save()


def by_moving_messages(top: Message) -> None:
    Message.objects.filter(pk=top.pk).update(sender=people("erin")[0])


@pytest.mark.parametrize(
    "change",
    [by_deleting_the_message, by_deleting_the_sender, by_moving_the_message, by_moving_messages],
)
def test_so_do_those_of_the_replies_by_others(change: Callable[[Message], None]) -> None:
    top = send("alice", "carol")
    send(*ELSEWHERE, parent_message=top)
    before = versions(*ELSEWHERE)
    change(top)
    assert not set(versions(*ELSEWHERE)) & {*before, None}


def test_whatever_is_mended_changes_every_version() -> None:
    one, other = send(*HERE), send(*HERE)
    send(*ELSEWHERE)
    tie(one.pk, other.pk)
    tie(other.pk, one.pk)
    before = {*versions(*HERE), *versions(*ELSEWHERE)}
    health.mend()
    assert not {*versions(*HERE), *versions(*ELSEWHERE)} & before
    healthy = versions(*HERE)
    health.mend()
    assert versions(*HERE) == healthy


# Whatever is done, in whatever order


class Step(NamedTuple):
    """What a change is done to, and by whom."""

    sender: User
    receiver: User
    chosen: Any
    one: Any
    number: int


def send_one(step: Step) -> None:
    Message.objects.send(step.sender, step.receiver, "hi", parent=step.one.first())


def create_many(step: Step) -> None:
    Message.objects.bulk_create(
        Message(sender=step.sender, receiver=step.receiver, content="many", timestamp=NOON)
        for _ in range(step.number)
    )


def edit_one(step: Step) -> None:
    for message in step.one:
        Message.objects.edit(message.pk, f"{message.content}!")


def save_many(step: Step) -> None:
    for message in step.chosen:
        message.read, message.parent_message = not message.read, None
        message.save()


def move_one(step: Step) -> None:
    for message in step.one:
        message.sender, message.receiver, message.timestamp = step.sender, step.receiver, NOON
        message.save()


def update_many(step: Step) -> None:
    messages = list(step.chosen)
    for message in messages:
        message.content, message.receiver = "updated", step.receiver
    Message.objects.bulk_update(messages, ["content", "receiver"])


def swap_many(step: Step) -> None:
    step.chosen.update(sender=F("receiver"), receiver=step.sender)


def answer_nothing(step: Step) -> None:
    step.chosen.update(parent_message=None)


def date_many(step: Step) -> None:
    step.chosen.update(timestamp=NOON.replace(minute=step.number))


def mark_many(step: Step) -> None:
    step.chosen.mark_read() if step.number % 2 else step.chosen.mark_unread()


def about(step: Step) -> Any:
    return Notification.objects.filter(message__in=step.chosen)


def mark_notifications(step: Step) -> None:
    about(step).update(read=Case(When(read=True, then=Value(False)), default=True))


def save_notifications(step: Step) -> None:
    for notification in about(step):
        notification.read = not notification.read
        notification.save()


def clear_notifications(step: Step) -> None:
    about(step).delete()


def delete_many(step: Step) -> None:
    step.chosen.delete()


def delete_person(step: Step) -> None:
    step.sender.delete()


def import_one(step: Step) -> None:
    import_records(records([line(1000 + step.number, "imported")]))


DEEDS = (
    send_one, send_one, create_many, edit_one, save_many, move_one, update_many, swap_many,
    answer_nothing, date_many, mark_many, mark_notifications, save_notifications,
    clear_notifications, delete_many, delete_person, import_one,
)  # fmt: skip
TRIO = ("alice", "bob", "carol")
WHO = st.sampled_from(TRIO)
NUMBERS = st.integers(0, 9)
STEPS = st.lists(
    st.tuples(st.sampled_from(DEEDS), WHO, WHO, st.sets(NUMBERS, max_size=3), NUMBERS),
    min_size=1,
    max_size=6,
)


def do(
    deed: Callable[[Step], None], sender: str, receiver: str, some: set[int], number: int
) -> None:
    """One change, to those of the messages that are there."""
    known = list(Message.objects.order_by("pk").values_list("pk", flat=True))
    chosen = Message.objects.filter(pk__in=[known[n] for n in some if n < len(known)])
    one = Message.objects.filter(pk__in=known[number : number + 1])
    by, to = people(sender, receiver)
    deed(Step(by, to, chosen, one, number))


def shown(reader: str, other: str) -> list[dict[str, Any]]:
    """What a page of JSON shows this reader."""
    one, two = people(reader, other)
    rows = Message.objects.between(one, two).newest_first()[:50].rows()
    return [plain.message(row) for row in visible.messages(rows, one)]


@EXAMPLES
@given(STEPS)
def test_whatever_is_shown_under_one_version_is_the_same(
    steps: list[tuple[Callable[[Step], None], str, str, set[int], int]],
) -> None:
    pages: dict[tuple[str, str, int], Any] = {}
    with undone():
        plant([None, 0, 1, None, 3, None], [(0, 1), (1, 2), (0, 1), (0, 2), (0, 1), (1, 1)])
        for step in [None, *steps]:
            if step is not None:
                do(*step)
            for pair in [(one, other) for one in TRIO for other in TRIO]:
                now, page = version(*pair), shown(*pair)
                assert (now is None) == (page == [])
                if now is not None:
                    assert pages.setdefault((*pair, now), page) == page, step
        assert health.faults() == []


# What it costs


def statements(action: Callable[[], object]) -> list[str]:
    with CaptureQueriesContext(connection) as queries:
        action()
    return [query["sql"] for query in queries]


def test_a_list_that_was_read_is_read_again_after_it_is_changed() -> None:
    send(*HERE)
    messages, notifications = mine(), notified()
    assert [row.read for row in (*messages, *notifications)] == [False, False]
    messages.update(read=True)
    assert [row.read for row in messages] == [True]
    assert notifications.update(read=False) == len(notifications) == 1
    assert [row.read for row in notifications] == [False]
    notifications.delete()
    assert list(notifications) == []


def test_a_version_takes_one_query(django_assert_num_queries: DjangoAssertNumQueries) -> None:
    send(*HERE)
    (alice,) = people("alice")
    with django_assert_num_queries(1):
        assert Conversation.objects.version(alice, "bob")


@pytest.mark.parametrize(
    "change",
    [by_marking_read, by_deleting_many, by_clearing_notifications, by_marking_notifications],
)
def test_many_conversations_are_told_in_one_statement(change: Callable[[], None]) -> None:
    send(*HERE)
    send(*HERE)
    told = [sql for sql in statements(change) if "SET version" in sql]
    assert len(told) == 1


def test_sending_takes_no_statement_more_for_it() -> None:
    one, other = people(*HERE)
    made = statements(lambda: Message.objects.send(one, other, "hi"))
    assert len([sql for sql in made if "messaging_conversation" in sql]) == 1


@pytest.mark.skipif(connection.vendor != "sqlite", reason="reads the plan as SQLite words it")
@pytest.mark.parametrize(
    "change",
    [by_edit, by_marking_read, by_deleting_many, by_clearing_notifications, by_reading],
)
def test_conversations_are_found_by_their_index(change: Callable[[], None]) -> None:
    send(*HERE)
    send(*HERE)
    (statement,) = (sql for sql in statements(change) if "version" in sql)
    with connection.cursor() as cursor:
        # The temporary tables of ids are still there, but empty.
        cursor.execute(f"EXPLAIN QUERY PLAN {statement}")
        plan = "".join(f"{row[3]}\n" for row in cursor.fetchall())
    assert re.search(
        r"SEARCH (messaging_)?conversation USING .*\(owner_id=\? AND other_id=\?\)", plan
    )
    assert not re.search("SCAN (messaging_message|messaging_conversation|conversation|auth)", plan)


# Several at once


def at_once(*actions: Callable[[], object]) -> None:
    """Run each in a thread with a connection of its own; raises what one of them raised."""

    def run(action: Callable[[], object]) -> None:
        try:
            action()
        finally:
            connections.close_all()

    with ThreadPoolExecutor(len(actions)) as pool:
        list(pool.map(run, actions))


def changing(seed: int) -> Callable[[], None]:
    """Somebody who sends, edits, marks, clears and deletes among three people."""
    chance = random.Random(seed)
    deeds = (
        lambda mine: Message.objects.edit(mine.pk, f"edited {chance.random()}"),
        lambda mine: Message.objects.filter(sender=mine.sender).mark_read(),
        lambda mine: Message.objects.filter(receiver=mine.receiver).mark_unread(),
        lambda mine: Notification.objects.filter(user=mine.receiver).delete(),
        lambda mine: mine.delete(),
        lambda mine: Message.objects.bulk_create(
            Message(sender=one, receiver=other, content="hi")
            for one in (mine.sender, mine.receiver)
            for other in chance.sample([mine.sender, mine.receiver], 2)
        ),
    )

    def change() -> None:
        for _ in range(20):
            mine = send(*chance.sample(("alice", "bob", "carol"), 2))
            chance.choice(deeds)(mine)

    return change


@pytest.mark.django_db(transaction=True)
def test_no_two_changes_wait_for_each_other_for_ever() -> None:
    people()
    at_once(*map(changing, range(4)))
    assert health.faults() == []


@pytest.mark.django_db(transaction=True)
def test_whoever_reads_between_two_equal_versions_reads_what_the_version_stands_for() -> None:
    people()
    send(*HERE)
    pages: dict[int | None, Any] = {}
    equal = 0

    def read() -> None:
        nonlocal equal
        for _ in range(300):
            before, page, after = version(*HERE), shown(*HERE), version(*HERE)
            if before == after:
                equal += 1
                assert pages.setdefault(before, page) == page

    at_once(changing(1), changing(2), read)
    assert equal


@pytest.mark.django_db(transaction=True)
@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one writer at a time")
def test_an_edit_that_waits_for_a_move_sets_the_version_after_it() -> None:
    moves, stays = send(*HERE), send(*HERE)
    waiting, seen = Event(), []

    def move() -> None:
        with transaction.atomic():
            Message.objects.filter(pk=moves.pk).update(receiver=people("erin")[0])
            waiting.set()
            sleep(0.5)
            seen.append(version(*HERE))

    def edit() -> None:
        assert waiting.wait(10)
        Message.objects.edit(stays.pk, "new")

    at_once(move, edit)
    assert version(*HERE) not in (*seen, None)


# The migration


@pytest.mark.django_db(transaction=True)
def test_a_store_of_before_is_migrated_there_and_back() -> None:
    call_command("migrate", "messaging", "0001", verbosity=0)
    try:
        with connection.cursor() as cursor:
            for name in HERE:
                people(name)
            cursor.execute("SELECT id FROM auth_user ORDER BY username")
            alice, bob = (row[0] for row in cursor.fetchall())
            cursor.execute(
                "INSERT INTO messaging_conversation (owner_id, other_id) VALUES (%s, %s)",
                [alice, bob],
            )
    finally:
        call_command("migrate", "messaging", verbosity=0)
    assert versions(*HERE) == (0, None)
    send(*HERE)
    assert not {0, None} & set(versions(*HERE))
    with pytest.raises(IntegrityError), transaction.atomic():
        Conversation.objects.create(owner_id=alice, other_id=bob)


def test_no_migration_is_missing() -> None:
    call_command("makemigrations", "messaging", check=True, dry_run=True, verbosity=0)

"""A copy of a store is the same, however often it was interrupted, and whatever happened then."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.db.models import QuerySet
from hypothesis import given
from hypothesis import strategies as st

import settings
from messaging import copying, health
from messaging.access.models import Token
from messaging.accounts import delete_user
from messaging.copying import Contents, Stage, copy
from messaging.models import Conversation, Mail, Message, MessageHistory, Notification, Reference
from msgcli.connections import connected
from tests.databases import Postgres
from tests.factories import EXAMPLES, people, send, send_many

TARGET = "target"
MODELS = (User, Message, Notification, MessageHistory, Mail, Reference, Conversation, Token)
pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")


@pytest.fixture(scope="module")
def empty_file(tmp_path_factory: pytest.TempPathFactory, django_db_blocker: Any) -> Path:
    """A store in a file, with its tables and nothing in them."""
    file = tmp_path_factory.mktemp("empty") / "store.sqlite3"
    with django_db_blocker.unblock(), connected(TARGET, settings.database(f"sqlite:///{file}")):
        call_command("migrate", database=TARGET, verbosity=0)
    return file


@contextmanager
def new_file(empty: Path) -> Iterator[None]:
    """The target is a new store in a file."""
    file = Path(shutil.copy(empty, empty.with_name("target.sqlite3")))
    with connected(TARGET, settings.database(f"sqlite:///{file}")):
        yield


# Where the suite runs on PostgreSQL, what takes several servers runs too.
@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.servers)])
def target(request: pytest.FixtureRequest, empty_file: Path) -> Iterator[None]:
    """The target is an empty store, in a file and on a server."""
    if request.param == "sqlite":
        with new_file(empty_file):
            yield
        return
    server: Postgres = request.getfixturevalue("postgres")
    with connected(TARGET, {"OPTIONS": {}, **settings.database(server.new_database())}):
        call_command("migrate", database=TARGET, verbosity=0)
        yield


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "SIZE", 3)


def stage(*, told: Callable[[str, int], None] = lambda what, done: None) -> Stage:
    """A stage that tells what is done, and how many rows with it; silent if left out."""

    @contextmanager
    def begun(what: str, number: int) -> Iterator[Callable[[int], None]]:
        done = 0

        def advance(more: int) -> None:
            nonlocal done
            done += more
            told(what, done)

        yield advance
        assert done == number

    return begun


def copied() -> Contents:
    return copy("default", TARGET, stage())


def rows(model: Any, using: str) -> list[dict[str, Any]]:
    return list(model._base_manager.using(using).order_by("pk").values())


def assert_same() -> None:
    for model in MODELS:
        assert rows(model, TARGET) == rows(model, "default")
    assert not any(fault.number for fault in health.faults(TARGET))


def fill() -> None:
    """Something in every table, and a reply that is older than what it answers."""
    alice, bob, carol = people("alice", "bob", "carol")
    alice.set_password("correct horse battery")
    alice.save()
    first, *more = send_many(7)
    later = send(content="ünïcode \U0001f600\u202e", timestamp=first.timestamp - timedelta(days=9))
    Message.objects.filter(pk=more[0].pk).update(parent_message=later)
    answer = Message.objects.reply(later.pk, bob, "an answer")
    for content in ("an answe", "an answer!"):
        Message.objects.edit(answer.pk, content, editor=bob)
    Message.objects.filter(pk=first.pk).mark_read()
    mail = Mail.objects.create(message=later, msg_id="1@example.com", component=7)
    Reference.objects.create(mail=mail, position=0, msg_id="0@example.com")
    Token.objects.issue(carol, "script")


@pytest.mark.usefixtures("target")
def test_everything_is_the_same_in_the_end() -> None:
    fill()
    found = copied()
    assert all(rows(model, TARGET) for model in MODELS)
    assert_same()
    assert (found.messages, found.users, found.notifications, found.versions) == (9, 3, 9, 2)
    with connections[TARGET].cursor() as cursor:
        cursor.execute("SELECT COUNT(*) FROM django_migrations WHERE name = 'unfinished_copy'")
        assert cursor.fetchone() == (0,)


@pytest.mark.usefixtures("target")
def test_back_again_is_the_same() -> None:
    fill()
    there = copied()
    User.objects.all().delete()
    back = copy(TARGET, "default", stage())
    assert back == there
    assert_same()


@pytest.mark.usefixtures("target")
def test_words_are_found_in_the_copy() -> None:
    send(content="the lake is frozen")
    copied()
    found = Message.objects.using(TARGET).search("frozen")
    assert [message.content for message in found] == ["the lake is frozen"]


@pytest.mark.usefixtures("target")
def test_an_id_is_not_given_again_though_its_message_is_gone() -> None:
    send()
    gone = send().pk
    Message.objects.filter(pk=gone).delete()
    copied()
    alice, bob = people("alice", "bob")
    sent = Message.objects.using(TARGET).create(sender_id=alice.pk, receiver_id=bob.pk, content="x")
    assert sent.pk == gone + 1


@pytest.mark.usefixtures("target")
def test_a_store_with_something_in_it_is_not_replaced() -> None:
    send()
    User.objects.using(TARGET).create(username="erin")
    before = rows(User, TARGET)
    with pytest.raises(copying.NotEmpty) as refused:
        copied()
    assert str(refused.value) == (
        "The other store is not empty (users: 1, messages: 0): copy to one that is."
    )
    assert rows(User, TARGET) == before


@pytest.mark.usefixtures("target")
def test_a_database_that_is_for_something_else_is_left_as_it_is() -> None:
    send()
    call_command("migrate", "messaging", "zero", database=TARGET, verbosity=0)
    with connections[TARGET].cursor() as cursor:
        cursor.execute("CREATE TABLE orders (id integer)")
    with pytest.raises(copying.NotEmpty) as refused:
        copied()
    assert str(refused.value) == (
        "The other database is in use for something else (it has orders): copy to one that is"
        " empty."
    )
    assert "messaging_message" not in connections[TARGET].introspection.table_names()


@pytest.mark.usefixtures("target")
def test_tables_that_are_made_in_part_are_made_whole() -> None:
    fill()
    call_command("migrate", "messaging", "zero", database=TARGET, verbosity=0)
    copied()
    assert_same()


def interrupted(after: int) -> None:
    """Copy until so many rows are there."""

    def told(what: str, done: int) -> None:
        if what == "Copying" and done >= after:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        copy("default", TARGET, stage(told=told))


@pytest.mark.usefixtures("target")
def test_an_interrupted_copy_goes_on_where_it_was() -> None:
    send_many(30)
    interrupted(32)  # all users and messages
    written: list[str] = []

    def note(execute: Any, sql: str, *rest: Any) -> Any:
        written.append(sql)
        return execute(sql, *rest)

    with connections[TARGET].execute_wrapper(note):
        copied()
    assert_same()
    inserted = {sql.split('"')[1] for sql in written if sql.startswith('INSERT INTO "')}
    assert inserted == {"messaging_notification", "messaging_conversation"}


def _edit() -> None:
    message = Message.objects.order_by("pk").first()
    if message:
        Message.objects.edit(message.pk, f"{message.content} again")


def _delete_message() -> None:
    Message.objects.filter(pk__in=Message.objects.order_by("pk").values("pk")[:2]).delete()


def _delete_person(name: str) -> None:
    for user in User.objects.filter(username=name):
        delete_user(user)


def _move() -> None:
    """The oldest message becomes an answer to the newest."""
    first, last = Message.objects.order_by("pk").first(), Message.objects.order_by("pk").last()
    if first and last and first != last and last.parent_message_id is None:
        Message.objects.filter(pk=first.pk, parent_message=None).update(parent_message=last)


CHANGES: dict[str, Callable[[], object]] = {
    "fill": fill,
    "edit": _edit,
    "delete a message": _delete_message,
    "delete a sender": partial(_delete_person, "alice"),
    "delete who edited": partial(_delete_person, "bob"),
    "answer": _move,
    "read": lambda: Message.objects.filter(read=False).mark_read(),
}


def change(names: list[str]) -> None:
    for name in names:
        if name == "fill" and Mail.objects.exists():
            send_many(4, "carol", "alice")
        else:
            CHANGES[name]()


SOME = st.lists(st.sampled_from(sorted(CHANGES)), max_size=4)


@EXAMPLES
@given(first=SOME, second=SOME, after=st.integers(1, 40))
def test_whatever_happened_between_two_halves(
    empty_file: Path, first: list[str], second: list[str], after: int
) -> None:
    User.objects.all().delete()
    change(["fill", *first])
    with new_file(empty_file):
        if after <= copying._rows_in("default"):
            interrupted(after)
        change(second)
        copied()
        assert_same()


def in_another_thread(do: Callable[[], Any]) -> Any:
    """What somebody else's connection does, who does not wait for ours."""
    from concurrent.futures import ThreadPoolExecutor

    def done() -> Any:
        try:
            return do()
        finally:
            connection.close()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(done).result()


@pytest.mark.usefixtures("target")
def test_what_is_sent_meanwhile_is_in_the_copy() -> None:
    send_many(5)
    sent: list[Message] = []

    def told(what: str, done: int) -> None:
        if what == "Copying" and done == 5 and not sent:
            sent.append(in_another_thread(lambda: send("carol", "alice", "meanwhile")))

    found = copy("default", TARGET, stage(told=told))
    assert found.messages == 6
    assert_same()


def test_what_never_rests_can_be_copied_when_it_does(empty_file: Path) -> None:
    send_many(2)
    stages = [""]

    def told(what: str, done: int) -> None:
        stages.append(what)
        if stages[-2:] != ["Copying", "Copying"] and what == "Copying":
            in_another_thread(lambda: send("carol", "alice", "and another"))

    with new_file(empty_file):
        with pytest.raises(copying.KeepsChanging) as refused:
            copy("default", TARGET, stage(told=told))
        assert str(refused.value).startswith("The store changes faster than it can be copied: ")
        assert copied().messages == 5
        assert_same()


def test_of_two_that_copy_to_one_place_the_slower_writes_no_more(empty_file: Path) -> None:
    """Else it would delete what is sent there as soon as the faster one is done."""
    send_many(9)

    def told(what: str, done: int) -> None:
        if what == "Copying" and done == 5:
            copied()
            message = Message.objects.using(TARGET).earliest("pk")
            message.content = "changed in the copy"
            message.save(using=TARGET)

    with new_file(empty_file):
        with pytest.raises(copying.AnotherCopy):
            copy("default", TARGET, stage(told=told))
        contents = Message.objects.using(TARGET).values_list("content", flat=True)
        assert sorted(contents)[0] == "changed in the copy"


def another(value: Any) -> Any:
    match value:
        case bool():
            return not value
        case datetime():
            return value + timedelta(microseconds=1)
        case str():
            return f"{value[:-1]}\u0301"
        case None:
            return 1
    return value + 1


@pytest.mark.parametrize("model", MODELS)
def test_the_digest_is_another_whatever_differs(model: Any) -> None:
    fill()

    def digest() -> str:
        return copying._contents("default", lambda number: None).digest

    seen = {digest()}
    row = QuerySet(model).order_by("-pk")[:1].values().get()
    key = model._meta.pk.attname
    for name in set(row) - {key}:
        with transaction.atomic():
            value = (
                datetime.now(UTC)
                if name.startswith("last_") and not row[name]
                else another(row[name])
            )
            QuerySet(model).filter(pk=row[key]).update(**{name: value})
            seen.add(digest())
            transaction.set_rollback(True)
    assert len(seen) == len(row)

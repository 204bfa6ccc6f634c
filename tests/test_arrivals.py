"""Messages as they arrive: each once, in whatever order transactions end and servers fall over."""

import _thread
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import closing, contextmanager
from itertools import chain, islice
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import OperationalError, connections, transaction
from django.test.utils import CaptureQueriesContext

import settings
from messaging.arrivals import Arrivals, schema, state, watch, watching
from messaging.batches import SIZE
from messaging.models import Message
from messaging.threads import MessageRow
from tests.databases import Postgres

ELSEWHERE = "elsewhere"
pytestmark = pytest.mark.django_db(transaction=True, databases="__all__")

ON_SQLITE = pytest.mark.skipif(
    connections["default"].vendor != "sqlite", reason="it is about SQLite's files"
)
PEOPLE = ("alice", "bob", "carol")


@pytest.fixture(scope="module")
def on_postgres(postgres: Postgres, django_db_blocker: Any) -> Iterator[str]:
    """The alias of a second database of this process, which is PostgreSQL, with all tables."""
    configured = {"OPTIONS": {}, **settings.database(postgres.new_database())}
    connections.settings[ELSEWHERE] = {**connections.settings["default"], **configured}
    with django_db_blocker.unblock():
        call_command("migrate", database=ELSEWHERE, verbosity=0)
        yield ELSEWHERE
        connections[ELSEWHERE].close()
    del connections[ELSEWHERE], connections.settings[ELSEWHERE]


@pytest.fixture
def elsewhere(on_postgres: str, transactional_db: None) -> str:
    """The alias of the PostgreSQL database, in which there are only people."""
    add_people(on_postgres)
    return on_postgres


@pytest.fixture(params=["default", ELSEWHERE])
def using(request: pytest.FixtureRequest, transactional_db: None) -> str:
    """The alias of a database in which there are only people: SQLite, and PostgreSQL."""
    if request.param == ELSEWHERE:
        return str(request.getfixturevalue("elsewhere"))
    add_people("default")
    return "default"


def add_people(using: str) -> None:
    User.objects.using(using).bulk_create(User(username=name) for name in PEOPLE)


def execute(using: str, sql: str, *params: Any) -> list[Any]:
    with connections[using].cursor() as cursor:
        cursor.execute(sql, params or None)
        return cursor.fetchall() if cursor.description else []


def new(using: str, content: str, receiver: str) -> Message:
    found = {user.username: user for user in User.objects.using(using).all()}
    return Message(sender=found["alice"], receiver=found[receiver], content=content)


def send(using: str, content: str, receiver: str = "bob") -> Message:
    message = new(using, content, receiver)
    message.save(using=using)
    return message


def send_many(using: str, number: int) -> list[str]:
    message = new(using, "", "bob")
    made = [
        Message(sender=message.sender, receiver=message.receiver, content=f"message {n}")
        for n in range(number)
    ]
    return [row.content for row in Message.objects.using(using).bulk_create(made)]


def taken(arrivals: Arrivals) -> list[str]:
    """What all messages say that have arrived and were not taken yet."""
    found: list[str] = []
    while rows := arrivals.take():
        found += [row.content for row in rows]
    return found


def connection_lost() -> None:
    raise AssertionError("The connection was lost.")


def soon(arriving: Generator[MessageRow], number: int = 1) -> list[str]:
    """What the next messages say, which come within seconds."""
    timer = threading.Timer(20, _thread.interrupt_main)
    timer.start()
    try:
        return [row.content for row in islice(arriving, number)]
    finally:
        timer.cancel()


def in_another_thread(action: Callable[[], object]) -> threading.Thread:
    """Run it with connections of its own."""

    def run() -> None:
        try:
            action()
        finally:
            connections.close_all()

    thread = threading.Thread(target=run)
    thread.start()
    return thread


@contextmanager
def other_transaction(using: str) -> Iterator[Any]:
    """A cursor of a connection of its own, in a transaction that is committed at the end."""
    other = connections.create_connection(using)
    with closing(other), other.cursor() as cursor:
        cursor.execute("BEGIN")
        yield cursor
        cursor.execute("COMMIT")


INSERT = """
    INSERT INTO messaging_message (sender_id, receiver_id, content, timestamp, edited, read)
    SELECT MIN(id), MAX(id), %s, now(), FALSE, FALSE FROM auth_user"""


def test_what_arrives_is_taken_once(using: str) -> None:
    send(using, "before")
    arrivals = Arrivals(using=using)
    assert taken(arrivals) == []
    send(using, "one")
    send(using, "two")
    assert taken(arrivals) == ["one", "two"]
    assert taken(arrivals) == []
    send(using, "three")
    assert taken(arrivals) == ["three"]


def test_a_burst_is_taken_in_pieces_and_in_order(using: str) -> None:
    arrivals = Arrivals(using=using)
    sent = send_many(using, 2 * SIZE + 1)
    pieces = [[row.content for row in arrivals.take()] for _ in range(4)]
    assert [len(piece) for piece in pieces] == [SIZE, SIZE, 1, 0]
    assert list(chain.from_iterable(pieces)) == sent


def test_a_user_gets_what_is_sent_to_them(using: str) -> None:
    bob = User.objects.using(using).get(username="bob")
    arrivals = Arrivals(bob, using=using)
    send(using, "to carol", "carol")
    send(using, "to bob", "bob")
    assert taken(arrivals) == ["to bob"]
    assert not Message.objects.using(using).filter(read=True).exists()


def test_what_is_deleted_before_it_was_taken_does_not_arrive(using: str) -> None:
    arrivals = Arrivals(using=using)
    send_many(using, SIZE + 2)
    assert len(arrivals.take()) == SIZE
    send(using, "the next")
    messages = Message.objects.using(using)
    messages.exclude(content="the next").delete()
    assert taken(arrivals) == ["the next"]


def test_what_is_rolled_back_does_not_arrive(using: str) -> None:
    arrivals = Arrivals(using=using)
    with transaction.atomic(using=using):
        send(using, "never")
        transaction.set_rollback(True, using=using)
    send(using, "but this")
    assert taken(arrivals) == ["but this"]


@ON_SQLITE
def test_ids_that_come_again_after_an_older_copy_was_restored() -> None:
    add_people("default")
    for content in ("one", "two", "three"):
        send("default", content)
    arrivals = Arrivals()
    Message.objects.filter(pk__gt=1).delete()
    execute("default", "UPDATE sqlite_sequence SET seq = 1 WHERE name = 'messaging_message'")
    assert taken(arrivals) == []
    assert send("default", "another two").pk == 2
    assert taken(arrivals) == ["another two"]


def test_commits_in_another_order_than_ids(elsewhere: str) -> None:
    arrivals = Arrivals(using=elsewhere)
    with other_transaction(elsewhere) as first:
        first.execute(INSERT, ["first"])
        with other_transaction(elsewhere) as second:
            second.execute(INSERT, ["second"])
        assert taken(arrivals) == ["second"]
        send(elsewhere, "third")
        assert taken(arrivals) == ["third"]
    assert taken(arrivals) == ["first"]
    assert taken(arrivals) == []
    ids = list(Message.objects.using(elsewhere).order_by("pk").values_list("content", flat=True))
    assert ids == ["first", "second", "third"]


def test_a_message_under_a_savepoint_arrives_with_its_transaction(elsewhere: str) -> None:
    arrivals = Arrivals(using=elsewhere)
    with transaction.atomic(using=elsewhere):
        with transaction.atomic(using=elsewhere):
            send(elsewhere, "one")
        send(elsewhere, "two")
    assert taken(arrivals) == ["one", "two"]


def test_a_number_that_was_given_before(elsewhere: str) -> None:
    # As a crash makes PostgreSQL do with that of a transaction that left no trace.
    ((number,),) = execute(elsewhere, "SELECT pg_current_xact_id()")
    arrivals = Arrivals(using=elsewhere)
    with transaction.atomic(using=elsewhere):
        again = send(elsewhere, "after the crash")
        sql = "UPDATE messaging_message SET arrived = %s::text::xid8 WHERE id = %s"
        execute(elsewhere, sql, number, again.pk)
    assert taken(arrivals) == ["after the crash"]
    send(elsewhere, "another")
    assert taken(arrivals) == ["another"]


def test_a_dump_of_a_server_that_had_come_further(elsewhere: str) -> None:
    send(elsewhere, "old")
    soon = "(pg_current_xact_id()::text::bigint + 3)::text::xid8"
    execute(elsewhere, f"UPDATE messaging_message SET arrived = {soon}")
    arrivals = Arrivals(using=elsewhere)
    for _ in range(5):
        send(elsewhere, "new")
        assert taken(arrivals) == ["new"]


def test_every_look_reads_an_index(elsewhere: str) -> None:
    send_many(elsewhere, 5000)
    execute(elsewhere, "ANALYZE messaging_message")
    arrivals = Arrivals(using=elsewhere)
    send(elsewhere, "one")
    with CaptureQueriesContext(connections[elsewhere]) as asked:
        assert taken(arrivals) == ["one"]
    for query in asked.captured_queries:
        plan = "\n".join(line for (line,) in execute(elsewhere, f"EXPLAIN {query['sql']}"))
        assert "Seq Scan on messaging_message" not in plan


def test_the_table_is_not_written_anew_by_the_migration(elsewhere: str) -> None:
    send(elsewhere, "old")
    connection = connections[elsewhere]
    schema.drop(connection)
    file = "SELECT pg_relation_filenode('messaging_message')"
    before = execute(elsewhere, file)
    schema.create(connection)
    assert execute(elsewhere, file) == before
    arrivals = Arrivals(using=elsewhere)
    send(elsewhere, "new")
    assert taken(arrivals) == ["new"]


def test_watching_is_woken_by_the_commit(elsewhere: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watching, "AT_LEAST_EVERY", 60)
    committed: list[float] = []

    def send_slowly() -> None:
        time.sleep(0.2)  # by then it is listening
        with transaction.atomic(using=elsewhere):
            send(elsewhere, "one")
            time.sleep(0.2)
            committed.append(time.monotonic())

    arriving = watch(Arrivals(using=elsewhere), connection_lost)
    sender = in_another_thread(send_slowly)
    assert soon(arriving) == ["one"]
    arrived = time.monotonic()
    sender.join()
    assert committed[0] < arrived < committed[0] + 5
    arriving.close()


def test_a_notification_that_is_lost_costs_no_message(using: str) -> None:
    arriving = watch(Arrivals(using=using), connection_lost)
    if using == ELSEWHERE:
        execute(using, f"DROP TRIGGER {schema.CHANNEL} ON messaging_message")

    def send_later() -> None:
        time.sleep(0.1)
        send(using, "one")

    sender = in_another_thread(send_later)
    assert soon(arriving) == ["one"]
    sender.join()
    arriving.close()
    if using == ELSEWHERE:
        execute(using, schema.CREATE[-1])


@ON_SQLITE
def test_a_file_that_can_not_be_read_is_an_error() -> None:
    arriving = watch(Arrivals(), connection_lost)
    execute("default", "ALTER TABLE messaging_message RENAME TO gone")
    with pytest.raises(OperationalError, match="no such table"):
        next(arriving)
    execute("default", "ALTER TABLE gone RENAME TO messaging_message")


def test_the_state_of_a_person_changes_with_their_messages_and_no_others() -> None:
    add_people("default")
    bob = User.objects.get(username="bob")
    seen = [state(bob)]
    send("default", "to carol", "carol")
    assert state(bob) == seen[-1]
    for _ in range(3):
        send("default", "to bob", "bob")
        seen.append(state(bob))
    Message.objects.filter(receiver=bob).first().delete()  # type: ignore[union-attr]
    seen.append(state(bob))
    assert len(set(seen)) == len(seen) == 5
    assert state(bob) == seen[-1]

"""Erased means erased: on SQLite the bytes of what was deleted are in no file of the store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from random import Random

import pytest
from django.contrib.auth.models import User
from django.db import connection, transaction

from messaging import accounts, health
from messaging.archive import Letter, Person, Place, import_letters
from messaging.models import Message, MessageHistory
from tests.conftest import slow
from tests.factories import people, send, send_many

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(connection.vendor != "sqlite", reason="the promise is for SQLite's files"),
]

SIZES = (0, 20, 300, 1_200, 5_000, 30_000)  # within a page, and over several


def files() -> bytes:
    """Every byte of the store: the database and its write-ahead log."""
    path = str(connection.settings_dict["NAME"])
    parts = (Path(path), Path(f"{path}-wal"), Path(f"{path}-journal"))
    return b"".join(part.read_bytes() for part in parts if part.exists())


def found(texts: set[str]) -> set[str]:
    """Those of the texts that are somewhere in the files."""
    data = files()
    return {text for text in texts if text.encode() in data}


def delete_message(message: Message) -> None:
    message.delete()


def delete_queryset(message: Message) -> None:
    Message.objects.filter(pk=message.pk).delete()


def delete_sender(message: Message) -> None:
    message.sender.delete()


def delete_receiver(message: Message) -> None:
    User.objects.filter(pk=message.receiver_id).delete()


def delete_account(message: Message) -> None:
    accounts.delete_user(message.sender)


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(
    "delete",
    [delete_message, delete_queryset, delete_sender, delete_receiver, delete_account],
)
def test_a_deleted_text_and_its_versions_are_in_no_file(
    delete: Callable[[Message], None], size: int
) -> None:
    texts = {f"<{word}>" for word in ("first", "second", "third")}
    message = send("alice", "bob", "<first>" + "a" * size)
    Message.objects.edit(message.pk, "<second>" + "b" * size)
    Message.objects.edit(message.pk, "<third>" + "c" * size)
    send("carol", "dave", "<kept>")
    assert found(texts | {"<kept>"}) == texts | {"<kept>"}
    delete(message)
    assert found(texts | {"<kept>"}) == {"<kept>"}


def test_the_name_of_a_deleted_user_is_in_no_file() -> None:
    User.objects.create(username="erin-of-the-test")
    send("erin-of-the-test", "alice")
    assert found({"erin-of-the-test"})
    User.objects.get(username="erin-of-the-test").delete()
    assert not found({"erin-of-the-test"})


def test_a_text_is_gone_only_when_its_deletion_is_committed() -> None:
    message = send(content="<marker>")
    with transaction.atomic():
        message.delete()
        assert found({"<marker>"})
    assert not found({"<marker>"})


def test_a_text_whose_deletion_is_rolled_back_stays() -> None:
    message = send(content="<marker>")
    with transaction.atomic():
        message.delete()
        transaction.set_rollback(True)
    assert found({"<marker>"})
    assert Message.objects.get().content == "<marker>"


def test_the_copies_that_sqlite_leaves_when_it_moves_rows_between_pages_are_gone() -> None:
    # Six rows and three deletions; secure_delete alone leaves the last text in the file.
    sizes = {2: 6000, 5: 10, 6: 1500, 12: 300, 13: 3000, 15: 3000}
    alice, bob = people("alice", "bob")
    for pk, size in sizes.items():
        Message.objects.create(
            pk=pk, sender=alice, receiver=bob, content=f"<marker {pk}>" + "x" * size
        )
    for pk in (6, 2, 12):
        Message.objects.get(pk=pk).delete()
    assert not found({"<marker 6>", "<marker 2>", "<marker 12>"})


def test_it_is_said_when_a_reader_keeps_the_log_from_being_emptied() -> None:
    message = send(content="<marker>")
    reading = connection.copy()
    with reading.cursor() as cursor:
        cursor.execute("BEGIN")
        cursor.execute("SELECT content FROM messaging_message")
        cursor.fetchone()
        connection.cursor().execute("PRAGMA busy_timeout = 50")
        message.delete()
        assert not accounts.text_is_gone()
        cursor.execute("ROLLBACK")
    reading.close()
    assert accounts.text_is_gone()
    assert not found({"<marker>"})


@pytest.mark.parametrize("seed", [0, *slow(1, 2)])
def test_nothing_is_left_after_many_random_edits_and_deletions(seed: int) -> None:
    random = Random(seed)
    store = Store(random)
    for _ in range(5):
        with transaction.atomic():
            store.send(60)
            store.edit(30)
        store.delete()
        assert found(store.gone) == set()
        # A text over several pages may be cut in two, so only those within one are sought.
        assert store.short <= found(store.short)


class Store:
    """Messages with a marker in every version, and what became of the markers."""

    def __init__(self, random: Random) -> None:
        self.random = random
        self.users = people("alice", "bob", "carol", "dave", "erin", *"12345")
        self.markers: dict[int, set[str]] = {}
        self.gone: set[str] = set()

    @property
    def short(self) -> set[str]:
        """The markers of the messages that are still there, each at the start of its text."""
        return {marker for markers in self.markers.values() for marker in markers}

    def text(self) -> tuple[str, str]:
        marker = f"<{self.random.getrandbits(64):016x}>"
        return marker, marker + "x" * self.random.choice(SIZES) + "y" * self.random.randrange(99)

    def send(self, number: int) -> None:
        for _ in range(number):
            marker, content = self.text()
            sender, receiver = self.random.sample(self.users, 2)
            parent = self.random.choice([None, *self.markers])
            message = Message.objects.create(
                sender=sender, receiver=receiver, content=content, parent_message_id=parent
            )
            self.markers[message.pk] = {marker}

    def edit(self, number: int) -> None:
        for pk in self.random.sample(list(self.markers), number):
            marker, content = self.text()
            Message.objects.edit(pk, content)
            self.markers[pk].add(marker)

    def delete(self) -> None:
        if self.random.random() < 0.5:
            self.users.pop(self.random.randrange(len(self.users))).delete()
        else:
            ids = self.random.sample(list(self.markers), len(self.markers) // 3)
            Message.objects.filter(pk__in=ids).delete()
        left = set(Message.objects.values_list("pk", flat=True))
        for pk in self.markers.keys() - left:
            self.gone |= self.markers.pop(pk)
        assert MessageHistory.objects.exclude(message__in=left).count() == 0


def test_what_mail_calls_a_deleted_message_is_in_no_file() -> None:
    letters = [
        Letter(
            f"{name}-of-the-test@x",
            tuple(f"{other}-of-the-test@x" for other in above),
            Person(f"{name}@mail-of-the-test", name),
            Person("kept@mail-of-the-test", "kept"),
            f"<subject of {name}>",
            "text",
            datetime(2026, 11, 23, tzinfo=timezone.utc),
        )
        for name, above in (("alice", ()), ("bob", ("alice",)), ("kept", ("bob", "alice")))
    ]
    import_letters((Place("x", 1), one) for one in letters)
    marks = {"bob-of-the-test", "<subject of bob>", "bob@mail-of-the-test"}
    kept = {"alice-of-the-test", "kept-of-the-test"}
    assert found(marks | kept) == marks | kept
    accounts.delete_user(User.objects.get(username="bob"))
    assert found(marks | kept) == kept


@pytest.mark.parametrize("others", [0, 3, 2_000])
@pytest.mark.parametrize("size", [0, 20, 5_000])
def test_the_words_of_a_deleted_message_are_not_in_the_index_either(others: int, size: int) -> None:
    """The index has them in lower case and without accents, in an order of its own."""
    send_many(others)
    filling = " ".join(f"w{n}" for n in range(size))
    message = send("carol", "dave", f"Zaphodé {filling} Trilliañ")
    send_many(others // 2)
    send("carol", "dave", "Marvin")
    words = {"zaphod", "trillian", "Zaphod", "Trillia"}
    assert found(words) >= {"Zaphod", "Trillia"}
    message.delete()
    assert found(words) == set()
    assert [m.content for m in Message.objects.search("marvin")] == ["Marvin"]
    assert health.faults() == []

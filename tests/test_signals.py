"""One notification for each new message, and every version of an edited one, under `save()`."""

from __future__ import annotations

from collections.abc import Callable
from threading import Barrier, Thread
from typing import Any

import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.models import signals

from messaging import health
from messaging import signals as receivers
from messaging.exceptions import InvalidText, NotAllowed, ThreadCycle
from messaging.models import Conversation, Message, MessageHistory, Notification
from tests.factories import people, send, versions

pytestmark = pytest.mark.django_db


def rows() -> tuple[int, int, int, int]:
    """How many rows there are of each kind."""
    models: tuple[Any, ...] = (Message, Notification, MessageHistory, Conversation)
    counts = [model.objects.count() for model in models]
    return counts[0], counts[1], counts[2], counts[3]


@pytest.fixture
def failing_save() -> Any:
    """A host's receiver that makes every save of a message fail at the very end."""

    def fail(**kwargs: Any) -> None:
        raise RuntimeError("the host said no")

    signals.post_save.connect(fail, sender=Message, dispatch_uid="tests.fail")
    yield
    signals.post_save.disconnect(sender=Message, dispatch_uid="tests.fail")


def test_a_new_message_notifies_its_receiver_once() -> None:
    message = send("alice", "bob")
    notification = Notification.objects.get()
    assert (notification.message, notification.user.username) == (message, "bob")
    assert (notification.read, notification.timestamp) == (False, message.timestamp)


def test_saving_again_notifies_nobody_again() -> None:
    message = send()
    message.save()
    Message.objects.get().save()
    assert Notification.objects.count() == 1


def test_connecting_the_receivers_twice_notifies_once() -> None:
    receivers.connect()
    send()
    assert Notification.objects.count() == 1


def test_a_message_to_oneself_has_one_notification() -> None:
    send("alice", "alice")
    assert [n.user.username for n in Notification.objects.all()] == ["alice"]


def test_a_message_that_is_saved_as_read_has_a_read_notification() -> None:
    send(read=True)
    assert Notification.objects.get().read


def test_the_database_refuses_a_second_notification() -> None:
    message = send()
    with pytest.raises(IntegrityError), transaction.atomic():
        Notification.objects.create(user=message.receiver, message=message)
    assert Notification.objects.count() == 1


@pytest.mark.usefixtures("failing_save")
@pytest.mark.django_db(transaction=True)
def test_a_save_that_fails_leaves_no_message_and_no_notification() -> None:
    with pytest.raises(RuntimeError, match="the host said no"):
        send()
    assert rows() == (0, 0, 0, 0)


@pytest.mark.django_db(transaction=True)
def test_an_edit_that_fails_leaves_no_history(request: pytest.FixtureRequest) -> None:
    message = send(content="before")
    request.getfixturevalue("failing_save")
    message.content = "after"
    with pytest.raises(RuntimeError, match="the host said no"):
        message.save()
    assert rows() == (1, 1, 0, 2)
    assert Message.objects.values_list("content", "edited").get() == ("before", False)


def test_whoever_edited_is_known_when_a_failed_save_is_tried_again(
    request: pytest.FixtureRequest,
) -> None:
    message = send(content="before")
    message.content, message.editor = "after", message.sender
    request.getfixturevalue("failing_save")
    with pytest.raises(RuntimeError):
        message.save()
    signals.post_save.disconnect(sender=Message, dispatch_uid="tests.fail")
    message.save()
    assert message.history.get().edited_by == message.sender


@pytest.mark.django_db(transaction=True)
def test_a_transaction_that_is_rolled_back_leaves_nothing() -> None:
    alice, bob = people("alice", "bob")
    with transaction.atomic():
        Message.objects.send(alice, bob, "hi")
        transaction.set_rollback(True)
    assert rows() == (0, 0, 0, 0)


def edit_and_save(message: Message) -> None:
    message.content = "two"
    message.save()


def edit_one_field(message: Message) -> None:
    message.content = "two"
    message.save(update_fields=["content"])


def edit_deferred(message: Message) -> None:
    partial = Message.objects.only("content").get(pk=message.pk)
    partial.content = "two"
    partial.save()


def edit_with_content_deferred(message: Message) -> None:
    partial = Message.objects.defer("content").get(pk=message.pk)
    partial.content = "two"
    partial.save()


def edit_a_copy(message: Message) -> None:
    copy = Message(pk=message.pk, sender=message.sender, receiver=message.receiver, content="two")
    copy.timestamp = message.timestamp
    copy.save()


def edit_by_verb(message: Message) -> None:
    Message.objects.edit(message.pk, "two")


EDITS = (
    edit_and_save,
    edit_one_field,
    edit_deferred,
    edit_with_content_deferred,
    edit_a_copy,
    edit_by_verb,
)


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_keeps_the_version_it_replaces(edit: Callable[[Message], None]) -> None:
    message = send(content="one")
    edit(message)
    assert versions(message) == ["one", "two"]
    assert Message.objects.get().edited
    assert health.faults() == []


@pytest.mark.parametrize("edit", EDITS)
def test_an_edit_to_the_same_text_is_none(edit: Callable[[Message], None]) -> None:
    message = send(content="two")
    edit(message)
    assert MessageHistory.objects.count() == 0
    assert not Message.objects.get().edited


def test_the_saved_instance_knows_that_it_was_edited() -> None:
    message = send()
    message.content = "changed"
    message.save(update_fields=["content"])
    assert message.edited


def test_a_save_of_other_fields_logs_nothing_and_keeps_the_text() -> None:
    message = send(content="one")
    message.content = "never saved"
    message.save(update_fields=["read"])
    assert versions(message) == ["one"]


def test_edited_cannot_be_taken_back_by_a_save() -> None:
    message = Message.objects.edit(send().pk, "two")
    message.edited = False
    message.save()
    assert Message.objects.get().edited


def test_a_stale_instance_loses_no_version() -> None:
    message = send(content="one")
    stale = Message.objects.get()
    Message.objects.edit(message.pk, "two")
    stale.content = "three"
    stale.save()
    assert versions(message) == ["one", "two", "three"]


def test_a_stale_instance_that_writes_the_old_text_back_logs_the_newer() -> None:
    stale = send(content="one")
    Message.objects.edit(stale.pk, "two")
    stale.save()
    assert versions(stale) == ["one", "two", "one"]


def test_a_stale_instance_keeps_the_thread_that_the_message_is_in_now() -> None:
    top, other = send(), send()
    middle = send(parent_message=top)
    stale = send(parent_message=middle)
    middle.parent_message = other
    middle.save()
    stale.read = True
    stale.save()
    assert Message.objects.get(pk=stale.pk).root_id == other.pk
    assert health.faults() == []


def test_a_stale_instance_can_be_saved_after_its_thread_lost_its_first_message() -> None:
    top = send()
    middle = send(parent_message=top)
    stale = send(parent_message=middle)
    top.delete()
    stale.save()
    assert Message.objects.get(pk=stale.pk).root_id == middle.pk


def test_versions_come_in_order_with_when_and_by_whom() -> None:
    alice, bob = people("alice", "bob")
    message = Message.objects.send(alice, bob, "one")
    Message.objects.edit(message.pk, "two", editor=alice)
    Message.objects.edit(message.pk, "three")
    found = Message.objects.versions(message.pk)
    assert [(v.number, v.content, v.edited_by) for v in found] == [
        (1, "one", None),
        (2, "two", "alice"),
        (3, "three", None),
    ]
    edits = list(MessageHistory.objects.values_list("edited_at", flat=True))
    assert [v.since for v in found] == [message.timestamp, *edits]


def test_the_editor_is_known_when_named_and_only_for_that_save() -> None:
    message = send(content="one")
    message.content, message.editor = "two", message.receiver
    message.save()
    message.content = "three"
    message.save()
    assert [h.edited_by for h in message.history.all()] == [message.receiver, None]


def test_nobody_is_guessed_to_be_the_editor() -> None:
    edit_and_save(send())
    assert MessageHistory.objects.get().edited_by is None


def test_a_version_stays_when_the_account_of_its_editor_goes() -> None:
    (carol,) = people("carol")
    message = send(content="one")
    message.content, message.editor = "two", carol
    message.save()
    carol.delete()
    assert versions(message) == ["one", "two"]
    assert MessageHistory.objects.get().edited_by is None


def test_only_the_sender_edits() -> None:
    message = send("alice", "bob", "one")
    (bob,) = people("bob")
    with pytest.raises(
        NotAllowed, match=rf"^Only alice, who sent message {message.pk}, can edit it\.$"
    ):
        Message.objects.edit(message.pk, "two", editor=bob)
    assert versions(message) == ["one"]


def test_an_edit_to_blank_text_is_refused_and_leaves_nothing() -> None:
    message = send(content="one")
    with pytest.raises(InvalidText):
        Message.objects.edit(message.pk, " \n")
    assert versions(message) == ["one"]


@pytest.mark.parametrize("way", ["save", "update", "edit"])
@pytest.mark.django_db(transaction=True)
def test_people_editing_at_once_lose_no_version(way: str) -> None:
    message = send(content="first")
    start = Barrier(4)
    failures: list[BaseException] = []

    def write(text: str) -> None:
        if way == "update":
            Message.objects.filter(pk=message.pk).update(content=text)
        elif way == "edit":
            Message.objects.edit(message.pk, text)
        else:
            mine = Message.objects.get(pk=message.pk)
            mine.content = text
            mine.save(update_fields=["content"])

    def person(number: int) -> None:
        try:
            start.wait()
            for turn in range(5):
                write(f"{number}.{turn}")
        except BaseException as error:
            failures.append(error)
        finally:
            connection.close()

    threads = [Thread(target=person, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []
    written = [f"{number}.{turn}" for number in range(4) for turn in range(5)]
    assert sorted(versions(message)) == sorted(["first", *written])


@pytest.mark.django_db(transaction=True)
def test_a_fixture_loads_what_it_says_and_nothing_more(tmp_path: Any) -> None:
    edit_and_save(send(content="one"))
    send("bob", "alice", "read", read=True)
    before = rows()
    path = tmp_path / "all.json"
    call_command("dumpdata", "auth.user", "messaging", output=str(path), verbosity=0)
    call_command("flush", interactive=False, verbosity=0)
    call_command("loaddata", str(path), verbosity=0)
    assert rows() == before
    assert health.faults() == []


def test_a_message_cannot_be_a_reply_to_itself() -> None:
    message = send()
    message.parent_message = message
    with pytest.raises(
        ThreadCycle,
        match=rf"^Message {message.pk} can't be a reply to itself or to a reply to it\.$",
    ):
        message.save()
    assert Message.objects.get().parent_message_id is None


def test_a_new_message_cannot_answer_itself() -> None:
    alice, bob = people("alice", "bob")
    with pytest.raises(ThreadCycle):
        Message.objects.create(pk=7, sender=alice, receiver=bob, content="hi", parent_message_id=7)
    assert not Message.objects.exists()

"""Messages in the admin: lists that stay fast, and edits that say who made them."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from messaging import health
from messaging.models import Message, MessageHistory, Notification
from tests.factories import disagreeing, people, send

pytestmark = pytest.mark.django_db

LISTS = ("message", "notification", "messagehistory")


@pytest.fixture
def admin() -> Client:
    client = Client()
    client.force_login(User.objects.create_superuser("dave"))
    return client


def path(model: str, *rest: object) -> str:
    return "/".join(["/admin/messaging", model, *map(str, rest)]) + "/"


def queries(admin: Client, url: str) -> int:
    with CaptureQueriesContext(connection) as captured:
        assert admin.get(url).status_code == 200
    return len(captured)


def edited(number: int) -> Message:
    """A message with this many earlier versions, by several people."""
    message = send(content="version 0")
    for version in range(number):
        message.content, message.editor = f"version {version + 1}", message.sender
        message.save()
    return message


@pytest.mark.parametrize("model", LISTS)
def test_a_list_takes_no_query_for_each_row(admin: Client, model: str) -> None:
    edited(2)
    few = queries(admin, path(model))
    for _ in range(20):
        edited(1)
    assert queries(admin, path(model)) == few


def test_the_page_of_a_message_takes_no_query_for_each_version(admin: Client) -> None:
    short, long = edited(1), edited(20)
    queries(admin, path("message", short.pk, "change"))  # fills the cache of content types
    few = queries(admin, path("message", short.pk, "change"))
    assert queries(admin, path("message", long.pk, "change")) == few


@pytest.mark.parametrize("model", LISTS)
def test_a_list_can_be_searched(admin: Client, model: str) -> None:
    Message.objects.edit(send("alice", "bob", "needle in a haystack").pk, "needle again")
    Message.objects.edit(send("carol", "erin", "hay").pk, "straw")
    found = admin.get(path(model), {"q": "needle"}).context["cl"].result_count
    assert found == 1


@pytest.mark.parametrize(("word", "number"), [("alice", 1), ("bob", 1), ("erin", 1), ("nobody", 0)])
def test_messages_are_found_by_the_names_of_their_people(
    admin: Client, word: str, number: int
) -> None:
    send("alice", "bob")
    send("carol", "erin")
    assert admin.get(path("message"), {"q": word}).context["cl"].result_count == number


@pytest.mark.parametrize(
    ("model", "filters"),
    [
        ("message", {"read__exact": "1"}),
        ("message", {"edited__exact": "1"}),
        ("message", {"timestamp__gte": "2026-01-01 00:00:00Z", "read__exact": "1"}),
        ("notification", {"read__exact": "1"}),
    ],
)
def test_a_list_can_be_filtered(admin: Client, model: str, filters: dict[str, str]) -> None:
    Message.objects.edit(send(read=True).pk, "two")
    send()
    assert admin.get(path(model), filters).context["cl"].result_count == 1


def test_a_long_text_is_shown_by_its_beginning_on_one_line_and_harmless(admin: Client) -> None:
    send(content="first\nsecond \x1b[31m <script>" + "x" * 99)
    page = admin.get(path("message")).content.decode()
    assert "first second \\u001b[31m &lt;script&gt;" in page
    assert "x" * 60 not in page


def form(message: Message, **changes: object) -> dict[str, object]:
    """What the page of a message sends when it is saved."""
    return {
        "sender": message.sender_id,
        "receiver": message.receiver_id,
        "content": message.content,
        "timestamp_0": message.timestamp.strftime("%Y-%m-%d"),
        "timestamp_1": message.timestamp.strftime("%H:%M:%S"),
        "history-TOTAL_FORMS": 0,
        "history-INITIAL_FORMS": 0,
        **changes,
    }


def test_an_edit_is_logged_with_the_name_of_whoever_made_it(admin: Client) -> None:
    message = send(content="one")
    url = path("message", message.pk, "change")
    assert admin.post(url, form(message, content="two")).status_code == 302
    history = MessageHistory.objects.get()
    assert history.edited_by is not None
    assert (history.old_content, history.edited_by.username) == ("one", "dave")
    assert Message.objects.get().edited


def test_saving_without_an_edit_logs_nothing(admin: Client) -> None:
    message = send(content="one")
    url = path("message", message.pk, "change")
    assert admin.post(url, form(message, read="on")).status_code == 302
    assert not MessageHistory.objects.exists()
    assert Notification.objects.get().read


def test_a_message_added_in_the_admin_notifies_its_receiver(admin: Client) -> None:
    alice, bob = people("alice", "bob")
    blank = Message(sender=alice, receiver=bob, content="new")
    assert admin.post(path("message", "add"), form(blank)).status_code == 302
    assert Notification.objects.get().user == bob


def test_the_history_is_shown_with_its_message_and_cannot_be_changed(admin: Client) -> None:
    message = edited(2)
    page = admin.get(path("message", message.pk, "change")).content.decode()
    assert "version 0" in page
    assert "version 1" in page
    assert 'name="history-0-old_content"' not in page


def test_deleting_messages_in_the_admin_keeps_the_rules(admin: Client) -> None:
    top = send()
    middle = send(parent_message=top)
    deep = send(parent_message=middle)
    assert admin.post(path("message", middle.pk, "delete"), {"post": "yes"}).status_code == 302
    assert Message.objects.get(pk=deep.pk).parent_message == top
    data = {"action": "delete_selected", "_selected_action": [str(top.pk)], "post": "yes"}
    assert admin.post(path("message"), data).status_code == 302
    assert list(Message.objects.all()) == [deep]
    assert health.faults() == []


def test_dismissing_notifications_in_the_admin_marks_their_messages(admin: Client) -> None:
    one, _, _ = send(), send(), send()
    first = one.notifications.get()
    assert admin.post(path("notification", first.pk, "delete"), {"post": "yes"}).status_code == 302
    assert Message.objects.get(pk=one.pk).read
    data = {
        "action": "delete_selected",
        "_selected_action": [str(n.pk) for n in Notification.objects.all()],
        "post": "yes",
    }
    assert admin.post(path("notification"), data).status_code == 302
    assert not Message.objects.filter(read=False).exists()
    assert disagreeing() == []


def test_a_circle_is_refused_in_the_admin_and_said(admin: Client) -> None:
    top = send()
    deep = send(parent_message=top)
    url = path("message", top.pk, "change")
    answer = admin.post(url, form(top, parent_message=deep.pk))
    assert answer.status_code == 200
    assert "a reply to itself" in answer.content.decode()
    assert health.faults() == []

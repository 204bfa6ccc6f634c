"""Writing through the views: the rules of the verbs, for what is one's own, and nothing lost."""

from __future__ import annotations

from typing import Any

import pytest
from django.test import Client

from messaging.models import Message, MessageHistory, Notification
from tests.factories import people, send, send_many
from tests.test_views import NOTHING, client

pytestmark = pytest.mark.django_db

HERE = "/messages"


def browser(name: str) -> Client:
    """Somebody's browser, which asks for pages."""
    found = Client(headers={"accept": "text/html"})
    found.force_login(people(name)[0])
    return found


def problem(status: int, title: str, detail: str) -> dict[str, Any]:
    return {"title": title, "status": status, "detail": detail}


def test_a_message_is_sent_and_answered_as_the_command_prints_it() -> None:
    people("alice", "bob")
    answer = client("alice").post(f"{HERE}/send/", {"receiver": "bob", "content": "hi"})
    message = Message.objects.get()
    assert answer.status_code == 201
    assert (answer.json()["id"], answer.json()["receiver"]) == (message.pk, "bob")
    assert (message.sender.username, message.content) == ("alice", "hi")


def test_a_browser_is_sent_on_to_the_message_in_its_conversation() -> None:
    people("alice", "bob")
    answer = browser("alice").post(f"{HERE}/send/", {"receiver": "bob", "content": "hi"})
    pk = Message.objects.get().pk
    assert (answer.status_code, answer["Location"]) == (303, f"{HERE}/with/bob/#m{pk}")


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"receiver": "nobody", "content": "hi"}, "There is nobody called nobody here."),
        ({"receiver": "bbo", "content": "hi"}, "There is nobody called bbo here."),
        ({"receiver": "bob", "content": " "}, "A message can't be blank."),
        ({"receiver": "bob", "content": "a\0b"}, None),
        ({"receiver": "bob"}, "The field content is missing."),
        ({"content": "hi"}, "The field receiver is missing."),
    ],
)
def test_what_cannot_be_sent_is_refused_in_one_sentence(
    fields: dict[str, str], detail: str | None
) -> None:
    people("alice", "bob")
    answer = client("alice").post(f"{HERE}/send/", fields)
    assert answer.status_code == 400
    assert detail in (None, answer.json()["detail"])
    assert not Message.objects.exists()


def test_no_name_is_suggested_to_somebody_who_guesses() -> None:
    people("alice", "bobby")
    answer = client("alice").post(f"{HERE}/send/", {"receiver": "boby", "content": "hi"})
    assert b"bobby" not in answer.content


def test_a_reply_goes_to_the_other_person() -> None:
    message = send("alice", "bob")
    answer = client("bob").post(f"{HERE}/message/{message.pk}/reply/", {"content": "hello"})
    assert answer.status_code == 201
    assert (answer.json()["receiver"], answer.json()["parent_id"]) == ("alice", message.pk)


@pytest.mark.parametrize("what", ["reply", "edit", "delete"])
def test_a_stranger_cannot_touch_a_message_nor_learn_of_it(what: str) -> None:
    message = send("alice", "bob", "private")
    for pk in (message.pk, message.pk + 1):
        answer = client("carol").post(f"{HERE}/message/{pk}/{what}/", {"content": "x"})
        assert (answer.status_code, answer.json()) == (404, NOTHING)
    assert Message.objects.get().content == "private"


def test_a_message_is_edited_by_whoever_sent_it() -> None:
    message = send("alice", "bob", "at noon")
    answer = client("alice").post(f"{HERE}/message/{message.pk}/edit/", {"content": "at one"})
    assert (answer.status_code, answer.json()["content"]) == (200, "at one")
    version = MessageHistory.objects.get()
    assert (version.old_content, str(version.edited_by)) == ("at noon", "alice")


@pytest.mark.parametrize(
    ("what", "method"), [("edit", "get"), ("edit", "post"), ("delete", "post")]
)
def test_whoever_received_a_message_cannot_change_it(what: str, method: str) -> None:
    message = send("alice", "bob", "mine")
    path = f"{HERE}/message/{message.pk}/{what}/"
    answer = getattr(client("bob"), method)(path, {"content": "x"})
    detail = f"Only alice, who sent message {message.pk}, can {what} it."
    assert (answer.status_code, answer.json()) == (403, problem(403, "Forbidden", detail))
    assert Message.objects.get().content == "mine"


def test_a_message_is_deleted_by_whoever_sent_it_and_replies_move_up() -> None:
    top = send("alice", "bob")
    reply = send("bob", "alice", parent_message=top)
    send("bob", "carol", parent_message=top)  # not alice's to know of
    answer = client("alice").post(f"{HERE}/message/{top.pk}/delete/")
    assert answer.json() == {"id": top.pk, "deleted": True, "reattached": 1}
    reply.refresh_from_db()
    assert reply.parent_message_id is None


def test_a_delete_page_only_asks() -> None:
    message = send("alice", "bob")
    assert browser("alice").get(f"{HERE}/message/{message.pk}/delete/").status_code == 200
    assert Message.objects.exists()


def test_messages_are_marked_by_their_ids() -> None:
    one, two, three = send_many(3)
    answer = client("bob").post(f"{HERE}/mark-read/", {"ids": f"{one.pk}, {two.pk},"})
    assert answer.json() == {"changed": 2}
    assert list(Message.unread.values_list("pk", flat=True)) == [three.pk]
    assert client("bob").post(f"{HERE}/mark-unread/", {"ids": str(one.pk)}).json() == {"changed": 1}


def test_all_messages_are_marked_at_once_but_only_ones_own() -> None:
    send_many(3)
    send("alice", "carol")
    assert client("bob").post(f"{HERE}/mark-read/", {"all": "1"}).json() == {"changed": 3}
    assert Message.unread.count() == 1


def test_marking_what_is_not_ones_own_changes_and_tells_nothing() -> None:
    theirs = send("alice", "carol")
    for pk in (theirs.pk, 12345, 10**18):
        assert client("bob").post(f"{HERE}/mark-read/", {"ids": str(pk)}).json() == {"changed": 0}
    assert client("alice").post(f"{HERE}/mark-read/", {"ids": str(theirs.pk)}).json() == {
        "changed": 0
    }
    assert Message.unread.count() == 1


@pytest.mark.parametrize("ids", ["", "x", "1,x", "-1", "1.5", "9" * 30])
def test_ids_that_are_none_are_refused(ids: str) -> None:
    answer = client("bob").post(f"{HERE}/mark-read/", {"ids": ids})
    detail = "The field ids has to be ids of messages, parted by commas."
    assert (answer.status_code, answer.json()["detail"]) == (400, detail)


def test_notifications_are_dismissed_all_at_once() -> None:
    send_many(3)
    send("alice", "carol")
    assert client("bob").post(f"{HERE}/notifications/clear/").json() == {"cleared": 3}
    assert [str(notification.user) for notification in Notification.objects.all()] == ["carol"]
    assert not Message.unread.filter(receiver__username="bob").exists()


@pytest.mark.parametrize(
    ("fields", "detail"),
    [
        ({"receiver": "nobody", "content": "long\r\nand <dear>"}, "There is nobody called nobody"),
        ({"receiver": "bob", "content": "x" * 100_001}, "the limit is 100,000."),
    ],
)
def test_what_was_written_is_not_lost_by_an_error(fields: dict[str, str], detail: str) -> None:
    people("alice", "bob")
    answer = browser("alice").post(f"{HERE}/send/", fields)
    text = answer.content.decode()
    assert answer.status_code == 400
    assert detail in text
    kept = fields["content"].replace("<", "&lt;").replace(">", "&gt;")
    assert f">\n{kept}</textarea>" in text.replace("\r\n", "\r\n")


def test_what_was_written_is_not_lost_when_the_login_ended() -> None:
    answer = Client(headers={"accept": "text/html"}).post(
        f"{HERE}/send/", {"receiver": "bob", "content": "a long letter"}
    )
    assert answer.status_code == 403
    assert "a long letter</textarea>" in answer.content.decode()
    assert "You are logged out. Log in in another window, then repeat." in answer.content.decode()


def test_a_form_goes_back_to_where_it_was_on_this_site_only() -> None:
    message = send("alice", "bob")
    path = f"{HERE}/message/{message.pk}/edit/"
    for url, goto in (
        (f"{HERE}/with/bob/#m1", f"{HERE}/with/bob/#m1"),
        ("//evil.example/", f"{HERE}/thread/{message.pk}/#m{message.pk}"),
        ("https://evil.example/", f"{HERE}/thread/{message.pk}/#m{message.pk}"),
    ):
        answer = browser("alice").post(path, {"content": "x", "next": url})
        assert (answer.status_code, answer["Location"]) == (303, goto)

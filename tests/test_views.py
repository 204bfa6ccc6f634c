"""The four views: logged in, one's own messages only, and never another's cached page."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.test import Client, override_settings

from messaging.models import Message, Notification
from tests.factories import people, plant_many, send, send_many, shape

pytestmark = pytest.mark.django_db

GETS = ("/messages/unread/", "/messages/with/bob/", "/messages/thread/1/")
DELETE = "/messages/account/delete/"
NOTHING = {
    "title": "Not Found",
    "status": 404,
    "detail": "There is no such message or conversation for you.",
}
JSON = {"accept": "application/json"}


@pytest.fixture(autouse=True)
def _empty_cache() -> Iterator[None]:
    cache.clear()
    yield
    cache.clear()


def client(name: str, **options: Any) -> Client:
    """A browser in which this person is logged in, and which asks for JSON."""
    browser = Client(headers=JSON, **options)
    browser.force_login(people(name)[0])
    return browser


def texts(name: str, path: str) -> list[str]:
    return [message["content"] for message in client(name).get(path).json()]


@pytest.mark.parametrize("path", [*GETS, DELETE])
@pytest.mark.parametrize("method", ["get", "post"])
def test_whoever_is_not_logged_in_is_sent_to_do_so(path: str, method: str) -> None:
    send()
    answer = getattr(Client(), method)(path)
    assert (answer.status_code, answer["Location"]) == (302, f"/login/?next={path}")
    assert Message.objects.count() == 1


@pytest.mark.parametrize("path", GETS)
@pytest.mark.parametrize("method", ["post", "put", "delete"])
def test_reading_is_by_get_only(path: str, method: str) -> None:
    answer = getattr(client("alice"), method)(path)
    assert (answer.status_code, answer["Allow"]) == (405, "GET, HEAD")


@pytest.mark.parametrize("method", ["get", "head", "put", "delete", "options"])
def test_an_account_is_deleted_by_post_only(method: str) -> None:
    answer = getattr(client("alice"), method)(DELETE)
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert User.objects.filter(username="alice").exists()


def test_the_unread_are_ones_own_newest_first() -> None:
    one, two = send("alice", "bob", "one"), send("carol", "bob", "two")
    send("alice", "carol", "not for bob")
    send("alice", "bob", "seen", read=True)
    found = client("bob").get("/messages/unread/")
    assert found["Content-Type"] == "application/json"
    assert [message["id"] for message in found.json()] == [two.pk, one.pk]


def test_a_message_in_json_has_the_fields_that_all_have() -> None:
    message = send("alice", "bob", "hi <b>")
    assert client("bob").get("/messages/unread/").json() == [
        {
            "id": message.pk,
            "sender": "alice",
            "receiver": "bob",
            "content": "hi <b>",
            "timestamp": message.timestamp.isoformat().replace("+00:00", "Z"),
            "read": False,
            "edited": False,
            "parent_id": None,
        }
    ]


@pytest.mark.parametrize("path", ["unread/", "with/alice/", "thread/{}/"])
def test_looking_marks_nothing_read(path: str) -> None:
    message = send("alice", "bob")
    assert client("bob").get(f"/messages/{path.format(message.pk)}").status_code == 200
    assert not Message.objects.get().read
    assert not Notification.objects.get().read


def test_a_thread_is_nested() -> None:
    top = send("alice", "bob")
    one = send("bob", "alice", parent_message=top)
    two = send("alice", "bob", parent_message=one)
    data = client("bob").get(f"/messages/thread/{two.pk}/").json()
    assert data["id"] == top.pk
    assert data["replies"][0]["id"] == one.pk
    assert data["replies"][0]["replies"][0] == {**data["replies"][0]["replies"][0], "id": two.pk}


def test_of_a_thread_with_others_one_sees_ones_own_messages() -> None:
    top = send("carol", "dave", "private")
    mine = send("carol", "bob", "mine", parent_message=top)
    send("dave", "carol", "private", parent_message=mine)
    answer = client("bob").get(f"/messages/thread/{mine.pk}/")
    assert (answer.json()["id"], answer.json()["parent_id"], answer.json()["replies"]) == (
        mine.pk,
        None,
        [],
    )
    assert b"private" not in answer.content


def test_a_thread_ten_thousand_deep_is_served() -> None:
    plant_many(shape("deep", 10_000))
    answer = client("bob").get("/messages/thread/10000/")
    assert answer.status_code == 200
    assert answer.content.count(b'"id"') == 10_000
    assert answer.content.endswith(b"]}" * 10_000)


def test_a_conversation_is_newest_last_and_only_between_the_two() -> None:
    send("alice", "bob", "one")
    send("bob", "alice", "two")
    send("alice", "carol", "other")
    assert texts("alice", "/messages/with/bob/") == ["one", "two"]
    assert texts("bob", "/messages/with/alice/") == ["one", "two"]


def test_a_conversation_comes_in_pages_of_fifty() -> None:
    messages = send_many(60)
    assert texts("bob", "/messages/with/alice/") == [f"message {n}" for n in range(10, 60)]
    before = f"/messages/with/alice/?before={messages[10].pk}"
    assert texts("bob", before) == [f"message {n}" for n in range(10)]


@pytest.mark.parametrize(
    "path",
    [
        "/messages/thread/{theirs}/",
        "/messages/thread/12345/",
        "/messages/thread/99999999999999999999/",
        "/messages/with/dave/",
        "/messages/with/nobody/",
        "/messages/with/bbo/",
        "/messages/with/a%00b/",
        "/messages/with/%ED%A0%80/",
        "/messages/with/alice/?before=0",
        "/messages/with/alice/?before=-1",
        "/messages/with/alice/?before=x",
        "/messages/with/alice/?before=99999999999999999999",
        "/messages/with/alice/?before={theirs}",
        "/messages/with/alice/?before={elsewhere}",
    ],
)
def test_what_is_not_ones_own_is_told_apart_from_nothing_by_nothing(path: str) -> None:
    people("dave")
    send("alice", "bob")
    theirs, elsewhere = send("carol", "erin").pk, send("bob", "erin").pk
    answer = client("bob").get(path.format(theirs=theirs, elsewhere=elsewhere))
    assert (answer.status_code, answer.json()) == (404, NOTHING)
    assert answer["Content-Type"] == "application/problem+json"


def test_a_number_too_long_for_python_is_not_found_either() -> None:
    send("alice", "bob")
    answer = client("bob").get("/messages/with/alice/?before=" + "9" * 5_000)
    assert (answer.status_code, answer.json()) == (404, NOTHING)


@pytest.mark.parametrize("path", GETS)
def test_nobody_gets_another_persons_page_after_logging_in(path: str) -> None:
    """The measured leak: `cache_page` alone serves alice's page to carol."""
    plant_many([None], "alice", "bob")
    send("carol", "erin", "for erin")
    assert b"message 1" in client("alice").get(path.replace("unread", "with/bob")).content
    for other in ("carol", "erin"):
        assert b"message 1" not in client(other).get(path).content


def test_one_browser_with_two_people_after_each_other_keeps_them_apart() -> None:
    send("alice", "bob", "from alice")
    send("carol", "bob", "from carol")
    browser = client("alice")
    assert b"from alice" in browser.get("/messages/with/bob/").content
    browser.logout()
    assert browser.get("/messages/with/bob/").status_code == 401
    browser.force_login(people("carol")[0])
    found = browser.get("/messages/with/bob/").content
    assert b"from carol" in found
    assert b"from alice" not in found


@override_settings(
    MIDDLEWARE=[*settings.MIDDLEWARE, "django.contrib.auth.middleware.RemoteUserMiddleware"],
    AUTHENTICATION_BACKENDS=["django.contrib.auth.backends.RemoteUserBackend"],
)
def test_people_who_log_in_by_a_header_are_kept_apart() -> None:
    for name in ("alice", "carol"):
        send(name, "bob", f"from {name}")
    for name in ("alice", "carol", "alice"):
        found = Client(headers=JSON).get("/messages/with/bob/", REMOTE_USER=name)
        assert [message["content"] for message in found.json()] == [f"from {name}"]


@override_settings(
    MIDDLEWARE=[
        *settings.MIDDLEWARE,
        "django.contrib.auth.middleware.PersistentRemoteUserMiddleware",
    ],
    AUTHENTICATION_BACKENDS=["django.contrib.auth.backends.RemoteUserBackend"],
    SESSION_ENGINE="django.contrib.sessions.backends.signed_cookies",
)
def test_people_who_log_in_by_a_header_in_one_browser_are_kept_apart() -> None:
    for name in ("alice", "carol"):
        send(name, "bob", f"from {name}")
    browser = Client(headers=JSON)
    for name in ("alice", "carol"):
        found = browser.get("/messages/with/bob/", REMOTE_USER=name)
        assert [message["content"] for message in found.json()] == [f"from {name}"]


def test_a_conversation_is_cached_until_it_changes() -> None:
    send("alice", "bob", "one")
    browser = client("bob")
    first, again = (browser.get("/messages/with/alice/") for _ in range(2))
    assert [page["Cache-Status"] for page in (first, again)] == ["msgcli; fwd=miss", "msgcli; hit"]
    assert again.content == first.content
    send("alice", "bob", "two")
    fresh = browser.get("/messages/with/alice/")
    assert (fresh["Cache-Status"], len(fresh.json())) == ("msgcli; fwd=miss", 2)


def test_each_page_of_a_conversation_is_cached_by_itself() -> None:
    messages = send_many(3)
    browser = client("bob")
    assert len(browser.get("/messages/with/alice/").json()) == 3
    page = browser.get(f"/messages/with/alice/?before={messages[1].pk}").json()
    assert [message["id"] for message in page] == [messages[0].pk]


@pytest.mark.parametrize("path", ["/messages/unread/", "/messages/thread/{}/"])
def test_the_other_pages_are_never_cached(path: str) -> None:
    pk = send("alice", "bob").pk
    browser = client("bob")
    answer = browser.get(path.format(pk))
    assert {"no-store", "private"} <= set(answer["Cache-Control"].split(", "))
    Message.objects.edit(pk, "changed")
    assert b"changed" in browser.get(path.format(pk)).content


def test_an_account_is_deleted_by_its_owner_who_is_then_logged_out() -> None:
    send("alice", "bob")
    send("carol", "alice")
    browser = client("alice")
    answer = browser.post(DELETE)
    assert answer.status_code == 200
    assert answer.json() == {
        "user": "alice",
        "sent": 1,
        "received": 1,
        "notifications": 2,
        "versions": 0,
        "conversations": ["bob", "carol"],
        "threads": 2,
    } | {"conversations": answer.json()["conversations"]}
    assert sorted(answer.json()["conversations"]) == ["bob", "carol"]
    assert not User.objects.filter(username="alice").exists()
    assert browser.get("/messages/unread/").status_code == 401


def test_whoever_has_a_password_has_to_give_it_again_to_delete_the_account() -> None:
    alice = people("alice")[0]
    alice.set_password("correct horse")
    alice.save()
    browser = client("alice")
    for wrong in ({}, {"password": "wrong horse"}):
        answer = browser.post(DELETE, wrong)
        assert (answer.status_code, answer.json()["detail"]) == (
            403,
            "The password is not right, or was tried too often. Nothing was deleted.",
        )
    assert browser.post(DELETE, {"password": "correct horse"}).status_code == 200
    assert not User.objects.filter(username="alice").exists()


def test_whoever_has_no_password_has_to_have_logged_in_just_now() -> None:
    browser = client("alice")
    session = browser.session
    session["messaging_logged_in_at"] -= 601
    session.save()
    answer = browser.post(DELETE)
    assert (answer.status_code, answer.json()["detail"]) == (
        403,
        "Your login is too old for this. Log in again with a new link, then repeat.",
    )
    assert User.objects.filter(username="alice").exists()


def test_nobody_can_delete_anothers_account() -> None:
    people("bob")
    client("alice").post(DELETE, {"user": "bob", "username": "bob"})
    assert list(User.objects.values_list("username", flat=True)) == ["bob"]


def test_an_account_is_not_deleted_by_a_page_of_another_site() -> None:
    browser = client("alice", enforce_csrf_checks=True)
    assert browser.post(DELETE).status_code == 403
    assert User.objects.filter(username="alice").exists()


@override_settings(CSRF_USE_SESSIONS=False)
def test_an_account_is_deleted_with_the_token_of_this_site() -> None:
    browser = client("alice", enforce_csrf_checks=True)
    browser.cookies[settings.CSRF_COOKIE_NAME] = token = "a" * 32
    answer = browser.post(DELETE, headers={"X-CSRFToken": token})
    assert answer.status_code == 200
    assert json.loads(answer.content)["user"] == "alice"

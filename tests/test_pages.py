"""The pages in HTML: what is on them, in which order, and that text from others stays text."""

from __future__ import annotations

import json
import re

import pytest
from django.test import Client
from django.test.utils import override_settings

from messaging.models import Message
from messaging.views.reading import THREAD_PAGE
from tests.factories import people, plant_many, send, send_many, shape
from tests.test_views import client
from tests.test_views_writing import browser

pytestmark = pytest.mark.django_db

PAGES = (
    "",
    "with/bob/",
    "thread/1/",
    "unread/",
    "search/?q=a+message",
    "notifications/",
    "account/",
    "message/1/edit/",
)


def text(name: str, path: str) -> str:
    answer = browser(name).get(f"/messages/{path}")
    assert answer.status_code == 200
    return answer.content.decode()


def ids(page: str) -> list[int]:
    """The messages of a page, in their order."""
    return [int(found) for found in re.findall(r'<article [^>]*id="m(\d+)"', page)]


@pytest.mark.parametrize("path", PAGES)
def test_no_page_has_script_or_style_of_its_own(path: str) -> None:
    plant_many([None])
    page = text("alice", path)
    assert not re.search(r"<style|<script(?! defer src=)|\sstyle=|\son\w+=|javascript:", page)


@pytest.mark.parametrize("path", ["", "with/carol/", "thread/{}/", "message/{}/history/"])
def test_hostile_text_stays_text(path: str) -> None:
    hostile = "<script>alert(1)</script>\u202e{{ 7 }}"
    message = send("alice", "carol", "before")
    Message.objects.edit(message.pk, hostile)
    page = text("carol", path.format(message.pk).replace("with/carol", "with/alice"))
    assert "<script>alert" not in page
    assert "\u202e" not in page
    assert "alert" in page
    assert r"\u202e{{ 7 }}" in page


def test_the_inbox_has_people_with_their_last_message_and_unread_counts() -> None:
    send("bob", "alice", "one")
    send("bob", "alice", "two")
    send("alice", "carol", "to carol")
    page = text("alice", "")
    assert "<title>(2) Inbox · Messages</title>" in page
    assert page.index("you: to carol") < page.index(">two<")
    assert re.search(r'<span class="count">2<span class="hidden"> unread</span></span>', page)


def test_an_inbox_without_messages_says_so() -> None:
    page = text("alice", "")
    assert "No messages yet." in page
    assert "<title>Inbox · Messages</title>" in page


def test_an_inbox_comes_in_pages_of_fifty_each_person_once() -> None:
    for number in range(60):
        send(f"friend{number:02}", "alice")
    seen: list[str] = []
    url: str | None = "/messages/"
    while url:
        answer = client("alice").get(url)
        seen += [row["user"] for row in answer.json()]
        link = re.match('<(.+)>; rel="next"', answer.get("Link", ""))
        url = link[1] if link else None
    assert seen == [f"friend{number:02}" for number in reversed(range(60))]


@pytest.mark.parametrize("path", ["unread/", "notifications/"])
def test_the_other_lists_come_in_pages_of_fifty_too(path: str) -> None:
    send_many(120)
    numbers: list[int] = []
    url: str | None = f"/messages/{path}"
    pages = 0
    while url:
        answer = client("bob").get(url)
        numbers += [row["id"] for row in answer.json()]
        link = re.match('<(.+)>; rel="next"', answer.get("Link", ""))
        url, pages = (link[1] if link else None), pages + 1
    assert (pages, len(numbers), len(set(numbers))) == (3, 120, 120)


def test_a_conversation_has_a_divider_before_what_is_unread() -> None:
    seen, mine, first, second = (
        send("bob", "alice", "seen", read=True),
        send("alice", "bob", "mine"),
        send("bob", "alice", "first"),
        send("bob", "alice", "second"),
    )
    page = text("alice", "with/bob/")
    assert ids(page) == [seen.pk, mine.pk, first.pk, second.pk]
    assert page.index(f'id="m{mine.pk}"') < page.index('id="new"') < page.index(f'id="m{first.pk}"')
    assert "<span>2 new</span>" in page
    assert f'name="ids" value="{first.pk},{second.pk}"' in page


def test_a_conversation_without_news_has_no_divider() -> None:
    send("alice", "bob")
    assert 'id="new"' not in text("alice", "with/bob/")


def test_an_older_page_of_a_conversation_has_no_composer_but_leads_back() -> None:
    messages = send_many(60)
    page = text("bob", f"with/alice/?before={messages[10].pk}")
    assert ids(page) == [message.pk for message in messages[:10]]
    assert "<textarea" not in page
    assert ">Newest messages</a>" in page
    assert f'href="?before={messages[10].pk}">Older messages</a>' in text("bob", "with/alice/")


def test_a_thread_is_in_order_with_its_depths_and_reply_forms() -> None:
    plant_many([None, 0, 1, 0])
    page = text("bob", "thread/2/")
    assert ids(page) == [1, 2, 3, 4]
    assert re.findall(r"depth(\d)", page) == ["0", "1", "2", "1"]
    assert page.count("/reply/") == 4
    assert 'in reply to <a href="#m2">#2</a>' in page


def test_a_deep_thread_is_flat_markup_that_says_its_depth() -> None:
    plant_many(shape("deep", 30))
    page = text("bob", "thread/1/")
    assert "depth8" in page
    assert "depth9" not in page
    assert "29 deep, in reply to" in page


def test_a_long_thread_comes_in_pages_around_the_message_asked_for() -> None:
    plant_many(shape("wide", 2 * THREAD_PAGE + 50))
    page = text("bob", f"thread/{THREAD_PAGE + 10}/")
    assert ids(page) == list(range(THREAD_PAGE + 1, 2 * THREAD_PAGE + 1))
    assert 'rel="prev" href="/messages/thread/1/"' in page
    assert f'rel="next" href="/messages/thread/{2 * THREAD_PAGE + 1}/"' in page
    assert "450 messages" in page


def test_history_shows_what_was_taken_out_and_put_in() -> None:
    message = send("alice", "bob", "Fine, at the old place.")
    Message.objects.edit(message.pk, "Fine, at the usual place.", editor=people("alice")[0])
    page = text("bob", f"message/{message.pk}/history/")
    assert "at the <del>old</del><ins>usual</ins> place." in page
    assert "edited by alice" in page


def test_a_long_history_comes_in_pages_of_twenty() -> None:
    message = send("alice", "bob", "text 1")
    for number in range(2, 46):
        Message.objects.edit(message.pk, f"text {number}")
    path = f"message/{message.pk}/history/"
    pages = [text("bob", path), text("bob", f"{path}?before=26"), text("bob", f"{path}?before=6")]
    assert [page.count("<li>") for page in pages] == [20, 20, 5]
    assert all("45 versions" in page for page in pages)
    assert '<ol class="versions" start="26">' in pages[0]
    assert 'href="?before=6">Earlier versions</a>' in pages[1]
    assert "Earlier versions" not in pages[2]
    assert len(client("bob").get(f"/messages/{path}").json()) == 45


@pytest.mark.parametrize("before", ["x", "0", "1", "-1", "9" * 5000])
def test_a_version_that_is_none_is_answered_all_the_same(before: str) -> None:
    message = send("alice", "bob")
    assert text("bob", f"message/{message.pk}/history/?before={before}").count("<li>") == 0


def test_an_account_says_what_would_go_and_asks_for_the_password_of_those_who_have_one() -> None:
    alice = people("alice")[0]
    send("alice", "bob")
    assert "takes a login of the last ten minutes" in text("alice", "account/")
    alice.set_password("correct horse")
    alice.save()
    page = text("alice", "account/")
    assert "Your password again" in page
    assert "<dt>messages sent</dt><dd>1</dd>" in page


def test_an_export_has_ones_own_messages_as_the_command_writes_them() -> None:
    send("alice", "bob", "mine")
    send("bob", "carol", "theirs")
    answer = client("alice").get("/messages/account/export/")
    assert answer["Content-Disposition"] == 'attachment; filename="alice.jsonl"'
    assert answer["Content-Type"] == "application/jsonl; charset=utf-8"
    lines = b"".join(answer).splitlines()
    assert [json.loads(line)["content"] for line in lines] == ["mine"]


def test_files_of_pages_are_kept_for_ever_under_an_address_that_holds_their_digest() -> None:
    page = text("alice", "")
    for path in re.findall(r'(?:href|src)="(/messages/assets/[^"]+)"', page):
        answer = Client().get(path)
        assert (answer.status_code, len(answer.content) > 100) == (200, True)
        assert answer["Cache-Control"] == "public, max-age=31536000, immutable"


@pytest.mark.parametrize("name", ["style.css", "../views/account.py", "none.css"])
def test_no_other_file_is_given_out(name: str) -> None:
    assert Client().get(f"/messages/assets/0123456789abcdef/{name}").status_code == 404


def test_times_are_in_the_zone_of_the_browser() -> None:
    send("alice", "bob")
    reader = browser("alice")
    assert " UTC" in reader.get("/messages/with/bob/").content.decode()
    reader.cookies["messaging_zone"] = "Asia/Tokyo"
    assert re.search(r'title="[^"]+ JST"', reader.get("/messages/with/bob/").content.decode())


@pytest.mark.parametrize("zone", ["Nowhere/None", "../../etc/passwd", "x" * 5000, "", "\x00"])
def test_a_zone_that_is_none_is_utc(zone: str) -> None:
    send("alice", "bob")
    reader = browser("alice")
    reader.cookies["messaging_zone"] = zone
    assert reader.get("/messages/with/bob/").status_code == 200


@pytest.mark.parametrize("path", ["with/alice/", "thread/12345/", "unread/", "notifications/"])
@override_settings(USE_THOUSAND_SEPARATOR=True)
def test_ids_are_ids_in_a_project_that_parts_thousands_too(path: str) -> None:
    send("alice", "bob", pk=12345)
    page = text("bob", path)
    assert "12345" in page
    assert "12,345" not in page

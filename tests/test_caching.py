"""Pages of a conversation out of the cache: fast, never out of date, and never another's."""

from __future__ import annotations

import re
import time
import warnings
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.cache.backends.base import CacheKeyWarning
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.middleware.csrf import get_token
from django.test import Client
from django.urls import include, path
from django.views.decorators.http import require_POST
from pytest_django import DjangoAssertNumQueries

from messaging import accounts, plain
from messaging.access.models import Token
from messaging.answers import endpoint, prefers_json, reader_of
from messaging.archive import import_records
from messaging.archive.jsonlines import records
from messaging.caching import cache_page_per_conversation
from messaging.models import Message, Notification
from tests.factories import people, send

pytestmark = [pytest.mark.django_db, pytest.mark.urls("tests.test_caching")]

HIT, MISS = "msgcli; hit", "msgcli; fwd=miss"
BOB = "/with/bob/"

# How often the view ran, and what happens while it does.
runs: list[str] = []
meanwhile: list[Callable[[], object]] = []


def conversation(request: HttpRequest, username: str) -> HttpResponse:
    """A page with a form, or as JSON; ?status= answers with that status."""
    runs.append(username)
    reader = reader_of(request)
    rows = Message.objects.between(reader, accounts.find_user(username)).newest_first()[:50].rows()
    while meanwhile:
        meanwhile.pop()()
    status = int(request.GET.get("status", 200))
    text = plain.dumps([plain.message(row) for row in rows])
    if status == 302:
        return HttpResponseRedirect("/elsewhere/")
    if prefers_json(request):
        return HttpResponse(text, content_type="application/json", status=status)
    return HttpResponse(f"{reader.get_username()} <{get_token(request)}> {text}", status=status)


@require_POST
def form(request: HttpRequest) -> HttpResponse:
    return HttpResponse("taken")


kept = endpoint(GET="messages")(cache_page_per_conversation(60)(conversation))
kept_shortly = endpoint(GET="messages")(cache_page_per_conversation(1)(conversation))
urlpatterns = [
    path("with/<str:username>/", kept),
    path("shortly/<str:username>/", kept_shortly),
    path("form/", form),
    path("", include("messaging.access.urls")),
    path("messages/", include("messaging.urls")),
]


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    cache.clear()
    runs.clear()
    yield
    cache.clear()


def browser(name: str = "alice", **options: Any) -> Client:
    """A browser in which this person is logged in, and which has its CSRF cookie."""
    client = Client(**options)
    client.force_login(people(name)[0])
    client.get("/messages/")
    assert settings.CSRF_COOKIE_NAME in client.cookies
    return client


def text(answer: Any) -> str:
    assert answer.status_code == 200, answer.content
    return str(answer.content.decode())


# A hit


def test_the_second_request_is_a_hit_with_the_same_bytes() -> None:
    send("alice", "bob", "one")
    alice = browser()
    first, second = alice.get(BOB), alice.get(BOB)
    assert (first["Cache-Status"], second["Cache-Status"]) == (MISS, HIT)
    assert first.content == second.content
    assert runs == ["bob"]


def test_a_hit_takes_three_queries_and_renders_nothing(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    send("alice", "bob")
    alice = browser()
    alice.get(BOB)
    with django_assert_num_queries(3):  # session, user, version
        assert alice.get(BOB)["Cache-Status"] == HIT
    assert runs == ["bob"]


def test_no_browser_and_no_proxy_keeps_a_page() -> None:
    send("alice", "bob")
    alice = browser()
    for answer in (alice.get(BOB), alice.get(BOB)):
        assert answer["Cache-Control"] == "private, no-store"
        assert not answer.has_header("Expires")
        assert set(answer["Vary"].split(", ")) == {"Cookie", "Authorization", "Accept"}


def test_a_page_is_made_again_after_its_time() -> None:
    send("alice", "bob")
    alice = browser()
    first = alice.get("/shortly/bob/")
    time.sleep(1.1)
    answer = alice.get("/shortly/bob/", headers={"if-none-match": first["ETag"]})
    assert (answer.status_code, answer["Cache-Status"]) == (200, MISS)


def test_every_wording_of_accept_means_one_of_two_pages() -> None:
    send("alice", "bob")
    alice = browser()
    for accept in (
        "text/html",
        "text/html, */*;q=0.1",
        "*/*",
        "application/json",
        "text/html;q=0.1, application/json",
    ):
        alice.get(BOB, headers={"accept": accept})
    alice.get(BOB, {"format": "json"})  # another address
    assert len(runs) == 3


def test_each_address_has_a_page_of_its_own() -> None:
    send("alice", "bob")
    alice = browser()
    assert [alice.get(BOB, {"before": n})["Cache-Status"] for n in (1, 2, 1)] == [MISS, MISS, HIT]


def test_head_is_answered_from_the_page_of_get() -> None:
    send("alice", "bob")
    alice = browser()
    alice.get(BOB)
    answer = alice.head(BOB)
    assert (answer["Cache-Status"], answer.content, runs) == (HIT, b"", ["bob"])


def test_the_keys_of_the_cache_are_such_as_memcached_takes() -> None:
    name = "é name" * 25
    send("alice", name)
    alice = browser()
    with warnings.catch_warnings():
        warnings.simplefilter("error", CacheKeyWarning)
        for _ in range(2):
            answer = alice.get(f"/with/{name}/")
    assert answer["Cache-Status"] == HIT


@pytest.mark.parametrize("status", [302, 400, 404, 500])
def test_errors_and_redirects_are_not_kept(status: int) -> None:
    send("alice", "bob")
    alice = browser()
    for _ in range(2):
        answer = alice.get(BOB, {"status": status})
        assert (answer.status_code, answer["Cache-Status"]) == (status, MISS)
        assert not answer.has_header("ETag")
        assert answer["Cache-Control"] == "private, no-store"
    assert len(runs) == 2


# Fresh


def message() -> Message:
    return Message.objects.order_by("pk")[0]


def by_sending() -> None:
    send("bob", "alice", "more")


def by_editing() -> None:
    Message.objects.edit(message().pk, "edited")


def by_reading() -> None:
    Message.objects.mark_read()


def by_unreading() -> None:
    Message.objects.mark_unread()


def by_deleting() -> None:
    message().delete()


def by_clearing() -> None:
    Notification.objects.all().delete()


def by_importing() -> None:
    import_records(
        records(
            [
                b'{"id": 7001, "sender": "bob", "receiver": "alice", "content": "old",'
                b' "timestamp": "2020-01-01T00:00:00Z"}\n'
            ]
        )
    )


def by_moving() -> None:
    Message.objects.filter(pk=message().pk).update(receiver=people("carol")[0])


CHANGES = (
    by_sending,
    by_editing,
    by_reading,
    by_unreading,
    by_deleting,
    by_clearing,
    by_importing,
    by_moving,
)


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("format", ["html", "json"])
def test_the_request_after_a_change_is_answered_anew(
    change: Callable[[], None], format: str
) -> None:
    send("alice", "bob", "one")
    send("bob", "alice", "two", read=True)
    clients = [(browser("alice"), BOB), (browser("bob"), "/with/alice/")]
    before = [text(client.get(url, {"format": format})) for client, url in clients]
    change()
    after = [client.get(url, {"format": format}) for client, url in clients]
    assert [answer["Cache-Status"] for answer in after] == [MISS, MISS]
    changed = [
        text(answer).split("[")[-1] != old.split("[")[-1]
        for answer, old in zip(after, before, strict=True)
    ]
    assert changed == [True, True]


@pytest.mark.parametrize("change", CHANGES)
def test_what_others_write_leaves_the_page_in_the_cache(change: Callable[[], None]) -> None:
    send("alice", "bob", "one")
    send("bob", "alice", "two", read=True)
    send("carol", "dave")
    carol = browser("carol")
    carol.get("/with/dave/")
    if change not in (by_reading, by_unreading, by_clearing):  # of everybody's
        change()
    assert carol.get("/with/dave/")["Cache-Status"] == HIT


def test_a_message_that_comes_while_the_page_is_made_is_on_the_next() -> None:
    send("alice", "bob", "one")
    alice = browser()
    meanwhile.append(lambda: send("bob", "alice", "two"))
    assert "two" not in text(alice.get(BOB))
    assert "two" in text(alice.get(BOB))


def test_a_conversation_that_went_and_came_back_is_not_taken_for_the_old_one() -> None:
    alice = browser()
    for word in ("first", "second", "third"):
        sent = send("alice", "bob", word)
        assert word in text(alice.get(BOB))
        sent.delete()
        assert alice.get(BOB).status_code == 404


def test_a_reader_of_another_name_gets_a_page_with_it() -> None:
    send("alice", "bob")
    alice = browser()
    first = alice.get(BOB)
    User.objects.filter(username="alice").update(username="alicia")
    known = {"if-none-match": first["ETag"]}
    assert "alicia" in text(alice.get(BOB, headers=known))


def test_one_whose_name_changed_is_found_by_the_new_one_only() -> None:
    send("alice", "bob", "one")
    alice = browser()
    alice.get(BOB)
    User.objects.filter(username="bob").update(username="rob")
    assert alice.get(BOB).status_code == 404
    assert "one" in text(alice.get("/with/rob/"))
    User.objects.filter(username="rob").update(username="bob")
    assert "rob" not in text(alice.get(BOB))


# Never another's


def test_two_people_have_pages_of_their_own() -> None:
    send("alice", "carol", "from alice")
    send("bob", "carol", "from bob")
    for _ in range(2):
        assert "from alice" in text(browser("alice").get("/with/carol/"))
        assert "from bob" in text(browser("bob").get("/with/carol/"))


def test_the_two_of_a_conversation_have_pages_of_their_own() -> None:
    send("alice", "alice")
    send("alice", "bob")
    assert text(browser("alice").get(BOB)).startswith("alice")
    assert browser("bob").get(BOB).status_code == 404
    assert text(browser("bob").get("/with/alice/")).startswith("bob")


def test_a_form_out_of_the_cache_works_in_each_of_two_browsers() -> None:
    send("alice", "bob")
    laptop, phone = (browser(enforce_csrf_checks=True) for _ in range(2))
    tokens = []
    for client in (laptop, phone):
        client.get(BOB)
        answer = client.get(BOB)
        assert answer["Cache-Status"] == HIT
        found = re.search("<(.*)>", text(answer))
        assert found
        tokens.append(found[1])
    for client, token in zip((laptop, phone), tokens, strict=True):
        assert text(client.post("/form/", {"csrfmiddlewaretoken": token})) == "taken"
    assert laptop.post("/form/", {"csrfmiddlewaretoken": tokens[1]}).status_code == 403


def test_a_page_for_a_cookie_that_it_sets_itself_is_not_kept() -> None:
    send("alice", "bob")
    alice = Client()
    alice.force_login(people("alice")[0])
    session = alice.cookies[settings.SESSION_COOKIE_NAME].value
    first = alice.get(BOB)
    assert settings.CSRF_COOKIE_NAME in first.cookies
    assert not first.has_header("ETag")
    again = Client()
    again.cookies[settings.SESSION_COOKIE_NAME] = session  # the answer with the cookie was lost
    assert again.get(BOB)["Cache-Status"] == MISS


def test_one_browser_with_two_people_after_each_other_keeps_them_apart() -> None:
    send("alice", "carol", "from alice")
    send("bob", "carol", "from bob")
    client = browser("alice")
    client.get("/with/carol/")
    client.force_login(people("bob")[0])
    assert "from bob" in text(client.get("/with/carol/"))


def test_whoever_is_logged_out_or_deleted_gets_nothing_from_the_cache() -> None:
    send("alice", "bob")
    out, gone = browser(), browser()
    known = {"if-none-match": out.get(BOB)["ETag"]}
    gone.get(BOB)
    out.logout()
    assert out.get(BOB, headers=known).status_code == 302
    people("alice")[0].delete()
    assert gone.get(BOB, headers=known).status_code == 302


def test_a_conversation_ends_with_the_other_account() -> None:
    send("alice", "bob")
    alice = browser()
    known = {"if-none-match": alice.get(BOB)["ETag"]}
    people("bob")[0].delete()
    assert alice.get(BOB, headers=known).status_code == 404


@pytest.mark.parametrize("name", ["carol", "nobody", "%00", "%20", "a%E2%80%AEb", "n" * 200])
def test_there_is_no_page_without_a_conversation(name: str) -> None:
    send("alice", "bob")
    people("carol")
    answer = browser().get(f"/with/{name}/", headers={"accept": "application/json"})
    assert (answer.status_code, answer["Content-Type"]) == (404, "application/problem+json")
    assert runs == []


def test_a_script_with_a_token_has_pages_of_its_own() -> None:
    send("alice", "carol", "from alice")
    send("bob", "carol", "from bob")
    for name in ("alice", "bob"):
        _, secret = Token.objects.issue(people(name)[0])
        script = Client(headers={"authorization": f"Bearer {secret}"})
        answers = [script.get("/with/carol/") for _ in range(2)]
        assert [answer["Cache-Status"] for answer in answers] == [MISS, HIT]
        assert [row["content"] for row in answers[1].json()] == [f"from {name}"]
    Token.objects.all().delete()
    assert script.get("/with/carol/").status_code == 401


# What a browser knows already


def test_a_browser_that_has_the_page_is_told_so_without_the_cache(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    send("alice", "bob")
    alice = browser()
    known = {"if-none-match": alice.get(BOB)["ETag"]}
    cache.clear()
    with django_assert_num_queries(3):  # session, user, version
        answer = alice.get(BOB, headers=known)
    assert (answer.status_code, answer.content, runs) == (304, b"", ["bob"])
    assert answer["Cache-Status"] == HIT
    assert answer["ETag"] == known["if-none-match"]
    assert answer["Cache-Control"] == "private, no-store"
    assert set(answer["Vary"].split(", ")) == {"Cookie", "Authorization", "Accept"}


@pytest.mark.parametrize("change", CHANGES)
def test_it_gets_the_page_after_any_change(change: Callable[[], None]) -> None:
    send("alice", "bob", "one")
    send("bob", "alice", "two", read=True)
    alice = browser()
    known = {"if-none-match": alice.get(BOB)["ETag"]}
    change()
    assert alice.get(BOB, headers=known).status_code == 200


def test_a_validator_holds_for_one_page_of_one_browser() -> None:
    send("alice", "bob")
    send("alice", "carol")
    alice = browser()
    known = {"if-none-match": alice.get(BOB)["ETag"]}
    assert alice.get("/with/carol/", headers=known).status_code == 200
    assert alice.get(BOB, {"before": 1}, headers=known).status_code == 200
    assert alice.get(BOB, headers={**known, "accept": "application/json"}).status_code == 200
    assert browser().get(BOB, headers=known).status_code == 200
    assert browser("bob").get("/with/alice/", headers=known).status_code == 200
    assert alice.get(BOB, headers=known).status_code == 304


def test_a_validator_is_found_among_others_and_strong_ones_are_as_good() -> None:
    send("alice", "bob")
    alice = browser()
    etag = alice.get(BOB)["ETag"]
    for header in (f'"other", {etag}', etag.removeprefix("W/")):
        assert alice.get(BOB, headers={"if-none-match": header}).status_code == 304


@pytest.mark.parametrize("until", ["1000000000", "", "x", "9" * 30, "-1"])
def test_a_validator_that_is_too_old_or_made_up_gets_the_page(until: str) -> None:
    send("alice", "bob")
    alice = browser()
    state = alice.get(BOB)["ETag"].rpartition("-")[0]
    answer = alice.get(BOB, headers={"if-none-match": f'{state}-{until}"'})
    assert (answer.status_code, answer["Cache-Status"]) == (200, HIT)


def test_hit_and_miss_have_the_same_validator() -> None:
    send("alice", "bob")
    alice = browser()
    first, second = alice.get(BOB), alice.get(BOB)
    assert first["ETag"] == second["ETag"]
    assert first["ETag"].startswith('W/"')


# The page itself


def test_the_real_page_is_kept_and_its_forms_work() -> None:
    send("bob", "alice", "one")
    alice = browser(enforce_csrf_checks=True)
    alice.get("/messages/with/bob/")
    answer = alice.get("/messages/with/bob/")
    assert answer["Cache-Status"] == HIT
    found = re.search('name="csrfmiddlewaretoken" value="(.*?)"', text(answer))
    assert found
    data = {"csrfmiddlewaretoken": found[1], "receiver": "bob", "content": "two"}
    assert alice.post("/messages/send/", data).status_code == 303
    assert "two" in text(alice.get("/messages/with/bob/"))


def test_a_hit_of_the_real_page_takes_three_queries(
    django_assert_num_queries: DjangoAssertNumQueries,
) -> None:
    for number in range(60):
        send("alice", "bob", f"number {number}")
    alice = browser()
    known = {"if-none-match": alice.get("/messages/with/bob/")["ETag"]}
    for headers, status in (({}, 200), (known, 304)):
        with django_assert_num_queries(3):
            assert alice.get("/messages/with/bob/", headers=headers).status_code == status

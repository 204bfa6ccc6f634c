"""Logging in and out on the web, and scripts that come with a token."""

from __future__ import annotations

import json
import re
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from html import unescape
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from django.contrib.auth import get_user
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from messaging import accounts
from messaging.access.models import LoginLink, Session, Token
from tests.factories import people, send
from tests.servers import Answer, Server, running

pytestmark = pytest.mark.django_db

LOGIN, LINK, LOGOUT = "/login/", "/login/link/", "/logout/"
INBOX = "/messages/"
DELETE = "/messages/account/delete/"
PASSWORD = "a long-pass phrase"
JSON = {"accept": "application/json"}
WRONG = "The name or the password is not right."
USED = "This link has been used or is too old. Ask for a new one: msgcli login-link NAME"
OUT_OF_DATE = "The form was out of date. Load the page again, and repeat."
REVOKED = "The token is not valid, or was revoked."


@pytest.fixture
def alice() -> User:
    """Alice, who has PASSWORD."""
    return User.objects.create_user("alice", password=PASSWORD)


def credentials(**changed: str) -> dict[str, str]:
    return {"username": "alice", "password": PASSWORD, **changed}


def logged_in(client: Client) -> str | None:
    """Who is logged in in this browser."""
    name: str | None = client.get(LOGIN, headers=JSON).json()["user"]
    return name


def error(answer: Any) -> str:
    """What a page says that went wrong."""
    found = re.search(r'<p class="error" role="alert">(.*?)</p>', answer.content.decode())
    assert found
    return unescape(found[1])


def place(answer: Any) -> tuple[int, str]:
    """The status of a redirect, and where it goes."""
    return answer.status_code, answer["Location"]


# By password


def test_the_form_of_the_login_is_for_everybody(client: Client) -> None:
    answer = client.get(LOGIN)
    assert answer.status_code == 200
    assert b'name="username"' in answer.content
    assert b'name="next"' not in answer.content
    assert client.head(LOGIN).status_code == 200
    assert not Session.objects.exists()


def test_the_right_password_logs_in(client: Client, alice: User) -> None:
    assert place(client.post(LOGIN, credentials())) == (303, INBOX)
    assert logged_in(client) == "alice"
    assert Session.objects.get().user == alice


def test_the_cookie_is_for_the_server_alone(client: Client, alice: User) -> None:
    cookie = client.post(LOGIN, credentials()).cookies["msgcli_session"]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")


@pytest.mark.parametrize("name", [" alice ", "ａlice"])
def test_a_name_may_be_typed_as_telephones_do(client: Client, alice: User, name: str) -> None:
    client.post(LOGIN, credentials(username=name))
    assert logged_in(client) == "alice"


@pytest.mark.parametrize(
    "changed",
    [
        {"password": "wrong"},
        {"password": ""},
        {"username": "nobody"},
        {"username": ""},
        {"username": "a\0b"},
        {"password": "a\0b"},
    ],
)
def test_a_wrong_name_or_password_is_said_in_one_way(
    client: Client, alice: User, changed: dict[str, str]
) -> None:
    answer = client.post(LOGIN, credentials(**changed))
    assert (answer.status_code, error(answer)) == (400, WRONG)
    assert logged_in(client) is None


def test_after_a_wrong_password_the_name_is_kept_and_the_password_is_not(client: Client) -> None:
    content = client.post(LOGIN, {"username": 'a"<b>', "password": "hidden"}).content
    assert b'value="a&quot;&lt;b&gt;"' in content
    assert b"hidden" not in content.replace(b'type="hidden"', b"")


@pytest.mark.parametrize("fields", [{"username": "alice"}, {"password": PASSWORD}, {}])
def test_a_missing_field_is_named(client: Client, fields: dict[str, str]) -> None:
    answer = client.post(LOGIN, fields, headers=JSON)
    missing = "password" if "username" in fields else "username"
    assert answer.status_code == 400
    assert answer.json()["detail"] == f"The field {missing} is missing."


def test_who_guesses_has_to_wait_and_may_use_a_link(client: Client, alice: User) -> None:
    for _ in range(7):
        answer = client.post(LOGIN, credentials(password="wrong"))
    wait = "Too many tries. Wait 1 second, or use a login link."
    assert (answer.status_code, error(answer)) == (429, wait)
    assert answer["Retry-After"] == "1"
    client.post(LINK, {"token": LoginLink.objects.issue(alice, 10)})
    assert logged_in(client) == "alice"


def test_guessing_by_deleting_the_account_is_slowed_too(client: Client, alice: User) -> None:
    client.force_login(alice)
    for _ in range(7):
        assert client.post(DELETE, {"password": "wrong"}).status_code == 403
    assert client.post(DELETE, {"password": PASSWORD}).status_code == 403
    assert User.objects.exists()


def test_scripts_log_in_with_json(client: Client, alice: User) -> None:
    assert logged_in(client) is None
    kind = "application/json"
    answer = client.post(LOGIN, credentials(), content_type=kind, headers=JSON)
    assert (answer.status_code, answer.json()) == (200, {"user": "alice"})
    assert client.post(LOGOUT, headers=JSON).json() == {"user": None}
    answer = client.post(LOGIN, credentials(password="wrong"), content_type=kind, headers=JSON)
    problem = {"title": "Bad Request", "status": 400, "detail": WRONG}
    assert (answer["Content-Type"], answer.json()) == ("application/problem+json", problem)


@pytest.mark.parametrize("accept", ["text/html", "application/json"])
def test_half_of_a_surrogate_pair_is_no_json(client: Client, accept: str) -> None:
    body = json.dumps(credentials(username="\ud800"))
    kind = "application/json"
    answer = client.post(LOGIN, body, content_type=kind, headers={"accept": accept})
    assert answer.status_code == 400
    assert b"The body is not JSON." in answer.content


def test_who_is_logged_in_needs_no_form(client: Client, alice: User) -> None:
    client.force_login(alice)
    assert place(client.get(LOGIN)) == (303, INBOX)
    assert place(client.get(f"{LOGIN}?next=/messages/unread/")) == (303, "/messages/unread/")


def test_a_login_leads_back_to_where_one_was_going(client: Client, alice: User) -> None:
    there = f"{INBOX}with/bob/?before=3"
    page = client.get(f"{LOGIN}?{urlencode({'next': there})}").content.decode()
    found = re.search(r'name="next" value="(.*?)"', page)
    assert found
    assert unescape(found[1]) == there
    assert place(client.post(LOGIN, credentials(next=there))) == (303, there)


@pytest.mark.parametrize(
    "elsewhere",
    [
        "//evil.example",
        "https://evil.example",
        "http:///evil.example",
        "///evil.example",
        "\\\\evil.example",
        "/\\evil.example",
        "javascript:alert(1)",
        " javascript:alert(1)",
        "data:text/html,x",
        "http://testserver@evil.example/",
        "https:evil.example",
        "\tjavascript:alert(1)",
    ],
)
def test_a_login_leads_to_no_other_site(client: Client, alice: User, elsewhere: str) -> None:
    query = urlencode({"next": elsewhere})
    assert b'name="next"' not in client.get(f"{LOGIN}?{query}").content
    assert b'name="next"' not in client.get(f"{LINK}?token=x&{query}").content
    assert place(client.post(f"{LOGIN}?{query}", credentials(next=elsewhere))) == (303, INBOX)
    assert place(client.get(f"{LOGIN}?{query}")) == (303, INBOX)
    link = {"token": LoginLink.objects.issue(alice, 10), "next": elsewhere}
    assert place(client.post(LINK, link)) == (303, INBOX)
    assert place(client.post(LOGOUT, {"next": elsewhere})) == (303, LOGIN)


# By a link


def test_a_link_shows_a_button_and_logs_in_when_it_is_pressed(client: Client, alice: User) -> None:
    secret = LoginLink.objects.issue(alice, 10)
    page = client.get(f"{LINK}?token={secret}").content.decode()
    assert f'<input type="hidden" name="token" value="{secret}">' in page
    assert f'<form method="post" action="{LINK}"' in page
    assert place(client.post(LINK, {"token": secret})) == (303, INBOX)
    assert logged_in(client) == "alice"


@pytest.mark.parametrize("method", ["get", "head"])
def test_looking_at_a_link_changes_and_tells_nothing(
    client: Client, alice: User, method: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    secret = LoginLink.objects.issue(alice, 10)
    with django_assert_num_queries(0):
        answer = getattr(client, method)(f"{LINK}?token={secret}")
        other = getattr(client, method)(f"{LINK}?token={'x' * 43}")
    masked = re.compile(r'csrfmiddlewaretoken" value="\w+"')
    page, another = (masked.sub("", one.content.decode()) for one in (answer, other))
    assert (answer.status_code, page) == (200, another.replace("x" * 43, secret))
    assert LoginLink.objects.redeem(secret) == alice


def test_the_page_of_a_link_is_kept_nowhere_and_in_no_referer(client: Client) -> None:
    answer = client.get(f"{LINK}?token=x")
    assert answer["Referrer-Policy"] == "strict-origin"
    assert "no-store" in answer["Cache-Control"]


def test_what_a_link_holds_is_shown_as_text(client: Client) -> None:
    page = client.get(LINK, {"token": '"><script>alert(1)</script>'}).content
    assert b"<script>alert" not in page


def test_links_that_do_not_work_are_told_apart_by_nobody(client: Client, alice: User) -> None:
    used, old = (LoginLink.objects.issue(alice, 10) for _ in range(2))
    client.post(LINK, {"token": used})
    client.post(LOGOUT)
    LoginLink.objects.update(expires=timezone.now() - timedelta(seconds=1))
    (bob,) = people("bob")
    inactive = LoginLink.objects.issue(bob, 10)
    User.objects.filter(pk=bob.pk).update(is_active=False)
    answers = [client.post(LINK, {"token": t}) for t in (used, old, inactive, "unknown", "")]
    assert [(a.status_code, error(a)) for a in answers] == [(400, USED)] * 5
    assert logged_in(client) is None


def test_a_link_leads_on_to_where_it_says(client: Client, alice: User) -> None:
    fields = {"token": LoginLink.objects.issue(alice, 10), "next": "/messages/unread/"}
    page = client.get(f"{LINK}?{urlencode(fields)}").content
    assert b'<input type="hidden" name="next" value="/messages/unread/">' in page
    assert place(client.post(LINK, fields)) == (303, "/messages/unread/")


def test_a_link_logs_out_whoever_was_logged_in(client: Client, alice: User) -> None:
    (bob,) = people("bob")
    client.force_login(bob)
    client.session["bobs"] = "own"
    client.post(LINK, {"token": LoginLink.objects.issue(alice, 10)})
    assert logged_in(client) == "alice"
    assert "bobs" not in client.session
    assert [session.user for session in Session.objects.all()] == [alice]


# Sessions


@pytest.mark.parametrize("path", [LOGIN, LINK])
def test_a_login_rotates_the_session(client: Client, alice: User, path: str) -> None:
    client.force_login(alice)
    before = client.session.session_key
    client.post(path, {**credentials(), "token": LoginLink.objects.issue(alice, 10)})
    assert logged_in(client) == "alice"
    assert client.session.session_key != before
    assert [session.pk for session in Session.objects.all()] == [client.session.session_key]


def test_a_session_that_somebody_planted_is_not_taken_over(client: Client, alice: User) -> None:
    client.cookies["msgcli_session"] = planted = "a" * 32
    client.post(LOGIN, credentials())
    assert client.session.session_key != planted
    assert not Session.objects.filter(pk=planted).exists()


def test_logging_out_ends_the_session(client: Client, alice: User) -> None:
    client.force_login(alice)
    answer = client.post(LOGOUT)
    assert place(answer) == (303, LOGIN)
    assert answer.cookies["msgcli_session"].value == ""
    assert not Session.objects.exists()


@pytest.mark.parametrize("method", ["get", "head", "put", "delete", "options"])
def test_logging_out_is_by_post_only(client: Client, alice: User, method: str) -> None:
    client.force_login(alice)
    answer = getattr(client, method)(LOGOUT)
    assert (answer.status_code, answer["Allow"]) == (405, "POST")
    assert logged_in(client) == "alice"


def test_a_new_password_ends_the_sessions(client: Client, alice: User) -> None:
    client.post(LOGIN, credentials())
    accounts.set_password(alice, "another long-pass phrase")
    assert place(client.get(INBOX)) == (302, f"{LOGIN}?next={INBOX}")
    assert not Session.objects.exists()


def test_a_deleted_account_ends_the_sessions(client: Client, alice: User) -> None:
    client.post(LOGIN, credentials())
    accounts.delete_user(alice)
    assert place(client.get(INBOX)) == (302, f"{LOGIN}?next={INBOX}")
    assert not Session.objects.exists()


def test_who_deletes_the_account_is_logged_out_everywhere(client: Client, alice: User) -> None:
    other = Client()
    for browser in (client, other):
        browser.post(LOGIN, credentials())
    assert client.post(DELETE, {"password": PASSWORD}).status_code == 200
    assert (logged_in(client), logged_in(other)) == (None, None)
    assert not Session.objects.exists()


def test_sessions_that_are_too_old_go_at_the_next_login(client: Client, alice: User) -> None:
    Client().force_login(alice)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    client.post(LOGIN, credentials())
    assert [session.pk for session in Session.objects.all()] == [client.session.session_key]


@pytest.mark.parametrize("path", [LOGIN, LINK])
@pytest.mark.parametrize("method", ["get", "post"])
def test_no_copy_of_a_login_is_kept(client: Client, path: str, method: str) -> None:
    answer = getattr(client, method)(path)
    assert "no-store" in answer["Cache-Control"]
    assert {"Accept", "Authorization", "Cookie"} <= set(answer["Vary"].split(", "))


# Forms from elsewhere


@pytest.mark.parametrize("path", [LOGIN, LINK, LOGOUT])
@pytest.mark.parametrize("wrong", [{}, {"csrfmiddlewaretoken": "x" * 64}])
def test_a_form_from_elsewhere_is_refused(alice: User, path: str, wrong: dict[str, str]) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(alice)
    secret = LoginLink.objects.issue(alice, 10)
    answer = client.post(path, {**credentials(), "token": secret, **wrong})
    assert (answer.status_code, error(answer)) == (403, OUT_OF_DATE)
    answer = client.post(path, {**credentials(), "token": secret, **wrong}, headers=JSON)
    assert answer.json() == {"title": "Forbidden", "status": 403, "detail": OUT_OF_DATE}
    assert logged_in(client) == "alice"
    assert LoginLink.objects.redeem(secret) == alice


@pytest.mark.parametrize("path", [LOGIN, LINK])
def test_a_form_from_here_is_taken(alice: User, path: str) -> None:
    client = Client(enforce_csrf_checks=True)
    fields = {**credentials(), "token": LoginLink.objects.issue(alice, 10)}
    token = re.search(r'csrfmiddlewaretoken" value="(\w+)"', client.get(path).content.decode())
    assert token
    answer = client.post(path, {**fields, "csrfmiddlewaretoken": token[1]})
    assert place(answer) == (303, INBOX)


# Tokens


def bearer(secret: str, scheme: str = "Bearer") -> dict[str, str]:
    return {"authorization": f"{scheme} {secret}"}


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER "])
def test_a_token_lets_a_script_in_without_a_session(alice: User, scheme: str) -> None:
    message = send("bob", "alice")
    _, secret = Token.objects.issue(alice)
    client = Client(enforce_csrf_checks=True)
    answer = client.get("/messages/unread/", headers=bearer(secret, scheme))
    assert [row["id"] for row in answer.json()] == [message.pk]
    assert "Authorization" in answer["Vary"]
    fields = {"receiver": "bob", "content": "hi"}
    answer = client.post("/messages/send/", fields, headers=bearer(secret))
    assert (answer.status_code, answer.json()["sender"]) == (201, "alice")
    assert not client.cookies
    assert not Session.objects.exists()


@pytest.mark.parametrize("kind", ["unknown", "revoked", "inactive", "deleted", "", "\xff", "a b"])
def test_a_token_that_is_not_valid_lets_nobody_in(client: Client, alice: User, kind: str) -> None:
    (bob,) = people("bob")
    token, secret = Token.objects.issue(bob)
    if kind == "revoked":
        token.delete()
    elif kind == "inactive":
        User.objects.filter(pk=bob.pk).update(is_active=False)
    elif kind == "deleted":
        bob.delete()
    else:
        secret = kind
    client.force_login(alice)  # whose cookie does not help
    answer = client.get("/messages/unread/", headers={**JSON, **bearer(secret)})
    problem = {"title": "Unauthorized", "status": 401, "detail": REVOKED}
    assert (answer.status_code, answer.json()) == (401, problem)
    assert answer["WWW-Authenticate"] == 'Bearer error="invalid_token"'
    assert answer["Cache-Control"] == "no-store"
    assert not answer.cookies
    assert logged_in(client) == "alice"


def test_a_token_counts_and_not_the_cookie_beside_it(client: Client, alice: User) -> None:
    (bob,) = people("bob")
    _, secret = Token.objects.issue(bob)
    client.force_login(alice)
    account = client.get("/messages/account/", headers=bearer(secret))
    assert account.json()["user"] == "bob"
    assert not account.cookies
    assert logged_in(client) == "alice"


def test_a_fresh_login_lends_nothing_to_a_token(client: Client, alice: User) -> None:
    (bob,) = people("bob")
    _, secret = Token.objects.issue(bob)
    client.post(LOGIN, credentials())
    answer = client.post(DELETE, headers=bearer(secret))
    assert answer.status_code == 403
    assert User.objects.filter(username="bob").exists()


@pytest.mark.parametrize("path", [LOGIN, LINK])
def test_a_token_starts_no_session(client: Client, alice: User, path: str) -> None:
    _, secret = Token.objects.issue(alice)
    link = LoginLink.objects.issue(alice, 10)
    answer = client.post(path, {**credentials(), "token": link}, headers=bearer(secret))
    refused = "Whoever sends a token is let in by it, and can't log in besides."
    assert (answer.status_code, answer.json()["detail"]) == (403, refused)
    assert not Session.objects.exists()
    assert LoginLink.objects.redeem(link) == alice


@pytest.mark.parametrize("headers", [{}, bearer("unknown")])
def test_every_answer_says_that_it_depends_on_the_token(
    client: Client, headers: dict[str, str]
) -> None:
    assert "Authorization" in client.get("/admin/login/", headers=headers)["Vary"]


def test_other_schemes_are_for_others(client: Client, alice: User) -> None:
    client.force_login(alice)
    headers = {**JSON, "authorization": "Basic YTpi"}  # as a proxy may ask for
    answer = client.get(LOGIN, headers=headers)
    assert answer.json() == {"user": "alice"}
    assert "Authorization" in answer["Vary"]


def test_a_session_of_another_backend_goes_on(client: Client, alice: User, settings: Any) -> None:
    settings.AUTHENTICATION_BACKENDS = [
        "django.contrib.auth.backends.ModelBackend",
        "messaging.access.backends.SlowedBackend",
    ]
    client.post(LINK, {"token": LoginLink.objects.issue(alice, 10)})
    assert get_user(client) == alice
    assert logged_in(client) == "alice"


# On a real server, by several workers


def form_of(server: Server, path: str) -> dict[str, str]:
    """The headers with which a browser that has this page sends its form."""
    cookie = server.ask(path).headers["Set-Cookie"].partition(";")[0]
    token = cookie.partition("=")[2]
    kind = "application/x-www-form-urlencoded"
    return {"Cookie": cookie, "X_CSRFToken": token, "Content_Type": kind}


def sent_at_once(server: Server, path: str, fields: dict[str, str]) -> list[Answer]:
    """The answers to the same form, sent twenty times at once."""
    headers, body = form_of(server, path), urlencode(fields).encode()
    with ThreadPoolExecutor(20) as pool:
        sent = [pool.submit(server.ask, path, "POST", body, **headers) for _ in range(20)]
        return [one.result() for one in sent]


def test_of_twenty_browsers_with_one_link_one_is_let_in(environment: dict[str, str]) -> None:
    with running(environment, "--user", "alice", "--workers", "2") as server:
        secret = urlsplit(server.link).query.removeprefix("token=")
        answers = sent_at_once(server, LINK, {"token": secret})
        assert sorted(answer.status for answer in answers) == [303] + [400] * 19
        assert secret not in "".join(server.logged())


def test_two_workers_agree_on_how_often_was_guessed(environment: dict[str, str]) -> None:
    with running(environment, "--user", "alice", "--workers", "2") as server:
        answers = sent_at_once(server, LOGIN, credentials(password="wrong"))
        refused = [answer for answer in answers if answer.status == 429]
        assert len(refused) >= 10  # a slow machine may be asked again after a second
        assert {answer.status for answer in answers} == {400, 429}
        assert all(int(answer.headers["Retry-After"]) >= 1 for answer in refused)

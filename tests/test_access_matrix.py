"""Who may do what: every URL, by every method, for everybody who may ask."""

from __future__ import annotations

import re
from copy import deepcopy
from itertools import product
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.cache import cache
from django.core.management.color import no_style
from django.db import connection
from django.http import HttpResponse, StreamingHttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from messaging import accounts
from messaging.access.models import LoginLink, Session, Token
from messaging.models import Conversation, Message, MessageHistory, Notification
from messaging.views.described import asset_digest
from tests.factories import people, send, undone

pytestmark = pytest.mark.django_db

# What a request is answered with. The message is from the sender, alice, to the receiver, bob;
# carol, a stranger, is in another conversation; the token is alice's. A method that has no line
# is not allowed. HEAD is as GET. Where JSON and a page are answered with two statuses, that of
# JSON comes first. "login" is 401 in JSON; a page sends a browser to the login, or, so that
# what was written is not lost, shows it with 403.
TABLE = """
                               anonymous  stranger  sender    receiver  token

messaging:inbox
    GET                        login      200       200       200       200
messaging:message_list
    GET                        login      404       200       200       200
messaging:message_thread
    GET                        login      404       200       200       200
messaging:unread_messages
    GET                        login      200       200       200       200
messaging:arrivals
    GET                        login      200       200       200       200
messaging:search
    GET                        login      200       200       200       200
messaging:send
    POST                       login      201/303   201/303   201/303   201/303
messaging:reply
    POST                       login      404       201/303   201/303   201/303
messaging:edit
    GET                        login      404       200       403       200
    POST                       login      404       200/303   403       200/303
messaging:delete
    GET                        login      404       200       403       200
    POST                       login      404       200/303   403       200/303
messaging:history
    GET                        login      404       200       200       200
messaging:mark_read
    POST                       login      200/303   200/303   200/303   200/303
messaging:mark_unread
    POST                       login      200/303   200/303   200/303   200/303
messaging:notifications
    GET                        login      200       200       200       200
messaging:clear_notifications
    POST                       login      200/303   200/303   200/303   200/303
messaging:account
    GET                        login      200       200       200       200
messaging:export
    GET                        login      200       200       200       200
messaging:delete_user
    POST                       login      200       200       200       403
messaging:openapi
    GET                        200        200       200       200       200
messaging:asset
    GET                        200        200       200       200       200

access:login
    GET                        200        200/303   200/303   200/303   200/303
    POST                       400        400       400       400       403
access:login_link
    GET                        200        200       200       200       200
    POST                       400        400       400       400       403
access:logout
    POST                       200/303    200/303   200/303   200/303   200/303
"""

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS")
UNSAFE = ("POST", "PUT", "PATCH", "DELETE")
# Everybody who asks, and whose column says what they are answered.
WHO = {
    "anonymous": "anonymous",
    "stranger": "stranger",
    "sender": "sender",
    "receiver": "receiver",
    "token": "token",
    "deleted": "anonymous",  # but with the cookie of a session from before
    "wrong CSRF": "sender",  # and for what changes anything, nothing but 403
    "revoked": "anonymous",  # and 401 whatever is asked for
}
NAMES = {"stranger": "carol", "sender": "alice", "receiver": "bob", "wrong CSRF": "alice"}
ACCEPT = {"json": "application/json", "html": "text/html"}

FAR = 7_000_000  # an id of seven digits, which nothing else in an answer has
SECRET = "the secret of two"
BODIES = {
    "messaging:send": {"receiver": "bob", "content": "written"},
    "messaging:reply": {"content": "written"},
    "messaging:edit": {"content": "written"},
    "messaging:mark_read": {"ids": str(FAR)},
    "messaging:mark_unread": {"ids": str(FAR)},
    "access:login": {"username": "alice", "password": "wrong"},
    "access:login_link": {"token": "wrong"},
}


def table() -> dict[str, dict[str, dict[str, str]]]:
    """The statuses by name, method and column."""
    columns, *lines = (line.split() for line in TABLE.splitlines() if line.strip())
    found: dict[str, dict[str, dict[str, str]]] = {}
    for first, *statuses in lines:
        if statuses:
            found[next(reversed(found))][first] = dict(zip(columns, statuses, strict=True))
        else:
            found[first] = {}
    return found


def urls(urlconf: str = "tests.urls") -> dict[str, list[str]]:
    """The names of the URLs of both apps, with the arguments of each."""
    found = {}
    for resolver in get_resolver(urlconf).url_patterns:
        if isinstance(resolver, URLResolver) and resolver.namespace in {"messaging", "access"}:
            for pattern in resolver.url_patterns:
                assert isinstance(pattern, URLPattern)
                found[f"{resolver.namespace}:{pattern.name}"] = list(pattern.pattern.converters)
    return found


ROWS, URLS = table(), urls()


def path(name: str, who: str = "stranger", *, missing: int | None = None) -> str:
    """The address of a URL, for the message between alice and bob, or for one that is not."""
    other = "alice" if who == "receiver" else "bob"
    values = {
        "message_id": FAR if missing is None else missing,
        "username": other if missing is None else f"nobody{missing}",
        "digest": asset_digest("style.css"),
        "name": "style.css",
    }
    return reverse(name, kwargs={argument: values[argument] for argument in URLS[name]})


def expected(name: str, method: str, who: str, kind: str) -> int:
    """What the table and the rules above it say."""
    if who == "revoked":
        return 401
    if who == "wrong CSRF" and method in UNSAFE:
        return 403
    row, column = ROWS[name], WHO[who]
    line = row.get("GET" if method == "HEAD" else method)
    if column == "anonymous" and "login" in str(row):
        kept = method == "POST" and "content" in BODIES.get(name, {})
        return {"json": 401, "html": 403 if kept else 302}[kind]
    if line is None:
        return 405
    json, _, html = line[column].partition("/")
    return int(html if html and kind == "html" else json)


@pytest.fixture(autouse=True)
def _message() -> None:
    """The message that it is all about, edited once, with another conversation beside it."""
    cache.clear()
    send("alice", "bob", f"{SECRET}, before", pk=FAR)
    Message.objects.edit(FAR, SECRET)
    with connection.cursor() as cursor:  # so that the next message gets the next id
        for statement in connection.ops.sequence_reset_sql(no_style(), [Message]):
            cursor.execute(statement)
    send("carol", "dave", "of others")


def browser(who: str) -> Client:
    """The client of one of WHO."""
    if who in {"token", "revoked"}:
        token, secret = Token.objects.issue(people("alice")[0])
        if who == "revoked":
            token.delete()
        return Client(enforce_csrf_checks=True, headers={"authorization": f"Bearer {secret}"})
    client = Client(enforce_csrf_checks=who == "wrong CSRF")
    if who == "deleted":
        [dave] = people("dave")
        client.force_login(dave)
        accounts.delete_user(dave)
    elif who != "anonymous":
        client.force_login(people(NAMES[who])[0])
    return client


def ask(client: Client, name: str, method: str, kind: str, url: str) -> HttpResponse:
    """One request, with a body that the URL takes; the client keeps the cookies it had."""
    held = deepcopy(client.cookies)
    body = BODIES.get(name, {}) if method == "POST" else {}
    request = getattr(client, method.lower())
    answer = request(url, body, headers={"accept": ACCEPT[kind]})
    client.cookies = held
    if isinstance(answer, StreamingHttpResponse):
        return HttpResponse(answer.getvalue(), status=answer.status_code)
    assert isinstance(answer, HttpResponse)
    return answer


def told(answer: Any) -> str:
    """All that an answer says, but for what is random."""
    assert isinstance(answer, HttpResponse)
    text = f"{answer.status_code} {sorted(answer.items())} {answer.content.decode()}"
    return re.sub(r'(?<=name="csrfmiddlewaretoken" value=")\w+', "", text)


def is_refused(answer: HttpResponse) -> bool:
    sent_to_log_in = answer.get("Location", "").startswith("/login/?next=")
    return answer.status_code >= 400 or sent_to_log_in


def rows(**narrowed: Any) -> list[Any]:
    """The messages, with all that hangs on them."""
    about = {f"message__{field}": value for field, value in narrowed.items()}
    return [
        list(Message.objects.filter(**narrowed).order_by("pk").values_list()),
        list(MessageHistory.objects.filter(**about).order_by("pk").values_list()),
        list(Notification.objects.filter(**about).order_by("pk").values_list()),
    ]


def all_rows() -> list[Any]:
    """All that is in the database, but for what was tried when."""
    return [
        *rows(),
        list(Conversation.objects.order_by("pk").values_list()),
        list(User.objects.order_by("pk").values_list("pk", "username", "password", "is_active")),
        list(Session.objects.order_by("pk").values_list()),
        list(LoginLink.objects.values_list()),
        list(Token.objects.values_list("digest", "user")),
    ]


def wrote(queries: CaptureQueriesContext) -> bool:
    """Whether anything but reading was asked of the database."""
    harmless = ("SELECT", "SAVEPOINT", "RELEASE", "ROLLBACK")
    return any(not query["sql"].startswith(harmless) for query in queries.captured_queries)


def test_every_url_has_a_row_and_every_row_a_url() -> None:
    assert sorted(ROWS) == sorted(URLS)
    assert sorted(ROWS) == sorted(urls("msgcli.web.urls"))


@pytest.mark.parametrize("who", WHO)
@pytest.mark.parametrize("name", URLS)
def test_the_answers_are_those_of_the_table_and_a_refusal_is_nothing_but_that(
    name: str, who: str
) -> None:
    client, url = browser(who), path(name, who)
    before, message = all_rows(), rows(pk=FAR)
    not_theirs = WHO[who] in {"anonymous", "stranger"}
    for method, kind in product(METHODS, ACCEPT):
        asked = f"{method} {name} {kind} {who}"
        with undone(), CaptureQueriesContext(connection) as queries:
            answer = ask(client, name, method, kind, url)
            assert answer.status_code == expected(name, method, who, kind), asked
            if wrote(queries):
                assert not is_refused(answer) or all_rows() == before, asked
                assert not not_theirs or rows(pk=FAR) == message, asked
        if is_refused(answer) or not_theirs:
            assert SECRET not in told(answer), asked
        if not_theirs:
            assert str(FAR) not in told(answer).replace(url, ""), asked


def cost(queries: CaptureQueriesContext) -> list[str]:
    """What was asked of the database, without the values: how long an answer takes."""
    return [re.sub(r"'[^']*'|\d+", "?", query["sql"]) for query in queries.captured_queries]


OF_SOMEBODY = pytest.mark.parametrize(
    "name", [name for name in URLS if {"message_id", "username"} & set(URLS[name])]
)


@pytest.mark.parametrize("kind", ACCEPT)
@pytest.mark.parametrize("who", ["anonymous", "stranger", "deleted", "revoked"])
@OF_SOMEBODY
def test_what_is_of_others_can_not_be_told_from_what_is_not(name: str, who: str, kind: str) -> None:
    client = browser(who)
    for method in METHODS:
        answers, costs = [], []
        for url in (path(name, who), path(name, who, missing=FAR + 1000)):
            with undone(), CaptureQueriesContext(connection) as queries:
                answers.append(told(ask(client, name, method, kind, url)).replace(url, "URL"))
            costs.append(cost(queries))
        assert answers[0] == answers[1]
        assert costs[0] == costs[1]


@pytest.mark.parametrize("missing", [0, 2**63, 10**30])
@OF_SOMEBODY
def test_an_id_that_no_database_holds_is_not_found(name: str, missing: int) -> None:
    client = browser("sender")
    for method, kind in product(ROWS[name], ACCEPT):
        answer = ask(client, name, method, kind, path(name, missing=missing))
        assert answer.status_code == 404


@pytest.mark.parametrize("kind", ACCEPT)
@pytest.mark.parametrize(
    "url",
    [
        "?before={}",
        "with/dave/?before={}",
        "with/bob/?before={}",
        "unread/?before={}",
        "notifications/?before={}",
    ],
)
def test_the_id_to_begin_before_tells_nothing_of_others(url: str, kind: str) -> None:
    client = browser("stranger")
    answers, costs = [], []
    for pk in (FAR, FAR + 1000):
        with CaptureQueriesContext(connection) as queries:
            answer = client.get(f"/messages/{url.format(pk)}", headers={"accept": ACCEPT[kind]})
        answers.append(told(answer).replace(str(pk), "ID"))
        costs.append(cost(queries))
    assert answers[0] == answers[1]
    assert costs[0] == costs[1]


@pytest.mark.parametrize("name", ["mark_read", "mark_unread"])
def test_marking_tells_nothing_of_others(name: str) -> None:
    client = browser("stranger")
    answers, costs = [], []
    for pk in (FAR, FAR + 1000):
        with CaptureQueriesContext(connection) as queries:
            answer = client.post(reverse(f"messaging:{name}"), {"ids": str(pk)})
        answers.append(told(answer))
        costs.append(cost(queries))
    assert answers[0] == answers[1]
    assert costs[0] == costs[1]

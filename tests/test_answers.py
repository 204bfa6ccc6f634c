"""How every view answers: a page or JSON as asked for, problems in both, and nothing lost."""

from __future__ import annotations

import re
from datetime import datetime, timezone
from html.parser import HTMLParser
from typing import Any

import pytest
from django.test import Client

from messaging.access.models import Token
from messaging.models import Message
from tests.factories import people, send
from tests.test_views import client
from tests.test_views_writing import browser, problem

pytestmark = pytest.mark.django_db

HERE = "/messages"
HTML, JSON, PROBLEM = "text/html; charset=utf-8", "application/json", "application/problem+json"
FORM = "application/x-www-form-urlencoded"
NEITHER = "There is text/html and application/json; Accept allows neither."
LOG_IN = "Log in, or send Authorization: Bearer TOKEN."
WRITTEN = 'a <long> & "dear"\r\nletter, 1 < 2\r\n'
PAGES = [
    *("", "with/bob/", "thread/{}/", "unread/", "notifications/", "account/"),
    *("message/{}/edit/", "message/{}/delete/", "message/{}/history/"),
]


def accepting(accept: str | None, name: str = "alice", **headers: str) -> Client:
    """A logged-in client that sends this Accept, or none."""
    found = Client(headers=headers if accept is None else {"accept": accept, **headers})
    found.force_login(people(name)[0])
    return found


def with_token(name: str, accept: str | None = None) -> Client:
    _, secret = Token.objects.issue(people(name)[0])
    headers = {"authorization": f"Bearer {secret}"}
    return Client(headers=headers if accept is None else {"accept": accept, **headers})


class Form(HTMLParser):
    """The form of a page that has one for a message: what a browser would send."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.area: str | None = None
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if tag == "input" and named.get("name"):
            self.fields[str(named["name"])] = named.get("value") or ""
        self.area = named.get("name") if tag == "textarea" else None

    def handle_data(self, data: str) -> None:
        if self.area:  # a browser leaves out the first line break, and sends all others as CR LF
            self.fields[self.area] = data.removeprefix("\n").replace("\r\n", "\n")
            self.fields[self.area] = self.fields[self.area].replace("\n", "\r\n")
            self.area = None


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (None, HTML),
        ("*/*", HTML),
        ("text/*", HTML),
        ("application/*", JSON),
        ("application/json", JSON),
        ("APPLICATION/JSON", JSON),
        ("application/json; charset=utf-8", JSON),
        ("text/html, application/json", HTML),
        ("application/json, text/html", JSON),
        ("text/html;q=0.5, application/json", JSON),
        ("application/json;q=0.5, */*;q=0.8", HTML),
        ("application/json;q=0, */*", HTML),
        ("application/json, text/plain, */*", JSON),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", HTML),
    ],
)
def test_accept_decides_between_a_page_and_json(accept: str | None, kind: str) -> None:
    answer = accepting(accept).get(f"{HERE}/")
    assert (answer.status_code, answer["Content-Type"]) == (200, kind)


@pytest.mark.parametrize(
    "accept", ["", "image/png", "application/json;q=0", "text/plain", "nonsense", ";;,/"]
)
def test_what_there_is_not_is_not_acceptable_and_changes_nothing(accept: str) -> None:
    people("bob")
    for answer in (
        accepting(accept).get(f"{HERE}/"),
        accepting(accept).post(f"{HERE}/send/", {"receiver": "bob", "content": "hi"}),
    ):
        assert answer.json() == problem(406, "Not Acceptable", NEITHER)
        assert (answer.status_code, answer["Content-Type"]) == (406, PROBLEM)
    assert not Message.objects.exists()


@pytest.mark.parametrize(
    ("asked", "accept", "status", "kind"),
    [
        ("json", "text/html", 200, JSON),
        ("html", "application/json", 200, HTML),
        ("html", "image/png", 200, HTML),
        ("", "application/json", 200, JSON),
        ("xml", "text/html", 406, PROBLEM),
        ("JSON", "text/html", 406, PROBLEM),
        ("\0", "text/html", 406, PROBLEM),
    ],
)
def test_the_format_of_the_address_comes_before_accept(
    asked: str, accept: str, status: int, kind: str
) -> None:
    answer = accepting(accept).get(f"{HERE}/", {"format": asked})
    assert (answer.status_code, answer["Content-Type"]) == (status, kind)


@pytest.mark.parametrize(
    ("accept", "kind"),
    [(None, JSON), ("*/*", JSON), ("text/html", HTML), ("text/html;q=0.5, */*;q=0.1", HTML)],
)
def test_a_script_with_a_token_gets_json_unless_it_wants_a_page(
    accept: str | None, kind: str
) -> None:
    assert with_token("alice", accept).get(f"{HERE}/")["Content-Type"] == kind


def test_a_problem_is_problem_details_or_a_page() -> None:
    detail = "There is no such message or conversation for you."
    answer = client("alice").get(f"{HERE}/thread/1/")
    assert (answer.status_code, answer["Content-Type"]) == (404, PROBLEM)
    assert answer.json() == problem(404, "Not Found", detail)
    shown = browser("alice").get(f"{HERE}/thread/1/")
    assert (shown.status_code, shown["Content-Type"]) == (404, HTML)
    assert "<h1>Not found</h1>" in shown.content.decode()
    assert f'<p class="error" role="alert">{detail}</p>' in shown.content.decode()


@pytest.mark.parametrize("path", ["", "unread/", "with/bob/?before=3"])
def test_whoever_is_not_logged_in_is_told_how_or_sent_to_do_so(path: str) -> None:
    answer = Client(headers={"accept": JSON}).get(f"{HERE}/{path}")
    assert answer.json() == problem(401, "Unauthorized", LOG_IN)
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    shown = Client().get(f"{HERE}/{path}")
    quoted = path.replace("?", "%3F").replace("=", "%3D")
    assert (shown.status_code, shown["Location"]) == (302, f"/login/?next={HERE}/{quoted}")


@pytest.mark.parametrize("accept", [JSON, "text/html"])
def test_a_token_that_is_none_is_401_with_the_reason(accept: str) -> None:
    reader = accepting(accept, authorization="Bearer nonsense")  # whatever session comes with it
    answer = reader.get(f"{HERE}/")
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, 'Bearer error="invalid_token"')
    assert "The token is not valid, or was revoked." in answer.content.decode()


@pytest.mark.parametrize(
    ("path", "method", "allowed"),
    [
        ("", "post", "GET, HEAD"),
        ("send/", "get", "POST"),
        ("message/1/edit/", "put", "GET, POST, HEAD"),
        ("account/delete/", "options", "POST"),
    ],
)
def test_a_method_that_is_not_allowed_says_which_are(path: str, method: str, allowed: str) -> None:
    detail = f"What can be done here is {allowed}."
    answer = getattr(client("alice"), method)(f"{HERE}/{path}")
    assert (answer.status_code, answer["Allow"]) == (405, allowed)
    assert answer.json() == problem(405, "Method Not Allowed", detail)
    shown = getattr(browser("alice"), method)(f"{HERE}/{path}")
    assert (shown.status_code, shown["Allow"]) == (405, allowed)
    assert detail in shown.content.decode()


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize("accept", [JSON, "text/html"])
def test_head_has_the_headers_of_get_and_no_body(path: str, accept: str) -> None:
    url = f"{HERE}/{path.format(send('alice', 'bob').pk)}"
    reader = accepting(accept)
    reader.get(url)  # sets the CSRF cookie
    found, head = reader.get(url), reader.head(url)
    assert (head.status_code, head.content) == (200, b"")
    for answer in (found, head):  # the second may be what the first left in the cache
        del answer["Age"], answer["Cache-Status"]
    assert dict(head.items()) == dict(found.items())


@pytest.mark.parametrize("path", [*PAGES, "send/", "nothing/", "account/export/"])
@pytest.mark.parametrize("who", ["alice", "erin", ""])
def test_no_answer_is_kept_by_anybody_but_the_reader(path: str, who: str) -> None:
    url = f"{HERE}/{path.format(send('alice', 'bob').pk)}"
    for accept in (JSON, "text/html", "image/png"):
        reader = accepting(accept, who) if who else Client(headers={"accept": accept})
        answer = reader.get(url)
        if path == "nothing/":  # the project's own 404, before any view of ours
            assert answer.status_code == 404
            continue
        control = set(answer["Cache-Control"].split(", "))
        assert control == {"private", "no-store"}
        assert {"Accept", "Authorization", "Cookie"} <= set(answer["Vary"].split(", "))


@pytest.mark.parametrize(
    ("fields", "status", "reason"),
    [
        ({"receiver": "nobody", "content": WRITTEN}, 400, "There is nobody called nobody here."),
        ({"receiver": "bob", "content": "x" * 100_001}, 400, "the limit is 100,000."),
        ({"receiver": "bob", "content": " \r\n "}, 400, "A message can&#x27;t be blank."),
        ({"receiver": "bob", "content": "\x07bell\0"}, 400, "NUL"),
        ({"content": WRITTEN}, 400, "The field receiver is missing."),
    ],
)
def test_an_error_keeps_what_was_written(fields: dict[str, str], status: int, reason: str) -> None:
    people("bob")
    answer = browser("alice").post(f"{HERE}/send/", fields)
    page = answer.content.decode()
    assert answer.status_code == status
    assert reason in page
    kept = Form(page).fields
    assert {name: kept[name] for name in fields} == fields


def test_what_was_kept_can_be_sent_after_all() -> None:
    people("bob")
    reader = browser("alice")
    given = {"receiver": "bbo", "content": WRITTEN, "next": f"{HERE}/unread/"}
    kept = Form(reader.post(f"{HERE}/send/", given).content.decode()).fields
    answer = reader.post(f"{HERE}/send/", {**kept, "receiver": "bob"})
    assert (answer.status_code, answer["Location"]) == (303, f"{HERE}/unread/")
    assert Message.objects.get().content == WRITTEN.replace("\r\n", "\n")


def test_what_was_written_is_kept_when_the_login_ended_and_can_be_sent_again() -> None:
    people("bob")
    reader = Client()
    answer = reader.post(f"{HERE}/send/", {"receiver": "bob", "content": WRITTEN})
    assert answer.status_code == 403
    assert "You are logged out. Log in in another window, then repeat." in answer.content.decode()
    kept = Form(answer.content.decode()).fields
    reader.force_login(people("alice")[0])
    assert reader.post(f"{HERE}/send/", kept).status_code == 303
    assert Message.objects.get().content == WRITTEN.replace("\r\n", "\n")


def test_what_was_written_is_kept_when_the_form_was_out_of_date() -> None:
    people("bob")
    reader = Client(enforce_csrf_checks=True)
    reader.force_login(people("alice")[0])
    given = {"receiver": "bob", "content": WRITTEN, "csrfmiddlewaretoken": "a" * 64}
    answer = reader.post(f"{HERE}/send/", given)
    assert answer.status_code == 403
    kept = Form(answer.content.decode()).fields
    assert kept["csrfmiddlewaretoken"] not in ("a" * 64, "")
    assert reader.post(f"{HERE}/send/", kept).status_code == 303
    assert Message.objects.get().content == WRITTEN.replace("\r\n", "\n")


def test_an_edit_that_fails_keeps_the_new_text() -> None:
    message = send("alice", "bob", "old")
    path = f"{HERE}/message/{message.pk}/edit/"
    answer = browser("alice").post(path, {"content": "y" * 100_001})
    assert (answer.status_code, Form(answer.content.decode()).fields["content"]) == (
        400,
        "y" * 100_001,
    )
    assert Message.objects.get().content == "old"


def test_an_edit_of_nothing_changes_nothing_but_forms_lines() -> None:
    message = send("alice", "bob", "\n\n1 < 2\n & 3 </textarea>\n\n")
    path = f"{HERE}/message/{message.pk}/edit/"
    reader = browser("alice")
    form = Form(reader.get(path).content.decode()).fields
    assert reader.post(path, form).status_code == 303
    assert Message.objects.get().content == message.content
    assert not Message.objects.get().edited


@pytest.mark.parametrize("text", ["a\r\nb\r\n", "a\nb", "a\rb", "\r\n\r\n.\r\n"])
def test_the_lines_of_a_form_end_as_they_were_typed(text: str) -> None:
    people("bob")
    client("alice").post(f"{HERE}/send/", {"receiver": "bob", "content": text})
    assert Message.objects.get().content == text.replace("\r\n", "\n")


def test_json_is_taken_as_it_is() -> None:
    people("bob")
    given = {"receiver": "bob", "content": "a\r\nb", "more": "passed over"}
    answer = client("alice").post(f"{HERE}/send/", given, content_type=JSON)
    assert (answer.status_code, Message.objects.get().content) == (201, "a\r\nb")


NOT_JSON, NO_STRINGS = "The body is not JSON.", "The body is not a JSON object of strings."


@pytest.mark.parametrize("accept", [JSON, "text/html"])
@pytest.mark.parametrize(
    ("body", "detail"),
    [
        (b" ", NOT_JSON),
        (b"receiver=bob&content=hi", NOT_JSON),
        (b'{"receiver": "bob", "content": "\xff"}', NOT_JSON),
        (b'{"receiver": "bob", "content": "\\ud800"}', NOT_JSON),
        (b'{"\\udfff": "bob"}', NOT_JSON),
        (b"[" * 200_000, NOT_JSON),
        (b'{"a":' * 200_000, NOT_JSON),
        (b"9" * 10_000, NOT_JSON),
        (b'["bob", "hi"]', NO_STRINGS),
        (b'"hi"', NO_STRINGS),
        (b"null", NO_STRINGS),
        (b'{"receiver": "bob", "content": 1}', NO_STRINGS),
        (b'{"receiver": "bob", "content": {"text": "hi"}}', NO_STRINGS),
        (b'{"receiver": "bob", "content": null}', NO_STRINGS),
        (b'{"receiver": ["bob"], "content": "hi"}', NO_STRINGS),
        (b"{}", "The field receiver is missing."),
    ],
)
def test_a_body_that_is_no_object_of_strings_is_refused(
    body: bytes, detail: str, accept: str
) -> None:
    people("bob")
    answer = accepting(accept).post(f"{HERE}/send/", body, content_type=JSON)
    assert answer.status_code == 400
    assert detail in answer.content.decode()
    assert not Message.objects.exists()


@pytest.mark.parametrize("accept", [JSON, "text/html"])
@pytest.mark.parametrize(
    ("kind", "body"),
    [
        (f"{FORM}; charset=latin-1", b"receiver=bob&content=hi"),
        (FORM, b"&".join(b"a=b" for _ in range(1_001)) + b"&content=hi"),
        ("multipart/form-data", b"content=hi"),
    ],
)
@pytest.mark.parametrize("path", ["send/", "notifications/clear/"])
def test_a_form_that_can_not_be_read_is_refused_before_anything_is_done(
    path: str, kind: str, body: bytes, accept: str
) -> None:
    send("bob", "alice")
    answer = with_token("alice", accept).post(f"{HERE}/{path}", body, content_type=kind)
    assert answer.status_code == 400
    assert "The form can" in answer.content.decode()
    assert Message.unread.count() == 1


EVIL = (
    "//evil.example/",
    "///evil.example/",
    "https://evil.example/",
    "http:evil.example",
    "https:///evil.example",
    "http://testserver@evil.example/",
    "http://testserver.evil.example/",
    "javascript:alert(1)",
    "JavaScript://%0aalert(1)",
    "data:text/html,x",
    "\\\\evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "\x08//evil.example",
    "\t//evil.example",
    "\n//evil.example",
    " //evil.example",
    "/" + "x" * 3_000,
)


@pytest.mark.parametrize("url", EVIL)
def test_no_form_leads_to_another_site(url: str) -> None:
    message = send("alice", "bob")
    path = f"{HERE}/message/{message.pk}/edit/"
    back = f"{HERE}/thread/{message.pk}/#m{message.pk}"
    answer = browser("alice").post(path, {"content": "x", "next": url})
    assert (answer.status_code, answer["Location"]) == (303, back)
    shown = browser("alice").get(path, {"next": url})
    assert f'href="{url}"' not in shown.content.decode()


@pytest.mark.parametrize(
    ("url", "location"),
    [
        (f"{HERE}/unread/", f"{HERE}/unread/"),
        (f"{HERE}/with/bob/?before=1#m1", f"{HERE}/with/bob/?before=1#m1"),
        (f"http://testserver{HERE}/", f"http://testserver{HERE}/"),
        ("/a\r\nSet-Cookie: b=c", "/a%0D%0ASet-Cookie:%20b=c"),
    ],
)
def test_a_form_leads_back_to_a_page_of_this_site(url: str, location: str) -> None:
    message = send("alice", "bob")
    answer = browser("alice").post(
        f"{HERE}/message/{message.pk}/edit/", {"content": "x", "next": url}
    )
    assert (answer.status_code, answer["Location"]) == (303, location)
    assert "Set-Cookie" not in answer.headers


TIMES = re.compile(r'(?<=title=")[^"]+|\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \w+|"csrf\w+" value="\w+"')


def old_message() -> Message:
    """A message whose age in words stays the same while a test runs."""
    message = send("alice", "bob", timestamp=datetime(2020, 1, 1, 23, 30, tzinfo=timezone.utc))
    Message.objects.edit(message.pk, "edited")
    return message


@pytest.mark.parametrize("zone", ["Asia/Tokyo", "Asia%2FTokyo"])
@pytest.mark.parametrize("path", ["with/bob/", "thread/{}/", "message/{}/history/"])
def test_the_zone_of_the_browser_changes_times_and_nothing_else(path: str, zone: str) -> None:
    url = f"{HERE}/{path.format(old_message().pk)}"
    reader = browser("alice")
    reader.get(url)
    there = reader.get(url).content.decode()
    reader.cookies["messaging_zone"] = zone
    here = reader.get(url).content.decode()
    assert "2020-01-01 23:30:00 UTC" in there
    assert "2020-01-02 08:30:00 JST" in here
    assert TIMES.sub("", here) == TIMES.sub("", there)


@pytest.mark.parametrize(
    "zone",
    [
        "Nowhere/None",
        "../../etc/passwd",
        "/etc/passwd",
        "Europe",
        "x" * 5_000,
        "\xe9t\xe9",
        "\x00",
        "",
    ],
)
def test_a_cookie_that_names_no_zone_is_as_none(zone: str) -> None:
    url = f"{HERE}/thread/{old_message().pk}/"
    reader = browser("alice")
    reader.cookies["messaging_zone"] = zone
    answer = reader.get(url)
    assert answer.status_code == 200
    assert "2020-01-01 23:30:00 UTC" in answer.content.decode()


def test_json_has_its_times_in_utc_whatever_the_zone() -> None:
    url = f"{HERE}/thread/{old_message().pk}/"
    reader = client("alice")
    before: Any = reader.get(url).json()
    reader.cookies["messaging_zone"] = "Asia/Tokyo"
    assert reader.get(url).json() == before
    assert before["timestamp"] == "2020-01-01T23:30:00Z"

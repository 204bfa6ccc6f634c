"""The standalone server's middleware, its answers to errors, its log and its key."""

import io
import json
import logging
import stat
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from django.core.exceptions import DisallowedHost, SuspiciousOperation
from django.core.signals import got_request_exception
from django.db import OperationalError, connection
from django.http import HttpRequest, HttpResponse
from django.test import Client, RequestFactory, override_settings
from django.urls import path

from msgcli.errors import StoreNotReady
from msgcli.web import access_log, middleware, secret, views
from msgcli.web.middleware import NamedProxy, SafeHeaders, WholeBody

TWO_PROXIES = "192.0.2.1, 198.51.100.0/24"


def ok(request: HttpRequest) -> HttpResponse:
    return HttpResponse("ok")


def request(path: str = "/", **fields: Any) -> HttpRequest:
    return RequestFactory(headers={"accept": "application/json"}).get(path, **fields)


def detail(response: HttpResponse) -> str:
    return str(json.loads(response.content)["detail"])


@pytest.mark.parametrize(
    ("address", "forwarded", "caller"),
    [
        ("192.0.2.1", "203.0.113.5", "203.0.113.5"),
        ("198.51.100.7", "203.0.113.5", "203.0.113.5"),
        ("::ffff:192.0.2.1", "203.0.113.5", "203.0.113.5"),
        ("192.0.2.1", "2001:db8::5", "2001:db8::5"),
        ("192.0.2.1", "203.0.113.5, 198.51.100.7", "203.0.113.5"),
        ("192.0.2.1", "10.0.0.1, 203.0.113.5, 198.51.100.7", "203.0.113.5"),  # the first is a lie
        ("192.0.2.1", "203.0.113.5, unknown", "192.0.2.1"),
        ("192.0.2.1", "", "192.0.2.1"),
        ("192.0.2.2", "203.0.113.5", "192.0.2.2"),
        ("203.0.113.9", "192.0.2.1", "203.0.113.9"),
    ],
)
def test_who_called_through_proxies(
    monkeypatch: pytest.MonkeyPatch, address: str, forwarded: str, caller: str
) -> None:
    monkeypatch.setenv("MSGCLI_PROXY", TWO_PROXIES)
    asked = request(REMOTE_ADDR=address, HTTP_X_FORWARDED_FOR=forwarded)
    NamedProxy(ok)(asked)
    assert asked.META["REMOTE_ADDR"] == caller
    assert "HTTP_X_FORWARDED_FOR" not in asked.META


@pytest.mark.parametrize(
    ("address", "scheme", "secure"),
    [
        ("192.0.2.1", "https", True),
        ("192.0.2.1", "http", False),
        ("192.0.2.1", "https, http", False),
        ("203.0.113.9", "https", False),
    ],
)
def test_whether_tls_ended_at_the_proxy(
    monkeypatch: pytest.MonkeyPatch, address: str, scheme: str, secure: bool
) -> None:
    monkeypatch.setenv("MSGCLI_PROXY", TWO_PROXIES)
    asked = request(REMOTE_ADDR=address, HTTP_X_FORWARDED_PROTO=scheme)
    NamedProxy(ok)(asked)
    assert asked.is_secure() == secure
    assert "HTTP_X_FORWARDED_PROTO" not in asked.META


def test_without_a_named_proxy_nobody_is_believed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MSGCLI_PROXY", raising=False)
    headers = {"HTTP_X_FORWARDED_FOR": "203.0.113.5", "HTTP_X_FORWARDED_PROTO": "https"}
    asked = request(**headers)
    NamedProxy(ok)(asked)
    assert asked.META["REMOTE_ADDR"] == "127.0.0.1"
    assert not asked.is_secure()


@pytest.mark.parametrize("secure", [True, False])
def test_cookies_that_came_by_tls_stay_on_it(secure: bool) -> None:
    def with_cookie(request: HttpRequest) -> HttpResponse:
        response = HttpResponse()
        response.set_cookie("session", "secret")
        return response

    response = SafeHeaders(with_cookie)(RequestFactory().get("/", secure=secure))
    assert bool(response.cookies["session"]["secure"]) is secure


def test_the_policy_allows_nothing_inline_and_nothing_foreign() -> None:
    policy = SafeHeaders(ok)(request()).headers["Content-Security-Policy"]
    assert policy == (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self';"
        " connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
    )


def posted(body: bytes, **fields: Any) -> HttpRequest:
    factory = RequestFactory(headers={"accept": "application/json"})
    return factory.post("/", body, content_type="text/plain", **fields)


def test_a_body_is_there_before_anything_is_done() -> None:
    seen: list[bytes] = []

    def view(request: HttpRequest) -> HttpResponse:
        seen.append(request.body)
        return HttpResponse()

    assert WholeBody(view)(posted(b"hello")).status_code == 200
    assert seen == [b"hello"]


@override_settings(DATA_UPLOAD_MAX_MEMORY_SIZE=4)
def test_a_body_that_is_too_large() -> None:
    response = WholeBody(ok)(posted(b"hello"))
    assert (response.status_code, detail(response)) == (413, "A request can have 4 bytes at most.")


@pytest.mark.parametrize(
    "fields", [{"HTTP_TRANSFER_ENCODING": "chunked"}, {"CONTENT_LENGTH": "many"}]
)
def test_a_body_of_unknown_length(fields: dict[str, str]) -> None:
    response = WholeBody(ok)(posted(b"", **fields))
    assert (response.status_code, detail(response)) == (
        411,
        "Say how long the body is: Content-Length.",
    )


class Broken(io.BytesIO):
    """A connection that breaks off."""

    def read(self, *_: Any) -> bytes:
        raise OSError("Connection reset by peer")


@pytest.mark.parametrize("arriving", [io.BytesIO(b"hel"), Broken()])
def test_a_body_that_breaks_off(arriving: io.BytesIO) -> None:
    response = WholeBody(ok)(posted(b"hello", **{"wsgi.input": arriving}))
    assert (response.status_code, detail(response)) == (400, "The body is shorter than announced.")


def test_bodies_on_their_way_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "WAITING", 1)
    asked, arrived = threading.Event(), threading.Event()

    class Slow(io.BytesIO):
        def read(self, *size: Any) -> bytes:
            asked.set()
            arrived.wait(10)
            return super().read(*size)

    handler = WholeBody(ok)
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(handler, posted(b"hello", **{"wsgi.input": Slow(b"hello")}))
        asked.wait(10)
        refused = handler(posted(b"hello"))
        assert (refused.status_code, refused["Retry-After"]) == (503, "5")
        assert detail(refused) == ("Too many requests are still being sent. Try again in a moment.")
        assert handler(request()).status_code == 200
        arrived.set()
        assert slow.result().status_code == 200
    assert handler(posted(b"hello")).status_code == 200


@pytest.mark.parametrize(
    ("answer", "status", "sentence"),
    [
        (
            lambda asked: views.bad_request(asked, DisallowedHost()),
            400,
            "This server does not go by that name; see --allow-host.",
        ),
        (
            lambda asked: views.bad_request(asked, SuspiciousOperation()),
            400,
            "The request can't be read.",
        ),
        (
            lambda asked: views.permission_denied(asked, Exception()),
            403,
            "This is not for you.",
        ),
        (
            lambda asked: views.page_not_found(asked, Exception()),
            404,
            "There is no such page.",
        ),
        (
            views.server_error,
            500,
            "Something went wrong here; the server's log says what.",
        ),
    ],
)
def test_errors_are_problems(
    answer: Callable[[HttpRequest], HttpResponse], status: int, sentence: str
) -> None:
    response = answer(request())
    assert (response.status_code, detail(response)) == (status, sentence)
    assert response.headers["Content-Type"] == "application/problem+json"


def test_errors_are_pages_too() -> None:
    response = views.page_not_found(RequestFactory().get("/"), Exception())
    assert response.headers["Content-Type"] == "text/html; charset=utf-8"
    assert "There is no such page." in response.content.decode()


@pytest.fixture
def logged(capsys: pytest.CaptureFixture[str]) -> Callable[[], str]:
    return lambda: capsys.readouterr().err


@pytest.mark.parametrize(
    ("cache", "word"), [(None, ""), ("msgcli; hit", " hit"), ("msgcli; fwd=miss", " miss")]
)
def test_a_line_for_each_request(logged: Callable[[], str], cache: str | None, word: str) -> None:
    def view(request: HttpRequest) -> HttpResponse:
        return HttpResponse(headers={"Cache-Status": cache} if cache else {})

    access_log.AccessLog(view)(request("/with/bob/?token=secret"))
    time, *words = logged().rstrip("\n").split(" ", 1)
    assert len(time) == len("2026-11-23T09:26:01Z")
    ms = words[0].split()[4]
    assert words == [f"127.0.0.1 GET /with/bob/ 200 {ms} ms{word}"]


def test_a_line_as_json(monkeypatch: pytest.MonkeyPatch, logged: Callable[[], str]) -> None:
    monkeypatch.setenv("MSGCLI_LOG_FORMAT", "json")
    asked = request()
    asked.path = "/with/b\u00f6b\n\x1b[31m/"
    access_log.AccessLog(ok)(asked)
    line = json.loads(logged())
    assert line["path"] == "/with/b%C3%B6b%0A%1B%5B31m/"
    assert list(line) == ["time", "address", "method", "path", "status", "ms"]


@pytest.mark.parametrize(("status", "lines"), [(200, 0), (503, 1)])
def test_a_health_check_is_logged_when_it_fails(
    logged: Callable[[], str], status: int, lines: int
) -> None:
    access_log.AccessLog(lambda _: HttpResponse(status=status))(request("/healthz"))
    assert len(logged().splitlines()) == lines


def boom(request: HttpRequest) -> HttpResponse:
    raise ValueError("a \x1b[31m surprise")


def busy(request: HttpRequest) -> HttpResponse:
    raise OperationalError("database is locked")


# This module as the addresses of a server, with its handlers of errors.
urlpatterns = [path("boom", boom), path("busy", busy), path("healthz", views.healthz)]
handler500 = views.server_error


@pytest.fixture
def client() -> Iterator[Client]:
    """Who asks such a server for JSON; it logs as the standalone server does."""
    access_log.configure()
    with override_settings(ROOT_URLCONF="tests.test_web", MIDDLEWARE=[]):
        yield Client(raise_request_exception=False, headers={"accept": "application/json"})
    got_request_exception.disconnect(dispatch_uid="msgcli.web.access_log")


def test_a_traceback_is_logged_once(client: Client, logged: Callable[[], str]) -> None:
    response = client.get("/boom")
    lines = logged()
    assert response.status_code == 500
    assert lines.count("Traceback (most recent call last):") == 1
    assert lines.endswith("\nValueError: a \\u001b[31m surprise\n")


def test_a_traceback_as_json(
    client: Client, monkeypatch: pytest.MonkeyPatch, logged: Callable[[], str]
) -> None:
    monkeypatch.setenv("MSGCLI_LOG_FORMAT", "json")
    client.get("/boom")
    line = json.loads(logged())
    assert line["level"] == "error"
    assert line["message"].startswith("Traceback (most recent call last):")


def test_a_database_that_does_not_answer(client: Client, logged: Callable[[], str]) -> None:
    response = client.get("/busy")
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert response.json()["detail"] == "The database does not answer. Try again in a moment."
    assert logged().endswith(" error The database does not answer: database is locked\n")


@pytest.mark.django_db
def test_health(client: Client) -> None:
    answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (200, b"ok")
    assert answer.headers["Cache-Control"] == "no-store"
    assert client.post("/healthz").status_code == 405


@pytest.mark.django_db
def test_ill_health(client: Client) -> None:
    def refuse(*_: Any) -> None:
        raise OperationalError("gone")

    with connection.execute_wrapper(refuse):
        answer = client.get("/healthz")
    assert (answer.status_code, answer.content) == (503, b"not ok")


def test_a_server_remark_has_the_shape_of_the_log() -> None:
    record = logging.LogRecord("_granian", logging.ERROR, "", 0, "Unexpected exit", None, None)
    assert access_log.Formatter().format(record).endswith("Z error Unexpected exit")


@pytest.fixture
def key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.delenv("MSGCLI_SECRET_KEY", raising=False)
    file = tmp_path / "data" / "secret_key"
    with override_settings(SECRET_KEY_FILE=file, SECRET_KEY=""):
        yield file


def test_many_that_make_a_key_at_once_get_the_same(key_file: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _: secret.stored(key_file), range(32)))
    assert keys == {key_file.read_text().strip()}
    assert [path.name for path in key_file.parent.iterdir()] == ["secret_key"]
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600


def test_a_key_of_the_environment_makes_no_file(
    key_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MSGCLI_SECRET_KEY", "k" * 32)
    secret.ensure_key()
    assert not key_file.parent.exists()


@pytest.mark.parametrize(
    ("mode", "content", "sentence"),
    [
        (0o640, "k" * 64, "Others can read {}: delete it, and everybody logs in anew."),
        (0o600, "k" * 31, "The key in {} is too short: delete it, and a new one is made."),
    ],
)
def test_a_key_that_is_not_safe(key_file: Path, mode: int, content: str, sentence: str) -> None:
    key_file.parent.mkdir()
    key_file.write_text(content)
    key_file.chmod(mode)
    with pytest.raises(StoreNotReady) as caught:
        secret.ensure_key()
    assert str(caught.value) == sentence.format(key_file)


def test_a_key_that_can_not_be_made(key_file: Path) -> None:
    key_file.parent.write_text("a file where the folder should be")
    with pytest.raises(StoreNotReady) as caught:
        secret.ensure_key()
    assert str(caught.value) == f"The secret key {key_file} can't be used: File exists."

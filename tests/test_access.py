"""Login links, tokens, slowed logins and sessions, below the web; also many at once."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from asgiref.sync import async_to_sync
from django.contrib.auth import SESSION_KEY, aauthenticate, authenticate
from django.contrib.auth.hashers import MD5PasswordHasher
from django.contrib.auth.models import User
from django.contrib.sessions.backends.base import UpdateError
from django.contrib.sessions.exceptions import SessionInterrupted
from django.db import connection
from django.http import HttpRequest
from django.test import RequestFactory
from django.utils import timezone as django_timezone
from pytest_django import DjangoAssertNumQueries

from messaging.access.models import Failures, LoginLink, Session, Token, digest
from messaging.access.sessions import SessionStore
from messaging.access.slowing import TooManyTries, charge
from messaging.exceptions import InvalidText
from tests.factories import people

pytestmark = pytest.mark.django_db

PASSWORD = "a long-pass phrase"
AT_ONCE = 20


class Clock:
    """The time as Django tells it, which only passes when told to."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)

    def wait(self, **duration: float) -> None:
        self.now += timedelta(**duration)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(django_timezone, "now", lambda: clock.now)
    return clock


def person(name: str = "alice", **fields: Any) -> User:
    """A user who has PASSWORD."""
    return User.objects.create_user(name, password=PASSWORD, **fields)


def at_once(what: Callable[[], Any]) -> list[Any]:
    """What AT_ONCE threads get that do the same at once, each on a connection of its own."""
    barrier = threading.Barrier(AT_ONCE)
    results: list[Any] = []

    def one() -> None:
        try:
            connection.ensure_connection()
            barrier.wait(60)
            results.append(what())
        finally:
            connection.close()

    threads = [threading.Thread(target=one) for _ in range(AT_ONCE)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == AT_ONCE
    return results


# Login links


def test_a_link_logs_in_once() -> None:
    (alice,) = people("alice")
    secret = LoginLink.objects.issue(alice, 10)
    assert LoginLink.objects.redeem(secret) == alice
    assert LoginLink.objects.redeem(secret) is None


@pytest.mark.django_db(transaction=True)
def test_of_twenty_who_redeem_a_link_at_once_one_is_let_in() -> None:
    (alice,) = people("alice")
    secret = LoginLink.objects.issue(alice, 10)
    found = at_once(lambda: LoginLink.objects.redeem(secret))
    assert [user for user in found if user is not None] == [alice]


def test_a_link_works_until_its_minutes_are_over(clock: Clock) -> None:
    (alice,) = people("alice")
    early, late = (LoginLink.objects.issue(alice, 10) for _ in range(2))
    clock.wait(minutes=9, seconds=59)
    assert LoginLink.objects.redeem(early) == alice
    clock.wait(seconds=1)
    assert LoginLink.objects.redeem(late) is None


def test_links_that_are_too_old_go_when_one_is_made(clock: Clock) -> None:
    (alice,) = people("alice")
    LoginLink.objects.issue(alice, 10)
    young = LoginLink.objects.issue(alice, 20)
    clock.wait(minutes=10)
    new = LoginLink.objects.issue(alice, 10)
    kept = set(LoginLink.objects.values_list("digest", flat=True))
    assert kept == {digest(young), digest(new)}


@pytest.mark.parametrize("secret", ["", "x", "é", "\0", "\ud800", "x" * 100_000])
def test_what_is_no_secret_lets_nobody_in(secret: str) -> None:
    LoginLink.objects.issue(people("alice")[0], 10)
    assert LoginLink.objects.redeem(secret) is None
    assert Token.objects.of_secret(secret) is None
    assert LoginLink.objects.count() == 1


# Tokens


def test_a_token_is_known_by_its_secret_until_it_is_revoked() -> None:
    (alice,) = people("alice")
    token, secret = Token.objects.issue(alice, "backup")
    assert secret.startswith("msgcli_")
    assert len(secret) == len("msgcli_") + 43  # 32 bytes in base64
    assert secret.startswith(token.begins_with)
    assert len(token.begins_with) == 11
    found = Token.objects.of_secret(secret)
    assert found is not None
    assert (found, found.user, found.name) == (token, alice, "backup")
    token.delete()
    assert Token.objects.of_secret(secret) is None


def test_the_last_use_of_a_token_is_noted_once_a_minute(
    clock: Clock, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    token, secret = Token.objects.issue(people("alice")[0])
    first = clock.now
    with django_assert_num_queries(2):
        Token.objects.of_secret(secret)
    clock.wait(seconds=60)
    with django_assert_num_queries(1):
        Token.objects.of_secret(secret)
    token.refresh_from_db()
    assert token.last_used == first
    clock.wait(seconds=1)
    Token.objects.of_secret(secret)
    token.refresh_from_db()
    assert token.last_used == clock.now


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("x" * 101, "A token's name can have 100 characters at most."),
        ("a\0b", "The text contains a NUL character, which can't be stored."),
    ],
)
def test_a_name_of_a_token_that_can_not_be_stored_is_refused(name: str, sentence: str) -> None:
    (alice,) = people("alice")
    with pytest.raises(InvalidText) as refused:
        Token.objects.issue(alice, name)
    assert str(refused.value) == sentence


def test_of_a_secret_only_the_digest_and_how_it_begins_are_kept() -> None:
    (alice,) = people("alice")
    _, secret = Token.objects.issue(alice)
    link = LoginLink.objects.issue(alice, 10)
    kept = [*Token.objects.values_list(), *LoginLink.objects.values_list()]
    texts = [value for row in kept for value in row if isinstance(value, str)]
    assert {digest(secret), digest(link)} < set(texts)
    assert [text for text in texts if link in text or secret[11:] in text] == []


# Slowed logins


def request(address: str = "192.0.2.1") -> HttpRequest:
    """A request from this address."""
    return RequestFactory().post("/login/", REMOTE_ADDR=address)


def tried(name: str, password: str, address: str = "192.0.2.1") -> User | int | None:
    """Who is let in, or else for how many seconds they are to wait."""
    asking = request(address)
    user: Any = authenticate(asking, username=name, password=password)
    refused: TooManyTries | None = getattr(asking, "too_many_tries", None)
    return refused.seconds if refused else user


def test_after_five_failures_each_has_to_wait_twice_as_long(clock: Clock) -> None:
    person()
    assert [tried("alice", "wrong") for _ in range(6)] == [None] * 6
    waits = []
    for _ in range(12):
        waits.append(wait := tried("alice", "wrong"))
        assert isinstance(wait, int)
        clock.wait(seconds=wait)
        assert tried("alice", "wrong") is None
    assert waits == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]


def test_while_there_is_time_to_wait_the_right_password_does_not_count_either(
    clock: Clock,
) -> None:
    alice = person()
    for _ in range(6):
        tried("alice", "wrong")
    assert tried("alice", PASSWORD) == 1
    clock.wait(seconds=1)
    assert tried("alice", PASSWORD) == alice


def test_while_there_is_time_to_wait_no_other_backend_is_asked(clock: Clock, settings: Any) -> None:
    other = "django.contrib.auth.backends.ModelBackend"
    settings.AUTHENTICATION_BACKENDS = [*settings.AUTHENTICATION_BACKENDS, other]
    person()
    for _ in range(6):
        tried("alice", "wrong")
    assert tried("alice", PASSWORD) == 1
    assert authenticate(None, username="alice", password=PASSWORD) is None


def test_tries_that_are_refused_make_nobody_wait_longer(clock: Clock) -> None:
    alice = person()
    for _ in range(6):
        tried("alice", "wrong")
    assert {tried("alice", "wrong") for _ in range(50)} == {1}
    clock.wait(seconds=1)
    assert tried("alice", PASSWORD) == alice


def test_the_right_password_makes_up_for_all_failures(clock: Clock) -> None:
    alice = person()
    for _ in range(5):
        tried("alice", "wrong")
    assert tried("alice", PASSWORD) == alice
    assert [tried("alice", "wrong") for _ in range(7)] == [None] * 6 + [1]


def test_an_address_is_slowed_after_twenty_failures(clock: Clock) -> None:
    alice = person()
    assert [tried(f"bob{n}", "wrong") for n in range(21)] == [None] * 21
    assert tried("alice", PASSWORD) == 1
    assert tried("alice", PASSWORD, "192.0.2.2") == alice


def test_who_knows_one_password_can_not_guess_others_faster(clock: Clock) -> None:
    alice = person()
    for n in range(21):
        tried(f"bob{n}", "wrong")
    clock.wait(seconds=1)
    assert tried("alice", PASSWORD) == alice
    assert tried("bob", "wrong") is None
    assert tried("alice", PASSWORD) == 2


def test_the_right_password_counts_for_nothing_at_an_address(clock: Clock) -> None:
    alice = person()
    assert {tried("alice", PASSWORD) for _ in range(50)} == {alice}


def test_what_failed_more_than_an_hour_ago_is_forgotten(clock: Clock) -> None:
    person()
    for _ in range(6):
        tried("alice", "wrong")
    clock.wait(hours=1, seconds=1)
    assert [tried("bob", "wrong"), Failures.objects.count()] == [None, 2]  # bob and the address
    assert [tried("alice", "wrong") for _ in range(7)] == [None] * 6 + [1]


@pytest.mark.parametrize("spelled", ["Alice", "ALICE", " alice ", "ａlice"])
def test_spellings_of_a_name_are_counted_together(clock: Clock, spelled: str) -> None:
    for _ in range(6):
        tried("alice", "wrong")
    assert tried(spelled, "wrong") == 1


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("192.0.2.1", "::ffff:192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("unix:", "unix:", True),
    ],
)
def test_an_address_is_what_one_customer_has(
    clock: Clock, one: str, other: str, together: bool
) -> None:
    for n in range(21):
        charge(f"bob{n}", one)
    assert tried("alice", "wrong", other) == (1 if together else None)


def test_without_an_address_only_the_account_is_counted(clock: Clock) -> None:
    alice = person()
    for n in range(30):
        assert authenticate(None, username=f"bob{n}", password="wrong") is None
        assert tried(f"carol{n}", "wrong", "") is None
    assert authenticate(None, username="alice", password=PASSWORD) == alice


@pytest.mark.django_db(transaction=True)
def test_of_twenty_guesses_at_once_six_are_looked_at(clock: Clock) -> None:
    person()
    found = at_once(lambda: tried("alice", "wrong"))
    assert sorted(found, key=str) == [1] * 14 + [None] * 6


@pytest.mark.django_db(transaction=True)
def test_of_twenty_right_passwords_at_once_none_leaves_a_failure(clock: Clock) -> None:
    alice = person()
    assert set(at_once(lambda: tried("alice", PASSWORD))) <= {alice, 1}
    clock.wait(seconds=1)
    assert tried("alice", PASSWORD) == alice
    assert list(Failures.objects.values_list("number", flat=True)) == [0]  # of the address


def test_names_and_addresses_are_kept_as_keyed_hashes() -> None:
    tried("alice", "wrong")
    keys = list(Failures.objects.values_list("key", flat=True))
    assert len(keys) == 2
    assert all(len(key) == 64 and int(key, 16) for key in keys)


def test_failures_are_deleted_with_the_account() -> None:
    alice = person()
    tried("alice", "wrong", "")
    alice.delete()
    assert not Failures.objects.exists()


@pytest.mark.parametrize("name", ["alice", "bob", "carol", "dave", "nobody"])
def test_every_failure_takes_the_time_of_one_hash(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    person("alice")
    person("bob", is_active=False)
    User.objects.create_user("carol")  # whose password can't be used
    User.objects.create(username="dave")  # who has none
    hashed = []
    encode = MD5PasswordHasher.encode

    def counted(self: MD5PasswordHasher, password: str, salt: str) -> str:
        hashed.append(password)
        return encode(self, password, salt)

    monkeypatch.setattr(MD5PasswordHasher, "encode", counted)
    assert tried(name, "wrong") is None
    assert len(hashed) == 1


@pytest.mark.parametrize("name", ["bob", "carol", "dave", "nobody", "a\0b", "\ud800"])
@pytest.mark.parametrize("password", [PASSWORD, "", "!", "\ud800"])
def test_no_password_lets_in_those_who_are_not_to_be(name: str, password: str) -> None:
    person("bob", is_active=False)
    User.objects.create_user("carol")
    User.objects.create(username="dave")
    assert tried(name, password) is None


def test_the_slowing_is_the_same_for_asynchronous_code(clock: Clock) -> None:
    alice = person()
    ask = async_to_sync(aauthenticate)
    assert ask(request(), username="alice", password=PASSWORD) == alice
    for _ in range(6):
        assert ask(request(), username="alice", password="wrong") is None
    assert ask(request(), username="alice", password=PASSWORD) is None
    assert tried("alice", PASSWORD) == 1


@pytest.mark.parametrize(
    ("seconds", "sentence"),
    [
        (1, "Too many tries. Wait 1 second, or use a login link."),
        (8, "Too many tries. Wait 8 seconds, or use a login link."),
    ],
)
def test_the_sentence_says_how_long_to_wait(seconds: int, sentence: str) -> None:
    assert str(TooManyTries(seconds)) == sentence


# Sessions


def session_of(user: User) -> SessionStore:
    """A session in which this user is logged in."""
    session = SessionStore()
    session[SESSION_KEY] = str(user.pk)
    session.create()
    return session


def test_a_session_knows_whose_it_is() -> None:
    session = session_of(people("alice")[0])
    assert Session.objects.get(pk=session.session_key).user == people("alice")[0]
    assert SessionStore(session.session_key)[SESSION_KEY] == str(people("alice")[0].pk)


def test_a_session_of_nobody_is_nobodys() -> None:
    session = SessionStore()
    session["colour"] = "blue"
    session.create()
    assert Session.objects.get().user is None


def test_a_session_made_by_asynchronous_code_knows_whose_it_is_too() -> None:
    session = SessionStore()
    session[SESSION_KEY] = str(people("alice")[0].pk)
    async_to_sync(session.acreate)()
    assert Session.objects.get().user == people("alice")[0]


def test_sessions_links_and_tokens_go_with_the_account() -> None:
    alice, bob = people("alice", "bob")
    for user in (alice, bob):
        session_of(user)
        LoginLink.objects.issue(user, 10)
        Token.objects.issue(user)
    alice.delete()
    for model in (Session, LoginLink, Token):
        assert [row.user for row in model._default_manager.all()] == [bob]


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("asynchronous", [False, True])
def test_a_session_of_a_deleted_account_is_not_made(asynchronous: bool) -> None:
    session = SessionStore()
    session[SESSION_KEY] = str(people("alice")[0].pk)
    User.objects.all().delete()
    with pytest.raises(SessionInterrupted, match="The account was deleted meanwhile"):
        async_to_sync(session.acreate)() if asynchronous else session.create()
    assert not Session.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_a_session_does_not_become_that_of_a_deleted_account() -> None:
    session = SessionStore()
    session.create()
    session[SESSION_KEY] = str(people("alice")[0].pk)
    User.objects.all().delete()
    with pytest.raises(SessionInterrupted):
        session.save()
    assert [row.user for row in Session.objects.all()] == [None]


def test_a_session_that_ended_with_its_account_is_not_saved_again() -> None:
    session = session_of(people("alice")[0])
    User.objects.all().delete()
    session["colour"] = "blue"
    with pytest.raises(UpdateError):
        session.save()
    assert not Session.objects.exists()

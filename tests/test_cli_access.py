"""Letting people in from the command line: login links, logging out, tokens."""

import re
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client, override_settings

from messaging.access.models import Failures, LoginLink, Session, Token
from messaging.access.slowing import charge
from msgcli import errors
from tests.conftest import IN_A_FILE, Run
from tests.factories import people
from tests.test_host_project import PEOPLE, ROUTES, SETTINGS, Project

PASSWORD = "a long-pass phrase"
LINK = re.compile(r"(\S+)/login/link/\?token=([\w-]{43})\n")


def browser(name: str = "alice") -> Client:
    """A browser in which this person is logged in."""
    client = Client(headers={"accept": "application/json"})
    client.force_login(people(name)[0])
    return client


def logged_in(client: Client) -> str | None:
    name: str | None = client.get("/login/").json()["user"]
    return name


def issued(name: str = "") -> tuple[Token, str]:
    """A token of alice, and its secret."""
    return Token.objects.issue(people("alice")[0], name)


# login-link


@pytest.mark.parametrize(
    ("words", "base", "remark"),
    [
        ("alice", "http://127.0.0.1:8000", "Works once, for 10 minutes.\n"),
        ("alice --minutes 1", "http://127.0.0.1:8000", "Works once, for 1 minute.\n"),
        (
            "alice --url https://example.org/",
            "https://example.org",
            "Works once, for 10 minutes.\n",
        ),
    ],
)
def test_a_link_is_printed_alone(invoke: Run, words: str, base: str, remark: str) -> None:
    (alice,) = people("alice")
    result = invoke("login-link", *words.split())
    found = LINK.fullmatch(result.stdout)
    assert found
    assert (found[1], result.stderr, result.code) == (base, remark, errors.DONE)
    assert LoginLink.objects.redeem(found[2]) == alice


def test_user_and_address_may_come_from_the_environment(invoke: Run) -> None:
    people("alice")
    env = {"MSGCLI_USER": "alice", "MSGCLI_URL": "https://example.org"}
    result = invoke("login-link", env=env)
    assert result.stdout.startswith("https://example.org/login/link/?token=")


def test_a_link_as_json(invoke: Run) -> None:
    people("alice")
    data = invoke("login-link", "alice", "--minutes", "1440", "--json").json
    assert data["user"] == "alice"
    assert LINK.fullmatch(data["url"] + "\n")
    assert data["expires"].endswith("Z")


@pytest.mark.parametrize("minutes", ["0", "1441", "-1", "ten"])
def test_a_link_works_for_a_minute_to_a_day(invoke: Run, minutes: str) -> None:
    people("alice")
    result = invoke("login-link", "alice", "--minutes", minutes)
    assert (result.stdout, result.code) == ("", errors.USAGE)
    assert "See msgcli login-link --help." in result.stderr
    assert not LoginLink.objects.exists()


@pytest.mark.parametrize("words", ["login-link", "logout", "token create", "token list"])
def test_nobody_is_let_in_who_is_not_a_user(invoke: Run, words: str) -> None:
    people("alice")
    result = invoke(*words.split(), "alcie")
    near = "No user alcie. Did you mean alice?\n"
    assert (result.stdout, result.stderr, result.code) == ("", near, errors.NOT_FOUND)
    assert not User.objects.filter(username="alcie").exists()


@pytest.mark.parametrize("words", ["login-link", "logout", "token create", "token list"])
def test_whose_has_to_be_said(invoke: Run, words: str) -> None:
    result = invoke(*words.split())
    whose = "Whose? Name a USER, or set MSGCLI_USER to your own name.\n"
    assert (result.stdout, result.stderr, result.code) == ("", whose, errors.USAGE)


# logout


def test_logging_out_ends_every_session_and_link(invoke: Run) -> None:
    alices = [browser() for _ in range(2)]
    bobs = browser("bob")
    link = LoginLink.objects.issue(people("alice")[0], 10)
    assert invoke("logout", "alice").stdout == "alice is logged out of 2 browsers.\n"
    assert [logged_in(client) for client in (*alices, bobs)] == [None, None, "bob"]
    assert LoginLink.objects.redeem(link) is None


def test_logging_out_of_one_browser(invoke: Run) -> None:
    browser()
    assert invoke("logout", "alice").stdout == "alice is logged out of 1 browser.\n"


def test_whoever_is_not_logged_in_is_told_so(invoke: Run) -> None:
    people("alice")
    result = invoke("logout", "alice")
    assert (result.stdout, result.code) == ("alice is not logged in anywhere.\n", errors.DONE)


def test_logging_out_as_json(invoke: Run) -> None:
    browser()
    assert invoke("logout", "alice", "--json").json == {"user": "alice", "ended": 1}


def test_tokens_outlive_logging_out(invoke: Run) -> None:
    token, secret = issued()
    invoke("logout", "alice")
    assert Token.objects.of_secret(secret) == token


def test_a_password_set_on_the_command_line_ends_the_sessions(invoke: Run) -> None:
    client = browser()
    invoke("set-password", "alice", input=PASSWORD)
    assert logged_in(client) is None


def test_an_account_deleted_on_the_command_line_ends_the_sessions(invoke: Run) -> None:
    client = browser()
    invoke("delete-user", "alice", "--yes")
    assert logged_in(client) is None
    assert not Session.objects.exists()


# token


def test_a_token_is_printed_alone_and_once(invoke: Run) -> None:
    (alice,) = people("alice")
    result = invoke("token", "create", "alice", "--name", "backup")
    token = Token.objects.get()
    assert re.fullmatch(r"msgcli_[\w-]{43}\n", result.stdout)
    assert result.stderr == (
        f"Token {token.pk}. It can't be shown again. Scripts send it so:\n"
        "Authorization: Bearer TOKEN\n"
    )
    assert Token.objects.of_secret(result.stdout.strip()) == token
    assert (token.user, token.name) == (alice, "backup")


def test_tokens_are_listed_without_their_secrets(invoke: Run) -> None:
    (first, used), (second, _) = issued("backup"), issued()
    Token.objects.of_secret(used)
    Token.objects.issue(people("bob")[0], "bob's")
    result = invoke("token", "list", "alice")
    lines = [re.split(r"\s{2,}", line.strip()) for line in result.stdout.splitlines()]
    assert lines == [
        ["ID", "Begins with", "Made", "Last used", "Name"],
        [str(first.pk), f"{used[:11]}…", "just now", "just now", "backup"],
        [str(second.pk), f"{second.begins_with}…", "just now", "never", "–"],
    ]
    assert (result.stderr, result.code) == ("2 tokens.\n", errors.DONE)


def test_without_a_token_that_is_said(invoke: Run) -> None:
    people("alice")
    result = invoke("token", "list", "alice")
    assert (result.stdout, result.stderr) == ("", "No tokens of alice.\n")
    assert invoke("token", "list", "alice", "--json").stdout == "[]\n"


def test_tokens_as_json_have_no_secret_after_the_first_time(invoke: Run) -> None:
    people("alice")
    made = invoke("token", "create", "alice", "--name", "backup", "--json").json
    secret = made.pop("token")
    assert secret.startswith(made["begins_with"])
    assert (made["user"], made["name"], made["last_used"]) == ("alice", "backup", None)
    assert invoke("token", "list", "alice", "--json").json == [made]


def test_a_name_with_control_characters_is_shown_harmlessly(invoke: Run) -> None:
    issued("a\x1b[31m\nb")
    assert "\x1b" not in invoke("token", "list", "alice").stdout


def test_a_revoked_token_lets_nobody_in(invoke: Run) -> None:
    token, secret = issued()
    kept, _ = issued()
    result = invoke("token", "revoke", str(token.pk))
    assert result.stdout == f"Token {token.pk} of alice is revoked.\n"
    assert Token.objects.of_secret(secret) is None
    assert Token.objects.get() == kept
    data = invoke("token", "revoke", f"#{kept.pk}", "--json").json
    assert data == {"id": kept.pk, "user": "alice", "revoked": True}


@pytest.mark.parametrize("number", ["7", str(2**63 - 1)])
def test_a_token_that_is_not_there_is_not_revoked(invoke: Run, number: str) -> None:
    result = invoke("token", "revoke", number)
    sentence = f"No token {number}. To see them: msgcli token list USER\n"
    assert (result.stdout, result.stderr, result.code) == ("", sentence, errors.NOT_FOUND)


@pytest.mark.parametrize("number", ["x", "0", str(2**63), "-1"])
def test_what_is_no_id_is_refused(invoke: Run, number: str) -> None:
    result = invoke("token", "revoke", number)
    assert (result.stdout, result.code) == ("", errors.USAGE)
    assert "is not an id: ids are whole numbers from 1" in result.stderr
    assert "See msgcli token revoke --help." in result.stderr


def test_a_name_that_is_too_long_makes_no_token(invoke: Run) -> None:
    people("alice")
    result = invoke("token", "create", "alice", "--name", "x" * 101)
    sentence = "A token's name can have 100 characters at most.\n"
    assert (result.stdout, result.stderr, result.code) == ("", sentence, errors.REFUSED)


@pytest.mark.parametrize("words", [["token"], ["token", "--help"]])
def test_the_commands_on_tokens_are_listed(invoke: Run, words: list[str]) -> None:
    result = invoke(*words)
    shown = result.stdout + result.stderr
    assert all(name in shown for name in ("create", "list", "revoke"))


# As processes, on a store of their own and in a host project


@IN_A_FILE
def test_no_secret_is_in_the_store(run: Run, tmp_path: Path) -> None:
    run("add-user", "alice")
    found = LINK.fullmatch(run("login-link", "alice").stdout)
    assert found
    token = run("token", "create", "alice").stdout.strip()
    stored = b"".join(path.read_bytes() for path in (tmp_path / "store").iterdir())
    assert stored.startswith(b"SQLite format 3") or b"SQLite format 3" in stored
    assert token[:11].encode() in stored
    assert token[11:].encode() not in stored
    assert found[2].encode() not in stored


def test_names_are_completed(run: Run) -> None:
    run("send", "alice", "bob", "hi")
    for words in ("login-link a", "logout a", "token create a", "token list a"):
        env = {
            "_MSGCLI_COMPLETE": "complete_bash",
            "COMP_WORDS": f"msgcli {words}",
            "COMP_CWORD": str(len(words.split())),
        }
        assert run(env=env).stdout.split() == ["alice"]


@pytest.fixture
def host(tmp_path: Path) -> Project:
    """A host project with its own user model, with `messaging` and without `messaging.access`."""
    made = Project(tmp_path)
    made.run("-m", "django", "startproject", "mysite", ".")
    (tmp_path / "people").mkdir()
    (tmp_path / "people" / "__init__.py").touch()
    (tmp_path / "people" / "models.py").write_text(PEOPLE)
    (tmp_path / "mysite" / "routes.py").write_text(ROUTES)
    more_settings(made, SETTINGS.replace('"pins", ', ""))
    made.manage("makemigrations", "people")
    made.manage("migrate")
    made.msgcli("add-user", "alice@example.com")
    return made


def more_settings(host: Project, lines: str) -> None:
    with (host.folder / "mysite" / "settings.py").open("a") as file:
        file.write(lines)


def test_a_host_without_the_app_is_told_to_add_it(host: Project) -> None:
    first = "Add 'messaging.access' to the INSTALLED_APPS of mysite.settings first.\n"
    for words in ("login-link alice", "logout alice", "token list alice", "token revoke 1"):
        assert host.msgcli(*words.split(), code=errors.NOT_READY) == first


ACCESS = """
INSTALLED_APPS += ["messaging.access"]
MIDDLEWARE += ["messaging.access.middleware.TokenMiddleware"]
AUTHENTICATION_BACKENDS = ["messaging.access.backends.SlowedBackend"]
"""
LET_IN = """
from django.test import Client
from messaging.access.models import Session
from people.models import Person

alice = Person.objects.get()
alice.set_password("a long-pass phrase")
alice.save()
browser, other, script = Client(), Client(), Client()
browser.post("/login/", {"username": "alice@example.com", "password": "a long-pass phrase"})
other.post("/login/link/", {"token": "SECRET"})
print([session.user == alice for session in Session.objects.all()])
headers = {"authorization": "Bearer TOKEN"}
print(script.get("/messages/account/", headers=headers).json()["user"])
"""


def test_a_host_with_its_own_users_lets_them_in(host: Project) -> None:
    more_settings(host, ACCESS)
    with (host.folder / "mysite" / "routes.py").open("a") as routes:
        routes.write('urlpatterns += [path("", include("messaging.access.urls"))]\n')
    host.manage("migrate")
    name = "alice@example.com"
    first = "Set SESSION_ENGINE = 'messaging.access.sessions' in mysite.settings first.\n"
    assert host.msgcli("logout", name, code=errors.NOT_READY) == first
    more_settings(host, "SESSION_ENGINE = 'messaging.access.sessions'\nALLOWED_HOSTS = ['*']\n")
    secret = host.msgcli("login-link", name).strip().rpartition("=")[2]
    token = host.msgcli("token", "create", name).strip()
    said = host.shell(LET_IN.replace("SECRET", secret).replace("TOKEN", token))
    assert said.splitlines() == ["[True, True]", name]
    assert host.msgcli("logout", name) == f"{name} is logged out of 2 browsers.\n"
    host.msgcli("delete-user", name, "--yes")
    assert (
        host.shell("from messaging.access import models as m\nprint(m.Token.objects.count())")
        == "0"
    )


def test_an_account_goes_with_its_failures_even_without_the_servers_key(
    invoke: Run,
) -> None:
    people("alice", "bob")
    for name in ("alice", "bob"):
        charge(name, "")
    invoke("delete-user", "bob", "--yes")
    assert Failures.objects.count() == 1
    with override_settings(SECRET_KEY=""):
        assert invoke("delete-user", "alice", "--yes").code == errors.DONE
    assert not Failures.objects.exists()

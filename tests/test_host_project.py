"""A project made by `django-admin startproject` with its own user model takes the app in."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from time import monotonic

import pytest

ROOT = Path(__file__).resolve().parent.parent

PEOPLE = '''
import uuid

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.db import models


class Person(AbstractBaseUser, PermissionsMixin):
    """A user with another key, another name and another required field than Django's."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    email = models.EmailField(unique=True)
    nickname = models.CharField(max_length=40)
    objects = BaseUserManager()
    USERNAME_FIELD = "email"
    REQUIRED_FIELDS = ["nickname"]
'''

PINS = '''
from django.db import models


class Pin(models.Model):
    """Something of the host's that protects a message from being deleted."""

    message = models.ForeignKey("messaging.Message", on_delete=models.PROTECT)
'''

SETTINGS = """
INSTALLED_APPS += ["people", "pins", "messaging"]
AUTH_USER_MODEL = "people.Person"
ROOT_URLCONF = "mysite.routes"
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
"""

ROUTES = """
from django.urls import include, path

from mysite.urls import urlpatterns

urlpatterns += [path("messages/", include("messaging.urls"))]
"""


class Project:
    """A host project on disk, used as people use it: by running its commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.environment = {
            **{k: v for k, v in os.environ.items() if not k.startswith(("DJANGO_", "MSGCLI_"))},
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": "",
        }

    def run(self, *command: str, code: int = 0) -> str:
        done = subprocess.run(
            [sys.executable, *command],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + (done.stderr if code else "")

    def manage(self, *words: str) -> str:
        return self.run("manage.py", *words)

    def msgcli(self, *words: str, code: int = 0) -> str:
        return self.run("-m", "msgcli", "--settings", "mysite.settings", *words, code=code)

    def shell(self, code: str) -> str:
        setup = "import django; django.setup()\n"
        self.environment["DJANGO_SETTINGS_MODULE"] = "mysite.settings"
        return self.run("-c", setup + code).strip()

    @contextmanager
    def server(self) -> Iterator[str]:
        """The project's own `runserver` on a free port, until the block ends."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        process = subprocess.Popen(
            [sys.executable, "manage.py", "runserver", "--noreload", address],
            cwd=self.folder,
            env=self.environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            yield f"http://{address}"
        finally:
            process.terminate()
            process.wait(timeout=30)


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The project with the app in it and its tables made."""
    folder = tmp_path_factory.mktemp("host")
    made = Project(folder)
    made.run("-m", "django", "startproject", "mysite", ".")
    for app, models in (("people", PEOPLE), ("pins", PINS)):
        (folder / app).mkdir()
        (folder / app / "__init__.py").touch()
        (folder / app / "models.py").write_text(models)
    (folder / "mysite" / "routes.py").write_text(ROUTES)
    with (folder / "mysite" / "settings.py").open("a") as settings:
        settings.write(SETTINGS)
    made.manage("makemigrations", "people", "pins")
    made.manage("migrate")
    return made


def answer(url: str) -> tuple[int, str]:
    """What a server that may still be starting answers."""
    end = monotonic() + 60
    while monotonic() < end:
        with suppress(ConnectionError, urllib.error.URLError):
            try:
                with urllib.request.urlopen(url, timeout=30) as response:
                    return response.status, response.url
            except urllib.error.HTTPError as error:
                return error.code, error.url
    raise TimeoutError(url)


def test_the_app_has_no_migration_to_make_in_the_host(project: Project) -> None:
    assert "No changes detected" in project.manage("makemigrations", "messaging", "--check")
    assert "no issues" in project.manage("check")


def test_the_apps_own_tests_pass_under_the_hosts_settings(project: Project) -> None:
    done = project.run("manage.py", "test", "messaging", "-v", "2")
    assert "Found 7 test(s)." in done


def test_the_hosts_server_answers(project: Project) -> None:
    with project.server() as address:
        code, url = answer(f"{address}/messages/unread/")
    assert (code, url) == (404, f"{address}/accounts/login/?next=/messages/unread/")


def test_the_command_line_works_on_the_host_from_its_folder(project: Project) -> None:
    project.msgcli("add-user", "alice@example.com")
    project.msgcli("add-user", "bob@example.com")
    project.msgcli("send", "alice@example.com", "bob@example.com", "hi from the host")
    (message,) = json.loads(project.msgcli("unread", "bob@example.com", "--json"))
    assert message["content"] == "hi from the host"
    project.msgcli("reply", str(message["id"]), "bob@example.com", "hello")
    names = [user["name"] for user in json.loads(project.msgcli("users", "--json"))]
    assert names == ["alice@example.com", "bob@example.com"]
    for words in ([], ["alice@example.com"]):
        (busiest, *_) = json.loads(project.msgcli("stats", *words, "--json"))["busiest"]
        assert busiest["name"].endswith("@example.com")
    project.msgcli("delete-user", "alice@example.com", "--yes")
    assert [user["name"] for user in json.loads(project.msgcli("users", "--json"))] == names[1:]


def test_nobody_is_added_to_a_host_by_sending(project: Project) -> None:
    said = project.msgcli("send", "carol@example.com", "dave@example.com", "hi", code=3)
    assert "No user carol@example.com." in said
    assert "Traceback" not in said


def test_mail_finds_the_people_of_a_host_by_their_addresses(project: Project) -> None:
    mail = "From: {}\nTo: {}\nMessage-ID: <{}@x>\nIn-Reply-To: <1@x>\n\nlunch\n"
    (project.folder / "mail").mkdir()
    people = ("Fred <fred@example.com>", "Gina <gina@example.com>")
    (project.folder / "mail" / "1.eml").write_text(mail.format(*people, 1))
    (project.folder / "mail" / "2.eml").write_text(mail.format(*reversed(people), 2))
    project.msgcli("add-user", "fred@example.com")
    report = json.loads(project.msgcli("import", "mail", "--json"))
    assert (report["added"], report["skipped"][0]["reason"]) == (
        0,
        "its sender or receiver is not a user here.",
    )
    report = json.loads(project.msgcli("import", "mail", "--create", "--json"))
    assert (report["added"], report["users_added"]) == (2, 1)
    found = json.loads(project.msgcli("search", "lunch", "--user", "gina@example.com", "--json"))
    assert {(one["sender"], one["receiver"]) for one in found} == {
        ("fred@example.com", "gina@example.com"),
        ("gina@example.com", "fred@example.com"),
    }
    for name in ("fred@example.com", "gina@example.com"):
        project.msgcli("delete-user", name, "--yes")


def test_what_the_host_protects_is_not_deleted_and_nothing_else_is_either(
    project: Project,
) -> None:
    said = project.shell(
        """
from django.contrib.auth import get_user_model
from django.db.models import ProtectedError
from messaging.models import Message
from pins.models import Pin
User = get_user_model()
carol, dave = [User.objects.create(email=f"{name}@example.com") for name in ("carol", "dave")]
messages = [Message.objects.send(carol, dave, str(n)) for n in range(3)]
reply = Message.objects.send(dave, dave, "reply", parent=messages[0])
pin = Pin.objects.create(message=messages[2])
try:
    carol.delete()
except ProtectedError:
    print("protected", Message.objects.filter(sender=carol).count(), reply.parent_message_id == messages[0].pk)
pin.delete()
carol.delete()
reply.refresh_from_db()
print(Message.objects.filter(content__in="012").count(), reply.parent_message_id)
dave.delete()
"""
    )
    assert said.splitlines() == ["protected 3 True", "0 None"]


LOOK = """
from django.contrib.auth import get_user_model
from django.test import Client
from messaging.models import Message
from people.models import Person

one, other = (Person.objects.create(email=f"{name}@example.com") for name in ("dave", "erin"))
message = Message.objects.send(one, other, "hello from dave")
browser = Client(headers={"host": "localhost"})
browser.force_login(other)
for path in ("", "with/dave@example.com/", f"thread/{message.pk}/", "unread/", "notifications/",
             f"message/{message.pk}/history/", "search/?q=hello", "account/", "openapi.json"):
    print(browser.get("/messages/" + path).status_code, "hello from dave" in browser.get(
        "/messages/" + path).content.decode(), path.split("/")[0])
"""


def test_the_pages_open_under_the_hosts_settings_and_user_model(project: Project) -> None:
    done = project.run("manage.py", "shell", "-v", "0", "-c", LOOK)
    pages = [line.split(" ", 2) for line in done.splitlines()]
    assert {status for status, _, _ in pages} == {"200"}
    showing = [name for _, shown, name in pages if shown == "True"]
    assert showing == ["", "with", "thread", "unread", "notifications", "message"]

"""Which settings are chosen: its own, or a host project's that was asked for; never another's."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from msgcli import errors
from tests.conftest import IN_A_FILE, Run

HOST = """
SECRET_KEY = "host"
INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes"{app}]
DATABASES = {{
    "default": {{"ENGINE": "django.db.backends.sqlite3", "NAME": {name!r}}},
}}
USE_TZ = True
"""

NO_DATABASE = "MSGCLI_DATABASE_URL has to begin with postgres:// or sqlite:///."
NO_TIMEOUT = "The timeout in MSGCLI_DATABASE_URL has to be a number of seconds."
NO_CACHE = "MSGCLI_CACHE_URL has to begin with redis://, rediss:// or valkey://."
NO_LENGTH = "MSGCLI_MAX_LENGTH has to be a whole number from 1, not {}."


@pytest.fixture
def host(tmp_path: Path) -> Callable[..., Path]:
    """Write the settings of a host project, mysite.settings; returns the file of its database."""

    def write(app: str = ', "messaging"') -> Path:
        database = tmp_path / "host.sqlite3"
        (tmp_path / "mysite").mkdir()
        (tmp_path / "mysite" / "__init__.py").touch()
        (tmp_path / "mysite" / "settings.py").write_text(HOST.format(app=app, name=str(database)))
        return database

    return write


@pytest.mark.parametrize("option", [True, False])
def test_a_host_project_is_used_when_it_is_named(
    run: Run, host: Callable[..., Path], tmp_path: Path, option: bool
) -> None:
    database = host()
    words = ["--settings", "mysite.settings"] if option else []
    env = {} if option else {"MSGCLI_SETTINGS": "mysite.settings"}
    assert run(*words, "migrate", env=env).code == errors.DONE
    for name in ("alice", "bob"):
        run(*words, "add-user", name, env=env)
    assert run(*words, "send", "alice", "bob", "hi", env=env).code == errors.DONE
    assert run(*words, "check", "--json", env=env).json["location"] == str(database)
    assert not (tmp_path / "store").exists()


def test_nothing_is_made_or_migrated_in_a_host_unasked(
    run: Run, host: Callable[..., Path], tmp_path: Path
) -> None:
    database = host()
    result = run("--settings", "mysite.settings", "users")
    sentence = "The database has to be brought up to date first: python manage.py migrate\n"
    assert (result.stderr, result.code) == (sentence, errors.NOT_READY)
    assert not database.exists() or database.stat().st_size == 0
    check = run("--settings", "mysite.settings", "check")
    assert "the schema is not up to date. To put it right: " in check.stdout
    assert check.code == errors.NOT_READY


@pytest.mark.parametrize(
    ("module", "sentence"),
    [
        (
            "nosuch.settings",
            "There is no module nosuch.settings: run msgcli where manage.py is,"
            " or name another with --settings.",
        ),
        ("mysite.settings", "Add 'messaging' to the INSTALLED_APPS of mysite.settings first."),
    ],
)
def test_settings_that_can_not_be_used(
    run: Run, host: Callable[..., Path], module: str, sentence: str
) -> None:
    host(app="")
    result = run("--settings", module, "users")
    assert (result.stdout, result.stderr) == ("", f"{sentence}\n")
    assert result.code == errors.NOT_READY


@pytest.mark.parametrize(
    ("variable", "value", "sentence"),
    [
        ("MSGCLI_CACHE_URL", "foo://", NO_CACHE),
        ("MSGCLI_MAX_LENGTH", "long", NO_LENGTH.format("long")),
        ("MSGCLI_MAX_LENGTH", "-1", NO_LENGTH.format("-1")),
        ("MSGCLI_MAX_LENGTH", "0", NO_LENGTH.format("0")),
        ("MSGCLI_DATABASE_URL", "foo", NO_DATABASE),
        ("MSGCLI_DATABASE_URL", "mysql://h/x", NO_DATABASE),
        ("MSGCLI_DATABASE_URL", "sqlite:///my.sqlite3?timeout=x", NO_TIMEOUT),
    ],
)
def test_variables_that_make_no_sense(run: Run, variable: str, value: str, sentence: str) -> None:
    result = run("users", env={variable: value})
    assert (result.stdout, result.stderr) == ("", f"The settings can't be used: {sentence}\n")
    assert result.code == errors.NOT_READY


def test_settings_that_lack_another_module_name_it(run: Run, tmp_path: Path) -> None:
    (tmp_path / "broken.py").write_text("import nosuch\n")
    result = run("--settings", "broken", "users")
    sentence = "The settings broken can't be loaded: No module named 'nosuch'\n"
    assert (result.stderr, result.code) == (sentence, errors.NOT_READY)


def test_sending_adds_no_user_to_a_host(run: Run, host: Callable[..., Path]) -> None:
    host()
    run("--settings", "mysite.settings", "migrate")
    result = run("--settings", "mysite.settings", "send", "alice", "bob", "hi")
    assert (result.stdout, result.code) == ("", errors.NOT_FOUND)
    assert run("--settings", "mysite.settings", "users").stderr == "No users yet.\n"


def test_a_server_that_can_not_be_reached(run: Run) -> None:
    pytest.importorskip("psycopg")
    result = run("users", env={"MSGCLI_DATABASE_URL": "postgres://alice:pw@127.0.0.1:1/x"})
    assert result.stderr.startswith("The database can't be used: ")
    assert (result.stdout, result.stderr.count("\n")) == ("", 1)
    assert result.code == errors.NOT_READY


@IN_A_FILE
def test_the_settings_of_another_project_are_not_adopted(run: Run, tmp_path: Path) -> None:
    (tmp_path / "settings.py").write_text("raise SystemExit('the decoy was imported')\n")
    decoy = {"DJANGO_SETTINGS_MODULE": "settings", "PYTHONPATH": str(tmp_path)}
    result = run("send", "alice", "bob", "hi", env=decoy)
    assert result.stdout == "#1  alice → bob   sent\n"
    assert (tmp_path / "store" / "msgcli.sqlite3").exists()


@pytest.mark.parametrize("words", ["--help", "send --help", "--version", "schema", "users --frob"])
def test_what_needs_no_store_makes_none_and_loads_no_django(
    environment: dict[str, str], tmp_path: Path, words: str
) -> None:
    import subprocess

    code = (
        "import sys\n"
        "from msgcli.main import app\n"
        "app(sys.argv[1:], standalone_mode=False)\n"
        "sys.exit('django.apps' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *words.split()],
        env=environment,
        capture_output=True,
        check=False,
    )
    assert done.returncode == 0
    assert not (tmp_path / "store").exists()


def test_the_version_is_that_of_the_package(run: Run) -> None:
    from msgcli import __version__

    assert run("--version").stdout == f"msgcli {__version__}\n"


def test_without_words_the_help_is_shown(run: Run) -> None:
    result = run()
    assert "Usage: msgcli" in result.stdout + result.stderr
    assert result.code == errors.USAGE


def test_another_file_can_be_the_store(run: Run, tmp_path: Path) -> None:
    env = {"MSGCLI_DATABASE_URL": f"sqlite:///{tmp_path / 'my.sqlite3'}"}
    assert run("send", "alice", "bob", "hi", env=env).code == errors.DONE
    assert (tmp_path / "my.sqlite3").stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "store").exists()


@IN_A_FILE
@pytest.mark.skipif(sys.platform != "linux", reason="the folder of Linux is looked at")
def test_without_a_word_the_store_is_in_the_users_data_folder(run: Run, tmp_path: Path) -> None:
    home = {"HOME": str(tmp_path), "MSGCLI_DATA_DIR": ""}
    assert run("users", env=home).code == errors.DONE
    assert (tmp_path / ".local/share/msgcli/msgcli.sqlite3").is_file()


@IN_A_FILE
def test_a_folder_may_begin_with_a_tilde(run: Run, tmp_path: Path) -> None:
    run("users", env={"HOME": str(tmp_path), "MSGCLI_DATA_DIR": "~" + os.sep + "mine"})
    assert (tmp_path / "mine" / "msgcli.sqlite3").is_file()


@IN_A_FILE
def test_many_that_find_no_store_at_the_same_moment_all_get_one(
    environment: dict[str, str], tmp_path: Path
) -> None:
    """SQLite refuses two that turn a new file to write-ahead logging at once, without waiting."""
    code = """
import os, sys, time
from msgcli import bootstrap
bootstrap.setup_django()
from django.db import connection
for number in range(50):
    connection.settings_dict["NAME"] = os.path.join(sys.argv[1], f"{number}.sqlite3")
    start, children = time.monotonic() + 0.01, []
    for _ in range(4):
        children.append(os.fork())
        if not children[-1]:
            while time.monotonic() < start:
                pass
            bootstrap.pending_migrations()
            connection.close()
            os._exit(0)
    if any([os.waitpid(child, 0)[1] for child in children]):
        sys.exit(f"One of them failed in round {number}.")
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")

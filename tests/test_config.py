"""Settings from the environment and from config.toml: which counts, what is refused and hidden."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from msgcli import config, errors
from tests.conftest import IN_A_FILE, Run


@pytest.fixture
def file(environment: dict[str, str]) -> Path:
    """Where the file of the user is."""
    folder = Path(environment["XDG_CONFIG_HOME"], "msgcli")
    folder.mkdir(parents=True)
    return folder / "config.toml"


def in_force(run: Run, **env: str) -> dict[str, tuple[str | None, str]]:
    """Each setting's value and source."""
    found = run("config", "--json", env=env).json["settings"]
    return {one["name"]: (one["value"], one["source"]) for one in found}


@IN_A_FILE
def test_without_anything_defaults_are_in_force(run: Run, environment: dict[str, str]) -> None:
    found = in_force(run)
    folder = environment["MSGCLI_DATA_DIR"]
    assert found["data_dir"] == (folder, "environment")
    assert found["database_url"] == (f"sqlite:///{folder}/msgcli.sqlite3", "default")
    assert found["cache_url"] == ("locmem://", "default")
    assert found["user"] == (None, "default")
    assert not Path(folder).exists()


def test_the_file_counts_and_the_environment_before_it(run: Run, file: Path) -> None:
    file.write_text('user = "alice"\nmax_length = 3\nallowed_hosts = ["a", "b"]\n')
    found = in_force(run, MSGCLI_MAX_LENGTH="4")
    assert found["user"] == ("alice", "file")
    assert found["allowed_hosts"] == ("a,b", "file")
    assert found["max_length"] == ("4", "environment")
    assert run("send", "bob", "four", env={"MSGCLI_MAX_LENGTH": "4"}).code == errors.DONE
    assert run("send", "bob", "four").code == errors.REFUSED
    assert run("inbox", "--json").json[0]["user"] == "bob"


@IN_A_FILE
def test_the_database_of_the_file_is_used(run: Run, file: Path, tmp_path: Path) -> None:
    file.write_text(f'database_url = "sqlite:///{tmp_path}/other.sqlite3"\nstrict_users = true\n')
    assert run("check", "--json").json["location"] == str(tmp_path / "other.sqlite3")
    assert run("send", "alice", "bob", "hi").code == errors.NOT_FOUND


def test_passwords_and_the_key_are_not_shown(run: Run, file: Path) -> None:
    file.write_text(f'secret_key = "{"secret" * 10}"\ncache_url = "redis://:secret@cache/0"\n')
    url = "postgres://alice:secret@db.example.com/messages"
    env = {"MSGCLI_DATABASE_URL": url, "MSGCLI_CACHE_URL": ""}
    result = run("config", env=env)
    assert "secret_key     file         60 characters\n" in result.stdout
    assert "cache_url      file         redis://:***@cache/0\n" in result.stdout
    assert (
        "database_url   environment  postgres://alice:***@db.example.com/messages\n"
        in result.stdout
    )
    assert "secret@" not in result.stdout + run("config", "--json", env=env).stdout


@IN_A_FILE
def test_what_holds_a_password_is_not_passed_on_to_other_programs(
    environment: dict[str, str], file: Path
) -> None:
    urls = 'database_url = "sqlite:///a.sqlite3"\ncache_url = "locmem://"\n'
    file.write_text(f'{urls}secret_key = "{"s" * 50}"\nuser = "alice"\n')
    code = "import os; from msgcli import config; config.load(); print(*sorted(os.environ))"
    command = [sys.executable, "-c", code]
    names = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    told = {name for name in names.stdout.split() if name.startswith("MSGCLI_")}
    assert told == {"MSGCLI_DATA_DIR", "MSGCLI_USER"}


@given(st.text(st.characters(codec="utf-8", exclude_characters="@/?&#:"), min_size=1))
def test_no_password_of_any_url_is_shown(password: str) -> None:
    for url in (
        "postgres://alice:{}@host/db",
        "redis://:{}@host/0",
        "postgres://a@h/db?password={}",
    ):
        assert config.without_password(url.format(password)) == url.format("***")


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("user = alice", "The file {} is not TOML: Invalid value (at line 1, column 8)."),
        ('usr = "alice"', "The file {} sets usr, which msgcli does not know."),
        ('User = "alice"', "The file {} sets User, which msgcli does not know."),
        (
            "user = 1.5",
            "In the file {}, user has to be a text, a number or a list of texts.",
        ),
        ("\udcff", "The file {} can't be read: it is not UTF-8."),
    ],
)
def test_a_file_that_nobody_understands_is_refused(
    run: Run, file: Path, text: str, sentence: str
) -> None:
    file.write_text(text, "utf-8", "surrogateescape")
    result = run("users")
    assert (result.code, result.stdout) == (errors.NOT_READY, "")
    assert result.stderr == sentence.format(file) + "\n"
    assert run("--version").code == errors.DONE


def test_another_file_can_be_named_and_has_to_be_there(run: Run, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    env = {"MSGCLI_CONFIG": str(other)}
    result = run("users", env=env)
    assert result.code == errors.NOT_READY
    assert result.stderr == f"There is no file {other}, which MSGCLI_CONFIG names.\n"
    other.write_text('user = "carol"\n')
    assert in_force(run, **env)["user"] == ("carol", "file")


def test_a_host_project_decides_for_itself(run: Run, file: Path) -> None:
    file.write_text('settings = "mysite.settings"\nuser = "alice"\n')
    found = in_force(run)
    assert found["settings"] == ("mysite.settings", "file")
    assert "database_url" not in found
    assert "no module mysite" in run("users").stderr


@pytest.mark.parametrize(
    ("variable", "url", "module", "extra"),
    [
        ("MSGCLI_DATABASE_URL", "postgres://alice@localhost/db", "psycopg", "postgres"),
        ("MSGCLI_CACHE_URL", "valkey://localhost", "redis", "redis"),
    ],
)
def test_a_driver_that_is_not_installed_is_named(
    run: Run, tmp_path: Path, variable: str, url: str, module: str, extra: str
) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        f"import sys, importlib.util as util\n"
        f"find = util.find_spec\n"
        f"util.find_spec = lambda name, *a: None if name == {module!r} else find(name, *a)\n"
    )
    result = run("users", env={variable: url, "PYTHONPATH": str(tmp_path)})
    assert result.code == errors.NOT_READY
    assert result.stderr == (
        f"The settings can't be used: {variable} needs the extra '{extra}':"
        f" pip install 'msgcli[{extra}]'\n"
    )


def test_the_file_is_written_as_the_documentation_says(run: Run, file: Path) -> None:
    page = Path(__file__).parents[1] / "docs" / "configuration.md"
    example = page.read_text("utf-8").split("```toml\n")[1].split("```")[0]
    file.write_text(example)
    found = json.loads(run("config", "--json").stdout)
    assert {one["source"] for one in found["settings"]} == {"file", "environment", "default"}

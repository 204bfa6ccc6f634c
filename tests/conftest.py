"""Running the command line: as a process with a store of its own, or inside the test's database."""

import atexit
import json
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from typer.testing import CliRunner

from msgcli import bootstrap
from tests import databases, stores
from tests.forks import Forks, run_anew

# What of the environment of the tests a process may see.
PASSED_ON = ("PATH", "HOME", "LANG", "SYSTEMROOT", "COVERAGE_PROCESS_START")


def pytest_configure() -> None:
    """Let Ctrl-C stop what the tests run, which a shell turns off for what it runs with an &."""
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def slow(*values: Any) -> list[Any]:
    """Parameters that are left out but in CI, as tests that are marked so."""
    return [pytest.param(value, marks=pytest.mark.slow) for value in values]


@dataclass(frozen=True)
class Result:
    """What a command printed, and the code it ended with."""

    stdout: str
    stderr: str
    code: int

    @property
    def json(self) -> Any:
        """Stdout as JSON: all of it, or the test fails."""
        return json.loads(self.stdout)


Run = Callable[..., Result]
IN_A_FILE = pytest.mark.skipif(stores.ON_SERVER, reason="it is about the file of a store")


def environment_for(store: Path) -> dict[str, str]:
    """The environment of a process whose store is in this folder."""
    configuration = {"XDG_CONFIG_HOME": str(store.with_name("config"))}
    return {**environment_of_python(), **configuration, **stores.variables(store)}


def environment_of_python() -> dict[str, str]:
    """What a process gets of the environment of the tests, and how Python is to be in it."""
    passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
    return {
        **passed_on,
        # Django leaves open a connection whose first statement failed, which Python 3.13 says.
        "PYTHONWARNINGS": "error,ignore:unclosed database:ResourceWarning",
        "PYTHONUTF8": "1",
    }


@pytest.fixture
def environment(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of a process whose store is a new folder below tmp_path."""
    yield environment_for(tmp_path / "store")
    stores.remove(tmp_path / "store")


@cache
def forks() -> Forks:
    """What starts msgcli quickly, one for each process of the tests."""
    started = Forks(environment_of_python())
    atexit.register(started.close)
    return started


def run_in(environment: dict[str, str], *words: str, input: bytes = b"") -> Result:
    """Run msgcli as a process in this environment; it has to succeed."""
    done = forks().run(words, environment, Path.cwd(), input)
    assert done.returncode == 0, done.stderr.decode()
    return Result(done.stdout.decode(), done.stderr.decode(), done.returncode)


def made_store(folder: Path, *words: str, input: bytes = b"") -> Path:
    """The folder of a store that one command has made; to be copied, which is faster."""
    run_in(environment_for(folder / "store"), *words, input=input)
    return folder / "store"


@pytest.fixture(scope="session")
def store_with_hi(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_store(tmp_path_factory.mktemp("hi"), "send", "alice", "bob", "hi")


@pytest.fixture
def hi(made: None, store_with_hi: Path, tmp_path: Path) -> Path:
    """The file of a store in which alice has sent a message to bob."""
    return stores.copy(store_with_hi, tmp_path / "store") / stores.FILE


@pytest.fixture
def in_a_file() -> None:
    """What is tested is about the file of a store: skip it where stores are on a server."""
    if stores.ON_SERVER:
        pytest.skip("it is about the file of a store")


@pytest.fixture(scope="session")
def empty_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_store(tmp_path_factory.mktemp("empty"), "users")


@pytest.fixture
def made(empty_store: Path, tmp_path: Path) -> None:
    """A store that is there already, with nobody in it: a command then begins at once."""
    if not stores.ON_SERVER:  # where each is made from what is there already
        stores.copy(empty_store, tmp_path / "store")


@pytest.fixture
def run(environment: dict[str, str], tmp_path: Path) -> Run:
    """Run msgcli as a process of its own: run("send", "alice", "bob", "hi", input=b"", env={})."""

    def run_command(
        *words: str | bytes, input: bytes = b"", env: dict[str, str] | None = None, **options: Any
    ) -> Result:
        where = {**environment, **(env or {})}
        if options:
            process = run_anew(words, where, options.pop("cwd", tmp_path), input, **options)
        else:
            process = forks().run(words, where, tmp_path, input)
        return Result(process.stdout.decode(), process.stderr.decode(), process.returncode)

    return run_command


@pytest.fixture
def invoke(db: None, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run msgcli in this process, on the test's database as its embedded store; much faster."""
    from msgcli.main import app

    monkeypatch.setattr(bootstrap, "OWN_SETTINGS", "tests.settings")
    monkeypatch.delenv("MSGCLI_USER", raising=False)
    monkeypatch.delenv("MSGCLI_STRICT_USERS", raising=False)
    if connection.vendor != "sqlite":
        monkeypatch.setenv("MSGCLI_STRICT_USERS", "0")  # as with a file, names are added

    def invoke_command(
        *words: str, input: str | bytes = b"", env: dict[str, str] | None = None
    ) -> Result:
        result = CliRunner().invoke(app, list(words), input=input, env=env, prog_name="msgcli")
        return Result(result.stdout, result.stderr, result.exit_code)

    return invoke_command


@pytest.fixture(scope="session")
def postgres() -> Iterator[databases.Postgres]:
    """A PostgreSQL server that the tests of this process share."""
    with has_server(), databases.postgres() as server:
        yield server


@pytest.fixture(scope="session")
def redis() -> Iterator[str]:
    """The URL of a Redis or Valkey server that the tests of this process share."""
    with has_server(), databases.redis() as url:
        yield url


@contextmanager
def has_server() -> Iterator[None]:
    """Skip what needs a server where there is none; in CI that is a failure."""
    try:
        yield
    except databases.NoServer as error:
        pytest.fail(str(error)) if os.environ.get("CI") else pytest.skip(str(error))

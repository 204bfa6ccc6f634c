"""Where the stores of tests are: each an SQLite file in a folder, or a database of a server.

On a server where MSGCLI_DATABASE_URL names one, as in `python -m tests.databases pytest`. A folder
stands for its store in both cases.
"""

from __future__ import annotations

import itertools
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import psycopg

from tests.databases import TEMPLATE

FILE = "msgcli.sqlite3"
SERVER = os.environ.get("MSGCLI_DATABASE_URL", "")
CACHE = os.environ.get("MSGCLI_CACHE_URL", "")
ON_SERVER = SERVER.startswith("postgres")
WORKER = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
# Of the stores of each worker, also as databases of Redis, the first of which are the tests' own.
NUMBERS = itertools.count(100 + 5000 * WORKER)

_numbers: dict[Path, int] = {}  # a store that takes the place of another has its number
_made: dict[Path, dict[str, str]] = {}


def variables(folder: Path) -> dict[str, str]:
    """The variables by which msgcli finds the store of this folder, which is made at need."""
    if not ON_SERVER:
        return {"MSGCLI_DATA_DIR": str(folder)}
    if folder not in _made:
        _make(folder, TEMPLATE)
    return {"MSGCLI_DATA_DIR": str(folder), **_made[folder]}


def copy(source: Path, target: Path) -> Path:
    """The folder of a copy of a store that nobody uses now, perhaps in place of another."""
    if source.exists():
        shutil.copytree(source, target, dirs_exist_ok=True)
    if ON_SERVER:
        remove(target)
        _make(target, _name(source))
    return target


@contextmanager
def connected(folder: Path) -> Iterator[Any]:
    """A connection to the store of this folder, which commits each statement by itself."""
    if ON_SERVER:
        connection: Any = psycopg.connect(variables(folder)["MSGCLI_DATABASE_URL"], autocommit=True)
    else:
        connection = sqlite3.connect(folder / FILE, timeout=20, isolation_level=None)
    with closing(connection):
        yield connection


def remove(folder: Path) -> None:
    """Drop what was made on the server for the store of this folder."""
    if folder in _made:
        _execute(f'DROP DATABASE "{_name(folder)}" WITH (FORCE)')
        del _made[folder]


def _make(folder: Path, template: str) -> None:
    number = _numbers.setdefault(folder, next(NUMBERS))
    name = f"store_{number}"
    _execute(f'CREATE DATABASE "{name}" TEMPLATE "{template}"')
    _made[folder] = {
        "MSGCLI_DATABASE_URL": f"{SERVER.rpartition('/')[0]}/{name}",
        "MSGCLI_CACHE_URL": f"{CACHE.rpartition('/')[0]}/{number}",
        "MSGCLI_STRICT_USERS": "0",  # as with a file, sending to new names adds them
    }


def _name(folder: Path) -> str:
    return urlsplit(_made[folder]["MSGCLI_DATABASE_URL"]).path[1:]


def _execute(statement: str) -> None:
    _server().execute(statement)


@cache
def _server() -> Any:
    return psycopg.connect(SERVER, autocommit=True)

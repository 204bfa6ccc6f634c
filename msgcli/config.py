"""What msgcli is told from outside: by a variable of the environment, else by config.toml.

Each line of the file has the name of a variable, in lower case and without `MSGCLI_`. The
format is TOML (https://toml.io/en/v1.0.0).
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from msgcli.errors import StoreNotReady

PREFIX = "MSGCLI_"
VARIABLES = (
    "MSGCLI_USER",
    "MSGCLI_SETTINGS",
    "MSGCLI_DATABASE_URL",
    "MSGCLI_CACHE_URL",
    "MSGCLI_DATA_DIR",
    "MSGCLI_MAX_LENGTH",
    "MSGCLI_STRICT_USERS",
    "MSGCLI_SECRET_KEY",
    "MSGCLI_ALLOWED_HOSTS",
    "MSGCLI_PROXY",
    "MSGCLI_LOG_FORMAT",
    "MSGCLI_URL",
    "MSGCLI_PAGER",
)
# What the settings of a host project decide in their stead.
OWN = ("MSGCLI_DATABASE_URL", "MSGCLI_CACHE_URL", "MSGCLI_DATA_DIR", "MSGCLI_MAX_LENGTH")
DATABASE_FILE = "msgcli.sqlite3"
KEY_FILE = "secret_key"
MAX_LENGTH = 100_000
# They stay out of the environment, which editors, pagers and whatever else is run inherit.
SECRETS = ("MSGCLI_DATABASE_URL", "MSGCLI_CACHE_URL", "MSGCLI_SECRET_KEY")
# In a URL: after the user's name, or as a parameter of the driver.
PASSWORDS = re.compile(r"(://[^:/@]*:).*(?=@)|([?&][^=&]*password=)[^&]*", re.DOTALL)


@dataclass(frozen=True)
class Setting:
    """A variable by its name in the file, what it is now, and where that comes from.

    No secret is told, and None is nothing.
    """

    name: str
    value: str | None
    source: str


def load() -> None:
    """Add to the environment what the file says and the environment does not, but no secret.

    Raises StoreNotReady for a file that can't be read, or that says what nobody understands.
    """
    for name, value in _read(path()).items():
        if name not in SECRETS and not os.environ.get(name):
            os.environ[name] = value


def secret(name: str) -> str | None:
    """The value of one of SECRETS. Raises StoreNotReady as `load` does."""
    return os.environ.get(name) or _read(path()).get(name)


def path() -> Path:
    """Where the file is, or would be."""
    named = os.environ.get("MSGCLI_CONFIG")
    if named:
        return Path(named).expanduser()
    from platformdirs import user_config_path

    return user_config_path("msgcli", appauthor=False) / "config.toml"


def data_folder() -> Path:
    """Where the SQLite file and the secret key are."""
    named = os.environ.get("MSGCLI_DATA_DIR")
    if named:
        return Path(named).expanduser()
    from platformdirs import user_data_path

    return user_data_path("msgcli", appauthor=False)


def in_force() -> list[Setting]:
    """Every variable as it is now, but those that a host project decides."""
    of_host = OWN if os.environ.get("MSGCLI_SETTINGS") else ()
    return [_setting(name) for name in VARIABLES if name not in of_host]


def without_password(url: str) -> str:
    """A URL that can be shown."""
    return PASSWORDS.sub(lambda found: f"{found[1] or found[2]}***", url)


def _setting(name: str) -> Setting:
    key = name.removeprefix(PREFIX).lower()
    value = secret(name) if name in SECRETS else os.environ.get(name)
    if not value:
        return Setting(key, _default(name), "default")
    # What the file says is in the environment by now, unless that said something else before.
    source = "file" if value == _read(path()).get(name) else "environment"
    if name == "MSGCLI_SECRET_KEY":
        return Setting(key, f"{len(value)} characters", source)
    return Setting(key, without_password(value), source)


def _default(name: str) -> str | None:
    return {
        "MSGCLI_DATABASE_URL": f"sqlite:///{data_folder() / DATABASE_FILE}",
        "MSGCLI_CACHE_URL": "locmem://",
        "MSGCLI_DATA_DIR": str(data_folder()),
        "MSGCLI_MAX_LENGTH": str(MAX_LENGTH),
        "MSGCLI_SECRET_KEY": f"in {data_folder() / KEY_FILE}",
        "MSGCLI_LOG_FORMAT": "text",
        "MSGCLI_URL": "http://127.0.0.1:8000",
        "MSGCLI_PAGER": os.environ.get("PAGER", "less"),
    }.get(name)


@cache
def _read(file: Path) -> dict[str, str]:
    """The variables that a file sets, none if it is not there."""
    try:
        text = file.read_text("utf-8")
    except FileNotFoundError:
        if os.environ.get("MSGCLI_CONFIG"):
            raise StoreNotReady(f"There is no file {file}, which MSGCLI_CONFIG names.") from None
        return {}
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise StoreNotReady(f"The file {file} can't be read: {reason}.") from None
    import tomllib

    try:
        lines = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise StoreNotReady(f"The file {file} is not TOML: {error}.") from None
    return {_variable(key, file): _text(key, value, file) for key, value in lines.items()}


def _variable(key: str, file: Path) -> str:
    name = PREFIX + key.upper()
    if name not in VARIABLES or key != key.lower():
        raise StoreNotReady(f"The file {file} sets {key}, which msgcli does not know.")
    return name


def _text(key: str, value: Any, file: Path) -> str:
    """A value as a variable of the environment has it: commas part the words of a list."""
    match value:
        case bool():
            return str(int(value))
        case str() | int():
            return str(value)
        case list() if all(isinstance(word, str) for word in value):
            return ",".join(value)
    raise StoreNotReady(f"In the file {file}, {key} has to be a text, a number or a list of texts.")

"""The Django settings of msgcli on its own: one SQLite file, unless the environment says otherwise.

MSGCLI_DATABASE_URL  another database: postgres://user:password@host/name, or sqlite:///path,
                     perhaps with ?timeout=5 (seconds to wait for another writer, else 20)
MSGCLI_CACHE_URL     another cache, as redis://host:port/0 (default: this process's memory)
MSGCLI_DATA_DIR      another folder for the SQLite file
MSGCLI_MAX_LENGTH    the longest text of a message, in characters

In an installed msgcli this file is the module `msgcli.settings`.
"""

import os
from pathlib import Path
from typing import Any

from platformdirs import user_data_path


def embedded_database(path: str, options: dict[str, Any] | None = None) -> dict[str, Any]:
    """The settings of an SQLite file that many processes may write to.

    IMMEDIATE takes the write lock where a transaction begins, so that none of them fails
    half-way for having read first. https://www.sqlite.org/lang_transaction.html
    Synchronous stays FULL, SQLite's default: a message reported as sent survives a power cut.
    """
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "OPTIONS": {
            "timeout": 20,  # seconds to wait for another writer
            "transaction_mode": "IMMEDIATE",
            "init_command": "; ".join(
                (
                    "PRAGMA journal_mode = WAL",
                    "PRAGMA secure_delete = ON",  # what is deleted is overwritten
                    "PRAGMA cache_size = -32000",  # 32 MB, for large imports and deletions
                )
            ),
            **(options or {}),
        },
    }


# The databases that msgcli is tested on.
SCHEMES = ("postgres", "postgresql", "sqlite")


def database(url: str | None) -> dict[str, Any]:
    """The database that `url` names, or the file in the user's data folder."""
    if not url:
        folder = os.environ.get("MSGCLI_DATA_DIR") or user_data_path("msgcli", appauthor=False)
        return embedded_database(str(Path(folder).expanduser() / "msgcli.sqlite3"))
    scheme = url.partition("://")[0]
    if "://" not in url or scheme not in SCHEMES:
        raise ValueError("MSGCLI_DATABASE_URL has to begin with postgres:// or sqlite:///.")
    import dj_database_url  # only when used: most runs of the command line do without

    config: dict[str, Any] = {**dj_database_url.parse(url)}
    if config["ENGINE"] == "django.db.backends.sqlite3":
        options = config.get("OPTIONS") or {}
        if not isinstance(options.get("timeout", 0), int | float):
            raise ValueError("The timeout in MSGCLI_DATABASE_URL has to be a number of seconds.")
        return embedded_database(str(config["NAME"]), options)
    return config


def cache(url: str | None) -> dict[str, Any]:
    """The cache that `url` names, or the memory of this process."""
    scheme, _, rest = (url or "locmem://").partition("://")
    if scheme in {"redis", "rediss", "valkey", "valkeys"}:
        # redis-py knows Valkey, which speaks the same protocol, by Redis's name only.
        scheme = scheme.replace("valkeys", "rediss").replace("valkey", "redis")
        return {
            "BACKEND": "django.core.cache.backends.redis.RedisCache",
            "LOCATION": f"{scheme}://{rest}",
        }
    if scheme == "locmem":
        return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": rest}
    raise ValueError("MSGCLI_CACHE_URL has to begin with redis://, rediss:// or valkey://.")


def max_length(text: str | None) -> int:
    """The longest text of a message, in characters."""
    if not (text or "1").isdecimal() or int(text or 1) < 1:
        raise ValueError(f"MSGCLI_MAX_LENGTH has to be a whole number from 1, not {text}.")
    return int(text or 100_000)


DATABASES = {"default": database(os.environ.get("MSGCLI_DATABASE_URL"))}
CACHES = {"default": cache(os.environ.get("MSGCLI_CACHE_URL"))}
MESSAGING_MAX_LENGTH = max_length(os.environ.get("MSGCLI_MAX_LENGTH"))

INSTALLED_APPS = ["django.contrib.auth", "django.contrib.contenttypes", "messaging"]
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in (
        "UserAttributeSimilarityValidator",
        "MinimumLengthValidator",
        "CommonPasswordValidator",
        "NumericPasswordValidator",
    )
]
LOGGING_CONFIG = None  # the command line reports by itself; saves importing logging.config
TIME_ZONE = "UTC"
USE_TZ = True
USE_I18N = False

"""The Django settings of msgcli on its own: one SQLite file, unless it is told otherwise.

MSGCLI_DATABASE_URL  another database: postgres://user:password@host/name, or sqlite:///path,
                     perhaps with ?timeout=5 (seconds to wait for another writer, else 20)
MSGCLI_CACHE_URL     another cache, as redis://host:port/0 (default: this process's memory)
MSGCLI_DATA_DIR      another folder for the SQLite file
MSGCLI_MAX_LENGTH    the longest text of a message, in characters
MSGCLI_SECRET_KEY    the key that signs what browsers hold (default: a file in the data folder)
MSGCLI_ALLOWED_HOSTS more names that the server goes by, parted by commas

The same may be said in config.toml, see msgcli.config. In an installed msgcli this file is the
module `msgcli.settings`.
"""

import os
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from msgcli import config

# How long a server's threads keep a connection, in seconds: twice as many requests a second as
# when each opens its own, and short enough for a file that was put in place of another.
KEPT = 60
WAIT = 20  # seconds, for another that writes to the same SQLite file


def embedded_database(path: str, options: dict[str, Any] | None = None) -> dict[str, Any]:
    """The settings of an SQLite file that many processes may write to.

    IMMEDIATE takes the write lock where a transaction begins, so that none of them fails
    half-way for having read first. https://www.sqlite.org/lang_transaction.html
    Synchronous stays FULL, SQLite's default: a message reported as sent survives a power cut.
    """
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": path,
        "CONN_MAX_AGE": KEPT,
        "OPTIONS": {
            "timeout": WAIT,
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


def database(url: str | None, told: str = "MSGCLI_DATABASE_URL") -> dict[str, Any]:
    """The database that `url` names, or the file in the user's data folder.

    Raises ValueError, with what told the URL, for one that can't be used.
    """
    if not url:
        return embedded_database(str(config.data_folder() / config.DATABASE_FILE))
    scheme = url.partition("://")[0]
    if "://" not in url or scheme not in SCHEMES:
        raise ValueError(f"{told} has to begin with postgres:// or sqlite:///.")
    import dj_database_url  # only when used: most runs of the command line do without

    found: dict[str, Any] = {**dj_database_url.parse(url)}
    options = found.get("OPTIONS") or {}
    if found["ENGINE"] == "django.db.backends.sqlite3":
        try:
            options["timeout"] = float(options.get("timeout", WAIT))
        except ValueError:
            raise ValueError(f"The timeout in {told} has to be a number of seconds.") from None
        return embedded_database(str(found["NAME"]), options)
    needs("psycopg", told, "postgres")
    return server_database(found, options)


def server_database(found: dict[str, Any], options: dict[str, Any]) -> dict[str, Any]:
    """The settings of a PostgreSQL database, whose server may vanish and come back.

    What the URL says of libpq's parameters counts before these.
    https://www.postgresql.org/docs/current/libpq-connect.html#LIBPQ-PARAMKEYWORDS
    """
    pooled = "pool" in options  # a pool keeps its own connections
    return {
        **found,
        "CONN_MAX_AGE": 0 if pooled else KEPT,
        "CONN_HEALTH_CHECKS": True,
        # For pgbouncer in transaction mode, where a cursor is gone after its transaction.
        "DISABLE_SERVER_SIDE_CURSORS": options.pop("disable_server_side_cursors", False),
        "OPTIONS": {
            "application_name": "msgcli",
            "connect_timeout": 5,  # seconds
            "keepalives_idle": 30,  # seconds
            "tcp_user_timeout": 10_000,  # ms; after that a host that says nothing is gone
            **options,
        },
    }


def cache(url: str | None) -> dict[str, Any]:
    """The cache that `url` names, or the memory of this process."""
    scheme, _, rest = (url or "locmem://").partition("://")
    if scheme in {"redis", "rediss", "valkey", "valkeys"}:
        # redis-py knows Valkey, which speaks the same protocol, by Redis's name only.
        scheme = scheme.replace("valkeys", "rediss").replace("valkey", "redis")
        needs("redis", "MSGCLI_CACHE_URL", "redis")
        return {"BACKEND": "msgcli.web.cache.PatientRedisCache", "LOCATION": f"{scheme}://{rest}"}
    if scheme == "locmem":
        return {"BACKEND": "django.core.cache.backends.locmem.LocMemCache", "LOCATION": rest}
    raise ValueError("MSGCLI_CACHE_URL has to begin with redis://, rediss:// or valkey://.")


def needs(module: str, variable: str, extra: str) -> None:
    """Raise ValueError where the driver of a server is not installed."""
    if find_spec(module) is None:
        raise ValueError(f"{variable} needs the extra '{extra}': pip install 'msgcli[{extra}]'")


def max_length(text: str | None) -> int:
    """The longest text of a message, in characters."""
    if not (text or "1").isdecimal() or int(text or 1) < 1:
        raise ValueError(f"MSGCLI_MAX_LENGTH has to be a whole number from 1, not {text}.")
    return int(text or config.MAX_LENGTH)


def names(variable: str) -> list[str]:
    """The words of a variable of the environment, which commas part."""
    return [name.strip() for name in os.environ.get(variable, "").split(",") if name.strip()]


def secret_key(given: str | None, file: Path) -> str:
    """The key that signs what browsers hold; empty until `msgcli serve` has made one."""
    if given:
        if len(given) < 32:
            raise ValueError("MSGCLI_SECRET_KEY has to have at least 32 characters.")
        return given
    try:
        return file.read_text("ascii").strip()
    except (OSError, ValueError):  # only the server needs one, and says what is wrong with it
        return ""


config.load()
DATABASES = {"default": database(config.secret("MSGCLI_DATABASE_URL"))}
CACHES = {"default": cache(config.secret("MSGCLI_CACHE_URL"))}
MESSAGING_MAX_LENGTH = max_length(os.environ.get("MSGCLI_MAX_LENGTH"))

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "messaging",
    "messaging.access",
]
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

# What `msgcli serve` and `msgcli.wsgi` add.

SECRET_KEY_FILE = config.data_folder() / config.KEY_FILE
SECRET_KEY = secret_key(config.secret("MSGCLI_SECRET_KEY"), SECRET_KEY_FILE)
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", *names("MSGCLI_ALLOWED_HOSTS")]
ROOT_URLCONF = "msgcli.web.urls"
MIDDLEWARE = [
    "msgcli.web.access_log.AccessLog",
    "msgcli.web.middleware.NamedProxy",
    "msgcli.web.middleware.SafeHeaders",
    "django.middleware.security.SecurityMiddleware",
    "msgcli.web.middleware.WholeBody",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "messaging.access.middleware.TokenMiddleware",
    "messaging.access.middleware.CsrfMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]
AUTHENTICATION_BACKENDS = ["messaging.access.backends.SlowedBackend"]
LOGIN_URL = "access:login"
LOGIN_REDIRECT_URL = "messaging:inbox"
SESSION_ENGINE = "messaging.access.sessions"
CSRF_FAILURE_VIEW = "messaging.access.views.csrf_failure"
SESSION_COOKIE_NAME = "msgcli_session"
CSRF_COOKIE_NAME = "msgcli_csrf"
CSRF_COOKIE_HTTPONLY = True
X_FRAME_OPTIONS = "DENY"
SECURE_REFERRER_POLICY = "same-origin"
DATA_UPLOAD_MAX_MEMORY_SIZE = 2 * 1024 * 1024  # bytes of a request's body
FILE_UPLOAD_HANDLERS: list[str] = []  # no page takes a file

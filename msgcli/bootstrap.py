"""Choosing the Django settings, and having the store ready before a command runs."""

from __future__ import annotations

import gc
import os
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import TYPE_CHECKING, Any

from typer.core import TyperCommand

from msgcli import config
from msgcli.console import remark
from msgcli.errors import StoreNotReady

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from django.db.backends.base.base import BaseDatabaseWrapper

OWN_SETTINGS = "msgcli.settings"


@dataclass(frozen=True)
class Options:
    """What was asked for before the command: the host project's settings, and tracebacks."""

    settings: str = ""
    debug: bool = False


options = Options()


class StoreCommand(TyperCommand):
    """A command that needs the store: Django is set up when it runs, not for its --help."""

    def invoke(self, ctx: Any) -> Any:
        setup_django()
        prepare_store()
        return super().invoke(ctx)


class SetupCommand(TyperCommand):
    """A command that sees the store as it is, up to date or not."""

    def invoke(self, ctx: Any) -> Any:
        setup_django()
        return super().invoke(ctx)


def setup_django() -> None:
    """Choose the settings and load the apps. Raises StoreNotReady when they can't be loaded.

    DJANGO_SETTINGS_MODULE is assigned, never only defaulted: whatever project the shell
    happens to export is not the one that this command is about.
    """
    import django
    from django.apps import apps

    if apps.ready:  # in a process that has Django already, as under pytest
        return
    if options.settings:
        sys.path.insert(0, os.getcwd())  # as manage.py does
    else:
        _load_own_settings()
    module = options.settings or OWN_SETTINGS
    os.environ["DJANGO_SETTINGS_MODULE"] = module
    try:
        django.setup()
    except ModuleNotFoundError as error:
        if not options.settings or not f"{module}.".startswith(f"{error.name}."):
            raise StoreNotReady(f"The settings {module} can't be loaded: {error}") from error
        raise StoreNotReady(
            f"There is no module {module}: run msgcli where manage.py is,"
            " or name another with --settings."
        ) from error
    except Exception as error:
        raise StoreNotReady(f"The settings {module} can't be loaded: {error}") from error
    if not apps.is_installed("messaging"):
        raise StoreNotReady(f"Add 'messaging' to the INSTALLED_APPS of {module} first.")
    gc.freeze()  # what is loaded by now stays
    gc.enable()


def _load_own_settings() -> None:
    """In a checkout, where settings.py is at the root, give it the name it has in a wheel.

    It is loaded by its path, so that no other settings.py can come in its place.
    """
    if OWN_SETTINGS in sys.modules or find_spec(OWN_SETTINGS):
        return
    spec = spec_from_file_location(OWN_SETTINGS, Path(__file__).parent.parent / "settings.py")
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules[OWN_SETTINGS] = module
    try:
        spec.loader.exec_module(module)
    except (ValueError, TypeError) as error:
        raise StoreNotReady(f"The settings can't be used: {error}") from error


def is_embedded() -> bool:
    """Whether the store is msgcli's own SQLite file, which it creates and updates by itself."""
    from django.db import connection

    return has_own_settings() and connection.vendor == "sqlite"


def adds_users() -> bool:
    """Whether sending to an unknown name may add a user.

    On one's own store, unless forbidden; on a server's database only where that is allowed.
    """
    strict = os.environ.get("MSGCLI_STRICT_USERS", "")
    return is_embedded() if not strict else strict == "0" and has_own_settings()


def has_own_settings() -> bool:
    """Whether the store is msgcli's own, and not a host project's database."""
    from django.conf import settings

    return bool(settings.SETTINGS_MODULE == OWN_SETTINGS)


def store_path() -> Path:
    """The file of an SQLite store."""
    from django.db import connection

    return Path(str(connection.settings_dict["NAME"]))


def prepare_store() -> None:
    """Create the embedded store on first use, and bring its schema up to date.

    Raises StoreNotReady for any other database that has to be migrated: that is its owner's
    to decide.
    """
    if not pending_migrations():
        return
    if not is_embedded():
        command = "python manage.py migrate" if options.settings else "msgcli migrate"
        raise StoreNotReady(f"The database has to be brought up to date first: {command}")
    with _only_one():
        migrate()


def pending_migrations() -> list[str]:
    """The migrations to apply. Raises StoreNotReady for a schema newer than this program."""
    from django.db import connection

    if is_embedded():
        _create_file()
    return missing_migrations(connection)


def missing_migrations(connection: BaseDatabaseWrapper) -> list[str]:
    """The migrations that this database lacks. Raises StoreNotReady as `pending_migrations` does.

    Reads file names and one table, which takes a fiftieth of what Django's own loader does.
    """
    from django.apps import apps
    from django.db.utils import OperationalError, ProgrammingError

    known = {
        (app.label, path.stem)
        for app in apps.get_app_configs()
        for path in Path(app.path, "migrations").glob("[0-9]*.py")
    }
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT app, name FROM django_migrations")
            applied = set(cursor.fetchall())
    except (OperationalError, ProgrammingError) as error:
        if "django_migrations" not in str(error):
            raise
        applied = set()
    unknown = _names(m for m in applied - known if m[0] == "messaging")
    if unknown:
        _refuse_unfinished(applied)
        raise StoreNotReady(
            f"The store was made by a newer msgcli (it has {unknown[0]}): update msgcli to use it."
        )
    return _names(known - applied)


def _refuse_unfinished(applied: set[tuple[str, str]]) -> None:
    from messaging.copying import UNFINISHED

    if UNFINISHED in applied:
        raise StoreNotReady(
            "The store is a copy that is not finished. To finish it, run msgcli copy again from"
            " the store that it is copied from."
        )


def warn_of_remains() -> None:
    """After a deletion, say so if the text could not be wiped from the write-ahead log yet."""
    from messaging.accounts import text_is_gone

    if not text_is_gone():
        remark(
            "Another program is reading the store, so the deleted text is still in its"
            " write-ahead log. To wipe it when that program is done: msgcli check --fix"
        )


def migrate() -> list[str]:
    """Apply every migration that is missing; returns their names."""
    from django.core.management import call_command

    pending = pending_migrations()
    if pending:
        call_command("migrate", verbosity=0, interactive=False)
    return pending


def _names(found: Iterable[tuple[str, str]]) -> list[str]:
    return sorted(f"{app}.{name}" for app, name in found)


def _create_file() -> None:
    """Make the file before SQLite does, so that from the beginning only its owner can read it.

    Only one process opens it while it is empty: two that turn a file to write-ahead logging at
    the same moment refuse each other at once, however long they were told to wait.
    https://www.sqlite.org/c3ref/busy_handler.html (why a busy handler is not always called)
    """
    from django.db import connection

    path = store_path()
    with _creating(path):
        if path.exists() and path.stat().st_size:
            return
        if not config.secret("MSGCLI_DATABASE_URL"):  # a folder that was named has to be there
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _only_one():
        with _creating(path):
            os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        connection.ensure_connection()  # whose first statement gives the file its header


@contextmanager
def _creating(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise StoreNotReady(f"The store {path} can't be created: {error.strerror}.") from error


@contextmanager
def _only_one() -> Iterator[None]:
    """Of several processes that find a store without its tables, one makes them, the rest wait."""
    from django.core.files import locks

    path = store_path()
    with _creating(path):
        lock = os.open(path.with_name(f"{path.name}.lock"), os.O_CREAT | os.O_RDWR, 0o600)
    with open(lock, "w") as file:
        locks.lock(file, locks.LOCK_EX)
        yield

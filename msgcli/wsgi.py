"""The WSGI application of msgcli's own store, for `msgcli serve` and for a server of your own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgcli import bootstrap

if TYPE_CHECKING:
    from django.core.handlers.wsgi import WSGIHandler

# Of each process: https://www.psycopg.org/psycopg3/docs/api/pool.html
POOL = {
    "min_size": 1,
    "max_size": 20,
    "timeout": 2,  # seconds to wait for a connection, after which the answer is 503
    "max_idle": 60,  # seconds
    "reconnect_timeout": 1,  # seconds; then the next request tries anew, with no growing pause
}


def _application() -> WSGIHandler:
    """The application, its store made ready as it is for every command.

    Raises StoreNotReady, as for a PostgreSQL database that has to be brought up to date first.
    """
    bootstrap.setup_django()
    bootstrap.prepare_store()
    _keep_little()
    from django.core.handlers.wsgi import WSGIHandler
    from django.db import connection
    from django.urls import get_resolver

    from msgcli.web import access_log, secret

    secret.ensure_key()
    access_log.configure()
    get_resolver().url_patterns  # noqa: B018  # so that a page that is broken is so at once
    connection.close()  # a server may fork
    return WSGIHandler()


def _keep_little() -> None:
    """Let the many threads of a server hold less than one command may.

    Of an SQLite store each has a connection of its own, which keeps 2 MB of it: the 32 MB of a
    command are for imports and deletions. A PostgreSQL server's connections they share.
    """
    from django.db import connection, connections

    connection.close()
    kept = connections.settings[connection.alias]
    if connection.vendor == "sqlite":
        kept["OPTIONS"]["init_command"] += "; PRAGMA cache_size = -2000"
    elif connection.vendor == "postgresql":
        kept["CONN_MAX_AGE"] = 0  # after each request back to the pool
        kept["OPTIONS"].setdefault("pool", POOL)


application = _application()

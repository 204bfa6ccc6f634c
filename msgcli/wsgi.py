"""The WSGI application of msgcli's own store, for `msgcli serve` and for a server of your own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgcli import bootstrap

if TYPE_CHECKING:
    from django.core.handlers.wsgi import WSGIHandler


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
    """Let each connection keep 2 MB of an SQLite store: each of many threads has one of its own.

    The 32 MB of a command are for imports and deletions, and would add up.
    """
    from django.db import connection, connections

    if connection.vendor == "sqlite":
        options = connections.settings[connection.alias]["OPTIONS"]
        options["init_command"] += "; PRAGMA cache_size = -2000"
        connection.close()


application = _application()

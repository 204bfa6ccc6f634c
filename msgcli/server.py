"""The standalone server: what has to hold before it starts, starting it, and stopping it."""

from __future__ import annotations

import errno
import http.client
import os
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from ipaddress import ip_address, ip_network
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgcli import bootstrap
from msgcli.errors import FileTrouble, StoreNotReady, UsageError

if TYPE_CHECKING:
    from granian.server.common import AbstractServer

WILDCARDS = {"0.0.0.0", "::"}  # noqa: S104  # every address of this machine
IDLE_SECONDS = 10  # for the head of a request to arrive
STOP_SECONDS = 10  # what requests in flight have left to be answered, once it stops

# Of granian's own records the errors alone, in the shape and place of the log of requests.
LOGGING = {
    "formatters": {"generic": {"()": "msgcli.web.access_log.Formatter"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "generic"}},
    "loggers": {"_granian": {"handlers": ["console"], "propagate": False}},
}


@dataclass(frozen=True)
class Options:
    """How to serve; see `msgcli serve --help`."""

    host: str
    port: int
    workers: int
    threads: int
    reload: bool
    log_format: str
    certfile: Path | None
    keyfile: Path | None
    proxies: list[str]
    names: list[str]
    insecure: bool


def check(options: Options) -> None:
    """Raise UsageError for options that can't be served by, StoreNotReady without the extra."""
    if bootstrap.options.settings:
        raise UsageError(
            "msgcli serve is for msgcli's own store; a project serves messaging.urls itself."
        )
    _import("granian", "msgcli serve needs the extra 'serve': pip install 'msgcli[serve]'")
    if options.reload:
        _import("watchfiles", "--reload needs watchfiles: pip install 'granian[reload]'")
    if (options.certfile is None) != (options.keyfile is None):
        raise UsageError("TLS needs both: --certfile and --keyfile.")
    if options.certfile:
        _check_certificate(options)
    for proxy in options.proxies:
        _check_proxy(proxy)
    if not (_is_loopback(options.host) or options.certfile or options.proxies or options.insecure):
        raise UsageError(
            "Others on the network could read along: add --certfile and --keyfile,"
            " or --proxy, or --insecure."
        )


def reserve(host: str, port: int) -> socket.socket:
    """A socket that keeps the port until the workers share it; port 0 is any that is free.

    They share it by SO_REUSEPORT, by which a second server of the same user could join in
    unnoticed; so first it is tried without. Raises UsageError and FileTrouble.
    """
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    except OSError:
        raise UsageError(f"There is no address {host}: choose another with --host.") from None
    try:
        with _socket(family) as trial:
            trial.bind(address)
            address = trial.getsockname()
        kept = _socket(family)
        kept.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        kept.bind(address)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            sentence = f"Port {port} on {host} is taken: choose another with --port."
        elif error.errno == errno.EACCES:
            sentence = f"Port {port} is not for every user: choose one from 1024 with --port."
        else:
            sentence = f"{host} is no address of this machine: choose another with --host."
        raise FileTrouble(sentence) from None
    return kept


def serve(options: Options, kept: socket.socket, announce: Callable[[str], None]) -> None:
    """Serve until Ctrl-C or SIGTERM; `announce` gets the URL as soon as it answers there."""
    from django.db import DatabaseError, connection

    _tell_workers(options)
    connection.close()  # the workers open their own
    address, port, *_ = kept.getsockname()
    server = _granian(options, address, port)
    _stop_on_signals()
    url = f"{'https' if options.certfile else 'http'}://{_in_url(options.host)}:{port}"
    threading.Thread(target=_announce, args=(url, address, port, announce), daemon=True).start()
    try:
        server.serve()
    finally:
        # The last to close an SQLite store moves its write-ahead log into its file.
        with suppress(DatabaseError), connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM django_migrations")
        connection.close()


def _granian(options: Options, address: str, port: int) -> AbstractServer[Any]:
    import multiprocessing

    from granian import Granian
    from granian.constants import HTTPModes, Interfaces
    from granian.http import HTTP1Settings
    from granian.log import LogLevels

    from msgcli.web.middleware import WAITING

    # Workers begin afresh: no connection, lock or thread of this process is copied into them,
    # and after a change of the code they have the new one.
    multiprocessing.set_start_method("spawn", force=True)
    return Granian(
        "msgcli.worker:application",
        address=address,
        port=port,
        interface=Interfaces.WSGI,
        http=HTTPModes.http1,
        http1_settings=HTTP1Settings(header_read_timeout=IDLE_SECONDS * 1000),
        workers=options.workers,
        blocking_threads=options.threads + WAITING,
        respawn_failed_workers=True,
        workers_kill_timeout=STOP_SECONDS,
        ssl_cert=options.certfile,
        ssl_key=options.keyfile,
        log_level=LogLevels.info if bootstrap.options.debug else LogLevels.error,
        log_dictconfig=LOGGING,
        reload=options.reload,
        reload_paths=_sources(),
        reload_ignore_worker_failure=True,
    )


def _import(module: str, otherwise: str) -> None:
    try:
        import_module(module)
    except ImportError:
        raise StoreNotReady(otherwise) from None


def _check_certificate(options: Options) -> None:
    try:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(str(options.certfile), options.keyfile)
    except OSError as error:  # as ssl.SSLError is
        reason = error.strerror or error
        raise UsageError(f"The certificate or its key can't be used: {reason}.") from None


def _check_proxy(proxy: str) -> None:
    try:
        ip_network(proxy)
    except ValueError:
        raise UsageError(
            f"--proxy takes an address, as 10.0.0.7, or a network, as 10.0.0.0/24, not {proxy}."
        ) from None


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _socket(family: int) -> socket.socket:
    opened = socket.socket(family, socket.SOCK_STREAM)
    opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # right after another server
    return opened


def _tell_workers(options: Options) -> None:
    """The workers are new processes; they read the environment, as `msgcli.wsgi` always does."""
    names = [_in_url(name) for name in (*options.names, options.host) if name not in WILDCARDS]
    for variable, more in (("MSGCLI_ALLOWED_HOSTS", names), ("MSGCLI_PROXY", options.proxies)):
        os.environ[variable] = ",".join(filter(None, [os.environ.get(variable), *more]))
    os.environ["MSGCLI_LOG_FORMAT"] = options.log_format


def _in_url(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _sources() -> list[Path]:
    """What msgcli is made of, for --reload."""
    import messaging

    names = (bootstrap.__file__, messaging.__file__)
    settings: Any = sys.modules[bootstrap.OWN_SETTINGS]
    return [*(Path(name).parent for name in names), Path(settings.__file__)]


def _stop_on_signals() -> None:
    """Have Ctrl-C, and the end of the terminal, stop the server as SIGTERM does.

    Blocked in the main thread they are blocked in the workers too, from their first moment, so
    that Ctrl-C can't hit one that has only begun. A thread waits for them in its stead.
    """
    from multiprocessing import resource_tracker

    resource_tracker.ensure_running()  # which unblocks SIGINT when it begins, so it begins before
    signals = {signal.SIGINT, signal.SIGHUP}
    heeded = {one for one in signals if signal.getsignal(one) is not signal.SIG_IGN}  # as by nohup
    signal.pthread_sigmask(signal.SIG_BLOCK, signals)

    def wait() -> None:
        signal.sigwait(heeded)
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGTERM)

    threading.Thread(target=wait, daemon=True).start()


def _announce(url: str, address: str, port: int, announce: Callable[[str], None]) -> None:
    while not _answers(url, address, port):
        time.sleep(0.05)
    announce(url)


def _answers(url: str, address: str, port: int) -> bool:
    connection = http.client.HTTPConnection(address, port, timeout=5)
    if url.startswith("https:"):
        context = ssl._create_unverified_context()  # noqa: S323  # it is ours
        connection = http.client.HTTPSConnection(address, port, timeout=5, context=context)
    try:
        connection.request("HEAD", "/healthz", headers={"Host": "localhost"})
        connection.getresponse()
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
    return True

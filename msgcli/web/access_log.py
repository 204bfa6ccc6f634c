"""The log on stderr: a line for each request, and what went wrong with its traceback.

As text, or with MSGCLI_LOG_FORMAT=json as one JSON object a line with the same fields:
time (UTC), address, method, path, status, ms, and cache where there is one: hit or miss.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
import traceback
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from django.core.signals import got_request_exception
from django.db import InterfaceError, OperationalError
from django.http import HttpRequest, HttpResponse
from django.utils.encoding import escape_uri_path

from messaging.plain import show_unsafe

Next = Callable[[HttpRequest], HttpResponse]


class AccessLog:
    """Log each request: never its query string, which may hold a login link, nor its cookies.

    A health check that finds all well, every few seconds, would drown the rest.
    """

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        begun = time.perf_counter()
        response = self.get_response(request)
        if request.path != "/healthz" or response.status_code != 200:
            _write(_described(request, response, (time.perf_counter() - begun) * 1000))
        return response


class Formatter(logging.Formatter):
    """The same shape for the few records of the server itself."""

    def format(self, record: logging.LogRecord) -> str:
        return _line({"level": record.levelname.lower(), "message": super().format(record)})


def configure() -> None:
    """Log what goes wrong, but not Django's own remarks on every unknown address."""
    logging.getLogger("django").addHandler(logging.NullHandler())
    got_request_exception.connect(_log_exception, dispatch_uid="msgcli.web.access_log")


def report(message: str) -> None:
    """Log something that went wrong."""
    _write({"level": "error", "message": message})


def _described(request: HttpRequest, response: HttpResponse, ms: float) -> dict[str, Any]:
    described = {
        "address": request.META["REMOTE_ADDR"],
        "method": request.method,
        "path": escape_uri_path(request.path),
        "status": response.status_code,
        "ms": round(ms, 1),
    }
    if cache := response.headers.get("Cache-Status"):  # RFC 9211
        described["cache"] = "hit" if "; hit" in cache else "miss"
    return described


def _log_exception(sender: Any, **_: Any) -> None:
    error = sys.exc_info()[1]
    if isinstance(error, OperationalError | InterfaceError):
        message = f"The database does not answer: {error}"
    else:
        message = traceback.format_exc().rstrip()
    report(message)


def _write(fields: dict[str, Any]) -> None:
    sys.stderr.write(_line(fields) + "\n")  # at once, so that the lines of workers do not mix


def _line(fields: dict[str, Any]) -> str:
    now = datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    if os.environ.get("MSGCLI_LOG_FORMAT") == "json":
        return json.dumps({"time": now, **fields})
    words = {**fields, "ms": f"{fields['ms']} ms"} if "ms" in fields else fields
    return show_unsafe(" ".join([now, *map(str, words.values())]))

"""A cache on a server that may be away for a while."""

from __future__ import annotations

import time
from typing import Any

from django.core.cache.backends.redis import RedisCache
from redis.exceptions import ConnectionError as NoConnection
from redis.exceptions import TimeoutError as TooSlow

from msgcli.web import access_log

LIMITS = {"socket_connect_timeout": 1, "socket_timeout": 1}  # seconds
PAUSE = 5  # seconds without it, once it did not answer


class PatientRedisCache(RedisCache):
    """Redis or Valkey; while it does not answer, pages are made anew instead of refused.

    What is in a cache was put there to be had sooner, and may be gone at any time.
    """

    away_until = 0.0  # of all threads of a process, each of which has an instance

    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, {**params, "OPTIONS": {**LIMITS, **params.get("OPTIONS", {})}})

    def get(self, key: str, default: Any = None, version: int | None = None) -> Any:
        return self._tried(super().get, default, key, default, version)

    def set(self, key: str, value: Any, *args: Any, **kwargs: Any) -> None:
        self._tried(super().set, None, key, value, *args, **kwargs)

    def _tried(self, method: Any, otherwise: Any, *args: Any, **kwargs: Any) -> Any:
        if time.monotonic() < PatientRedisCache.away_until:
            return otherwise
        try:
            return method(*args, **kwargs)
        except (NoConnection, TooSlow) as error:
            PatientRedisCache.away_until = time.monotonic() + PAUSE
            access_log.report(f"The cache does not answer, going on without it: {error}")
            return otherwise

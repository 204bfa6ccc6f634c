"""A person's pages of a conversation, kept for a while by Django's `cache_page`, and never stale.

The key of a page has the conversation's version in it, which changes in the transaction of
whatever changes a message of the two people (see `messaging.conversations`). A request reads
the version first and the messages after it. What it reads of the messages was therefore
committed with that version or later, and never before it: a page that is kept under a
version is never older than the version. It may be newer, but then the version has changed
too, and whoever asks next asks for another page.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import wraps
from hashlib import blake2b
from time import time
from typing import Any

from django.http import HttpRequest, HttpResponseBase, HttpResponseNotModified
from django.utils import timezone, translation
from django.utils.cache import patch_cache_control, patch_vary_headers
from django.utils.http import parse_http_date
from django.views.decorators.cache import cache_page
from django.views.decorators.vary import vary_on_cookie

from messaging.answers import View, prefers_json, reader_of
from messaging.exceptions import InvalidName, MessageNotFound
from messaging.models import Conversation
from messaging.validation import clean_name


def cache_page_per_conversation(seconds: int) -> Callable[[View], View]:
    """Keep what a view answers to GET for the reader's conversation with `username`.

    For views that take the request of somebody logged in and then that name, and answer
    rendered. Only answers of status 200 are kept. Browsers and proxies keep none; who asks again
    with the validator of what a new request would get is answered 304. The headers say
    whether the view ran (Cache-Status, RFC 9211). Raises MessageNotFound when there is no
    such conversation.
    """

    def decorate(view: View) -> View:
        @wraps(view)
        def kept(
            request: HttpRequest, username: str, *args: Any, **kwargs: Any
        ) -> HttpResponseBase:
            state = _state(request, _version(request, username))
            if until := _known_until(request, state):
                return _labelled(HttpResponseNotModified(), state, until, hit=True)
            ran = False

            @vary_on_cookie
            def make(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
                nonlocal ran
                ran = True
                secret = request.META.get("CSRF_COOKIE")
                response = view(request, *args, **kwargs)
                if request.META.get("CSRF_COOKIE") != secret:
                    # Its form fits a cookie that only this response sets: it is not kept.
                    patch_cache_control(response, private=True, no_store=True)
                return response

            page = cache_page(seconds, key_prefix=state)(make)
            response = page(request, username, *args, **kwargs)
            until = parse_http_date(response["Expires"]) if response.has_header("Expires") else 0
            return _labelled(response, state, until, hit=not ran)

        return kept

    return decorate


def _version(request: HttpRequest, username: str) -> int:
    try:
        name = clean_name(username)
    except InvalidName:
        raise MessageNotFound("No conversation with that name.") from None
    version = Conversation.objects.version(reader_of(request), name)
    if version is None:
        raise MessageNotFound(f"No conversation with {name}.")
    return version


def _state(request: HttpRequest, version: int) -> str:
    """All that decides what a page shows, in 40 characters that any cache takes in a key.

    The name of the reader is on the page and may be changed; the other's is in the address.
    Each browser has pages of its own, because a form on them fits its CSRF cookie only.
    The format stands for the header Accept, which every client words in its own way.
    """
    reader = reader_of(request)
    parts = (
        reader.pk,
        reader.get_username(),
        version,
        prefers_json(request),
        request.scheme,
        request.get_host(),
        request.get_full_path(),
        request.META.get("HTTP_COOKIE"),
        request.META.get("HTTP_AUTHORIZATION"),
        translation.get_language(),
        timezone.get_current_timezone_name(),
    )
    return blake2b(ascii(parts).encode(), digest_size=20).hexdigest()


def _known_until(request: HttpRequest, state: str) -> int:
    """When the page that the browser has is to be made again, in seconds since 1970, or 0.

    That time is in the validator, so that what depends on more than the messages, as how
    long ago they were sent, gets no older in a browser than in the cache.
    """
    known = re.search(rf'"{state}-(\d{{1,12}})"', request.META.get("HTTP_IF_NONE_MATCH", ""))
    until = int(known[1]) if known else 0
    return until if time() < until else 0


def _labelled(response: HttpResponseBase, state: str, until: int, *, hit: bool) -> HttpResponseBase:
    """The response with what a browser is to know; `until` is 0 for one that is not kept."""
    if until:
        response.headers.pop("Expires", None)
        # Kept, it could be gone back to after logging out. The script of the pages asks again
        # with the validator that it remembers.
        response["Cache-Control"] = "private, no-store"
        response["ETag"] = f'W/"{state}-{until}"'
    patch_vary_headers(response, ("Cookie", "Authorization", "Accept"))
    response["Cache-Status"] = "msgcli; hit" if hit else "msgcli; fwd=miss"
    return response

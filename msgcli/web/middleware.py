"""The standalone server's own middleware: each is a few lines, and none is asynchronous."""

from __future__ import annotations

import os
from collections.abc import Callable
from ipaddress import IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from threading import BoundedSemaphore

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.request import UnreadablePostError

from msgcli.web.views import refusal

Next = Callable[[HttpRequest], HttpResponse]
Network = IPv4Network | IPv6Network

# What a browser may load, from where (https://www.w3.org/TR/CSP3/): the server's own files.
POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self'",
        "connect-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    )
)
WAITING = 48  # requests of one process whose bodies may be on their way at once


class NamedProxy:
    """Whose request it is, where a proxy that was named with --proxy passed it on.

    X-Forwarded-For and X-Forwarded-Proto are believed of such a proxy alone; from anybody else
    they are taken away. Of several proxies in a row each adds the address that it was called
    from, so they are read from the right, up to the first address that is no proxy's.
    """

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response
        self.proxies = networks(os.environ.get("MSGCLI_PROXY", ""))

    def __call__(self, request: HttpRequest) -> HttpResponse:
        meta = request.META
        forwarded = meta.pop("HTTP_X_FORWARDED_FOR", "")
        scheme = meta.pop("HTTP_X_FORWARDED_PROTO", "")
        if is_in(meta["REMOTE_ADDR"], self.proxies):
            meta["REMOTE_ADDR"] = caller(meta["REMOTE_ADDR"], forwarded, self.proxies)
            if scheme in {"http", "https"}:
                meta["wsgi.url_scheme"] = scheme
        return self.get_response(request)


class SafeHeaders:
    """The content security policy, and cookies that stay on TLS where they came by TLS."""

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponse:
        response = self.get_response(request)
        response.headers.setdefault("Content-Security-Policy", POLICY)
        if request.is_secure():
            for cookie in response.cookies.values():
                cookie["secure"] = True
        return response


class WholeBody:
    """A body has a length that is known and not too much, and is there before anything is done.

    Servers read it only when they are asked, and then wait: however many requests are sent by
    half, WAITING of them keep a thread, and the other threads stay free for everybody else.
    """

    def __init__(self, get_response: Next) -> None:
        self.get_response = get_response
        self.waiting = BoundedSemaphore(WAITING)

    def __call__(self, request: HttpRequest) -> HttpResponse:
        length = request.META.get("CONTENT_LENGTH") or "0"
        if "HTTP_TRANSFER_ENCODING" in request.META or not length.isdecimal():
            return refusal(request, 411, "Say how long the body is: Content-Length.")
        if int(length) > settings.DATA_UPLOAD_MAX_MEMORY_SIZE:
            limit = settings.DATA_UPLOAD_MAX_MEMORY_SIZE
            return refusal(request, 413, f"A request can have {limit:,} bytes at most.")
        if int(length) and (problem := self._read(request, int(length))):
            return problem
        return self.get_response(request)

    def _read(self, request: HttpRequest, length: int) -> HttpResponse | None:
        if not self.waiting.acquire(blocking=False):
            detail = "Too many requests are still being sent. Try again in a moment."
            return refusal(request, 503, detail, {"Retry-After": "5"})
        try:
            whole = len(request.body) == length
        except UnreadablePostError:
            whole = False
        finally:
            self.waiting.release()
        return None if whole else refusal(request, 400, "The body is shorter than announced.")


def networks(text: str) -> list[Network]:
    """The addresses and networks of a list that commas part. Raises ValueError."""
    return [ip_network(name.strip()) for name in text.split(",") if name.strip()]


def caller(address: str, forwarded: str, proxies: list[Network]) -> str:
    """Who called the outermost of the proxies, going back from the `address` of the last one."""
    for earlier in reversed(forwarded.split(",")):
        if not is_in(address, proxies) or not _is_address(earlier.strip()):
            break
        address = earlier.strip()
    return address


def is_in(text: str, known: list[Network]) -> bool:
    """Whether this is an IP address in one of the networks."""
    if not _is_address(text):
        return False
    address = ip_address(text)
    if isinstance(address, IPv6Address) and address.ipv4_mapped:
        address = address.ipv4_mapped
    return any(address in network for network in known)


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True

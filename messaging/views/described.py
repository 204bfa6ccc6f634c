"""What needs no login: the description of all the rest, and the files that pages are made with."""

from __future__ import annotations

from functools import cache
from hashlib import sha256
from importlib.resources import files

from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.views.decorators.http import require_safe

from messaging.openapi import description

TYPES = {
    "style.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}


@require_safe
def openapi(request: HttpRequest) -> HttpResponse:
    """The OpenAPI description of every address. https://spec.openapis.org/oas/v3.1.1"""
    return JsonResponse(description(request.path.removesuffix("openapi.json")))


@require_safe
def asset(request: HttpRequest, digest: str, name: str) -> HttpResponse:
    """A file that pages use. Its address holds a digest of it, so it can be kept for ever."""
    if name not in TYPES or digest != asset_digest(name):
        raise Http404
    response = HttpResponse(_read(name), content_type=TYPES[name])
    response["Cache-Control"] = "public, max-age=31536000, immutable"
    return response


@cache
def asset_digest(name: str) -> str:
    """Enough of the file's SHA-256 to tell any two versions of it apart."""
    return sha256(_read(name)).hexdigest()[:16]


@cache
def _read(name: str) -> bytes:
    return files("messaging").joinpath(f"static/messaging/{name}").read_bytes()

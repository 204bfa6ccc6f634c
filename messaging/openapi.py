"""The OpenAPI description, made from the URLs and what `endpoint` says of each view.

A view that is not described can't be in it, which a test takes care of; what is described
is what is served. Format: https://spec.openapis.org/oas/v3.1.1
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from functools import cache
from importlib.resources import files
from typing import Any

from django.urls import URLPattern, URLResolver, get_resolver, get_script_prefix

from messaging.answers import HTML, JSON, Endpoint

FORM = "application/x-www-form-urlencoded"
PARAMETER = re.compile(r"<(\w+):(\w+)>")
SCHEMAS = {
    "int": {"type": "integer", "minimum": 0},
    "str": {"type": "string", "minLength": 1, "pattern": "^[^/]+$"},
}
PROBLEM = {
    "description": "What went wrong (RFC 9457).",
    "type": "object",
    "properties": {
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
    },
    "required": ["title", "status", "detail"],
    "additionalProperties": False,
}
PROBLEMS = {
    "400": "What was sent can't be accepted; the detail says why.",
    "401": "Nobody is logged in, or the token is not valid.",
    "403": "It is not the reader's to do.",
    "404": "There is no such thing for the reader.",
    "406": "There is no answer in the form asked for.",
    "411": "Content-Length has to say how long what is sent is.",
    "413": "What was sent is too long.",
    "429": "It was tried too often; Retry-After says when to try again.",
    "503": "The database does not answer; Retry-After says when to try again.",
}
TEXT: dict[str, Any] = {"type": "string"}
LISTS = {
    "inbox": "inbox_row",
    "messages": "message",
    "found": "found_message",
    "notifications": "notification",
    "versions": "version",
}


def description(prefix: str = "/") -> dict[str, Any]:
    """The description of every described view below `prefix`."""
    paths: dict[str, Any] = {}
    for route, name, endpoint, summary in endpoints(get_resolver().url_patterns):
        address = get_script_prefix() + route
        if address.startswith(prefix):
            path = PARAMETER.sub(r"{\2}", address)
            paths[path] = _path_item(route, name, endpoint, summary)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Messages", "version": str(_schema()["version"])},
        "paths": paths,
        "components": {
            "schemas": {**_definitions(), "problem": PROBLEM},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        },
    }


def endpoints(
    patterns: Iterable[URLPattern | URLResolver], before: str = ""
) -> Iterator[tuple[str, str, Endpoint, str]]:
    """The route, name, endpoint and docstring's first line of every view for readers.

    Logging in is for browsers; a script brings a token.
    """
    for pattern in patterns:
        route = before + str(pattern.pattern)
        if isinstance(pattern, URLResolver):
            yield from endpoints(pattern.url_patterns, route)
        elif (described := getattr(pattern.callback, "endpoint", None)) and described.login:
            summary = (pattern.callback.__doc__ or "").partition("\n")[0]
            yield route, str(pattern.name), described, summary


def _path_item(route: str, name: str, endpoint: Endpoint, summary: str) -> dict[str, Any]:
    item: dict[str, Any] = {"summary": summary}
    in_path = [
        {"name": name, "in": "path", "required": True, "schema": SCHEMAS[kind]}
        for kind, name in PARAMETER.findall(route)
    ]
    if in_path:
        item["parameters"] = in_path
    for method, answered in endpoint.answers.items():
        item[method.lower()] = _operation(name, method, answered, endpoint)
    return item


def _operation(name: str, method: str, answered: str, endpoint: Endpoint) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": name if len(endpoint.answers) == 1 else f"{name}_{method.lower()}",
        "responses": _responses(method, answered),
        "security": [{"token": []}],
    }
    if method == "GET":
        query = {**endpoint.query, "format": "json or html; left out, Accept decides."}
        operation["parameters"] = [
            {"name": name, "in": "query", "description": text, "schema": {"type": "string"}}
            for name, text in query.items()
        ]
    elif endpoint.fields or endpoint.optional:
        schema = _fields(endpoint)
        content = {kind: {"schema": schema} for kind in (FORM, JSON)}
        operation["requestBody"] = {"required": bool(endpoint.fields), "content": content}
    return operation


def _fields(endpoint: Endpoint) -> dict[str, Any]:
    fields = {**endpoint.fields, **endpoint.optional}
    return {
        "type": "object",
        "properties": {
            name: {"type": "string", "description": text} for name, text in fields.items()
        },
        "required": list(endpoint.fields),
    }


def _responses(method: str, answered: str) -> dict[str, Any]:
    done = {"description": "Done.", "content": _content(answered)}
    responses: dict[str, Any] = {"201" if answered == "sent" else "200": done}
    responses["302"] = {"description": "Nobody is logged in; a browser is sent to do so."}
    if method == "POST":
        responses["303"] = {"description": "Done, for a browser."}
    problem = {"application/problem+json": {"schema": _ref("problem")}, HTML: {}}
    for status, text in PROBLEMS.items():
        responses[status] = {"description": text, "content": problem}
    return responses


def _content(answered: str) -> dict[str, Any]:
    if answered == "archive":
        return {"application/jsonl": {"schema": TEXT}}
    if answered == "arrivals":
        return {JSON: {"schema": _ref(answered)}}
    if answered in LISTS:
        return {JSON: {"schema": {"type": "array", "items": _ref(LISTS[answered])}}, HTML: {}}
    return {JSON: {"schema": _ref("message" if answered == "sent" else answered)}, HTML: {}}


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


@cache
def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = json.loads(
        files("messaging").joinpath("schema.json").read_text("utf-8")
    )
    return schema


@cache
def _definitions() -> dict[str, Any]:
    moved = json.dumps(_schema()["$defs"]).replace("#/$defs/", "#/components/schemas/")
    definitions: dict[str, Any] = json.loads(moved)
    return definitions

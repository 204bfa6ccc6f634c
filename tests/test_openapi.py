"""The OpenAPI description says what is served: all of it, and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import import_module
from typing import Any
from urllib.parse import urlencode

import jsonschema
import pytest
import requests
import schemathesis
from django.http import HttpRequest, HttpResponse
from django.test import Client
from django.test.utils import override_script_prefix, override_settings
from django.urls import URLPattern, URLResolver, get_resolver, include, path
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from messaging.answers import JSON, endpoint, submitted
from messaging.models import Message
from messaging.openapi import description
from tests.conftest import environment_for
from tests.factories import EXAMPLES, people, plant_many
from tests.servers import running
from tests.test_views import client
from tests.test_views_writing import browser

pytestmark = pytest.mark.django_db

HERE = "/messages/"
NEED_NONE = {"openapi", "asset"}  # the description itself, and files of pages


def served() -> dict[str, URLPattern]:
    """Every URL of the app as a path of the description has it, by a walk of its own."""
    [app] = [
        resolver
        for resolver in get_resolver("tests.urls").url_patterns
        if isinstance(resolver, URLResolver) and resolver.app_name == "messaging"
    ]
    found = {}
    for pattern in app.url_patterns:
        assert isinstance(pattern, URLPattern)
        parts = str(pattern.pattern).split("/")
        named = [
            "{" + part[1:-1].partition(":")[2] + "}" if "<" in part else part for part in parts
        ]
        found[HERE + "/".join(named)] = pattern
    return found


def operations() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every path and method of the description, with what it says of them."""
    for where, item in description(HERE)["paths"].items():
        for method, operation in item.items():
            if method not in {"summary", "parameters"}:
                yield where, method, operation


def test_it_is_openapi() -> None:
    described = client("alice").get(f"{HERE}openapi.json").json()
    assert described == description(HERE)
    schemathesis.openapi.from_dict(described).validate()
    for schema in described["components"]["schemas"].values():
        jsonschema.Draft202012Validator.check_schema(schema)


def test_every_url_is_described_or_needs_not_be() -> None:
    undescribed = {
        str(pattern.name)
        for pattern in served().values()
        if not hasattr(pattern.callback, "endpoint")
    }
    assert undescribed == NEED_NONE


def test_it_has_every_url_and_every_method_and_no_other() -> None:
    expected = {
        where: {method.lower() for method in vars(pattern.callback)["endpoint"].answers}
        for where, pattern in served().items()
        if pattern.name not in NEED_NONE
    }
    found: dict[str, set[str]] = {}
    for where, method, _ in operations():
        found.setdefault(where, set()).add(method)
    assert found == expected


@endpoint(GET="messages", POST="marked", fields={"colour": "Which."}, optional={"shade": "How."})
def paint(request: HttpRequest, number: int, name: str) -> HttpResponse:
    """Paint a message.

    Nothing of this is in the summary.
    """
    return HttpResponse()


urlpatterns = [
    path("messages/", include("messaging.urls")),
    path("messages/paint/<int:number>/<str:name>/", paint, name="paint"),
    path("elsewhere/", paint, name="elsewhere"),
]


@override_settings(ROOT_URLCONF=__name__)
def test_a_new_url_is_described_at_once() -> None:
    item = description(HERE)["paths"]["/messages/paint/{number}/{name}/"]
    assert item["summary"] == "Paint a message."
    assert [parameter["name"] for parameter in item["parameters"]] == ["number", "name"]
    assert item["get"]["operationId"] == "paint_get"
    schema = item["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert (list(schema["properties"]), schema["required"]) == (["colour", "shade"], ["colour"])
    assert "/elsewhere/" not in description(HERE)["paths"]
    assert "/elsewhere/" in description()["paths"]


@override_script_prefix("/app/")
def test_below_a_prefix_of_the_server_the_paths_have_it_too() -> None:
    answer = Client().get(f"{HERE}openapi.json", SCRIPT_NAME="/app")
    assert {where[: len("/app/messages/")] for where in answer.json()["paths"]} == {
        "/app/messages/"
    }
    assert len(answer.json()["paths"]) == len(served()) - len(NEED_NONE)


def check(operation: dict[str, Any], answer: Any) -> None:
    """That the description has this answer, of this type, and a schema that it fits."""
    described = operation["responses"][str(answer.status_code)]
    if "content" not in described:
        assert answer.getvalue() == b""
        return
    kind = answer["Content-Type"].partition(";")[0]
    schema = described["content"][kind].get("schema", {})
    assert (kind == "text/html") == (schema == {})
    root = {**schema, "components": description(HERE)["components"]}
    text = answer.getvalue().decode()
    data = json.loads(text) if kind.endswith("json") else text
    jsonschema.Draft202012Validator(root).validate(data)


VALUES = {"receiver": "bob", "content": "hi", "ids": "1", "all": "1", "password": ""}
OPERATIONS = list(operations())
FORMS = [one for one in OPERATIONS if "requestBody" in one[2]]


def each(chosen: list[tuple[str, str, dict[str, Any]]]) -> pytest.MarkDecorator:
    """A test of each of these operations, under its name."""
    names = [operation["operationId"] for _, _, operation in chosen]
    return pytest.mark.parametrize(("where", "method", "operation"), chosen, ids=names)


@pytest.fixture(autouse=True)
def _messages() -> None:
    """alice's messages 1, which was edited, and 2 to bob, and bob's answer, 3."""
    plant_many([None, 0])
    alice, bob = people("alice", "bob")
    Message.objects.edit(1, "edited", editor=alice)
    Message.objects.reply(2, bob, "to alice")


def fields(operation: dict[str, Any]) -> dict[str, str]:
    """A value for each field that the operation takes."""
    content = operation.get("requestBody", {"content": {}})["content"]
    taken = {name for kind in content.values() for name in kind["schema"]["properties"]}
    return {name: VALUES[name] for name in taken}


def call(reader: Client, where: str, method: str, data: Any, **options: Any) -> Any:
    """The answer to a request for message 1 or for bob."""
    return getattr(reader, method)(where.format(message_id=1, username="bob"), data, **options)


@each(OPERATIONS)
def test_what_a_participant_is_answered_is_as_described(
    where: str, method: str, operation: dict[str, Any]
) -> None:
    answer = call(client("alice"), where, method, fields(operation))
    check(operation, answer)
    assert {str(answer.status_code)} == {"200", "201"} & operation["responses"].keys()


@each(OPERATIONS)
def test_a_page_is_as_described_too(where: str, method: str, operation: dict[str, Any]) -> None:
    answer = call(browser("alice"), where, method, fields(operation))
    check(operation, answer)
    assert answer.status_code < 400


@each(OPERATIONS)
def test_errors_are_as_described(where: str, method: str, operation: dict[str, Any]) -> None:
    for accept in ("application/json", "text/html", "image/png"):
        for reader in (Client(), client("alice"), client("bob"), client("carol")):
            headers = {"accept": accept}
            check(operation, call(reader, where, method, fields(operation), headers=headers))
            check(operation, call(reader, where, method, {}, headers=headers))


@each(FORMS)
def test_a_field_that_is_required_is_missed_by_its_name(
    where: str, method: str, operation: dict[str, Any]
) -> None:
    for kind, body in operation["requestBody"]["content"].items():
        for name in body["schema"]["required"]:
            others = fields(operation)
            del others[name]
            data = json.dumps(others) if kind == JSON else urlencode(others)
            answer = call(client("alice"), where, method, data, content_type=kind)
            check(operation, answer)
            detail = f"The field {name} is missing."
            assert (answer.status_code, answer.json()["detail"]) == (400, detail)


class Asked(dict[str, str]):
    """The fields of a request, which remember what they were asked for."""

    names: set[str]

    def __contains__(self, name: object) -> bool:
        self.names.add(str(name))
        return super().__contains__(name)

    def get(self, name: str, default: Any = None) -> Any:
        self.names.add(name)
        return super().get(name, default)


@each(FORMS)
def test_the_fields_are_those_that_are_read(
    where: str, method: str, operation: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    [alice] = people("alice")
    alice.set_password("correct horse")
    alice.save()
    names: set[str] = set()

    def remembering(request: HttpRequest) -> Asked:
        asked = Asked(submitted(request))
        asked.names = names
        return asked

    for module in ("messaging.answers", "messaging.views.account", "messaging.views.writing"):
        monkeypatch.setattr(import_module(module), "submitted", remembering)
    for data in (fields(operation), {}):
        call(client("alice"), where, method, data)
    assert names == fields(operation).keys()


@dataclass(frozen=True)
class Site:
    """A real server, its description, and the tokens of two people."""

    url: str
    schema: Any
    alice: str
    erin: str


PASSWORD = "correct horse battery"
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]
KINDS = st.sampled_from(["application/json", "text/html", "*/*"])


def archive() -> str:
    """Forty messages: in threads between alice and bob, and every fourth between others."""
    lines = []
    for number in range(1, 41):
        others = number % 4 == 0
        line = {
            "id": number,
            "sender": "carol" if others else ("alice", "bob")[number % 2],
            "receiver": "dave" if others else ("bob", "alice")[number % 2],
            "content": f"number {number}",
            "timestamp": f"2026-01-01T00:{number:02}:00Z",
            "parent_id": number - 1 if number % 8 > 1 else None,
        }
        lines.append(json.dumps(line))
    return "\n".join(lines)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    environment = environment_for(tmp_path_factory.mktemp("site") / "store")

    def run(*words: str, input: str = "") -> str:
        command = [sys.executable, "-m", "msgcli", *words]
        return subprocess.run(
            command, input=input, env=environment, capture_output=True, text=True, check=True
        ).stdout.strip()

    run("import", "-", input=archive())
    run("edit", "2", "edited")
    run("send", "erin", "alice", "hi")
    run("set-password", "erin", input=PASSWORD)
    tokens = [run("token", "create", name) for name in ("alice", "erin")]
    with running(environment) as server:
        schema = schemathesis.openapi.from_url(f"{server.url}/openapi.json")
        yield Site(server.url, schema, *tokens)


def aim(case: Any) -> None:
    """Have what was made up at random be about somebody's messages that there are."""
    for name, value in case.path_parameters.items():
        case.path_parameters[name] = value % 41 if isinstance(value, int) else "bob"
    if isinstance(case.body, dict) and "receiver" in case.body:
        case.body["receiver"] = "bob"


@pytest.mark.parametrize("mode", list(GenerationMode))
def test_whatever_is_asked_the_server_answers_as_described(
    site: Site, mode: GenerationMode
) -> None:
    with requests.Session() as session:
        for found in site.schema.get_all_operations():

            @given(case=found.ok().as_strategy(mode), aimed=st.booleans(), accept=KINDS)
            @settings(
                EXAMPLES,
                max_examples=EXAMPLES.max_examples // 2,
                derandomize=True,
                suppress_health_check=list(HealthCheck),
            )
            def try_out(case: Any, aimed: bool, accept: str) -> None:
                if aimed:
                    aim(case)
                headers = {"Authorization": f"Bearer {site.alice}", "Accept": accept}
                case.call_and_validate(
                    session=session, headers=headers, checks=CHECKS, allow_redirects=False
                )

            try_out()


def test_an_account_that_is_deleted_is_answered_as_described(site: Site) -> None:
    operation = site.schema["/account/delete/"]["POST"]
    headers = {"Authorization": f"Bearer {site.erin}"}
    for password, status in (("wrong", 403), (PASSWORD, 200), (PASSWORD, 401)):
        case = operation.Case(body={"password": password}, media_type=JSON)
        assert case.call_and_validate(headers=headers, checks=CHECKS).status_code == status

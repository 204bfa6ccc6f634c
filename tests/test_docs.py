"""The documentation says what the program does, and forgets nothing."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from docs import reference
from msgcli import errors
from msgcli.main import app

ROOT = Path(__file__).parent.parent
DOCS = sorted(ROOT.glob("docs/*.md"))
PAGES = [*sorted(ROOT.glob("*.md")), *DOCS]
COMMANDS = reference.commands()
FENCE = re.compile(r"^```(?P<kind>[\w{}]*)\n(?P<block>.*?)^```$", re.MULTILINE | re.DOTALL)


def named(pages: list[Path]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("document", pages, ids=[page.name for page in pages])


def blocks(page: Path, kind: str) -> list[str]:
    found = FENCE.finditer(page.read_text("utf-8"))
    return [match["block"] for match in found if match["kind"] == kind]


def typed_lines(page: Path) -> Iterator[str]:
    for block in blocks(page, "sh"):
        yield from block.splitlines()
    for block in blocks(page, "console"):
        yield from (line[2:] for line in block.splitlines() if line.startswith("$ "))


def examples(page: Path) -> Iterator[list[str]]:
    """The words after each `msgcli` that a reader is told to type."""
    for line in typed_lines(page):
        for part in re.split(r"&&|\||\$\(", line):
            if match := re.search(r"(?:^|[\s/])msgcli (.+)", part):
                yield shlex.split(match[1].strip().rstrip(')"') if "$(" in line else match[1])


def options_of(command: Any) -> set[str]:
    return {option for param in command.params for option in param.opts}


def without_global_options(words: list[str]) -> list[str]:
    known: list[Any] = get_command(app).params
    takes_value = {option: not param.is_flag for param in known for option in param.opts}
    at = 0
    while words[at] in takes_value:
        at += 1 + takes_value[words[at]]
    return words[at:]


def test_quick_start_is_two_commands() -> None:
    section = (ROOT / "README.md").read_text("utf-8").split("## Quick start")[1].split("\n## ")[0]
    commands = [match["block"].strip() for match in FENCE.finditer(section)]
    assert len(commands) == 2
    assert all("\n" not in command for command in commands)
    assert commands[0].endswith('msgcli send alice bob "hi" && .venv/bin/msgcli thread 1')
    assert commands[1].endswith(".venv/bin/pytest")


def test_commands_page_is_what_the_program_says() -> None:
    written = reference.PAGE.read_text("utf-8")
    assert written == reference.reference(), "Run python docs/reference.py."


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(name: str) -> None:
    params: list[Any] = COMMANDS[name].params
    assert COMMANDS[name].help
    assert all(param.help for param in params if param.param_type_name == "option")


@pytest.mark.parametrize(
    "name", [name for name in COMMANDS if "--json" in options_of(COMMANDS[name])]
)
def test_every_json_is_described(name: str) -> None:
    assert f"`{name}`" in (ROOT / "docs/json.md").read_text("utf-8")


def test_exit_codes_are_described() -> None:
    known = {errors.DONE, errors.REFUSED, errors.USAGE, errors.NOT_FOUND}
    known |= {errors.NOT_CONFIRMED, errors.NOT_READY, errors.INTERRUPTED}
    page = (ROOT / "docs/json.md").read_text("utf-8").split("## Exit codes")[1]
    assert {int(code) for code in re.findall(r"^\| (\d+) \|", page, re.MULTILINE)} == known


def test_every_variable_is_described() -> None:
    variable = re.compile(r"(?<!_)MSGCLI_[A-Z_]*[A-Z]")
    sources = [*ROOT.glob("msgcli/**/*.py"), *ROOT.glob("messaging/**/*.py"), ROOT / "settings.py"]
    used = {name for path in sources for name in variable.findall(path.read_text("utf-8"))}
    described = set(variable.findall((ROOT / "docs/configuration.md").read_text("utf-8")))
    assert described == used


@pytest.mark.django_db
def test_python_of_the_readme_runs(django_user_model: Any) -> None:
    people = {name: django_user_model.objects.create_user(name) for name in ("alice", "bob")}
    exec(blocks(ROOT / "README.md", "python")[0], people)
    assert [answer.content for answer in people["thread"].replies.all()] == ["Hello yourself"]
    assert people["thread"].content == "Hello there"


@named(PAGES)
def test_examples_can_be_typed(document: Path) -> None:
    for words in map(without_global_options, examples(document)):
        name = words[0] if words[0] in COMMANDS else " ".join(words[:2])
        assert name in COMMANDS
        known = options_of(COMMANDS[name])
        assert {word for word in words if re.match(r"--?[a-z]", word)} <= known


@named(PAGES)
def test_links_lead_somewhere(document: Path) -> None:
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", document.read_text("utf-8")):
        if "://" not in link:
            assert (document.parent / link).is_file(), link


@named(DOCS)
def test_every_page_is_in_the_index(document: Path) -> None:
    index = (ROOT / "docs/index.md").read_text("utf-8")
    assert document.stem == "index" or f"\n{document.stem}\n" in index

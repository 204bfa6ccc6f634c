"""For shells and scripts: the schema that every --json is held against, and completion."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from docs import reference
from messaging.access.models import Token
from messaging.models import Message
from msgcli import errors
from tests.conftest import IN_A_FILE, Run
from tests.factories import go_on_with_ids, people, send

COMMANDS = reference.commands()
SCHEMA = json.loads(Path("messaging/schema.json").read_text("utf-8"))

# Each command as it shows or makes something, in a store with the messages of `some_messages`.
EXAMPLES = [
    "send alice carol hi --json",
    "reply 1 bob hi --json",
    "edit 1 alice changed --json",
    "history 2 --json",
    "delete 1 --yes --json",
    "thread 1 --json",
    "conversation alice bob --json",
    "inbox alice --json",
    "unread alice --json",
    "search one --json",
    "stats --json",
    "stats alice --json",
    "mark-read 1 --json",
    "mark-unread 1 --json",
    "notifications bob --json",
    "notifications bob --clear --json",
    "users --json",
    "add-user erin --json",
    "set-password alice --json",
    "delete-user bob --yes --json",
    "login-link alice --json",
    "logout alice --json",
    "token create alice --name backup --json",
    "token list alice --json",
    "token revoke 1 --json",
    "import {folder}/some.jsonl --json",
    "export --output {folder}/all.jsonl --json",
    "migrate --json",
    "check --fix --json",
    "config --json",
]

LINE = (
    '{"id": 9, "sender": "dave", "receiver": "erin", "content": "hi",'
    ' "timestamp": "2026-01-02T03:04:05Z", "parent_id": null}\n'
)


def with_json() -> set[str]:
    """The commands that have --json."""
    return {name for name in COMMANDS if any("--json" in p.opts for p in COMMANDS[name].params)}


def name_of(words: list[str]) -> str:
    """The command, perhaps of two words, that these begin with."""
    return words[0] if words[0] in COMMANDS else " ".join(words[:2])


def validator(name: str) -> Draft202012Validator:
    """What the output of a command is held against."""
    checker = Draft202012Validator.FORMAT_CHECKER
    return Draft202012Validator({**SCHEMA, **SCHEMA["commands"][name]}, format_checker=checker)


@pytest.fixture
def some_messages(db: None) -> None:
    """A thread of two people, with an edit, and a reply by a third."""
    Token.objects.create(user=people("alice")[0], pk=1, digest="none", begins_with="msgcli_none")
    first = send("alice", "bob", "one", pk=1)
    second = send("bob", "alice", "two", pk=2, parent_message=first)
    send("carol", "alice", "three", pk=3, parent_message=second)
    second.content = "changed"
    second.save()
    go_on_with_ids(Token, Message)


def test_schema_is_printed_and_is_a_schema(run: Run) -> None:
    result = run("schema")
    assert result.json == SCHEMA
    Draft202012Validator.check_schema(result.json)
    assert (SCHEMA["$id"], SCHEMA["version"]) == ("urn:msgcli:schema:1", 1)


def test_schema_describes_every_command_that_has_json_and_no_other() -> None:
    assert set(SCHEMA["commands"]) == with_json()
    # `watch` shows what arrives while it runs: see test_cli_watch. For copies see below.
    elsewhere = {"watch", "backup", "restore", "copy"}
    assert {name_of(words.split()) for words in EXAMPLES} == with_json() - elsewhere


@pytest.mark.usefixtures("hi")
@pytest.mark.parametrize(
    "commands",
    [
        ["copy --to sqlite:///other"],
        pytest.param(["backup copied", "restore copied --yes"], marks=IN_A_FILE),
    ],
)
def test_the_json_of_copies_is_as_the_schema_says(run: Run, commands: list[str]) -> None:
    """As processes: the tests' database takes part in a transaction."""
    for words in commands:
        command = words.partition(" ")[0]
        validator(command).validate(run(*words.split(), "--json").json)


def test_every_command_that_shows_or_makes_something_has_json() -> None:
    assert set(COMMANDS) - with_json() == {"schema", "shell-completion", "serve"}


def test_schema_allows_nothing_that_it_does_not_name() -> None:
    objects = {name: x for name, x in SCHEMA["$defs"].items() if x["type"] == "object"}
    assert len(objects) > 10
    assert [name for name, x in objects.items() if x["additionalProperties"] is not False] == []


@pytest.mark.usefixtures("some_messages")
@pytest.mark.parametrize("words", EXAMPLES)
def test_json_is_as_the_schema_says_and_nothing_else(
    invoke: Run, words: str, tmp_path: Path
) -> None:
    (tmp_path / "some.jsonl").write_text(LINE)
    typed = words.format(folder=tmp_path).split()
    result = invoke(*typed, input="a long-pass phrase" if typed[0] == "set-password" else "")
    assert result.code == errors.DONE, result.stderr
    validator(name_of(typed)).validate(result.json)
    assert result.json != []


@pytest.mark.parametrize("name", ["conversation alice bob", "inbox", "unread", "notifications"])
def test_an_empty_list_is_an_empty_array(invoke: Run, name: str) -> None:
    people("alice", "bob")
    command, *rest = name.split()
    assert invoke(command, *(rest or ["alice"]), "--json").stdout == "[]\n"


@pytest.mark.usefixtures("some_messages")
def test_each_line_of_an_export_is_as_the_schema_says(invoke: Run) -> None:
    lines = [json.loads(line) for line in invoke("export", "--json").stdout.splitlines()]
    assert [line["id"] for line in lines] == [1, 2, 3]
    for line in lines:
        validator("export").validate(line)
    assert lines[1]["history"][0]["content"] == "two"


def test_times_are_utc_with_a_z(invoke: Run) -> None:
    message = send("alice", "bob")
    (shown,) = invoke("unread", "bob", "--json").json
    assert shown["timestamp"] == message.timestamp.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def test_json_has_no_character_that_a_terminal_acts_on(invoke: Run) -> None:
    text = "a\x1b[31mb\u202ec\x9bd\U000e0041e"
    send("alice", "bob", text)
    result = invoke("unread", "bob", "--json")
    assert result.json[0]["content"] == text
    assert result.stdout.replace("\n", "").isprintable()


def test_remarks_go_to_stderr_and_leave_json_alone(invoke: Run) -> None:
    result = invoke("send", "alice", "bob", "hi", "--json")
    assert result.json["content"] == "hi"
    assert result.stderr == "(+ new here: alice, bob)\n"


def complete(run: Run, words: str, **env: str) -> list[str]:
    """What bash would offer after these words have been typed and Tab was pressed."""
    line = f"msgcli {words}"
    result = run(
        env={
            "_MSGCLI_COMPLETE": "complete_bash",
            "COMP_WORDS": line,
            "COMP_CWORD": str(len(line.split(" ")) - 1),
            **env,
        }
    )
    assert result.stderr == ""
    return result.stdout.split()


def test_names_and_recent_ids_are_completed_from_the_store(run: Run) -> None:
    run("send", "alice", "bob", "hi")
    assert complete(run, "unread a") == ["alice"]
    assert complete(run, "send alice b") == ["bob"]
    assert complete(run, "delete-user ") == ["alice", "bob"]
    assert complete(run, "thread ") == ["1"]
    assert complete(run, "thread 2") == []


def test_commands_are_completed(run: Run) -> None:
    assert complete(run, "un") == ["unread"]


@IN_A_FILE
def test_tab_never_makes_a_store(run: Run, tmp_path: Path) -> None:
    assert complete(run, "unread ") == []
    assert complete(run, "thread ") == []
    assert not (tmp_path / "store").exists()


def test_tab_is_quiet_about_a_store_that_is_none(run: Run, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("no database " * 100)
    assert complete(run, "unread ", MSGCLI_DATABASE_URL=f"sqlite:///{broken}") == []
    assert broken.read_text() == "no database " * 100


def test_tab_is_quiet_about_settings_that_can_not_be_loaded(run: Run) -> None:
    assert complete(run, "unread ", MSGCLI_CACHE_URL="nothing://") == []


@pytest.mark.parametrize(
    ("shell", "sign"),
    [
        ("bash", "complete -o default -F _msgcli_completion msgcli"),
        ("zsh", "#compdef msgcli"),
        ("fish", "complete --command msgcli"),
        ("powershell", "Register-ArgumentCompleter"),
    ],
)
def test_each_shell_gets_its_script(invoke: Run, shell: str, sign: str) -> None:
    result = invoke("shell-completion", shell)
    assert sign in result.stdout
    assert "_MSGCLI_COMPLETE" in result.stdout


def test_a_shell_that_is_not_known_is_refused(invoke: Run) -> None:
    result = invoke("shell-completion", "csh")
    assert result.code == errors.USAGE
    assert "'csh' is not one of 'bash', 'zsh', 'fish', 'powershell'" in result.stderr


@pytest.mark.skipif(shutil.which("bash") is None, reason="bash is not installed")
def test_bash_accepts_its_script(invoke: Run) -> None:
    text = invoke("shell-completion", "bash").stdout
    process = subprocess.run(
        ["bash", "-n"], input=text, text=True, capture_output=True, check=False
    )
    assert (process.returncode, process.stderr) == (0, "")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_explains_itself_in_a_line(invoke: Run, name: str) -> None:
    assert 10 < len(COMMANDS[name].get_short_help_str(100)) < 100
    result = invoke(*name.split(), "--help")
    assert (result.code, result.stderr) == (errors.DONE, "")
    assert f"msgcli {name}" in result.stdout

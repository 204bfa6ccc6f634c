"""What is different where a person looks on: colours, width, paging, editors and questions."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pexpect
import pytest
from rich.cells import cell_len

from msgcli import errors
from tests import stores
from tests.conftest import IN_A_FILE, Result, Run, environment_for, forks, made_store

pytestmark = pytest.mark.usefixtures("made")

ON_TERMINAL = {"TERM": "xterm-256color", "MSGCLI_PAGER": ""}
Spawn = Callable[..., "pexpect.spawn[str]"]

STYLE = re.compile(r"\x1b\[([\d;]*)m")
ESCAPE = re.compile(r"\x1b\[[\d;?]*[A-Za-z]")
HOSTILE = "\x1b[35mred \x9b2J \u202eback [bold]b[/bold] [/etc/passwd] \x07"
SHOWN = r"\u001b[35mred \u009b2J \u202eback [bold]b[/bold] [/etc/passwd] \u0007"


@pytest.fixture
def spawn(environment: dict[str, str], tmp_path: Path) -> Spawn:
    """Start msgcli on a terminal of its own: spawn("thread", "1", columns=80, env={})."""

    def start(
        *words: str, rows: int = 24, columns: int = 80, env: dict[str, str] | None = None
    ) -> "pexpect.spawn[str]":
        return pexpect.spawn(
            sys.executable,
            ["-m", "msgcli", *words],
            env={**environment, **ON_TERMINAL, **(env or {})},
            cwd=tmp_path,
            dimensions=(rows, columns),
            encoding="utf-8",
            timeout=30,
        )

    return start


@pytest.fixture
def on_terminal(environment: dict[str, str], tmp_path: Path) -> Run:
    """Run msgcli on a terminal to its end."""

    def run_command(
        *words: str, rows: int = 24, columns: int = 80, env: dict[str, str] | None = None
    ) -> Result:
        where = {**environment, **ON_TERMINAL, **(env or {})}
        code, shown = forks().run_on_terminal(words, where, tmp_path, rows, columns)
        return Result(shown.decode().replace("\r\n", "\n"), "", code)

    return run_command


def ended(child: "pexpect.spawn[str]") -> Result:
    """What a command on a terminal printed until its end."""
    child.expect(pexpect.EOF)
    child.close()
    printed = child.before or ""
    assert child.exitstatus is not None
    return Result(printed.replace("\r\n", "\n"), "", child.exitstatus)


def many(number: int, content: str = "message {}", **fields: Any) -> bytes:
    """An archive with a thread of messages from alice to bob."""
    return b"".join(
        json.dumps(
            {
                "id": n,
                "sender": "alice",
                "receiver": "bob",
                "content": content.format(n),
                "timestamp": "2026-01-02T03:04:05Z",
                "parent_id": 1 if n > 1 else None,
                **fields,
            }
        ).encode()
        + b"\n"
        for n in range(1, number + 1)
    )


@pytest.fixture(scope="module")
def store_with_sixty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_store(tmp_path_factory.mktemp("sixty"), "import", "-", input=many(60))


@pytest.fixture
def sixty(made: None, store_with_sixty: Path, tmp_path: Path) -> None:
    """A store with a thread of sixty messages."""
    stores.copy(store_with_sixty, tmp_path / "store")


@pytest.fixture(scope="module")
def long_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with more in it than a pipe holds; only to be read."""
    archive = many(2000, "x" * 200)
    return made_store(tmp_path_factory.mktemp("long"), "import", "-", input=archive)


def script(path: Path, *lines: str) -> str:
    """A program for the user's shell."""
    path.write_text("\n".join(("#!/bin/sh", *lines, "")))
    path.chmod(0o700)
    return str(path)


@pytest.mark.usefixtures("sixty")
@pytest.mark.parametrize(
    ("words", "remark"),
    [
        ("unread bob", "50 of 60 unread; --limit N shows more."),
        ("notifications bob", "50 of 60 notifications; --limit N shows more."),
        ("conversation alice bob", "10 older: msgcli conversation alice bob --before 11"),
    ],
)
def test_a_terminal_shows_the_newest_fifty_and_says_how_many_more(
    run: Run, on_terminal: Run, words: str, remark: str
) -> None:
    shown = ESCAPE.sub("", on_terminal(*words.split()).stdout)
    found = {int(number) for number in re.findall(r"message (\d+)", shown)}
    assert found == set(range(11, 61))
    assert remark in shown
    piped = run(*words.split()).stdout
    assert {int(n) for n in re.findall(r"message (\d+)", piped)} == set(range(1, 61))


@pytest.mark.usefixtures("sixty")
def test_json_is_complete_on_a_terminal_too(on_terminal: Run) -> None:
    assert len(json.loads(on_terminal("unread", "bob", "--json").stdout)) == 60


def test_a_list_fits_the_terminal_and_shows_where_it_is_cut(run: Run, on_terminal: Run) -> None:
    run("send", "名" * 30, "bob", "漢字 " * 100)
    for words in ("unread bob", "inbox bob"):
        shown = ESCAPE.sub("", on_terminal(*words.split(), columns=80).stdout)
        line = next(line for line in shown.splitlines() if "名" in line)
        assert max(map(cell_len, shown.splitlines())) <= 80
        assert line.count("…") == 2


def test_a_thread_fits_the_terminal_and_is_whole(run: Run, on_terminal: Run) -> None:
    run("send", "alice", "bob", "word " * 60 + "end")
    shown = ESCAPE.sub("", on_terminal("thread", "1", columns=50).stdout)
    assert max(map(cell_len, shown.splitlines())) <= 50
    assert shown.count("word") == 60
    assert "end" in shown


@pytest.mark.usefixtures("hi")
def test_a_pipe_gets_no_escape_sequence(run: Run) -> None:
    for words in ("thread 1", "unread bob", "stats", "check", "--help"):
        result = run(*words.split(), env={"TERM": "xterm-256color"})
        assert "\x1b" not in result.stdout + result.stderr


def is_colour(codes: str) -> bool:
    numbers = {int(code) for code in codes.split(";") if code}
    return bool(numbers & {*range(30, 50), *range(90, 108)})


@pytest.mark.usefixtures("hi")
@pytest.mark.parametrize(
    ("options", "env", "coloured"),
    [
        ([], {}, True),
        ([], {"NO_COLOR": "1"}, False),
        (["--no-color"], {}, False),
        ([], {"TERM": "dumb"}, False),
    ],
)
def test_colours_are_for_a_terminal_that_wants_them(
    run: Run, on_terminal: Run, options: list[str], env: dict[str, str], coloured: bool
) -> None:
    for words in ("thread 1", "unread bob", "stats"):
        shown = on_terminal(*options, *words.split(), env=env).stdout
        assert any(map(is_colour, STYLE.findall(shown))) == coloured, shown


@pytest.mark.usefixtures("hi")
def test_marks_are_words_too(run: Run, on_terminal: Run) -> None:
    run("edit", "1", "there")
    shown = on_terminal("--no-color", "thread", "1").stdout
    assert "unread" in ESCAPE.sub("", shown)
    assert "edited" in ESCAPE.sub("", shown)
    shown = on_terminal("--no-color", "unread", "bob").stdout
    assert "(edited) there" in ESCAPE.sub("", shown)


@pytest.mark.parametrize(
    "words",
    ["thread 1", "conversation alice bob", "unread bob", "inbox bob", "notifications bob"],
)
def test_a_hostile_text_can_not_steer_the_terminal(run: Run, on_terminal: Run, words: str) -> None:
    run("send", "alice", "bob", "--", HOSTILE)
    shown = on_terminal(*words.split(), columns=200).stdout
    assert SHOWN in ESCAPE.sub("", shown)
    assert not {"\x07", "\x9b", "\u202e"} & set(shown)
    assert "\x1b[35mred" not in shown


@pytest.mark.usefixtures("sixty")
def test_the_pager_gets_the_output_with_its_colours(on_terminal: Run, tmp_path: Path) -> None:
    pager = script(tmp_path / "pager", 'cat > "$0.got"')
    result = on_terminal("thread", "1", env={"MSGCLI_PAGER": pager})
    got = (tmp_path / "pager.got").read_text()
    assert (got.count(" → "), got.count("\x1b[") > 60) == (60, True)
    assert "message 7" not in result.stdout
    assert "60 messages, 2 people, 60 unread" in result.stdout


@pytest.mark.usefixtures("sixty")
@pytest.mark.parametrize(
    ("options", "pager"),
    [(["--no-pager"], "false"), ([], ""), ([], "cat"), ([], "/no/such/pager")],
)
def test_there_is_no_pager_where_none_is_wanted(
    on_terminal: Run, options: list[str], pager: str
) -> None:
    result = on_terminal(*options, "thread", "1", env={"MSGCLI_PAGER": pager})
    assert (ESCAPE.sub("", result.stdout).count(" → "), result.code) == (60, errors.DONE)


@pytest.mark.usefixtures("sixty")
def test_the_pager_for_msgcli_goes_before_that_for_all(on_terminal: Run, tmp_path: Path) -> None:
    one, other = (script(tmp_path / name, 'cat > "$0.got"') for name in ("one", "other"))
    on_terminal("thread", "1", env={"PAGER": one, "MSGCLI_PAGER": other})
    assert (tmp_path / "other.got").exists()
    assert not (tmp_path / "one.got").exists()


def test_leaving_the_pager_early_is_no_error(on_terminal: Run, long_store: Path) -> None:
    env = {"MSGCLI_PAGER": "head -n 1", **stores.variables(long_store)}
    result = on_terminal("thread", "1", env=env)
    assert "#1 alice" in ESCAPE.sub("", result.stdout)
    assert "Traceback" not in result.stdout
    assert result.code == errors.DONE


@pytest.mark.usefixtures("sixty")
@pytest.mark.skipif(shutil.which("less") is None, reason="less is not installed")
def test_less_waits_for_long_output_and_not_for_short(spawn: Spawn) -> None:
    child = spawn("thread", "1", env={"MSGCLI_PAGER": "less"})
    child.expect("message 2")
    child.expect_exact(":")
    child.send("q")
    assert ended(child).code == errors.DONE
    short = ended(spawn("history", "1", env={"MSGCLI_PAGER": "less"}))
    assert "message 1" in short.stdout


@pytest.mark.parametrize("variable", ["VISUAL", "EDITOR"])
def test_a_text_left_out_is_written_in_the_editor(
    run: Run, on_terminal: Run, tmp_path: Path, variable: str
) -> None:
    editor = script(tmp_path / "my editor", 'printf "one\\ntwo\\n" > "$1"').replace(" ", "\\ ")
    env = {"EDITOR": "false", variable: editor}
    assert on_terminal("send", "alice", "bob", env=env).code == errors.DONE
    (message,) = run("unread", "bob", "--json").json
    assert message["content"] == "one\ntwo"


def test_an_edit_begins_with_what_the_message_says(
    run: Run, on_terminal: Run, tmp_path: Path
) -> None:
    run("send", "alice", "bob", "Make it noon.")
    editor = script(tmp_path / "editor", 'sed -i.bak "s/noon/one/" "$1"')
    assert on_terminal("edit", "1", env={"EDITOR": editor}).code == errors.DONE
    assert run("thread", "1", "--json").json["content"] == "Make it one."


def test_what_is_written_in_an_editor_is_for_its_owner_only_and_then_gone(
    on_terminal: Run, tmp_path: Path
) -> None:
    look = 'ls -ld "$(dirname "$1")" > "$0.saw"; echo "$1" >> "$0.saw"; echo hi > "$1"'
    editor = script(tmp_path / "editor", look)
    on_terminal("send", "alice", "bob", env={"EDITOR": editor})
    folder, path = (tmp_path / "editor.saw").read_text().splitlines()
    assert folder.startswith("drwx------")
    assert not Path(path).parent.exists()


@pytest.mark.parametrize(
    ("editor", "sentence", "code"),
    [
        (None, "What should it say? Give the TEXT, pipe it in, or set EDITOR.", errors.USAGE),
        ("true", "The editor was left without a text, so nothing was sent.", errors.NOT_CONFIRMED),
        ("false", "The editor was left without a text, so nothing was sent.", errors.NOT_CONFIRMED),
        (
            "/no/such/editor",
            "The editor /no/such/editor can't be started: No such file or directory.",
            errors.USAGE,
        ),
    ],
)
def test_an_editor_that_gives_no_text_sends_nothing(
    run: Run, on_terminal: Run, editor: str | None, sentence: str, code: int
) -> None:
    env = {} if editor is None else {"EDITOR": editor}
    result = on_terminal("send", "alice", "bob", columns=120, env=env)
    assert (result.stdout, result.code) == (f"{sentence}\n", code)
    assert run("users").stderr == "No users yet.\n"


@pytest.mark.usefixtures("hi")
@pytest.mark.parametrize(
    ("typed", "code"),
    [("bob", errors.DONE), ("alice", errors.NOT_CONFIRMED), ("y", errors.NOT_CONFIRMED)],
)
def test_a_user_is_deleted_when_the_name_has_been_typed(
    run: Run, spawn: Spawn, typed: str, code: int
) -> None:
    child = spawn("delete-user", "bob")
    child.expect_exact("This removes bob for good:")
    child.expect_exact("Delete bob? Type the name to confirm: ")
    child.sendline(typed)
    result = ended(child)
    done = "bob is deleted: 1 message, 1 notification, 0 old versions."
    refused = "Not confirmed, so nothing was deleted."
    assert (done if code == errors.DONE else refused) in result.stdout
    assert result.code == code
    assert ("bob" in run("users").stdout) == (code != errors.DONE)


@pytest.mark.usefixtures("hi")
@pytest.mark.parametrize(
    ("typed", "code"),
    [("y", errors.DONE), ("Yes", errors.DONE), ("", errors.NOT_CONFIRMED), ("n", 4)],
)
def test_a_message_is_deleted_after_a_yes(run: Run, spawn: Spawn, typed: str, code: int) -> None:
    child = spawn("delete", "1")
    child.expect_exact("Delete message 1, alice → bob? It can't be undone. [y/N] ")
    child.sendline(typed)
    assert ended(child).code == code
    assert run("thread", "1").code == (errors.NOT_FOUND if code == errors.DONE else errors.DONE)


@pytest.mark.parametrize("again", ["corre ct horse", "another"])
def test_a_password_is_asked_for_twice_and_not_shown(run: Run, spawn: Spawn, again: str) -> None:
    run("add-user", "alice")
    child = spawn("set-password", "alice")
    child.expect_exact("New password: ")
    child.sendline("corre ct horse")
    child.expect_exact("The same again: ")
    child.sendline(again)
    result = ended(child)
    assert "horse" not in result.stdout
    differ = "The two passwords differ, so nothing was changed."
    assert (differ in result.stdout, result.code) in ((False, errors.DONE), (True, errors.USAGE))
    assert (result.code == errors.DONE) == (again == "corre ct horse")


def test_an_import_shows_how_far_it_is(on_terminal: Run, tmp_path: Path) -> None:
    (tmp_path / "many.jsonl").write_bytes(many(5000))
    result = on_terminal("import", "many.jsonl")
    assert "Reading many.jsonl" in result.stdout
    assert f"added{'5,000':>32}\n" in ESCAPE.sub("", result.stdout)


@pytest.mark.usefixtures("hi")
def test_ctrl_c_at_a_question_ends_quietly(run: Run, spawn: Spawn) -> None:
    child = spawn("delete-user", "bob")
    child.expect_exact("to confirm: ")
    child.sendintr()
    result = ended(child)
    assert (result.stdout.strip(), result.code) in (("", 130), ("^C", 130))
    assert "bob" in run("users").stdout


@pytest.mark.usefixtures("hi")
def test_the_end_of_input_at_a_question_is_no_yes(run: Run, spawn: Spawn) -> None:
    child = spawn("delete-user", "bob")
    child.expect_exact("to confirm: ")
    child.sendeof()
    assert ended(child).code == errors.NOT_CONFIRMED
    assert "bob" in run("users").stdout


def test_an_interrupted_import_ends_quietly_and_adds_nothing(
    run: Run, environment: dict[str, str], tmp_path: Path
) -> None:
    run("users")
    os.mkfifo(tmp_path / "fifo")
    process = subprocess.Popen(
        [sys.executable, "-m", "msgcli", "import", str(tmp_path / "fifo")],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    with open(tmp_path / "fifo", "wb", buffering=0) as fifo:  # waits until it is being read
        fifo.write(many(3000))
        process.send_signal(signal.SIGINT)
        printed = process.communicate(timeout=30)
    assert (printed, process.returncode) == ((b"", b""), errors.INTERRUPTED)
    assert run("check", "--json").json["messages"] == 0


@pytest.mark.parametrize(
    "words",
    [
        "thread 1",
        "thread 1 --json",
        "conversation alice bob",
        "unread bob",
        "unread bob --json",
        "export",
    ],
)
def test_a_reader_that_goes_away_is_no_error(long_store: Path, words: str) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "msgcli", *words.split()],
        env=environment_for(long_store),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.read(10)
    process.stdout.close()
    said = process.stderr.read().decode()
    process.stderr.close()
    assert (process.wait(timeout=30), "Error" in said, "Broken" in said) == (0, False, False)


def test_a_terminal_that_can_not_show_a_character_gets_its_code(run: Run) -> None:
    env = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "ascii"}
    result = run("send", "alice", "bob", "hi", env=env)
    assert (result.stdout, result.code) == ("#1  alice \\u2192 bob   sent\n", errors.DONE)


@IN_A_FILE
def test_a_path_is_not_broken_where_the_screen_ends(hi: Path, on_terminal: Run) -> None:
    folder = hi.parent.rename(hi.parent.with_name("long-name-" * 8))
    shown = ESCAPE.sub("", on_terminal("check", env={"MSGCLI_DATA_DIR": str(folder)}).stdout)
    assert f"{folder / hi.name}, " in shown


@pytest.mark.usefixtures("sixty")
def test_a_wide_terminal_is_used(run: Run, on_terminal: Run) -> None:
    run("send", "alice", "carol", "word " * 60)
    for words in ("thread 61", "unread carol", "conversation alice carol"):
        shown = ESCAPE.sub("", on_terminal(*words.split(), columns=120).stdout)
        assert 80 < max(map(cell_len, shown.splitlines())) <= 120


def test_head_ends_a_pipeline_without_an_error(long_store: Path) -> None:
    command = f"set -o pipefail; {sys.executable} -m msgcli thread 1 | head -n 1"
    process = subprocess.run(
        ["bash", "-c", command], env=environment_for(long_store), capture_output=True, check=False
    )
    assert (process.returncode, process.stderr) == (errors.DONE, b"")
    assert process.stdout.startswith(b"#1 alice")

"""Many processes with one store: nobody fails, nothing is lost."""

import subprocess
import sys
from pathlib import Path

from tests.conftest import Run, environment_for

PROCESSES = 8
SENDS = 25

# What a script that sends does: one process, many commands.
SENDER = f"""
import sys
from msgcli.main import app
for number in range({SENDS}):
    words = ["send", sys.argv[1], "bob", f"{{sys.argv[1]}} {{number}}"]
    assert app(words, standalone_mode=False) == 0, words
"""


def together(commands: list[list[str]], env: dict[str, str]) -> None:
    """Start them all at once; each has to end well, and to say nothing on stderr but who is new."""
    processes = [
        subprocess.Popen(
            [sys.executable, *words], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for words in commands
    ]
    ended = [(*process.communicate(timeout=120), process.returncode) for process in processes]
    assert [code for _, _, code in ended] == [0] * len(commands), ended
    said = b"".join(err for _, err, _ in ended).decode().splitlines()
    assert [line for line in said if not line.startswith("(+ new here: ")] == []


def test_processes_that_send_at_once_lose_nothing(hi: Path, run: Run) -> None:
    senders = [["-c", SENDER, f"sender{n}"] for n in range(PROCESSES)]
    together(senders, environment_for(hi.parent))
    messages = run("unread", "bob", "--json").json
    sent = {f"sender{n} {number}" for n in range(PROCESSES) for number in range(SENDS)}
    assert len(messages) == PROCESSES * SENDS + 1
    assert {message["content"] for message in messages} == {*sent, "hi"}
    assert len(run("notifications", "bob", "--json").json) == len(messages)
    assert run("check", "--json").json["healthy"]


def test_processes_that_find_no_store_make_one(run: Run, environment: dict[str, str]) -> None:
    together([["-m", "msgcli", "send", "alice", "bob", "hi"]] * PROCESSES, environment)
    state = run("check", "--json").json
    assert (state["healthy"], state["messages"], state["users"]) == (True, PROCESSES, 2)


def test_one_edits_while_another_does(hi: Path, run: Run) -> None:
    edits = [["-m", "msgcli", "edit", "1", f"text {n}"] for n in range(PROCESSES)]
    together(edits, environment_for(hi.parent))
    versions = [version["content"] for version in run("history", "1", "--json").json]
    assert versions[0] == "hi"
    assert set(versions[1:]) == {f"text {n}" for n in range(PROCESSES)}

"""Import of what other tools keep, by the command."""

from __future__ import annotations

import json
import lzma
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest
from django.contrib.auth.models import User

from messaging.models import Message
from msgcli import errors
from tests import stores
from tests.conftest import Run, environment_for
from tests.factories import send

LUNCH = b"""\
From alice@example.com Mon Nov 23 12:00:00 2026
From: Alice <alice@example.com>
To: Bob <bob@example.com>
Date: Mon, 23 Nov 2026 12:00:00 +0000
Subject: Lunch
Message-ID: <1@example.com>

At noon?

"""
ANSWER = b"""\
From bob@example.com Mon Nov 23 12:05:00 2026
From: Bob <bob@example.com>
To: Alice <alice@example.com>
Date: Mon, 23 Nov 2026 12:05:00 +0000
Subject: Re: Lunch
Message-ID: <2@example.com>
In-Reply-To: <1@example.com>
Status: O

Fine \x1b[2J with me.

"""


@pytest.fixture
def mbox(tmp_path: Path) -> Path:
    path = tmp_path / "mail"
    path.write_bytes(LUNCH + ANSWER)
    return path


def test_mail_comes_in_and_is_read_as_threads(run: Run, mbox: Path) -> None:
    result = run("import", str(mbox))
    assert result.stdout.splitlines() == [f"read{2:>33}", f"added{2:>32}", f"people added{2:>25}"]
    assert (result.stderr, result.code) == ("", errors.DONE)
    first, *_, last = run("thread", "1").stdout.splitlines()
    assert first.startswith("#1 Alice → Bob")
    assert last.endswith("Fine \\u001b[2J with me.")
    assert [one["id"] for one in run("unread", "Alice", "--json").json] == [2]


def test_mail_twice_is_mail_once(invoke: Run, mbox: Path) -> None:
    invoke("import", str(mbox))
    again = invoke("import", str(mbox))
    assert again.stdout.splitlines() == [
        f"read{2:>33}",
        f"added{0:>32}",
        f"already there{2:>24}",
    ]


@pytest.mark.parametrize("order", [(LUNCH, ANSWER), (ANSWER, LUNCH)])
def test_what_comes_later_finds_its_thread(
    invoke: Run, tmp_path: Path, order: tuple[bytes, bytes]
) -> None:
    for number, mail in enumerate(order):
        (tmp_path / str(number)).write_bytes(mail)
        invoke("import", str(tmp_path / str(number)))
    answer = Message.objects.get(content__startswith="Fine")
    assert answer.parent_message is not None
    assert answer.parent_message.content == "Lunch\n\nAt noon?"


def test_mail_comes_packed_and_through_a_pipe(run: Run, mbox: Path) -> None:
    packed = lzma.compress(mbox.read_bytes())
    assert run("import", "-", "--json", input=packed).json["added"] == 2


def test_a_folder_is_taken_as_a_whole(invoke: Run, mbox: Path) -> None:
    folder = mbox.parent
    (folder / "notes.pdf").write_bytes(b"%PDF-1.4\n")
    (folder / "more.jsonl").write_text(
        json.dumps(
            {
                "id": 1,
                "sender": "Alice",
                "receiver": "carol",
                "content": "a line",
                "timestamp": "2026-11-23T12:00:00Z",
            }
        )
    )
    result = invoke("import", str(folder), "--verbose")
    assert result.stdout.splitlines() == [
        f"read{4:>33}",
        f"added{3:>32}",
        f"people added{3:>25}",
        f"skipped{1:>30}   it is not an archive that can be read.",
        f"{'':<40}notes.pdf:1",
    ]
    assert User.objects.count() == 3


def test_the_format_can_be_named(invoke: Run, tmp_path: Path) -> None:
    path = tmp_path / "odd"
    path.write_bytes(LUNCH.partition(b"\n")[2])
    assert invoke("import", str(path), "--format", "mbox", "--json").json["added"] == 1
    result = invoke("import", str(path), "--format", "pst")
    assert result.code == errors.REFUSED
    assert result.stderr == (
        '"pst" is not a format of archives: jsonl, mbox, maildir, mh, eml, slack.\n'
    )


def test_what_is_no_archive_is_refused(invoke: Run, tmp_path: Path) -> None:
    path = tmp_path / "notes.pdf"
    path.write_bytes(b"%PDF-1.4\n")
    result = invoke("import", str(path))
    assert (result.stdout, result.code) == ("", errors.REFUSED)
    assert result.stderr == (
        f"{path} is not an archive that can be read: JSON Lines, mbox, Maildir, MH, .eml or Slack.\n"
    )


def test_strangers_are_left_out_where_nobody_is_added(invoke: Run, mbox: Path) -> None:
    User.objects.create(username="alice", email="alice@example.com")
    report = invoke("import", str(mbox), "--json", env={"MSGCLI_STRICT_USERS": "1"}).json
    assert report["added"] == 0
    reason = "its sender or receiver is not a user here."
    places = [{"file": str(mbox), "position": number} for number in (1, 2)]
    assert report["skipped"] == [{"reason": reason, "places": places}]
    options = ("--create", "--json")
    report = invoke("import", str(mbox), *options, env={"MSGCLI_STRICT_USERS": "1"}).json
    assert (report["added"], report["users_added"]) == (2, 1)


def test_our_own_mbox_adds_nothing_here_and_all_elsewhere(run: Run, tmp_path: Path) -> None:
    run("send", "alice", "bob", "hi")
    run("reply", "1", "bob", "two")
    run("export", "-o", "all.mbox")
    again = run("import", "all.mbox", "--json").json
    assert (again["added"], again["already_there"]) == (0, 2)
    elsewhere = stores.variables(tmp_path / "other")
    assert run("import", "all.mbox", "--json", env=elsewhere).json["added"] == 2
    here, there = run("export").stdout, run("export", env=elsewhere).stdout
    for one, other in zip(here.splitlines(), there.splitlines(), strict=True):
        message, copy = json.loads(one), json.loads(other)
        assert copy.pop("mail")["id"].endswith("@msgcli.invalid")
        assert copy == message


def test_an_answer_from_a_mail_program_joins_its_thread(invoke: Run, tmp_path: Path) -> None:
    send("alice", "bob", "written here")
    name = next(
        line
        for line in invoke("export", "--format", "mbox").stdout.splitlines()
        if line.startswith("Message-ID: ")
    ).removeprefix("Message-ID: ")
    path = tmp_path / "answer.eml"
    path.write_text(f"From: bob\nMessage-ID: <b@x>\nIn-Reply-To: {name}\n\nfrom mutt\n")
    invoke("import", str(path))
    answer = Message.objects.get(content="from mutt")
    assert answer.parent_message == Message.objects.get(content="written here")
    assert answer.receiver.get_username() == "alice"


def test_ctrl_c_keeps_what_was_added_and_a_second_run_goes_on(tmp_path: Path) -> None:
    number = 8_000
    mbox = tmp_path / "many.mbox"
    with mbox.open("wb") as file:
        for n in range(number):
            file.write(LUNCH.replace(b"<1@", b"<%d@" % n))
    store = tmp_path / "store"
    command = [sys.executable, "-m", "msgcli", "import", str(mbox)]
    environment = environment_for(store)
    with subprocess.Popen(command, env=environment, text=True, stderr=subprocess.PIPE) as process:
        while added(store) == 0:
            assert process.poll() is None
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        said = process.communicate()[1]
    kept = added(store)
    assert process.returncode == errors.INTERRUPTED
    assert 0 < kept < number
    assert said == f"Stopped. {kept:,} added so far are kept; import again to go on.\n"
    report = subprocess.check_output([*command, "--json"], env=environment)
    assert json.loads(report)["added"] == number - kept
    assert added(store) == number


def added(store: Path) -> int:
    """How many messages are in a store, which may not be there yet."""
    if not stores.ON_SERVER and not (store / stores.FILE).exists():
        return 0
    with stores.connected(store) as connection:
        try:
            return int(connection.execute("SELECT COUNT(*) FROM messaging_message").fetchone()[0])
        except sqlite3.OperationalError:  # its tables are being made
            return 0

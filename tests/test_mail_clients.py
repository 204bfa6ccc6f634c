"""The mbox that export writes, opened in real mail programs: they show the threads that we show."""

from __future__ import annotations

import json
import mailbox
import os
import shutil
import subprocess
import time
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from messaging.archive.ids import Native, msg_id_of
from messaging.archive.writing import encoded
from messaging.models import Message
from messaging.threads import Node, nest
from tests.factories import plant, shape

pytestmark = pytest.mark.django_db

Tree = list[tuple[str, "Tree"]]  # ids, and the replies to each


def program(name: str) -> str:
    """The path of a program; the test is skipped where it is not installed."""
    path = shutil.which(name)
    if path is None:
        pytest.skip(f"{name} is not installed")
    return path


@pytest.fixture
def mbox(tmp_path: Path) -> Path:
    """Two threads between five people, as an mbox."""
    pairs = [(n % 5, (n + 1) % 5) for n in range(12)]
    for minute, pk in enumerate(plant([*shape("mixed", 8), None, 8, 9, 8], pairs)):
        moment = datetime(2026, 11, 23, 12, minute, tzinfo=timezone.utc)
        Message.objects.filter(pk=pk).update(timestamp=moment)
    path = tmp_path / "all.mbox"
    path.write_bytes(b"".join(encoded(Message.objects.all(), "mbox")))
    return path


def ours() -> Tree:
    """The forest of the store, by Message-IDs."""

    def branch(node: Node) -> tuple[str, Tree]:
        name = msg_id_of(Native(node.message.id, node.message.timestamp))
        return name, [branch(reply) for reply in node.replies]

    rows = Message.objects.order_by("timestamp", "id").rows()
    return [branch(node) for node in nest(rows)]


def test_notmuch_shows_the_same_threads(mbox: Path, tmp_path: Path) -> None:
    notmuch = program("notmuch")
    maildir = mailbox.Maildir(tmp_path / "mail", create=True)
    with closing(mailbox.mbox(mbox)) as mails:
        for mail in mails:
            maildir.add(mail)
    config = tmp_path / "notmuch.conf"
    config.write_text(f"[database]\npath={tmp_path / 'mail'}\n")
    environment = {**os.environ, "NOTMUCH_CONFIG": str(config), "HOME": str(tmp_path)}

    def ask(*words: str) -> str:
        return subprocess.run(
            [notmuch, *words], env=environment, capture_output=True, text=True, check=True
        ).stdout

    def branch(found: Any) -> tuple[str, Tree]:
        mail, replies = found
        return mail["id"], [branch(reply) for reply in replies]

    ask("new")
    shown = json.loads(ask("show", "--format=json", "--body=false", "--sort=oldest-first", "*"))
    assert [branch(top) for thread in shown for top in thread] == ours()


def test_neomutt_shows_the_same_threads(mbox: Path, tmp_path: Path) -> None:
    neomutt, tmux = program("neomutt"), program("tmux")
    settings = tmp_path / "neomuttrc"
    settings.write_text(
        f"set folder={tmp_path}\nset sort=threads\nset sort_aux=date\nset ascii_chars=yes\n"
        "set hide_thread_subject=no\nset help=no\n"
        'set index_format="%s"\nset status_format="%f: %m mails"\n'
    )
    screen = ["-L", f"msgcli-{uuid4().hex}"]
    command = f"{neomutt} -n -R -F {settings} -f {mbox}"
    subprocess.run(
        [tmux, *screen, "-f", "/dev/null", "new-session", "-d", "-x", "80", "-y", "24", command],
        env={**os.environ, "TERM": "screen", "HOME": str(tmp_path), "LC_ALL": "C.UTF-8"},
        check=True,
    )
    try:
        shown = ""
        until = time.monotonic() + 20
        while "12 mails" not in shown and time.monotonic() < until:
            time.sleep(0.1)
            shown = subprocess.run(
                [tmux, *screen, "capture-pane", "-p"], capture_output=True, text=True, check=True
            ).stdout
    finally:
        subprocess.run([tmux, *screen, "kill-server"], check=True)
    assert shown.splitlines()[:12] == list(drawn(ours()))


def drawn(forest: Tree) -> list[str]:
    """A forest as mutt draws it in ASCII: the text of each message after its branch."""
    texts = {
        msg_id_of(Native(message.pk, message.timestamp)): message.content
        for message in Message.objects.all()
    }

    def lines(branches: Tree, indent: str) -> list[str]:
        told = []
        for number, (name, replies) in enumerate(branches, start=1):
            last = number == len(branches)
            told.append(f"{indent}{'`' if last else '|'}->{texts[name]}")
            told += lines(replies, indent + ("  " if last else "| "))
        return told

    return [line for name, replies in forest for line in (texts[name], *lines(replies, ""))]

"""Imported mail has the threads that an IMAP server gives it, by RFC 5256 without subjects.

The expected replies are those of the server tests that msgcli's makers tried it on; they
are not part of the project, so this is skipped where they are not beside it.
"""

from __future__ import annotations

import re
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from messaging.archive import import_letters
from messaging.archive.formats import opened
from messaging.models import Message
from messaging.threads import Node, nest

DATA = Path(__file__).parents[2] / "shared" / "data" / "imaptest-thread"

pytestmark = [
    pytest.mark.django_db,
    pytest.mark.skipif(not DATA.is_dir(), reason="the server tests are not here"),
]

Tree = tuple[str | None, tuple[Any, ...]]  # a message's number, None if absent; what answers it


def parsed(reply: str) -> list[Tree]:
    """The trees of a THREAD reply; source: RFC 5256, section 4 (thread-list)."""
    tokens = iter(re.findall(r"[()]|\d+", reply))

    def group() -> Tree:
        chain: list[str] = []
        nested: list[Tree] = []
        for token in tokens:
            if token == ")":
                break
            if token == "(":
                nested.append(group())
            else:
                chain.append(token)
        tree = tuple(nested)
        for number in reversed(chain):
            tree = ((number, tree),)
        return tree[0] if len(tree) == 1 else (None, tree)

    return [group() for token in tokens if token == "("]


def ours() -> list[Tree]:
    """The trees of the store, the messages by their numbers in the mailbox."""
    numbers = {pk: str(n) for n, pk in enumerate(in_mailbox(), start=1)}

    def tree(node: Node) -> Tree:
        return numbers[node.message.id], tuple(map(tree, node.replies))

    found = {
        frozenset(row.id for row in rows): tuple(map(tree, nest(rows)))
        for rows in (Message.objects.in_thread(pk).rows() for pk in numbers)
    }
    return [tops[0] if len(tops) == 1 else (None, tops) for tops in found.values()]


def in_mailbox() -> list[int]:
    """The ids of the messages in the order of the file."""
    texts = dict(Message.objects.values_list("pk", "content"))
    return sorted(texts, key=lambda pk: (position(texts[pk]), pk))


def position(text: str) -> int:
    found = re.search(r"number (\d+)$", text)
    return int(found[1]) if found else 0


@pytest.mark.parametrize("name", ["thread", "thread2", "thread5", "thread6", "thread7", "thread8"])
def test_threads_are_those_of_an_imap_server(name: str, tmp_path: Path) -> None:
    script = (DATA / name).read_text()
    expected = re.search(r"^\* thread (.+)$", script, re.MULTILINE | re.IGNORECASE)
    assert expected is not None
    appended = script[: expected.start()].count("ok append")
    mails = (DATA / f"{name}.mbox").read_bytes().split(b"\n\nFrom ")
    numbered = [mail.rstrip() + b" number %d" % n for n, mail in enumerate(mails, start=1)]
    mbox = tmp_path / "some.mbox"
    mbox.write_bytes(b"\n\nFrom ".join(numbered[: appended or None]) + b"\n")
    with opened(str(mbox)) as archive:
        report = import_letters(islice(archive, None))
    assert not report.skipped
    assert canonical(ours()) == canonical(parsed(expected[1]))


def canonical(trees: Any) -> Any:
    """Trees whose branches are in the order of their texts, to compare without their order."""
    return sorted(((number, canonical(below)) for number, below in trees), key=repr)


@pytest.mark.parametrize("name", ["thread3", "thread4"])
def test_subjects_are_not_merged(name: str) -> None:
    """The server gives (1 2), for the same subject with and without Re:; see docs/archives.md."""
    with opened(str(DATA / f"{name}.mbox")) as archive:
        import_letters(archive)
    assert Message.objects.count() == 2
    assert not Message.objects.exclude(parent_message=None).exists()

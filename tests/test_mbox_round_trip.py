"""Any forest of messages, written as mbox and read in any order and in pieces, is the same forest."""

from __future__ import annotations

from random import Random
from tempfile import NamedTemporaryFile
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging import health
from messaging.archive import import_letters
from messaging.archive.formats import opened
from messaging.archive.writing import encoded
from messaging.models import Message
from tests.factories import EXAMPLES, people, undone

pytestmark = pytest.mark.django_db

LINES = st.sampled_from(
    [
        "hi",
        "From here",
        ">From there",
        "é漢👩",
        "\x1b[31m",
        " spaces ",
        "",
        ".",
        "a: b",
        "--",
        "-- ",
    ]
)
TEXTS = st.lists(LINES, min_size=1, max_size=4).map("\n".join).filter(str.strip)
# Which message it answers, of those before it; from whom to whom; read; what it says.
MESSAGES = st.lists(
    st.tuples(
        st.integers(0, 20), st.sampled_from("abc"), st.sampled_from("abc"), st.booleans(), TEXTS
    ),
    min_size=1,
    max_size=12,
)


def forest() -> list[Any]:
    """Everything that an mbox can tell of the messages, whichever ids they have."""
    columns = ("timestamp", "sender__username", "receiver__username", "read", "content")
    parents = [f"parent_message__{name}" for name in ("timestamp", "content")]
    return sorted(map(str, Message.objects.values_list(*columns, *parents)))


def take(mails: list[bytes]) -> None:
    with NamedTemporaryFile() as file:
        file.write(b"".join(mails))
        file.flush()
        with opened(file.name) as archive:
            report = import_letters(archive)
    assert report.added == len(mails)


@EXAMPLES
@given(MESSAGES, st.integers(1, 3), st.integers())
def test_a_forest_comes_back_whatever_the_order(
    messages: list[tuple[int, str, str, bool, str]], pieces: int, seed: int
) -> None:
    with undone():
        users = dict(zip("abc", people("alice", "Bøb [x], Jr.", "#carol"), strict=True))
        made: list[Message] = []
        for number, (above, sender, receiver, read, text) in enumerate(messages):
            made.append(
                Message.objects.create(
                    sender=users[sender],
                    receiver=users[receiver],
                    content=f"{number} {text}".rstrip(),
                    read=read,
                    parent_message=made[above % number] if number and above % 3 else None,
                )
            )
        before = forest()
        mails = list(encoded(Message.objects.all(), "mbox"))
        Random(seed).shuffle(mails)
        Message.objects.all().delete()
        for piece in range(min(pieces, len(mails))):
            take(mails[piece::pieces])
        assert forest() == before
        assert not health.faults()

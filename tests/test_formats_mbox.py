"""mbox: where one message ends and the next begins."""

from __future__ import annotations

import io
import mailbox
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.archive.formats.mbox import MAX_LIES, split
from messaging.archive.letters import Letter
from tests.letters import UNHURRIED, entries, mail, parsed, texts, write

FROM = "From alice@example.com Thu Jan  1 12:00:00 2026\n"


def box(*messages: str, between: str = "\n") -> str:
    return between.join(FROM + message for message in messages)


def bodies(data: str | bytes) -> list[str]:
    """The texts of the messages that these bytes are split into."""
    raw = data.encode() if isinstance(data, str) else data
    return [parsed(message).content for _, message in split(io.BytesIO(raw))]


def test_messages_are_told_apart_and_numbered(tmp_path: Path) -> None:
    path = write(tmp_path / "inbox", box(mail("one"), mail("two", Message_ID="<2@x>")))
    found = entries(path)
    assert [(file, number) for file, number, _ in found] == [(str(path), 1), (str(path), 2)]
    assert texts(path) == ["one", "two"]
    assert [one.id for _, _, one in found] == ["1@example.com", "2@x"]


@pytest.mark.parametrize(
    "line",
    [
        "From -",
        "From - Thu Jan  1 12:00:00 2026",
        "From 1844347792267117879@xxx Thu Jan 01 12:00:00 +0000 2026",
        "From alice at example.com  Thu Jan  1 12:00:00 2026",
        "From alice Thu Jan  1 12:00 CET 2026 remote from example",
        "From älice@example.com Thu Jan  1 12:00:00 2026",
        "From alice@example.com",
        "From MAILER-DAEMON",
    ],
)
@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize("mark", ["", "\ufeff", "\n\n"])
def test_from_lines_of_many_programs_are_known(
    tmp_path: Path, line: str, ending: str, mark: str
) -> None:
    data = f"{mark}{line}\n{mail('one')}\n{line}\n{mail('two')}".replace("\n", ending)
    assert texts(write(tmp_path / "inbox", data)) == ["one", "two"]
    assert texts(write(tmp_path / "old", data.encode("utf-8").replace(b"\xc3\xa4", b"\xe4"))) == [
        "one",
        "two",
    ]


@pytest.mark.parametrize(
    "prose",
    [
        "From Russia with love",
        "From Russia with love\nYear: 1963",
        "From here:\nsee",
        "From now on",
        "From everywhere",
        "Not\nFrom me\nNote: this",
        "From me\n\nbob",
    ],
)
def test_a_sentence_that_begins_with_from_is_no_message(prose: str) -> None:
    assert bodies(box(mail(f"My film:\n\n{prose}\n\nBye"), mail("two"))) == [
        f"My film:\n\n{prose}\n\nBye",
        "two",
    ]


def test_files_that_were_joined_without_a_blank_line_come_apart() -> None:
    assert bodies(box(mail("one"), mail("two"), between="")) == ["one", "two"]


def test_a_message_without_a_header_is_one() -> None:
    found = [
        message
        for _, message in split(io.BytesIO((FROM + "\nhi\n\n" + FROM + mail("two")).encode()))
    ]
    assert [parsed(message).content for message in found] == ["hi", "two"]


@pytest.mark.parametrize(
    ("wrote", "meant"),
    [
        (">From me", "From me"),
        (">>From me", ">From me"),
        ("> From me", "> From me"),
        (">From: me", ">From: me"),
        ("a\n>From me\n>>From you", "a\nFrom me\n>From you"),
        ("From me\n>From you", "From me\n>From you"),
    ],
)
def test_what_mboxrd_quotes_is_unquoted_unless_nothing_was(wrote: str, meant: str) -> None:
    assert bodies(box(mail(wrote))) == [meant]


def of_length(body: str, length: int) -> str:
    return mail("", Content_Length=str(length)).rstrip("\n") + f"\n\n{body}"


def test_a_content_length_that_leads_to_the_next_message_is_followed() -> None:
    body = f"see:\n\n{FROM}{mail('quoted')}end\n"
    wanted = [body.rstrip(), "two"]
    assert bodies(box(of_length(body, len(body)), mail("two"))) == wanted
    assert bodies(box(mail("two"), of_length(body, len(body)))) == wanted[::-1]
    without_blank = box(of_length(body, len(body)), mail("two"), between="")
    assert bodies(without_blank) == wanted
    assert bodies(without_blank.replace("\n", "\r\n")) != wanted  # it counts other line ends


@pytest.mark.parametrize("length", [0, 1, 5, 1_000, 10**9, 10**12, 10**30])
def test_a_content_length_that_leads_elsewhere_is_not(length: int) -> None:
    assert bodies(box(of_length("one\n", length), mail("two"), mail("three"))) == [
        "one",
        "two",
        "three",
    ]


def test_after_many_wrong_lengths_none_is_followed() -> None:
    wrong = [of_length("one\n", 10_000)] * MAX_LIES
    body = f"see:\n\n{FROM}{mail('quoted')}end\n"
    assert len(bodies(box(*wrong[1:], of_length(body, len(body))))) == MAX_LIES
    assert len(bodies(box(*wrong, of_length(body, len(body))))) == MAX_LIES + 2


def test_a_from_line_within_a_header_does_not_end_it() -> None:
    header = mail("one").replace("To:", ">From bob@x Thu Jan  1 12:00:00 2026\nTo:")
    for line in (header, ">From bob@x Thu Jan  1 12:00:00 2026\n" + mail("one")):
        (_, message), *more = split(io.BytesIO((FROM + line).encode()))
        assert (parsed(message).subject, parsed(message).content, more) == ("lunch", "one", [])


def test_a_from_field_without_its_colon_is_no_message() -> None:
    broken = mail("one").replace("From:", "From").replace("Alice <alice@example.com>", "alice@x")
    ((_, message),) = split(io.BytesIO((FROM + "Date: x\n" + broken).encode()))
    assert (parsed(message).subject, parsed(message).content) == ("lunch", "one")


@pytest.mark.parametrize(("status", "read"), [("", True), ("RO", True), ("O", False), ("N", False)])
def test_status_says_what_was_read(tmp_path: Path, status: str, read: bool) -> None:
    (found,) = entries(write(tmp_path / "inbox", box(mail("one", Status=status))))
    assert found[2].read == read


def test_an_id_that_comes_again_is_another_message(tmp_path: Path) -> None:
    path = write(tmp_path / "inbox", box(*[mail(f"{n}") for n in range(3)]))
    ids = [found.id for _, _, found in entries(path)]
    assert ids[0] == "1@example.com"
    assert len(set(ids)) == 3
    assert [found.id for _, _, found in entries(path)] == ids


def test_a_message_that_is_nothing_stops_nobody(tmp_path: Path) -> None:
    path = write(tmp_path / "inbox", box(mail("one"), "\n", mail("three")))
    assert texts(path) == ["one", "it is empty.", "three"]


@UNHURRIED
@given(
    st.binary(max_size=400)
    | st.lists(
        st.sampled_from(
            ["From ", FROM, "\n", "\r\n", "Content-Length: 9\n", "x", ">", "a: b\n", "\ufeff"]
        ),
        max_size=40,
    ).map(lambda some: "".join(some).encode())
)
def test_random_bytes_are_split_and_lose_nothing_but_from_lines(data: bytes) -> None:
    def said(some: bytes) -> list[bytes]:
        lines = [line.lstrip(b">") for line in some.split(b"\n") if line.strip()]
        return [line for line in lines if not line.startswith(b"From ")]

    found = [message for _, message in split(io.BytesIO(data))]
    assert said(b"\n".join(found)) == said(data.removeprefix(b"\xef\xbb\xbf"))


@UNHURRIED
@given(st.binary(max_size=300))
def test_random_bytes_as_an_mbox_never_raise(
    tmp_path_factory: pytest.TempPathFactory, data: bytes
) -> None:
    path = write(tmp_path_factory.getbasetemp() / "random", FROM.encode() + data)
    assert entries(path, "mbox")


LINES = st.lists(st.sampled_from(["From me", ">From you", "hi", "", "bye:", "é"]), max_size=8)


@UNHURRIED
@given(st.lists(LINES, min_size=1, max_size=4))
def test_what_the_standard_library_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, messages: list[list[str]]
) -> None:
    path = tmp_path_factory.getbasetemp() / "written.mbox"
    path.unlink(missing_ok=True)
    wanted = []
    writing = mailbox.mbox(path)
    for number, lines in enumerate(messages):
        body = "\n".join(lines)
        writing.add(mail(body, Message_ID=f"<{number}@x>").encode())
        # It is mboxo: a line that somebody quoted without a space can't be told from one it quoted.
        wanted.append("\n".join(line.replace(">From", "From") for line in lines).rstrip("\n"))
    writing.close()
    found = [one for _, _, one in entries(path)]
    assert all(isinstance(one, Letter) for one in found)
    assert [one.content.rstrip("\n") for one in found] == wanted

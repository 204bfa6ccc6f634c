"""Archives of any format, as files, folders and streams, plain and compressed."""

from __future__ import annotations

import bz2
import gzip
import io
import json
import lzma
import mailbox
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from messaging.archive.formats import FORMATS, opened
from messaging.archive.records import Record
from messaging.exceptions import ArchiveError
from tests.letters import entries, files, mail, texts, write

FROM = "From alice@example.com Thu Jan  1 12:00:00 2026\n"
LINE = json.dumps(
    {
        "id": 1,
        "sender": "alice",
        "receiver": "bob",
        "content": "a line",
        "timestamp": "2026-01-01T12:00:00Z",
    }
)
UNKNOWN = "it is not an archive that can be read."
PACKERS: list[Callable[[bytes], bytes]] = [bytes, gzip.compress, bz2.compress, lzma.compress]


def format_of(path: Path) -> str:
    with opened(str(path)) as archive:
        return archive.format


def refusal(path: Path | str, format: str | None = None) -> str:
    with pytest.raises(ArchiveError) as caught, opened(str(path), format=format) as archive:
        list(archive)
    return str(caught.value)


@pytest.mark.parametrize("pack", PACKERS)
@pytest.mark.parametrize(
    ("content", "format", "wanted"),
    [
        (LINE, "jsonl", ["a line"]),
        ("\ufeff" + LINE, "jsonl", ["a line"]),
        ("damaged\n" + LINE, "jsonl", ["it is not JSON.", "a line"]),
        ("", "jsonl", []),
        (" \n", "jsonl", []),
        (FROM + mail("a box"), "mbox", ["a box"]),
        ("\ufeff" + FROM + mail("a box"), "mbox", ["a box"]),
        (mail("a message"), "eml", ["a message"]),
        ("\ufeff\r\n" + mail("a message").replace("\n", "\r\n"), "eml", ["a message"]),
        ("content-type: text/plain\n\nhi", "eml", ["hi"]),
    ],
)
def test_a_file_is_known_by_what_is_in_it(
    tmp_path: Path, pack: Callable[[bytes], bytes], content: str, format: str, wanted: list[str]
) -> None:
    path = write(tmp_path / "archive.data", pack(content.encode()))
    assert (format_of(path), texts(path)) == (format, wanted)
    assert [place for place, _, _ in entries(path)] == [str(path)] * len(wanted)


@pytest.mark.parametrize("pack", PACKERS)
def test_stdin_is_known_by_what_is_in_it(
    monkeypatch: pytest.MonkeyPatch, pack: Callable[[bytes], bytes]
) -> None:
    for content in (LINE, FROM + mail("x"), mail("x")):
        raw = io.BytesIO(pack(content.encode()))
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(raw))
        with opened("-") as archive:
            assert archive.size is None
            assert len(list(archive)) == 1


@pytest.mark.parametrize(
    "content",
    [
        b"%PDF-1.7\n",
        b"PK\x03\x04 no zip",
        b"Note: a text\n\nhi",
        b"From me\nto you",
        b'{\n  "a": 1\n}',
        b"\x00\x01",
    ],
)
def test_what_is_no_archive_is_refused(tmp_path: Path, content: bytes) -> None:
    path = write(tmp_path / "notes.pdf", content)
    assert refusal(path) == (
        f"{path} is not an archive that can be read: JSON Lines, mbox, Maildir, MH, .eml or Slack."
    )


def test_json_that_is_laid_out_is_no_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "page.json"
    path.write_text(json.dumps({"id": 1, "content": {"a": "b"}}, indent=2))
    with pytest.raises(ArchiveError, match="is not an archive that can be read"), opened(str(path)):
        pass


def test_a_format_can_be_said(tmp_path: Path) -> None:
    path = write(tmp_path / "notes", "Note: a text\n\nhi")
    assert texts(path, "eml") == ["hi"]
    assert texts(path, "mbox") == ["hi"]
    assert texts(path, "jsonl") == ["it is not JSON."] * 2
    assert refusal(path, "maildir") == f"{path} is a file, and maildir is a folder."
    assert refusal(path, "pst") == (
        '"pst" is not a format of archives: jsonl, mbox, maildir, mh, eml, slack.'
    )
    assert FORMATS == ("jsonl", "mbox", "maildir", "mh", "eml", "slack")


@pytest.mark.parametrize("pack", PACKERS[1:])
@pytest.mark.parametrize("share", [0.3, 0.95])
def test_a_file_that_is_cut_off_is_not_taken_for_whole(
    tmp_path: Path, pack: Callable[[bytes], bytes], share: float
) -> None:
    messages = (FROM + mail(os.urandom(500).hex(), Message_ID=f"<{n}@x>") for n in range(300))
    whole = pack("\n".join(messages).encode())
    path = write(tmp_path / "cut", whole[: int(len(whole) * share)])
    with pytest.raises((EOFError, OSError)):
        entries(path)
    assert texts(tmp_path)[-1] == "it can't be read: it is cut off or damaged."


def test_a_file_that_is_absent_is_an_error_of_the_system(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        entries(tmp_path / "absent")


@pytest.mark.parametrize("pack", PACKERS)
def test_what_was_read_adds_up_to_the_size(tmp_path: Path, pack: Callable[[bytes], bytes]) -> None:
    messages = (FROM + mail(os.urandom(500).hex(), Message_ID=f"<{n}@x>") for n in range(900))
    box = pack("\n".join(messages).encode())
    files(tmp_path, {"inbox": box, "notes": b"%PDF" * 9, "sub/a": "{"})
    for path in (tmp_path / "inbox", tmp_path):
        told: list[int] = []
        with opened(str(path), on_read=told.append) as archive:
            for _ in archive:
                assert archive.size is not None
                assert sum(told) <= archive.size
        assert (
            sum(told)
            == archive.size
            == sum(
                one.stat().st_size
                for one in ([path] if path.is_file() else path.rglob("*"))
                if one.is_file()
            )
        )
        assert len(told) >= 2


def maildir(folder: Path) -> mailbox.Maildir:
    made = mailbox.Maildir(folder)
    for number, flags in enumerate(("S", "", "RS")):
        message = mailbox.MaildirMessage(mail(f"cur {number}", Message_ID=f"<{number}@x>").encode())
        message.set_subdir("cur")
        message.set_flags(flags)
        made.add(message)
    made.add(mail("new", Message_ID="<n@x>").encode())
    files(folder, {"tmp/half": mail("half"), "subscriptions": "x", "dovecot.index": b"\0"})
    return made


def test_a_maildir_is_read_with_its_subfolders(tmp_path: Path) -> None:
    made = maildir(tmp_path / "mail")
    made.add_folder("Sent").add(mail("sent").encode())
    assert format_of(tmp_path / "mail") == "maildir"
    found = entries(tmp_path / "mail")
    assert sorted((one.content, one.read) for _, _, one in found) == [
        ("cur 0", True),
        ("cur 1", False),
        ("cur 2", True),
        ("new", False),
        ("sent", False),
    ]
    assert [place.split("/")[0] for place, _, _ in found] == ["cur"] * 3 + ["new", ".Sent"]


def test_the_flags_of_a_maildir_may_have_another_mark(tmp_path: Path) -> None:
    files(tmp_path, {f"cur/1{mark}2,{flags}": mail("x") for mark in ":;!" for flags in ("", "S")})
    (tmp_path / "tmp").mkdir()
    assert [one.read for _, _, one in entries(tmp_path)] == [False, True] * 3


def test_an_empty_maildir_is_an_archive_of_nothing(tmp_path: Path) -> None:
    mailbox.Maildir(tmp_path / "box")
    assert texts(tmp_path / "box") == []


def test_an_mh_folder_is_read_in_the_order_of_numbers(tmp_path: Path) -> None:
    folder = tmp_path / "mh"
    made = mailbox.MH(folder)
    for number in range(12):
        made.add(mail(f"{number + 1}", Message_ID=f"<{number}@x>").encode())
    made.set_sequences({"unseen": [2, 9, 10, 11], "cur": [1]})
    files(folder, {",3": mail("deleted"), "sub/1": mail("below")})
    assert format_of(folder) == "mh"
    found = entries(folder)
    assert [one.content for _, _, one in found] == [*map(str, range(1, 13)), "below"]
    assert [one.content for _, _, one in found if not one.read] == ["2", "9", "10", "11"]


def test_numbered_files_are_mh_only_if_they_are_mail(tmp_path: Path) -> None:
    assert format_of(files(tmp_path / "a", {"1": mail("x"), "2": mail("x")})) == "mh"
    assert format_of(files(tmp_path / "b", {"1": LINE, "2": LINE})) == "folder"


def test_a_folder_of_anything_is_read_in_order_and_what_is_nothing_is_reported(
    tmp_path: Path,
) -> None:
    maildir(tmp_path / "c")
    files(
        tmp_path,
        {
            "10.eml": mail("ten"),
            "9.eml.gz": gzip.compress(mail("nine").encode()),
            "a": LINE,
            "b/inbox": FROM + mail("a box"),
            "d/e/f/deep": FROM + mail("deep"),
            "empty": "",
            ".DS_Store": b"\0",
            ".git/config": "x",
            "notes.pdf": b"%PDF",
        },
    )
    (tmp_path / "nowhere").symlink_to(tmp_path / "absent")
    os.mkfifo(tmp_path / "pipe")
    assert format_of(tmp_path) == "folder"
    found = [
        (file, one if isinstance(one, Record) else str(one)) for file, _, one in entries(tmp_path)
    ]
    wanted = ["9.eml.gz", "10.eml", ".DS_Store", ".git", "a"]
    assert [file for file, _ in found][:5] == wanted
    assert [file for file, _ in found][-4:] == ["d/e/f/deep", "notes.pdf", "nowhere", "pipe"]
    assert [file for file, told in found if told == UNKNOWN] == [
        ".DS_Store",
        ".git",
        "notes.pdf",
        "nowhere",
        "pipe",
    ]


def test_a_folder_that_leads_back_into_itself_ends(tmp_path: Path) -> None:
    files(tmp_path, {"a/inbox": FROM + mail("once")})
    (tmp_path / "a" / "z").symlink_to(tmp_path)
    assert texts(tmp_path) == ["once", "it is a folder that it is in."]


def test_a_folder_without_files_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    assert refusal(tmp_path) == f"{tmp_path} is an empty folder."


def test_one_format_can_be_said_for_a_folder(tmp_path: Path) -> None:
    files(tmp_path, {"a": mail("one"), "b": "Note: two\n\ntwo", ".c": "x"})
    assert texts(tmp_path) == [UNKNOWN, "one", UNKNOWN]
    assert texts(tmp_path, "eml") == [UNKNOWN, "one", "two"]
    assert texts(tmp_path, "maildir") == [UNKNOWN] * 3


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read anything")
def test_a_file_that_may_not_be_read_stops_nobody(tmp_path: Path) -> None:
    files(tmp_path, {"a": mail("one"), "b": mail("two")}).joinpath("a").chmod(0)
    assert texts(tmp_path) == ["it can't be read: Permission denied.", "two"]


def test_one_message_has_one_id_wherever_it_is(tmp_path: Path) -> None:
    text = mail("hi", Message_ID="")
    files(tmp_path, {"box": FROM + text, "one": text, "dir/cur/1:2,S": text})
    (tmp_path / "dir" / "new").mkdir()
    assert len({one.id for _, _, one in entries(tmp_path)}) == 1
    assert len(entries(tmp_path)) == 3

"""Archives: import and export."""

import gzip
import json
import random
import stat
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User

from messaging.models import Message
from msgcli import errors
from tests.conftest import Run
from tests.factories import people, send


def line(id: int, parent_id: int | None = None, /, **fields: Any) -> dict[str, Any]:
    """A message as an archive has it, between alice and bob."""
    return {
        "id": id,
        "sender": "alice",
        "receiver": "bob",
        "content": f"message {id}",
        "timestamp": f"2026-01-02T03:04:{id:02}Z",
        "read": False,
        "edited": False,
        "parent_id": parent_id,
        **fields,
    }


def jsonl(*lines: dict[str, Any]) -> bytes:
    return "".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines).encode()


ARCHIVE = [
    line(1),
    line(2, 1, sender="bob", receiver="alice", read=True),
    line(
        3,
        2,
        edited=True,
        history=[
            {"content": "ol\u00e9", "edited_at": "2026-01-02T04:00:00Z", "edited_by": "alice"}
        ],
    ),
    line(4, content="  ", sender="#ubuntu", receiver="foo[away]"),
]


@pytest.fixture
def archive(tmp_path: Path) -> Path:
    path = tmp_path / "some.jsonl"
    path.write_bytes(jsonl(*ARCHIVE))
    return path


def test_an_archive_comes_in_and_goes_out_as_the_same_bytes(run: Run, archive: Path) -> None:
    result = run("import", str(archive))
    assert result.stdout.splitlines() == [
        f"read{4:>33}",
        f"added{4:>32}",
        f"people added{4:>25}",
    ]
    assert run("export").stdout.encode() == archive.read_bytes()


def test_export_into_an_empty_store_and_out_again(run: Run, tmp_path: Path) -> None:
    run("send", "alice", "bob", "hi\u2028[b]\x1b[1m 漢字 👩\u200d👩")
    run("reply", "1", "bob", "one\ntwo")
    run("edit", "2", "bob", "three")
    run("mark-read", "1")
    run("export", "-o", "first.jsonl")
    elsewhere = {"MSGCLI_DATA_DIR": str(tmp_path / "other")}
    assert run("import", "first.jsonl", env=elsewhere).code == errors.DONE
    run("export", "--output", "second.jsonl", env=elsewhere)
    assert (tmp_path / "first.jsonl").read_bytes() == (tmp_path / "second.jsonl").read_bytes()


def test_importing_twice_adds_nothing(invoke: Run, archive: Path) -> None:
    invoke("import", str(archive))
    report = invoke("import", str(archive), "--json").json
    assert (report["added"], report["already_there"], report["users_added"]) == (0, 4, 0)
    assert Message.objects.count() == 4


def test_a_reply_may_come_before_its_parent(invoke: Run, archive: Path, tmp_path: Path) -> None:
    lines = [line(n, n - 1 if n > 1 else None) for n in range(1, 60)]
    random.Random(1).shuffle(lines)
    path = tmp_path / "shuffled.jsonl"
    path.write_bytes(jsonl(*lines))
    assert invoke("import", str(path)).code == errors.DONE
    parents = Message.objects.order_by("id").values_list("parent_message_id", flat=True)
    assert list(parents) == [None, *range(1, 59)]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_an_archive_comes_through_a_pipe(run: Run, archive: Path, pack: Any) -> None:
    result = run("import", "-", "--json", input=pack(archive.read_bytes()))
    assert (result.json["added"], result.code) == (4, errors.DONE)


def test_a_packed_archive_is_known_by_its_content(invoke: Run, archive: Path) -> None:
    archive.write_bytes(gzip.compress(archive.read_bytes()))
    assert invoke("import", str(archive), "--json").json["added"] == 4


def test_a_packed_export_is_the_same_bytes_each_time(invoke: Run, tmp_path: Path) -> None:
    send("alice", "bob")
    for name in ("one.gz", "two.gz"):
        invoke("export", "--output", str(tmp_path / name))
    one, two = ((tmp_path / name).read_bytes() for name in ("one.gz", "two.gz"))
    assert one == two
    assert json.loads(gzip.decompress(one))["content"] == "hi"


def test_an_export_is_for_its_owner_only_and_counted(invoke: Run, tmp_path: Path) -> None:
    send("alice", "bob")
    path = tmp_path / "all.jsonl"
    result = invoke("export", "--output", str(path))
    assert (result.stdout, result.stderr) == ("", f"1 message in {path}\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_an_export_of_a_user_has_their_messages(invoke: Run) -> None:
    send("alice", "bob", "one")
    send("carol", "bob", "two")
    send("carol", "dave", "three")
    lines = invoke("export", "bob").stdout.splitlines()
    assert [json.loads(line)["content"] for line in lines] == ["one", "two"]
    assert len(invoke("export", "--all", env={"MSGCLI_USER": "bob"}).stdout.splitlines()) == 3


def test_an_export_that_fails_leaves_the_earlier_file(
    run: Run, tmp_path: Path, archive: Path
) -> None:
    before = archive.read_bytes()
    result = run("export", "nobody", "--output", str(archive))
    assert (result.stderr, result.code) == ("No user nobody.\n", errors.NOT_FOUND)
    assert archive.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} <= {"some.jsonl", "store"}


def test_the_names_of_other_archives_are_understood(invoke: Run, tmp_path: Path) -> None:
    other = {"id": "a-1", "sender": " alice ", "receiver": "bob", "body": "hi", "parent_id": None}
    path = tmp_path / "other.jsonl"
    path.write_bytes(jsonl({**other, "sent_at": "2026-01-02 03:04:05"}))
    invoke("import", str(path))
    message = Message.objects.get()
    assert (message.sender.username, message.content) == ("alice", "hi")
    assert message.timestamp.isoformat() == "2026-01-02T03:04:05+00:00"


BAD = [
    (b"no json\n", "it is not JSON."),
    (b"[1]\n", "it is not a JSON object."),
    (b'{"id": "\xff"}\n', "it is not valid UTF-8."),
    (jsonl({"id": 1, "sender": "alice"}), "receiver is missing."),
    (jsonl(line(7, sender="a/b")), "sender: A user name can't contain a slash."),
    (jsonl(line(7, content="a\0b")), "content contains NUL or half a character."),
    (jsonl(line(7, timestamp="soon")), "timestamp is not a time in ISO 8601."),
    (jsonl(line(7, id=True)), "id is neither a text nor a whole number."),
    (
        jsonl(line(1, content="x", sender="erin")),
        "its id is that of another message of this archive.",
    ),
]


@pytest.mark.parametrize(("bad", "reason"), BAD)
def test_one_bad_line_and_nothing_comes_in(
    invoke: Run, archive: Path, bad: bytes, reason: str
) -> None:
    archive.write_bytes(archive.read_bytes() + bad)
    result = invoke("import", str(archive))
    assert (result.stdout, result.stderr) == ("", f"Line 5: {reason}\n")
    assert result.code == errors.REFUSED
    assert (Message.objects.count(), User.objects.count()) == (0, 0)


@pytest.mark.parametrize(("bad", "reason"), BAD)
def test_bad_lines_are_counted_when_they_are_to_be_skipped(
    invoke: Run, archive: Path, bad: bytes, reason: str
) -> None:
    archive.write_bytes(archive.read_bytes() + bad + b"\n" + bad)
    report = invoke("import", str(archive), "--skip-bad", "--json").json
    assert report["skipped"] == [
        {"reason": reason, "places": [{"file": str(archive), "position": n} for n in (5, 7)]}
    ]
    assert (report["read"], report["added"]) == (6, 4)


def test_what_was_skipped_is_said_and_where_when_asked(invoke: Run, archive: Path) -> None:
    archive.write_bytes(archive.read_bytes() + b"no json\n" * 2)
    result = invoke("import", str(archive), "--skip-bad")
    assert result.stdout.splitlines()[-1] == f"skipped{2:>30}   it is not JSON."
    assert result.stderr == "--verbose says where.\n"
    result = invoke("import", str(archive), "--skip-bad", "--verbose")
    places = [" " * 40 + f"{archive}:{number}" for number in (5, 6)]
    assert result.stdout.splitlines()[-2:] == places
    assert result.stderr == ""


def test_an_absent_parent_makes_a_thread_and_is_counted(invoke: Run, tmp_path: Path) -> None:
    path = tmp_path / "half.jsonl"
    path.write_bytes(jsonl(line(5, 4), line(6, 5)))
    told = invoke("import", str(path)).stdout
    assert "replies to absent messages          1   now open threads of their own\n" in told
    assert Message.objects.get(pk=5).parent_message is None
    assert Message.objects.get(pk=6).parent_message_id == 5


@pytest.mark.parametrize("create", [True, False])
def test_unknown_people_are_not_added_where_users_are_strict(
    invoke: Run, archive: Path, create: bool
) -> None:
    people("alice", "bob")
    words = ["import", str(archive), *(["--create"] if create else [])]
    result = invoke(*words, env={"MSGCLI_STRICT_USERS": "1"})
    assert result.code == (errors.DONE if create else errors.REFUSED)
    sentence = "" if create else "Line 4: its sender or receiver is not a user here.\n"
    assert result.stderr == sentence
    assert Message.objects.count() == (4 if create else 0)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "No such file or directory"),
        (gzip.compress(jsonl(line(1)))[:-12], "Compressed file ended before the end"),
        (gzip.compress(jsonl(line(1)))[:12] + b"\xff" * 40, "Error"),
    ],
    ids=["absent", "cut short", "damaged"],  # the bytes differ from run to run
)
def test_a_file_that_can_not_be_read_adds_nothing(
    invoke: Run, tmp_path: Path, content: bytes | None, reason: str
) -> None:
    path = tmp_path / "broken.jsonl.gz"
    if content is not None:
        path.write_bytes(content)
    result = invoke("import", str(path))
    assert result.stderr.startswith(f"{path} can't be read: {reason}")
    assert (result.code, result.stderr.count("\n")) == (errors.REFUSED, 1)
    assert Message.objects.count() == 0


def test_an_empty_folder_is_no_archive(invoke: Run, tmp_path: Path) -> None:
    result = invoke("import", str(tmp_path))
    assert (result.stderr, result.code) == (f"{tmp_path} is an empty folder.\n", errors.REFUSED)


def test_a_byte_order_mark_and_empty_lines_are_no_errors(invoke: Run, archive: Path) -> None:
    archive.write_bytes(b"\xef\xbb\xbf" + archive.read_bytes().replace(b"\n", b"\r\n\r\n"))
    assert invoke("import", str(archive), "--json").json["added"] == 4

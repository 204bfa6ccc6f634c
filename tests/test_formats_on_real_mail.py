"""Archives that others collected, where they are at hand; each folder there names its source."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from messaging.archive.formats import opened
from messaging.archive.letters import Letter
from tests.letters import entries, mail, parsed, texts

ROOT = Path(__file__).parent.parent
DATA = Path(os.environ.get("MSGCLI_SHARED_DATA", ROOT.parent / "shared" / "data"))
MAIL = sorted((DATA / "mail-parser").glob("*/*.eml"))

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the collected archives are not here")

# Where we read something else than the parser whose results are beside the messages, and why.
DIFFERENT = {
    "malformed/020": "the other takes all of a multipart whose first boundary is missing for one text",
    "malformed/021": "the same; the HTML that is left says what the text says",
}


def said(text: str) -> str:
    """Text without what differs by design: white space, NUL and characters that are broken."""
    return re.sub("[\\s\0\ufffd]+", " ", text).strip()


def value(part: dict[str, Any], name: str) -> Any:
    return next((field["value"] for field in part["headers"] if field["name"] == name), {})


def expected(path: Path) -> tuple[str, tuple[str, str], list[str], list[str]]:
    """Subject, sender, texts and names of attachments, as the other parser has them."""
    result = json.loads(path.with_suffix(".json").read_text())
    parts = result["parts"]
    people = value(parts[0], "from").get("Address", {}).get("List") or [{}]
    bodies = [parts[number]["body"] for number in result["text_body"]]
    names = []
    for number in result["attachments"]:
        for field in ("content_disposition", "content_type"):
            found = value(parts[number], field) or {}
            pairs = (
                isinstance(found, dict) and found.get("ContentType", {}).get("attributes")
            ) or []
            names += [one["value"] for one in pairs if one["name"] in {"filename", "name"}]
    return (
        value(parts[0], "subject").get("Text", ""),
        ((people[0].get("address") or "").lower(), people[0].get("name") or ""),
        [said(body["Text"]) for body in bodies if "Text" in body],
        names,
    )


def differences(path: Path) -> list[str]:
    ((_, _, found),) = entries(path)
    assert isinstance(found, Letter), found
    subject, sender, bodies, names = expected(path)
    content = said(found.content)
    wrong = [f"text {body!r}" for body in bodies if body not in content]
    wrong += [f"attachment {name!r}" for name in names if name not in content]
    if (found.sender.address, found.sender.name) != sender:
        wrong.append(f"sender {sender!r}")
    if found.subject != subject:
        wrong.append(f"subject {subject!r}")
    return wrong


@pytest.mark.parametrize("path", MAIL, ids=lambda path: f"{path.parent.name}/{path.stem}")
def test_odd_and_malformed_mail_is_read_as_another_parser_reads_it(path: Path) -> None:
    name = f"{path.parent.name}/{path.stem}"
    assert bool(differences(path)) == (name in DIFFERENT), differences(path)


def test_a_folder_of_all_of_them_is_read(tmp_path: Path) -> None:
    found = entries(DATA / "mail-parser")
    letters = [place for place, _, one in found if isinstance(one, Letter)]
    assert len(letters) == len(MAIL) == 53
    others = {str(one) for _, _, one in found if not isinstance(one, Letter)}
    assert others == {"it is not an archive that can be read."}


@pytest.mark.parametrize(
    ("name", "count"),
    # MimeKit takes the film "From Russia with love" for a message of its own, twice.
    [("content-length", 29), ("issue1189", 4), ("simple", 3), ("unmunged", 2)],
)
def test_mboxes_are_split_where_people_would(name: str, count: int) -> None:
    found = entries(DATA / "mimekit-mbox" / f"{name}.mbox.txt")
    assert [type(one) for _, _, one in found] == [Letter] * count
    summary = DATA / "mimekit-mbox" / f"{name}-summary.txt"
    if summary.exists():
        wanted = re.findall(r"^Subject: (.*)", summary.read_text(), re.M)
        assert [one.subject for _, _, one in found] == [said(subject) for subject in wanted]


def test_mailboxes_of_threads_are_read() -> None:
    for path in sorted((DATA / "imaptest-thread").glob("*.mbox")):
        found = entries(path)
        count = len(re.findall(rb"^From ", path.read_bytes(), re.M))
        assert [type(one) for _, _, one in found] == [Letter] * count
        assert len({one.id for _, _, one in found}) == count


def test_an_export_of_slack_is_read() -> None:
    path = DATA / "slack-export" / "testarchive.zip"
    with opened(str(path)) as archive:
        found = [one for _, one in archive]
    assert (archive.format, len(found)) == ("slack", 158)
    assert all(isinstance(one, Letter) and one.content for one in found)
    assert not [text for text in texts(path) if re.search(r"<[@#!]|&amp;", text)]


@pytest.mark.parametrize("encoding", ["8bit", "base64", "quoted-printable"])
def test_naughty_strings_survive_as_bodies(encoding: str) -> None:
    import base64
    import quopri

    for text in json.loads((DATA / "blns" / "blns.json").read_text()):
        encode = {"base64": base64.encodebytes, "quoted-printable": quopri.encodestring}
        data = encode.get(encoding, bytes)(text.encode()).rstrip(b"\n")
        kind = {"Content-Type": "text/plain; charset=utf-8", "Content-Transfer-Encoding": encoding}
        found = parsed(mail("", **kind)[:-1].encode() + data)
        wanted = text.replace("\r\n", "\n").replace("\r", "\n").replace("\0", "\ufffd")
        assert found.content == wanted.rstrip(), text


def test_invalid_utf_8_is_read_as_well_as_it_can_be() -> None:
    for line in (DATA / "utf8-stress" / "utf8tests.bin").read_bytes().split(b"\n"):
        found = parsed(mail("", Content_Type="text/plain; charset=utf-8").encode() + line)
        found.content.encode()
        assert "\0" not in found.content

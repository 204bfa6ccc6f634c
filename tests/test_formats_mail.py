"""One message of mail, with everything that people and programs do to it."""

from __future__ import annotations

import base64
from datetime import datetime, timedelta, timezone
from email.message import EmailMessage
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from messaging.archive.letters import Letter, Person
from messaging.archive.mail.ids import MAX_REFERENCES, duplicate_id
from messaging.archive.mail.letter import letter
from messaging.archive.mail.text import decoded
from messaging.exceptions import ArchiveError
from tests.letters import NOW, UNHURRIED, mail, parsed

ALICE = Person("alice@example.com", "Alice")
NOBODY = Person("", "")


def multipart(kind: str, *parts: str) -> str:
    """A message of these parts, each a header and a text."""
    inner = "".join(f"--cut\n{part}\n" for part in parts)
    return mail(inner + "--cut--", Content_Type=f'multipart/{kind}; boundary="cut"')


def part(text: str, kind: str = "text/plain; charset=utf-8", **fields: str) -> str:
    lines = {"Content-Type": kind} | {name.replace("_", "-"): v for name, v in fields.items()}
    return "".join(f"{name}: {value}\n" for name, value in lines.items()) + f"\n{text}"


def test_a_message_is_a_letter() -> None:
    assert parsed(mail(References="<a@x> <b@x>")) == Letter(
        id="1@example.com",
        references=("a@x", "b@x"),
        sender=ALICE,
        recipient=Person("bob@example.com", "Bob"),
        subject="lunch",
        content="hi",
        timestamp=datetime(2026, 1, 1, 11, tzinfo=timezone.utc),
        read=True,
    )


@pytest.mark.parametrize(
    ("value", "person"),
    [
        ("alice@example.com", Person("alice@example.com", "")),
        ("ALICE@Example.COM (Alice)", ALICE),
        ('"Alice" <alice@example.com>', ALICE),
        ("'Alice' <alice@example.com>", ALICE),
        ("Alice\n\t<alice@example.com>, bob@example.com", ALICE),
        ('"Doe, \\"Al\\" (A)" <alice@example.com>', Person("alice@example.com", 'Doe, "Al" (A)')),
        ("Doe, Alice <alice@example.com>", Person("alice@example.com", "Doe, Alice")),
        ("=?utf-8?q?=C3=84lice?= <alice@example.com>", Person("alice@example.com", "Älice")),
        (
            '"=?utf-8?B?w4Q=?=\n =?utf-8?b?bGljZQ?=" <alice@example.com>',
            Person("alice@example.com", "Älice"),
        ),
        ("=?no-such?q?=C4lice?= <alice@example.com>", Person("alice@example.com", "Älice")),
        ("=?utf-8?q?=ff=?= <alice@example.com>", Person("alice@example.com", "ÿ")),
        ("alice at example.com (Alice)", ALICE),
        ("friends: Alice <alice@example.com>, bob@x;", ALICE),
        ("<@relay.example,@b:alice@example.com>", Person("alice@example.com", "")),
        ('"alice b"@example.com', Person('"alice b"@example.com', "")),
        ("alice@example.com <alice@example.com>", Person("alice@example.com", "alice@example.com")),
        ("Alice <alice@example.com", ALICE),
        ("root", Person("", "root")),
        ("<root> (Alice (the one))", Person("root", "")),
        ("", NOBODY),
        ("<>", NOBODY),
        ("undisclosed-recipients:;", NOBODY),
        ('"((((<<<', Person("", "( ( ( (")),
        ("\0\x7f", Person("", "\ufffd\x7f")),
    ],
)
def test_whoever_wrote_it_is_understood(value: str, person: Person) -> None:
    assert parsed(mail(From=value)).sender == person


def test_names_beyond_ascii_without_any_encoding_are_utf_8_or_windows_1252() -> None:
    assert parsed(mail(From="Älice <alice@example.com>")).sender.name == "Älice"
    assert parsed(mail(Subject="Grüße").encode("cp1252")).subject == "Grüße"


@pytest.mark.parametrize(
    ("fields", "address"),
    [
        ({"Sender": "bob@x"}, "bob@x"),
        ({"Return_Path": "<bob@x>"}, "bob@x"),
        ({"Sender": "<>", "Return_Path": "<bob@x>"}, "bob@x"),
        ({}, "carol@x"),
    ],
)
def test_a_message_without_from_has_another_sender(fields: dict[str, str], address: str) -> None:
    found = parsed(mail(From="", **fields), envelope="CAROL@x Thu Jan  1 12:00:00 2026")
    assert found.sender.address == address


@pytest.mark.parametrize(
    ("fields", "recipient"),
    [
        ({"To": "undisclosed-recipients:;", "Cc": "dave@x"}, Person("dave@x", "")),
        (
            {"To": "", "List_Post": "<mailto:list@x?subject=hi>", "Cc": "dave@x"},
            Person("list@x", ""),
        ),
        ({"To": "", "Delivered_To": "dave@x"}, Person("dave@x", "")),
        ({"To": "", "Apparently_To": "dave@x"}, Person("dave@x", "")),
        ({"To": "a group: Dave <dave@x>, e@x;"}, Person("dave@x", "Dave")),
        ({"To": ""}, None),
    ],
)
def test_the_recipient_is_the_first_that_there_is(
    fields: dict[str, str], recipient: Person | None
) -> None:
    assert parsed(mail(**fields)).recipient == recipient


@pytest.mark.parametrize(
    ("value", "wanted"),
    [
        ("<1 @exam\n ple.com>", "1@example.com"),
        ("junk <1@x> <2@x>", "1@x"),
        ("1@x", "1@x"),
        ('<"a b"@x>', "ab@x"),
        ("<\0@x>", "\ufffd@x"),
    ],
)
def test_ids_are_found(value: str, wanted: str) -> None:
    assert parsed(mail(Message_ID=value)).id == wanted


@pytest.mark.parametrize("value", ["", "<>", "none", f"<{'x' * 999}>"])
def test_a_message_without_an_id_gets_one_of_what_it_says(value: str) -> None:
    first = parsed(mail(Message_ID=value))
    assert first.id.endswith("@content.invalid")
    assert len(first.id) == len("@content.invalid") + 32
    assert first.id == parsed("X-Other: 1\n" + mail(Message_ID="")).id
    assert first.id != parsed(mail("hey", Message_ID="")).id


def test_an_id_of_what_it_says_does_not_depend_on_the_time_of_the_file() -> None:
    data = mail(Message_ID="", Date="").encode()
    ids = {getattr(letter(data, NOW + timedelta(days=n)), "id", "") for n in range(2)}
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("references", "in_reply_to", "wanted"),
    [
        ("<a@x>\n\t<b@x>", "<c@x>", ("a@x", "b@x")),
        ("<a@x>junk<b@x>, <a@x>", "", ("b@x", "a@x")),
        ("<a@x> <1@example.com>", "", ("a@x",)),
        ("", 'your message of "Thu, 1 Jan" <c@x> <d@x>', ("c@x",)),
        ("none", "c@x", ("c@x",)),
        ("", "your message of Thursday", ()),
        ("", "", ()),
    ],
)
def test_what_it_answers_is_found(references: str, in_reply_to: str, wanted: object) -> None:
    found = parsed(mail(References=references, In_Reply_To=in_reply_to))
    assert found.references == wanted


def test_of_very_many_references_the_first_and_the_last_are_kept() -> None:
    found = parsed(mail(References=" ".join(f"<{n}@x>" for n in range(500)))).references
    assert len(found) == MAX_REFERENCES
    assert (found[0], found[1], found[-1]) == ("0@x", "401@x", "499@x")


@pytest.mark.parametrize(
    ("date", "wanted"),
    [
        ("Thu, 1 Jan 2026 12:00:00", "2026-01-01T12:00:00"),
        ("1 Jan 26 12:00 EST", "2026-01-01T17:00:00"),
        ("Thu, 1 Jan 2026 23:59:60 -0000", "2026-01-01T23:59:59"),
        ("2026-01-01T12:00:00+02:00", "2026-01-01T10:00:00"),
        ("Fri, 31 Dec 9999 23:59:59 +0000", "9999-12-31T23:59:59"),
    ],
)
def test_dates_are_read(date: str, wanted: str) -> None:
    assert parsed(mail(Date=date)).timestamp.isoformat() == f"{wanted}+00:00"


@pytest.mark.parametrize(
    "date",
    [
        "",
        "yesterday",
        "Thu, 31 Feb 2026 12:00:00 +0000",
        "Thu, 1 Jan 1953 12:00:00 +0000",
        "Thu, 1 Jan 99999999999999999999 12:00:00 +0000",
        "Fri, 31 Dec 9999 23:59:59 -0100",
        "Thu, 1 Jan 2026 12:00:00 +99999999999999999999",
        "x" * 5_000,
        "9" * 5_000,
    ],
)
def test_what_is_no_date_is_absent(date: str) -> None:
    received = "from a by b; Fri, 2 Jan 2026 12:00:00 +0000"
    assert parsed(mail(Date=date, Received=received)).timestamp.day == 2
    with_envelope = parsed(mail(Date=date), envelope="alice@x Sat Jan  3 12:00:00 2026")
    assert with_envelope.timestamp.day == 3
    assert parsed(mail(Date=date)).timestamp == NOW


@pytest.mark.parametrize(
    ("subject", "wanted"),
    [
        ("a\n  b\t c ", "a b c"),
        ("=?utf-8?q?a_b?= =?iso-8859-1?q?=E9?=", "a bé"),
        ("=?utf-8?b?w?= =?utf-8?b?6Q==?= x", "é x"),
        ("=?utf-8?b?8J8=?= =?utf-8?b?mII=?=", "😂"),
        ("=?utf-8*en?q?hi?=", "hi"),
        ("=?unknown-8bit?q?=E9?= =?x", "é =?x"),
        ("a\0b", "a�b"),
    ],
)
def test_subjects_are_decoded_in_one_line(subject: str, wanted: str) -> None:
    assert parsed(mail(Subject=subject)).subject == wanted


@pytest.mark.parametrize(
    ("charset", "data", "wanted"),
    [
        ("utf-8", "é".encode(), "é"),
        ("", "é".encode(), "é"),
        ("", b"\xe9", "é"),
        ("us-ascii", "é".encode(), "é"),
        ("utf-8", b"caf\xe9", "café"),
        ("utf-8", "ééé é".encode() + b"\xe9", "ééé é�"),
        ("iso-8859-1", b"\x93hi\x94", "“hi”"),
        ("x-no-such", "é".encode(), "é"),
        ("gb2312", "鎔".encode("gb18030"), "鎔"),
        ("ISO-2022-JP", "日本".encode("iso-2022-jp"), "日本"),
        ("shift_jis", "①".encode("cp932"), "①"),
        ("hex", b"6869", "6869"),
        ("idna", b"hi", "hi"),
        ("unicode_escape", b"\\q", "\\q"),
        ("\0", b"hi", "hi"),
        ("utf-7", b"+2AA-", "�"),
        ("utf-8", b"a\0b", "a�b"),
    ],
)
def test_texts_in_any_charset_are_decoded(charset: str, data: bytes, wanted: str) -> None:
    assert decoded(data, charset) == wanted


@pytest.mark.parametrize("encoding", ["quoted-printable", "base64", "7bit", "8bit", "nonsense", ""])
def test_transfer_encodings_are_undone_and_broken_ones_as_far_as_they_go(encoding: str) -> None:
    texts = {"quoted-printable": "h=C3=A9 =zz=\n!", "base64": "aMOpI\n*CA9enoh"}
    fields = {"Content-Transfer-Encoding": encoding, "Content-Type": "text/plain; charset=utf-8"}
    wanted = {"quoted-printable": "hé =zz!", "base64": "hé  =zz!"}
    body = texts.get(encoding, "hé")
    assert parsed(mail(body, **fields)).content == wanted.get(encoding, "hé")


@pytest.mark.parametrize(
    ("data", "wanted"),
    [
        ("aGk=\naGk=", "hihi"),
        ("aGk=\n-- \na footer", "hi\n-- \na footer"),
        ("aGk= a footer", "hi\na footer"),
        ("aG", "h"),
        ("a", ""),
        ("=" * 100_000, ""),
    ],
)
def test_what_follows_base64_is_kept(data: str, wanted: str) -> None:
    assert parsed(mail(data, Content_Transfer_Encoding="base64")).content == wanted


def test_old_uuencoding_is_undone() -> None:
    assert parsed(mail('begin 644 x\n"hi\n \nend', Content_Transfer_Encoding="x-uuencode")).content


def test_text_wins_over_html_and_attachments_are_named() -> None:
    image = base64.b64encode(b"x" * 12_345).decode()
    found = parsed(
        multipart(
            "alternative",
            part("plain text\r\n\r\n"),
            part("<p>html</p>", "text/html"),
            part(image, "image/png", Content_Transfer_Encoding="base64"),
        )
    )
    assert found.content == "plain text\n\n[attachment: image/png, 12.3 kB]"


def test_html_alone_is_made_readable() -> None:
    page = """<head><style>p {}</style><script>x</script><title>t</title></head>
        <p>one &amp; <b>two</b><br>three <a href="https://example.com/">link</a></p>
        <ul><li>four</ul><table><tr><td>5<td>6</table>"""
    found = parsed(mail(page, Content_Type="text/html")).content
    assert found.startswith("one & two\nthree link (https://example.com/)")
    assert [word in found for word in ("four", "5", "6", "style", "script")] == [True] * 3 + [
        False
    ] * 2


def test_html_that_is_nested_very_deep_is_read() -> None:
    page = "<div>" * 50_000 + "hi" + "</div>" * 50_000
    assert parsed(mail(page, Content_Type="text/html")).content == "hi"


@pytest.mark.parametrize("empty", ["", " \n", "<p></p>"])
def test_of_alternatives_one_that_says_something_is_chosen(empty: str) -> None:
    kind = "text/html" if empty.startswith("<") else "text/plain"
    for parts in (
        [part(empty, kind), part("<p>hi</p>", "text/html")],
        [part("hi"), part(empty, kind)],
    ):
        assert parsed(multipart("alternative", *parts)).content == "hi"


def test_everything_that_is_attached_has_a_line() -> None:
    found = parsed(
        multipart(
            "mixed",
            part("see these"),
            part("a,b", "text/csv; name=table.csv"),
            part("hi", Content_Disposition='attachment; filename="no\n te.txt"'),
            part("x", "image/png", Content_Disposition="inline; filename*=utf-8''%E2%82%AC.png"),
            part("x", 'application/x; name="=?utf-8?q?=E2=82=AC?="'),
            part("x", "application/octet-stream"),
            part("a diff", "text/x-patch"),
            part("", "message/external-body; name=far.ps") + "Content-Type: image/gif\n\n",
        )
    )
    assert found.content.split("\n\n") == [
        "see these",
        "[attachment: table.csv, 3 Bytes]\n[attachment: no te.txt, 2 Bytes]\n"
        "[attachment: €.png, 1 Byte]\n[attachment: €, 1 Byte]\n"
        "[attachment: application/octet-stream, 1 Byte]",
        "a diff",
        "[attachment: far.ps, not in the archive]",
    ]


def test_a_message_in_a_message_is_read_too() -> None:
    inner = mail("the inner", Subject="=?utf-8?q?caf=C3=A9?=")
    found = parsed(multipart("mixed", part("the outer"), part(inner, "message/rfc822")))
    line = "[message: café, from Alice, Thu, 1 Jan 2026 12:00:00 +0100]"
    assert found.content == f"the outer\n\n{line}\n\nthe inner"
    encoded = part(
        base64.b64encode(inner.encode()).decode(),
        "message/rfc822",
        Content_Transfer_Encoding="base64",
    )
    assert parsed(multipart("mixed", encoded)).content == f"{line}\n\nthe inner"


@pytest.mark.parametrize("depth", [30, 3_000])
def test_messages_in_messages_without_end_are_read_as_far_as_it_makes_sense(depth: int) -> None:
    found = parsed("Content-Type: message/rfc822\n\n" * depth + mail("at the bottom"))
    assert ("in too many others to be read" in found.content) == (depth == 30)


def test_parts_that_are_nested_without_end_are_kept_as_text() -> None:
    body = "".join(
        f"--{n}\nContent-Type: multipart/mixed; boundary={n + 1}\n\n" for n in range(2_000)
    )
    found = parsed(mail(body + "at the bottom", Content_Type="multipart/mixed; boundary=0"))
    assert found.content.endswith("at the bottom")
    assert found.subject == "lunch"


@pytest.mark.parametrize(
    "kind",
    [
        "multipart/mixed",
        "multipart/mixed; boundary=other",
        "multipart/mixed; boundary*0*=a; boundary*=b",
        "text/plain; charset*0*=a; charset*=b; name*9=c; name*=d",
        "text/plain; charset=\0",
        "nonsense",
    ],
)
def test_a_broken_header_of_the_content_loses_nothing(kind: str) -> None:
    assert "hi there" in parsed(mail("hi there", Content_Type=kind)).content


def test_what_stands_after_the_last_part_is_kept_and_the_usual_words_before_the_first_are_not() -> (
    None
):
    whole = multipart("mixed", part("hi")).replace("\n\n--", "\n\nThis is MIME.\n--", 1)
    assert parsed(whole + "a föter\r\nof two lines\r\n").content == "hi\n\na föter\nof two lines"
    assert parsed(multipart("mixed").replace("--cut--", "nö parts\n--cut--")).content == "nö parts"


@pytest.mark.parametrize(
    ("deletes", "wanted"),
    [
        ("", "one two\nthree\n> quoted more\n> end\n-- \nbob"),
        ("; delsp=yes", "onetwo\nthree\n> quotedmore\n> end\n-- \nbob"),
    ],
)
def test_flowing_lines_are_joined(deletes: str, wanted: str) -> None:
    body = "one \n two\nthree\n> quoted \n> more\n> end\n-- \nbob"
    kind = f"text/plain; format=flowed{deletes}"
    assert parsed(mail(body, Content_Type=kind)).content == wanted


def test_a_space_before_a_colon_is_as_good_as_none() -> None:
    assert parsed(mail("hi : there").replace("Subject:", "Subject \t:")).subject == "lunch"
    assert parsed("Subject : lunch\n\nhi :").content == "hi :"


def test_a_message_that_says_nothing_is_blank_and_one_that_is_nothing_is_a_fault() -> None:
    assert parsed(mail("", Subject="")).content == ""
    for data in (b"", b"\n\n", b"\xef\xbb\xbf"):
        fault = letter(data, NOW)
        assert isinstance(fault, ArchiveError)
        assert fault.reason == "it is empty."


def test_the_second_of_an_id_has_an_id_of_its_own() -> None:
    assert duplicate_id("a@b", 2) != duplicate_id("a@b", 3)
    assert duplicate_id("a@b", 2).endswith("@duplicate.invalid")


HEADERS = st.sampled_from(
    [b"From", b"To", b"Subject", b"Date", b"Content-Type", b"References", b"Message-ID"]
)
VALUES = st.binary(max_size=40) | st.sampled_from(
    [b"multipart/mixed; boundary=a", b"message/rfc822", b"text/html", b"=?utf-8?b?", b'"<(', b"--a"]
)


@UNHURRIED
@given(st.lists(st.tuples(HEADERS, VALUES), max_size=6), st.lists(VALUES, max_size=6))
def test_random_mail_is_read_or_refused_and_never_raises(
    fields: list[tuple[bytes, bytes]], body: list[bytes]
) -> None:
    head = b"".join(name + b": " + value + b"\n" for name, value in fields)
    found = letter(head + b"\n" + b"\n".join(body), NOW)
    if isinstance(found, Letter):
        text = repr(found) + found.content + found.subject + found.sender.name
        assert "\0" not in text
        text.encode()


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=60)
WORDS = TEXT.map(lambda text: " ".join(text.split()))


@UNHURRIED
@given(TEXT, WORDS, WORDS, st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1)))
def test_what_the_standard_library_writes_is_read_back(
    body: str, subject: str, name: str, at: datetime
) -> None:
    wrote = EmailMessage()
    wrote["From"], wrote["To"] = "alice@example.com", "bob@example.com"
    wrote["Subject"] = subject
    at = at.replace(microsecond=0, tzinfo=timezone.utc)
    wrote["Date"] = format_datetime(at)
    wrote.set_content(body)
    wrote.add_attachment(b"1234", "application", "x", filename="a.bin")
    found = parsed(wrote.as_bytes())
    assert found.content == f"{body.rstrip()}\n\n[attachment: a.bin, 4 Bytes]".lstrip("\n")
    assert (found.subject, found.timestamp) == (subject, at)

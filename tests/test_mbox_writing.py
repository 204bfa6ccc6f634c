"""Messages as mbox: what a mail program finds in it, read back with Python's own mail package."""

from __future__ import annotations

import email
import email.policy
import re
from datetime import datetime, timezone
from email.message import EmailMessage

import pytest
from django.contrib.auth.models import User
from hypothesis import given
from hypothesis import strategies as st

from messaging.archive import Letter, Person, Place, import_letters
from messaging.archive.ids import MESSAGES, Native, address_of, fitted, msg_id_of, name_in, native
from messaging.archive.writing import encoded
from messaging.models import Message
from tests.factories import EXAMPLES, people, send, undone

pytestmark = pytest.mark.django_db

NOON = datetime(2026, 11, 23, 12, 0, 0, 250_000, tzinfo=timezone.utc)


def mails(messages: object = None) -> list[EmailMessage]:
    """What a mail program sees of these messages, or all."""
    chosen = Message.objects.all() if messages is None else messages
    parsed = []
    for one in encoded(chosen, "mbox"):  # type: ignore[arg-type]
        envelope, _, mail = one.partition(b"\n")
        assert envelope.startswith(b"From ")
        assert one.endswith(b"\n\n")
        parsed.append(email.message_from_bytes(mail[:-1], policy=email.policy.default))
    return parsed


def lines(text: str) -> list[str]:
    """The lines of a text, whichever way they end, without empty ones at the end."""
    return re.split("\r\n|\r|\n", text.rstrip("\r\n"))


def text(mail: EmailMessage) -> str:
    return str(mail.get_content()).removesuffix("\n")


def test_a_message_is_a_mail() -> None:
    message = send("alice", "bob", "Lunch at noon?", timestamp=NOON)
    [written] = list(encoded(Message.objects.all(), "mbox"))
    assert written.decode() == (
        "From alice@users.msgcli.invalid Mon Nov 23 12:00:00 2026\n"
        "Date: Mon, 23 Nov 2026 12:00:00 +0000\n"
        "From: alice <alice@users.msgcli.invalid>\n"
        "To: bob <bob@users.msgcli.invalid>\n"
        "Subject: Lunch at noon?\n"
        f"Message-ID: <{message.pk}.1795435200250000@msgcli.invalid>\n"
        "Status: O\n"
        'Content-Type: text/plain; charset="utf-8"\n'
        "Content-Transfer-Encoding: 7bit\n"
        "MIME-Version: 1.0\n"
        "\n"
        "Lunch at noon?\n"
        "\n"
    )


def test_a_reply_names_what_it_answers() -> None:
    top = send(timestamp=NOON)
    middle = send("bob", "alice", "two", parent_message=top, read=True, timestamp=NOON)
    last = send("alice", "bob", "three", parent_message=middle, timestamp=NOON)
    names = [f"<{msg_id_of(Native(one.pk, NOON))}>" for one in (top, middle, last)]
    first, second, third = mails()
    assert first["References"] is None
    assert (second["In-Reply-To"], second["References"]) == (names[0], names[0])
    assert (third["In-Reply-To"], third["References"]) == (names[1], f"{names[0]} {names[1]}")
    assert [mail["Status"] for mail in (first, second, third)] == ["O", "RO", "O"]


def test_what_is_not_exported_is_not_named() -> None:
    top = send("bob", "carol")
    send("carol", "alice", "two", parent_message=top)
    [alone] = mails(Message.objects.of_user(people("alice")[0]))
    assert (alone["In-Reply-To"], alone["References"]) == (None, None)


def test_addresses_are_those_of_the_users() -> None:
    User.objects.create(username="alice", email="alice@example.com")
    User.objects.create(username="Bøb / x", email="not an address")
    send("alice", "Bøb / x")
    [mail] = mails()
    assert mail["From"].addresses[0].addr_spec == "alice@example.com"
    assert mail["To"].addresses[0].display_name == "Bøb / x"
    assert name_in(mail["To"].addresses[0].addr_spec) == "Bøb / x"


@pytest.mark.parametrize("quoted", ["From here", ">From here", ">>From x"])
def test_lines_that_begin_like_a_new_mail_are_quoted(quoted: str) -> None:
    send(content=f"Hi\n{quoted}\nFrom")
    [written] = list(encoded(Message.objects.all(), "mbox"))
    assert f"\n>{quoted}\nFrom\n".encode() in written
    assert written.count(b"\nFrom ") == 0


def test_what_came_by_mail_goes_as_it_came() -> None:
    references = tuple(f"{n}@elsewhere.example" for n in range(3))
    letter = Letter(
        "a@elsewhere.example",
        references,
        Person("alice@example.com", "Alice"),
        Person("bob@example.com", "Bob"),
        "Naïve plans",
        "Text\n\nFrom here",
        NOON,
    )
    import_letters([(Place("x", 1), letter)])
    [mail] = mails()
    assert mail["Message-ID"] == "<a@elsewhere.example>"
    assert mail["References"].split() == [f"<{one}>" for one in references]
    assert mail["In-Reply-To"] == "<2@elsewhere.example>"
    assert mail["Subject"] == "Naïve plans"
    assert text(mail) == "Text\n\n>From here"


@pytest.mark.parametrize(
    ("content", "subject"),
    [
        ("x" * 71, "x" * 69 + "…"),
        ("two\nlines", "two lines"),
        ("\x1b[31mred", "\\u001b[31mred"),
        (" ", "(blank)"),
    ],
)
def test_the_subject_of_a_message_without_one_is_its_beginning(content: str, subject: str) -> None:
    send(content=content)
    assert mails()[0]["Subject"] == subject


def test_a_line_of_any_length_can_be_sent_on() -> None:
    send(content="é" * 5_000)
    [written] = list(encoded(Message.objects.all(), "mbox"))
    assert max(map(len, written.splitlines())) <= 998
    assert text(mails()[0]) == "é" * 5_000


TEXTS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1)
NAMES = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=150)


@EXAMPLES
@given(TEXTS, NAMES)
def test_any_message_can_be_written(content: str, name: str) -> None:
    with undone():
        sender = User.objects.create(username=name)
        Message.objects.create(sender=sender, receiver=sender, content=content)
        [mail] = mails()
        unquoted = re.sub("^>(>*From )", r"\1", str(mail.get_content()), flags=re.MULTILINE)
        assert lines(unquoted) == lines(content)
        assert name_in(mail["From"].addresses[0].addr_spec) == name


@given(st.integers(0, 2**63 - 1), st.datetimes(timezones=st.just(timezone.utc)))
def test_a_name_made_for_a_message_tells_which_it_was(pk: int, moment: datetime) -> None:
    assert native(msg_id_of(Native(pk, moment))) == Native(pk, moment)


@pytest.mark.parametrize(
    "msg_id",
    [
        "1.2@example.com",
        "1@msgcli.invalid",
        "x.1@msgcli.invalid",
        "1.2.3@msgcli.invalid",
        f"1.{'9' * 18}@{MESSAGES}",
    ],
)
def test_other_names_are_nobodys(msg_id: str) -> None:
    assert native(msg_id) is None


@given(NAMES)
def test_an_address_made_for_a_name_tells_whose_it_is(name: str) -> None:
    address = address_of(name)
    assert address == address.lower()
    assert name_in(address) == name
    assert name_in("alice@example.com") is None


def test_ids_are_cut_to_what_the_store_takes() -> None:
    assert fitted("short@x") == "short@x"
    long = "y" * 300
    assert len(fitted(long)) == 255
    assert fitted(long) != fitted(long + "z")

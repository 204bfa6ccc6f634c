"""Writing mail as an mbox file of the kind mboxrd, for mail programs.

Sources: RFC 5322 (messages), RFC 2047 (other than ASCII in headers), RFC 4155 (mbox), and
for the quoting of lines that begin with From, http://qmail.org/man/man5/mbox.html.
"""

from __future__ import annotations

import re
from email.errors import HeaderParseError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime

from messaging.archive.exporting import Exported
from messaging.archive.ids import address_of
from messaging.plain import one_line

# Lines as long as they may be: what folds a header at 78 may leave its first line empty.
POLICY = SMTP.clone(linesep="\n", cte_type="8bit", max_line_length=998)
FROM_LINE = re.compile(rb"^(>*From )", re.MULTILINE)
SUBJECT = 70  # characters of a text that make the subject of a message that has none


def encode(message: Exported) -> bytes:
    """One message of an mbox, with the empty line that ends it."""
    row = message.row
    sender = _address(row.sender, message.sender_address)
    mail = EmailMessage(POLICY)
    mail["Date"] = format_datetime(row.timestamp)
    mail["From"] = sender
    mail["To"] = _address(row.receiver, message.receiver_address)
    subject, text = _parts(message)
    if subject:
        mail["Subject"] = subject
    mail["Message-ID"] = f"<{message.msg_id}>"
    if message.ancestors:
        mail["In-Reply-To"] = f"<{message.ancestors[-1]}>"
        mail["References"] = " ".join(f"<{msg_id}>" for msg_id in message.ancestors)
    mail["Status"] = "RO" if row.read else "O"
    mail.set_content(text)
    envelope = f"From {sender.addr_spec} {row.timestamp:%a %b %e %H:%M:%S %Y}\n"
    return envelope.encode() + FROM_LINE.sub(rb">\1", mail.as_bytes()) + b"\n"


def _parts(message: Exported) -> tuple[str, str]:
    """The subject and the text; a message that never had a subject gets its first line as one."""
    text = message.row.content
    if message.mail is None or not message.mail.subject:
        first = one_line(text)
        return first if len(first) <= SUBJECT else f"{first[: SUBJECT - 1]}…", text
    subject = message.mail.subject
    if text == subject:
        return subject, ""
    return subject, text.removeprefix(f"{subject}\n\n")


def _address(name: str, address: str) -> Address:
    """A person as mail writes them; an address that mail can't take is made from the name."""
    shown = one_line(name)
    try:
        return Address(shown, addr_spec=address)
    except (ValueError, HeaderParseError, IndexError):
        return Address(shown, addr_spec=address_of(name))

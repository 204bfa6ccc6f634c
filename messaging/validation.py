"""What people may type: the text of a message, the name of a user. Archives are not held to it."""

from __future__ import annotations

import unicodedata
from typing import Any

from django.conf import settings
from django.contrib.auth import get_user_model

from messaging.exceptions import InvalidName, InvalidText

DEFAULT_MAX_LENGTH = 100_000


def max_length() -> int:
    """The longest text that may be sent, in characters: the setting MESSAGING_MAX_LENGTH."""
    return int(getattr(settings, "MESSAGING_MAX_LENGTH", DEFAULT_MAX_LENGTH))


def clean_content(content: str) -> str:
    """Return `content` as it is; raise InvalidText when it can't be sent."""
    check_storable(content)
    if not content.strip():
        raise InvalidText("A message can't be blank.")
    if len(content) > max_length():
        raise InvalidText(
            f"The text has {len(content):,} characters; the limit is {max_length():,}."
        )
    return content


def check_storable(text: str) -> None:
    """Raise InvalidText when no database would hold `text`: NUL, or half of a surrogate pair."""
    if "\0" in text:
        raise InvalidText("The text contains a NUL character, which can't be stored.")
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        raise InvalidText(
            f"The text is not valid Unicode at character {error.start + 1}."
        ) from None


def clean_name(name: str) -> str:
    """Return the form in which `name` is kept; raise InvalidName when it can't be a user's."""
    model = get_user_model()
    # First, because it can bring forth a blank or a slash, or make the name longer.
    name = str(model.normalize_username(name)).strip()
    field: Any = model._meta.get_field(model.USERNAME_FIELD)
    limit = field.max_length or 150
    if not name:
        raise InvalidName("A user name can't be blank.")
    if len(name) > limit:
        raise InvalidName(f"A user name can have {limit} characters at most; this has {len(name)}.")
    # Control, format (bidi and invisible), lone surrogate, line and paragraph separator.
    if any(unicodedata.category(char) in {"Cc", "Cf", "Cs", "Zl", "Zp"} for char in name):
        raise InvalidName("A user name can't contain control characters.")
    if "/" in name:
        raise InvalidName("A user name can't contain a slash.")
    return name

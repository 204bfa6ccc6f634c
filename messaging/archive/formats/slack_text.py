"""What a message of Slack says, as text. https://docs.slack.dev/messaging/formatting-message-text"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from messaging.archive.mail.text import storable

_LINK = re.compile(r"<([^<>|]+)(?:\|([^<>]*))?>")
_ENTITIES = {"&lt;": "<", "&gt;": ">", "&amp;": "&"}
_ENTITY = re.compile("|".join(_ENTITIES))


def content(message: dict[str, Any], name_of: Callable[[str], str]) -> str:
    """The text of a message, what it quotes as lines with ">", and a line for each file.

    `name_of` gives the name of a user or a channel by its id.
    """
    lines = [readable(_text(message), name_of)]
    for quoted in _dicts(message.get("attachments")):
        lines += [f"> {line}" for line in _quoted(quoted, name_of)]
    files = [*_dicts(message.get("files")), *_dicts([message.get("file")])]
    lines += [_file(one) for one in files]
    return storable("\n".join(line for line in lines if line)).strip()


def readable(text: str, name_of: Callable[[str], str]) -> str:
    """Text without the marks of Slack for people, channels, links and its three entities."""

    def link(found: re.Match[str]) -> str:
        target, label = found[1], found[2] or ""
        if target[0] in "@#":
            return target[0] + (name_of(target[1:]) or label or target[1:])
        if target[0] == "!":
            return label or "@" + target[1:]
        target = target.removeprefix("mailto:")
        return f"{label} ({target})" if label and label != target else target

    return _ENTITY.sub(lambda found: _ENTITIES[found[0]], _LINK.sub(link, text))


def _text(message: dict[str, Any]) -> str:
    """The text, or that of the blocks of a message that has nothing else."""
    text = message.get("text")
    return text if isinstance(text, str) and text else " ".join(_strings(message.get("blocks"), 0))


def _strings(block: object, depth: int) -> Iterator[str]:
    if isinstance(block, dict):
        if isinstance(block.get("text"), str):
            yield block["text"]
        block = list(block.values())
    if isinstance(block, list) and depth < 20:
        for one in block:
            if isinstance(one, dict | list):
                yield from _strings(one, depth + 1)


def _quoted(quoted: dict[str, Any], name_of: Callable[[str], str]) -> list[str]:
    """An attachment of Slack: a preview, or what a program reports."""
    parts = [_str(quoted, name) for name in ("pretext", "author_name", "title", "text")]
    parts += [
        f"{_str(field, 'title')}: {_str(field, 'value')}" for field in _dicts(quoted.get("fields"))
    ]
    text = "\n".join(part for part in parts if part) or _str(quoted, "fallback")
    link = _str(quoted, "title_link") or _str(quoted, "from_url")
    lines = readable(text, name_of).splitlines()
    return [*lines, link] if link and link not in text else lines


def _file(file: dict[str, Any]) -> str:
    name = _str(file, "name") or _str(file, "title")
    size = file.get("size")
    if not name:  # it was deleted, or is out of reach
        return f"[attachment: {_str(file, 'mode') or 'a file'}, not in the archive]"
    if isinstance(size, int) and not isinstance(size, bool):
        from humanize import naturalsize

        return f"[attachment: {name}, {naturalsize(size)}]"
    return f"[attachment: {name}]"


def _dicts(values: object) -> list[dict[str, Any]]:
    return [one for one in values if isinstance(one, dict)] if isinstance(values, list) else []


def _str(values: dict[str, Any], name: str) -> str:
    value = values.get(name)
    return value.strip() if isinstance(value, str) else ""

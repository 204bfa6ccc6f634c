"""Which formats messages are written in: a module each, whose `encode` writes one message."""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module

from messaging.archive.exporting import exported
from messaging.managers.messages import MessageQuerySet

MODULES = {"jsonl": "messaging.archive.jsonlines", "mbox": "messaging.archive.mbox"}


def encoded(messages: MessageQuerySet, format_name: str) -> Iterator[bytes]:
    """The messages one by one, as the format of that name writes them."""
    return map(import_module(MODULES[format_name]).encode, exported(messages))

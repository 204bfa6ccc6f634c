"""Threads of mail as RFC 5256 finds them: by the ids that each message names. No Django here.

Source: the REFERENCES algorithm, steps 1 to 3, of https://www.rfc-editor.org/rfc/rfc5256,
after Jamie Zawinski's https://www.jwz.org/doc/threading.html. Subjects are not merged.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple


@dataclass(frozen=True, slots=True)
class Named:
    """A message by its ids: its own, and those of what it answers, the oldest first."""

    id: str
    references: tuple[str, ...]
    timestamp: datetime


class Above(NamedTuple):
    """What a message hangs from: the nearest that is here, else the topmost that is absent."""

    parent: str | None
    absent_root: str | None


def above(messages: Iterable[Named]) -> dict[str, Above]:
    """Where each of these messages belongs, by its id.

    The RFC takes the messages as they lie in the mailbox, and where they contradict each
    other the first counts. Here they are taken by time and id, so that the same messages
    give the same tree, in whatever order they came.
    """
    here: set[str] = set()
    parents: dict[str, str | None] = {}
    for message in sorted(messages, key=lambda message: (message.timestamp, message.id)):
        here.add(message.id)
        references = tuple(one for one in message.references if one != message.id)
        last = _link_references(references, parents)
        known = message.id in parents
        parents[message.id] = None
        if last is not None and not (known and _is_above(message.id, last, parents)):
            parents[message.id] = last
    return _bridged(here, parents)


def _link_references(references: tuple[str, ...], parents: dict[str, str | None]) -> str | None:
    """Step 1.A: each reference is the parent of the next, unless that has one; returns the last."""
    last = None
    for reference in references:
        known = reference in parents
        if last is not None and parents.get(reference) is None:
            circle = known and _is_above(reference, last, parents)
            parents[reference] = None if circle else last
        elif not known:
            parents[reference] = None
        last = reference
    return last


def _is_above(one: str, other: str, parents: dict[str, str | None]) -> bool:
    """Whether `other` is `one` or hangs from it, so that linking them would close a circle."""
    climbing: str | None = other
    while climbing is not None:
        if climbing == one:
            return True
        climbing = parents[climbing]
    return False


def _bridged(here: set[str], parents: dict[str, str | None]) -> dict[str, Above]:
    """Step 3: absent messages go, and what hung from them moves up.

    Where several messages hang from one that is absent and on top, the RFC keeps that one
    as the empty root of their thread: it is the `absent_root` of them all.
    """
    found: dict[str, Above] = {}
    passed: dict[str, Above] = {}
    for message in here:
        climbed: list[str] = []
        at = parents[message]
        top = None
        while at is not None and at not in here and at not in passed:
            climbed.append(at)
            top = at
            at = parents[at]
        if at is None:
            result = Above(None, top)
        elif at in here:
            result = Above(at, None)
        else:
            result = passed[at]
        passed.update(dict.fromkeys(climbed, result))
        found[message] = result
    return found

"""Asking before what can't be undone. Without a terminal nothing is agreed to."""

from __future__ import annotations

import sys

from msgcli.errors import NotConfirmed


def confirm(question: str) -> None:
    """Go on only after a yes. Raises NotConfirmed."""
    if _answer(f"{question} [y/N] ").lower() not in {"y", "yes"}:
        raise NotConfirmed("Not confirmed, so nothing was changed.")


def confirm_by_name(question: str, name: str) -> None:
    """Go on only after the name has been typed. Raises NotConfirmed."""
    if _answer(f"{question} Type the name to confirm: ") != name:
        raise NotConfirmed("Not confirmed, so nothing was deleted.")


def _answer(prompt: str) -> str:
    if not sys.stdin.isatty():
        raise NotConfirmed("There is no terminal to ask on: repeat with --yes to go on.")
    from messaging.plain import show_unsafe

    sys.stderr.write(show_unsafe(prompt))
    sys.stderr.flush()
    return sys.stdin.readline().strip()

"""What somebody searches for, read from what they typed; nothing that can be typed is an error.

All words have to be there. "Several words" in quotes have to follow each other; a word that
ends in * is the beginning of one. Everything else is plain words: case, accents and
punctuation make no difference, as in SQLite's FTS5 (https://www.sqlite.org/fts5.html).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

MOST = 32  # words that are looked for; FTS5 and PostgreSQL have limits of their own
LONGEST = 255  # characters of a word

TYPED = re.compile(r'"([^"]*)"(\*?)|([^\s"]+)')  # a phrase in quotes, or a run without spaces
WORD = re.compile(r"[^\W_](?:[^\W_]|[\u0300-\u036f])*")  # letters and digits of any script
BLANKS = re.compile(r"\s+")
ACCENT = re.compile(r"[\u0300-\u036f]")


class Term(NamedTuple):
    """Words that follow each other; the last may be only the beginning of one."""

    words: tuple[str, ...]
    is_prefix: bool

    @property
    def folded(self) -> tuple[str, ...]:
        """The words without the differences that do not matter."""
        return tuple(map(fold, self.words))


class Span(NamedTuple):
    """A part of a text: from character `start` up to `end`."""

    start: int
    end: int


def terms(typed: str) -> list[Term]:
    """What has to be in a message, each once; nothing where nothing typed is a word."""
    found: dict[Term, None] = {}
    left = MOST
    for phrase, star, run in TYPED.findall(typed):
        words = [word[:LONGEST] for word in WORD.findall(phrase or run)[:left]]
        left -= len(words)
        if words:
            found[Term(tuple(words), bool(star) or run.endswith("*"))] = None
    return list(found)


def fold(word: str) -> str:
    """A word without the differences that do not matter: case, and accents."""
    bare = ACCENT.sub("", unicodedata.normalize("NFKD", word.lower()))
    return unicodedata.normalize("NFC", bare)  # what was taken apart beside accents


def spans(text: str, searched: Sequence[Term]) -> list[Span]:
    """Where in a text the terms are, in order; parts that meet are one."""
    wanted = [(term.folded, term.is_prefix) for term in searched]
    words = [(fold(found[0]), Span(*found.span())) for found in WORD.finditer(text)]
    parts: list[Span] = []
    for at, (_, (start, _)) in enumerate(words):
        here = [word for word, _ in words[at : at + MOST]]
        reach = max((_length(here, *term) for term in wanted), default=0)
        if not reach:
            continue
        end = words[at + reach - 1][1].end
        if parts and start <= parts[-1].end:
            parts[-1] = Span(parts[-1].start, max(end, parts[-1].end))
        else:
            parts.append(Span(start, end))
    return parts


def pieces(text: str, parts: Sequence[Span]) -> Iterator[tuple[str, bool]]:
    """A text in pieces, each with whether it is one of these parts."""
    done = 0
    for start, end in parts:
        if done < start:
            yield text[done:start], False
        yield text[start:end], True
        done = end
    if done < len(text):
        yield text[done:], False


def excerpt(text: str, parts: Sequence[Span], before: int) -> Iterator[tuple[str, bool]]:
    """As `pieces`, on one line, from at most `before` characters before the first part."""
    first = parts[0].start if parts else 0
    begin = 0
    if first > before:
        blank = BLANKS.search(text, first - before, first)
        begin = blank.end() if blank else first - before
        yield "…", False
    moved = [Span(start - begin, end - begin) for start, end in parts]
    for piece, is_part in pieces(text[begin:], moved):
        yield BLANKS.sub(" ", piece), is_part


def _length(here: Sequence[str], words: tuple[str, ...], is_prefix: bool) -> int:
    """How many words a term covers that begins here, 0 if it does not."""
    *whole, last = words
    if len(here) < len(words) or list(here[: len(whole)]) != whole:
        return 0
    found = here[len(whole)]
    return len(words) if found == last or (is_prefix and found.startswith(last)) else 0

"""What an edit changed: pieces that make up both texts, for any two texts, and soon."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from messaging.diffs import MOST, Piece, changes

TEXTS = st.text(max_size=60) | st.text("ab \n.\r\u2028\x0b", max_size=200)
SEED = random.Random(1)
RANDOM = [" ".join(f"word{SEED.randrange(900)}" for _ in range(12_000)) for _ in range(2)]
# What difflib is slowest with: no part is so frequent that it is left out, no two match in a row.
FEW_KINDS = ["\n".join(chr(0x4E00 + SEED.randrange(110)) for _ in range(50_000)) for _ in range(2)]
CROSSED = [
    "".join(f"{chr(0x2500 + n)}{chr(0x2400 + (n + at) % 70)}" for n in range(990)) for at in (0, 35)
]


def new(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces if piece.kind != "old")


def old(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces if piece.kind != "new")


@given(TEXTS, TEXTS)
@settings(max_examples=300, deadline=None)
def test_the_pieces_make_up_both_texts(before: str, after: str) -> None:
    pieces = changes(before, after)
    assert (old(pieces), new(pieces)) == (before, after)
    assert all(piece.text for piece in pieces)
    assert {piece.kind for piece in pieces} <= {"same", "old", "new"}


@given(TEXTS)
def test_a_text_is_the_same_as_itself(text: str) -> None:
    assert changes(text, text) == ([Piece("same", text)] if text else [])


def test_words_are_compared_and_what_was_taken_out_comes_first() -> None:
    assert changes("Fine, at the old place.", "Fine, at the usual place!") == [
        Piece("same", "Fine, at the "),
        Piece("old", "old"),
        Piece("new", "usual"),
        Piece("same", " place"),
        Piece("old", "."),
        Piece("new", "!"),
    ]


def test_a_word_is_found_in_a_text_of_very_many() -> None:
    text = "word and " * 10_000
    pieces = changes(f"{text}one {text}", f"{text}another {text}")
    assert pieces == [
        Piece("same", text),
        Piece("old", "one"),
        Piece("new", "another"),
        Piece("same", f" {text}"),
    ]


def test_changes_far_apart_in_very_many_words_are_compared_by_lines() -> None:
    lines = [f"line number {number}\n" for number in range(MOST)]
    after = [*lines[:7], "another line\n", *lines[8:-1], "the last"]
    assert changes("".join(lines), "".join(after)) == [
        Piece("same", "".join(lines[:7])),
        Piece("old", lines[7]),
        Piece("new", "another line\n"),
        Piece("same", "".join(lines[8:-1])),
        Piece("old", lines[-1]),
        Piece("new", "the last"),
    ]


def test_what_has_too_many_lines_as_well_is_not_compared() -> None:
    before, after = "a\nb\n" * MOST, "b\nc\n" * MOST
    assert changes(before, after) == [Piece("old", before), Piece("new", after)]


DULL = {
    "a word at the end of many": ("a " * 50_000, "a " * 49_999 + "b "),
    "words": ("a " * 995, "b a " * 495),
    "lines": ("a\n" * 50_000, "b\n" + "a\n" * 49_999),
    "a blank line less": ("\n" * 100_000, "\n" * 99_999),
    "blank lines": ("\n" * 100_000, "x\n" * 50_000),
    "points": ("." * 100_000, "." * 99_999 + "!"),
    "marks": ("." * 1_990, "!?" * 990),
    "random words": RANDOM,
    "random lines": [text.replace(" ", "\n") for text in RANDOM],
    "lines of few kinds": FEW_KINDS,
    "crossed": CROSSED,
    "nothing": ("x" * 100_000, ""),
}


@pytest.mark.parametrize("name", DULL)
def test_the_longest_and_dullest_texts_are_compared_as_well(name: str) -> None:
    before, after = (text[:100_000] for text in DULL[name])
    pieces = changes(before, after)
    assert (old(pieces), new(pieces)) == (before, after)

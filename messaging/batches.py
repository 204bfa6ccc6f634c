"""Long lists in pieces, because a database takes only so many parameters at once."""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import TypeVar

T = TypeVar("T")

# Below SQLite's oldest limit of 999 parameters, for statements with one parameter a row.
SIZE = 500


def batched(items: Iterable[T], size: int = SIZE) -> Iterator[list[T]]:
    """Yield `items` as lists of `size`, the last perhaps shorter (Python 3.12 has its own)."""
    remaining = iter(items)
    while batch := list(islice(remaining, size)):
        yield batch

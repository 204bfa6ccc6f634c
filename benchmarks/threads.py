"""Drawing threads of 10,000 messages, against a bare Tree of the same lines; and `| head`."""

from __future__ import annotations

import os
import subprocess
from contextlib import redirect_stdout
from time import perf_counter

from common import MSGCLI, SHAPES, Figures, Row, best, best_timed, empty_store, fill, thread
from rich.console import Console
from rich.text import Text
from rich.tree import Tree

from messaging.models import Message
from messaging.threads import Node, nest
from msgcli import console, render

LONG = 10_000
SHORT = 10
RUNS = 5


def loaded(message_id: int) -> Node:
    """The thread of a message."""
    return nest(Message.objects.in_thread(message_id).rows())[0]


class Lines:
    """A thread as lines that are ready, in the shape of its tree."""

    def __init__(self, tree: Tree) -> None:
        pieces = console.out().render(tree.label)
        self.text = "".join(piece.text for piece in pieces).rstrip("\n")
        self.below: list[Lines] = []

    @classmethod
    def of(cls, tree: Tree) -> Lines:
        """The lines of every branch; a loop, because a thread may be deep."""
        whole = cls(tree)
        waiting = [(tree, whole)]
        while waiting:
            branch, lines = waiting.pop()
            lines.below = [cls(child) for child in branch.children]
            waiting.extend(zip(branch.children, lines.below, strict=True))
        return whole


def drawn(root: Node) -> None:
    """Draw as the command does."""
    with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere):
        console.configure(no_color=False, pager=False)
        console.show(render.thread_tree([root], console.width()))


def drawn_bare(lines: Lines) -> None:
    """Draw with Rich alone."""
    tree = Tree(Text(lines.text))
    waiting = [(lines, tree)]
    while waiting:
        above, branch = waiting.pop()
        waiting.extend((below, branch.add(Text(below.text))) for below in above.below)
    with open(os.devnull, "w") as nowhere:
        Console(file=nowhere, width=console.PIPE_WIDTH).print(tree)


def first_line(message_id: int) -> float:
    """The seconds until a reader of the command's output has its first line, and leaves."""
    start = perf_counter()
    command = [MSGCLI, "thread", str(message_id)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        assert process.stdout.readline()
        taken = perf_counter() - start
        process.stdout.close()
    if process.returncode:
        raise SystemExit("msgcli thread failed when its reader left")
    return taken


def main() -> None:
    """Measure and print."""
    figures = Figures()
    empty_store()
    rows: list[Row] = list(thread(SHAPES["wide"](SHORT)))
    openers = {}
    for shape, parents in SHAPES.items():
        openers[shape] = rows[-1].id + 1
        rows += thread(parents(LONG), openers[shape])
    fill(rows, 4)
    for shape, opener in openers.items():
        root = loaded(opener)
        lines = Lines.of(render.thread_tree([root], console.PIPE_WIDTH))
        ours, floor = best(RUNS, lambda: drawn(root), lambda: drawn_bare(lines))  # noqa: B023
        figures.ratio(f"thread of {LONG:,}, {shape} / a bare Tree", ours, floor, 1)
        first_line(opener)
        ours, floor = best_timed(
            2 * RUNS,
            lambda: first_line(opener),  # noqa: B023
            lambda: first_line(1),
        )
        figures.ratio(f"first line of {LONG:,}, {shape} / of {SHORT}", ours, floor, 3)
    figures.end()


if __name__ == "__main__":
    main()

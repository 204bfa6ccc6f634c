"""Threads as plain data: flat rows in, nested nodes out. Nothing here knows Django."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple


class MessageRow(NamedTuple):
    """What a list or a thread shows of one message; `timestamp` is aware, in UTC."""

    id: int
    sender: str
    receiver: str
    content: str
    timestamp: datetime
    read: bool
    edited: bool
    parent_id: int | None
    root_id: int | None

    @property
    def thread_id(self) -> int:
        """The id of the message that opened the thread."""
        return self.id if self.root_id is None else self.root_id


@dataclass(slots=True)
class Node:
    """A message and the replies to it, oldest first."""

    message: MessageRow
    replies: list[Node] = field(default_factory=list)

    def walk(self) -> Iterator[tuple[int, Node]]:
        """Every node below and including this one, with its depth, each parent before its replies.

        A loop, not a recursion: a thread may be deeper than Python's stack.
        """
        stack = [(0, self)]
        while stack:
            depth, node = stack.pop()
            yield depth, node
            stack.extend((depth + 1, reply) for reply in reversed(node.replies))


def nest(rows: Iterable[MessageRow]) -> list[Node]:
    """Nest `rows` under their parents, keeping their order among the replies to one message.

    A row whose parent is not among `rows` opens a tree of its own. Damaged data in which
    messages are replies to each other in a circle neither hangs nor hides them: the circle
    is opened at its first row.
    """
    nodes = {row.id: Node(row) for row in rows}
    roots: list[Node] = []
    for node in nodes.values():
        parent = nodes.get(node.message.parent_id) if node.message.parent_id is not None else None
        (roots if parent is None else parent.replies).append(node)
    reached = list(roots)
    for node in reached:  # which grows meanwhile
        reached += node.replies
    if len(reached) < len(nodes):
        roots.extend(_open_circles(nodes, roots))
    return roots


def _open_circles(nodes: dict[int, Node], roots: list[Node]) -> list[Node]:
    seen = {node.message.id for root in roots for _, node in root.walk()}
    opened = []
    for message_id, start in nodes.items():
        if message_id in seen:
            continue
        first = _circle_above(start, nodes)
        assert first.message.parent_id is not None
        nodes[first.message.parent_id].replies.remove(first)
        opened.append(first)
        seen.update(node.message.id for _, node in first.walk())
    return opened


def _circle_above(node: Node, nodes: dict[int, Node]) -> Node:
    """The first row, in the order of `nodes`, of the circle that `node` hangs from."""
    passed: dict[int, Node] = {}
    while node.message.id not in passed:
        passed[node.message.id] = node
        assert node.message.parent_id is not None
        node = nodes[node.message.parent_id]
    circle = list(passed)[list(passed).index(node.message.id) :]
    return next(nodes[message_id] for message_id in nodes if message_id in circle)

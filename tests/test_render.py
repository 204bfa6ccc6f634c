"""What is drawn, as whole texts: on a Console of a fixed width, without colours."""

from datetime import datetime, timedelta, timezone
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console, RenderableType

from messaging.accounts import Removal, UserRow
from messaging.archive import Place, Report
from messaging.managers import InboxRow, NotificationRow, VersionRow
from messaging.plain import UNSAFE
from messaging.threads import MessageRow, Node, nest
from msgcli import render
from msgcli.store import Finding, State

NOW = datetime.now(timezone.utc)
THEN = NOW - timedelta(days=2, hours=6)


def drawn(*renderables: RenderableType, width: int = 80) -> list[str]:
    """The lines that are printed, as a terminal of this width shows them."""
    file = StringIO()
    console = Console(file=file, width=width, color_system=None, highlight=False, markup=False)
    for renderable in renderables:
        console.print(renderable)
    return [line.rstrip() for line in file.getvalue().splitlines()]


def row(id: int, parent: int | None = None, content: str = "hi", **fields: Any) -> MessageRow:
    """A message of two days ago, from alice to bob unless said otherwise."""
    values: dict[str, Any] = {
        "sender": "alice",
        "receiver": "bob",
        "timestamp": THEN,
        "read": True,
        "edited": False,
        "root_id": None if parent is None else 1,
    }
    return MessageRow(id=id, parent_id=parent, content=content, **{**values, **fields})


def thread() -> Node:
    return nest(
        [
            row(1, content="Lunch at noon?"),
            row(2, 1, "Make it half past.", sender="bob", receiver="alice", read=False),
            row(4, 2, "Fine, at the usual place.\n\nSee you [map]", edited=True),
            row(3, 1, "Joining us?", receiver="carol"),
        ]
    )[0]


def chain(length: int) -> Node:
    """A thread in which each message replies to the one before."""
    return nest([row(n, n - 1 or None, f"text {n}") for n in range(1, length + 1)])[0]


@pytest.mark.parametrize(
    ("passed", "said"),
    [
        (timedelta(0), "just now"),
        (timedelta(seconds=40), "40 seconds ago"),
        (timedelta(minutes=3, seconds=5), "3 minutes ago"),
        (timedelta(days=1, hours=3), "yesterday"),
        (timedelta(days=2, hours=6), "2 days ago"),
    ],
)
def test_times_are_said_as_people_say_them(passed: timedelta, said: str) -> None:
    assert render.ago(datetime.now(timezone.utc) - passed) == said


def test_a_thread_is_a_tree() -> None:
    assert drawn(render.thread_tree([thread()], 80)) == [
        "#1 alice → bob · 2 days ago",
        "│  Lunch at noon?",
        "├── #2 bob → alice · 2 days ago · unread",
        "│   │  Make it half past.",
        "│   └── #4 alice → bob · 2 days ago · edited",
        "│          Fine, at the usual place.",
        "│",
        "│          See you [map]",
        "└── #3 alice → carol · 2 days ago",
        "       Joining us?",
    ]


def test_a_thread_is_wrapped_where_the_screen_is_narrow() -> None:
    root = nest([row(1, content="word " * 12), row(2, 1, "x" * 60), row(3, 2, "end")])[0]
    assert drawn(render.thread_tree([root], 40), width=40) == [
        "#1 alice → bob · 2 days ago",
        "│  word word word word word word word",
        "│  word word word word word",
        "└── #2 alice → bob · 2 days ago",
        "    │  " + "x" * 33,
        "    │  " + "x" * 27,
        "    └── #3 alice → bob · 2 days ago",
        "           end",
    ]


def test_a_header_that_does_not_fit_is_wrapped_too() -> None:
    root = nest([row(1, sender="a" * 30, receiver="b" * 30)])[0]
    assert drawn(render.thread_tree([root], 40), width=40) == [
        "#1 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa →",
        "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb · 2 days",
        "ago",
        "   hi",
    ]


def test_a_deep_thread_is_not_indented_without_end_but_says_how_deep_it_is() -> None:
    assert drawn(render.thread_tree([chain(6)], 40), width=40)[4:] == [
        "    └── #3 alice → bob · 2 days ago",
        "        │  text 3",
        "        ├── #4 alice → bob · 2 days ago",
        "        │      text 4",
        "        ├── #5 alice → bob · 2 days ago",
        "        │   · depth 4, to #4",
        "        │      text 5",
        "        └── #6 alice → bob · 2 days ago",
        "            · depth 5, to #5",
        "               text 6",
    ]


def test_deeper_than_the_stack_of_python_is_drawn_without_recursion_and_within_the_width() -> None:
    lines = drawn(render.thread_tree([chain(3_000)], 80), width=80)
    assert sum(" alice → bob" in line for line in lines) == 3_000
    assert lines[-2:] == [" " * 40 + "2999, to #2999", " " * 43 + "text 3000"]
    assert max(map(len, lines)) <= 80


def test_replies_to_an_absent_message_hang_from_a_line_that_says_so() -> None:
    rows = [row(1, content="one"), row(2, content="two"), row(3, 1, "three")]
    assert drawn(render.thread_tree(nest(rows), 80)) == [
        "the message that these answer is not here",
        "├── #1 alice → bob · 2 days ago",
        "│   │  one",
        "│   └── #3 alice → bob · 2 days ago",
        "│          three",
        "└── #2 alice → bob · 2 days ago",
        "       two",
    ]


def test_a_thread_is_summed_up() -> None:
    rows = [node.message for _, node in thread().walk()]
    assert render.thread_summary(rows) == "4 messages, 3 people, 1 unread"
    assert render.thread_summary([row(1, receiver="alice")]) == "1 message, 1 person, 0 unread"


def test_what_is_blank_says_so() -> None:
    assert drawn(render.Entry(row(1, content=" \n "))) == [
        "#1 alice → bob · 2 days ago",
        "   (blank)",
    ]


def test_a_conversation_says_which_thread_a_reply_is_in() -> None:
    rows = [row(1), row(2, 1, "yes\tno", read=False, edited=True)]
    assert drawn(*render.entries(rows)) == [
        "#1 alice → bob · 2 days ago",
        "   hi",
        "#2 alice → bob · 2 days ago · unread · edited · in thread 1",
        "   yes no",
    ]


def test_a_list_keeps_its_narrow_columns_and_cuts_the_text() -> None:
    rows = [row(17, 1, "Release notes for 2.4, please read before " * 2, sender="dave"), row(2)]
    cells = [render.message_cells(row) for row in rows]
    assert drawn(render.table(render.MESSAGE_COLUMNS, cells), width=60) == [
        "ID  From   Thread  When        Message",
        "17  dave   #1      2 days ago  Release notes for 2.4, pleas…",
        " 2  alice  #2      2 days ago  hi",
    ]


def test_the_same_list_through_a_pipe_is_complete() -> None:
    text = "Release notes for 2.4, please read before " * 20
    cells = [
        render.message_cells(each) for each in (row(17, content=text), row(2, sender="名" * 30))
    ]
    assert list(render.plain_table(render.MESSAGE_COLUMNS, cells)) == [
        "ID  From" + " " * 58 + "Thread  When        Message",
        "17  alice" + " " * 57 + f"#17     2 days ago  {text.strip()}",
        " 2  " + "名" * 30 + "  #2      2 days ago  hi",
    ]


def test_an_inbox() -> None:
    rows = [
        InboxRow("bob", row(3, content="Joining\nus?"), 0),
        InboxRow("carol", row(1, sender="carol", receiver="alice", content="[bold]no"), 12),
    ]
    cells = [render.inbox_cells(each, "alice") for each in rows]
    assert drawn(render.table(render.INBOX_COLUMNS, cells), width=60) == [
        "With   Unread  Last        Message",
        "bob         –  2 days ago  you: Joining us?",
        "carol      12  2 days ago  carol: [bold]no",
    ]


def test_notifications() -> None:
    rows = [
        NotificationRow(7, "bob", THEN, False, row(12)),
        NotificationRow(6, "bob", THEN, True, row(3, content="seen")),
    ]
    cells = [render.notification_cells(each) for each in rows]
    assert drawn(render.table(render.NOTIFICATION_COLUMNS, cells), width=60) == [
        "Message  From   When        State   Text",
        "     12  alice  2 days ago  unread  hi",
        "      3  alice  2 days ago  read    seen",
    ]


def test_users() -> None:
    cells = [
        render.user_cells(each) for each in (UserRow("alice", 3, 10, 0), UserRow("bob", 0, 3, 2))
    ]
    assert drawn(render.table(render.USER_COLUMNS, cells), width=60) == [
        "Name   Unread  Sent  Received",
        "alice       –     3        10",
        "bob         2     0         3",
    ]


def test_a_history_is_what_changed() -> None:
    at = datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc)
    texts = [("one\ntwo\n", None), ("one\n2 [map]\n", "alice"), ("one\n2 [map]\nthree\x1b", None)]
    versions = [
        VersionRow(number, text, at, who) for number, (text, who) in enumerate(texts, start=1)
    ]
    assert drawn(*render.history(row(4), versions)) == [
        "#4 alice → bob, 3 versions",
        "@ 2026-01-02 03:04:05 UTC, first version",
        "  one",
        "  two",
        "",
        "@ 2026-01-02 03:04:05 UTC, edited by alice",
        "  one",
        "- two",
        "+ 2 [map]",
        "",
        "@ 2026-01-02 03:04:05 UTC, edited",
        "  one",
        "  2 [map]",
        "-",
        r"+ three\u001b",
    ]


def test_what_a_removal_takes() -> None:
    gone = Removal("bob", 1200, 31, 9, 3, ["alice", "carol", "dave", "erin"], 5, 3)
    assert drawn(*render.removal(gone)) == [
        "This removes bob for good:",
        "   messages sent                   1,200",
        "   messages received                  31",
        "   notifications                       9",
        "   old versions                        3",
        "   threads that lose a message         5",
        "   conversations                       4   with alice, carol, dave, erin",
        "3 replies by other people stay and move up to the nearest message left.",
    ]
    assert render.removed(gone) == (
        "bob is deleted: 1,231 messages, 9 notifications, 3 old versions."
    )


def test_what_a_removal_of_nothing_takes() -> None:
    gone = Removal("bob", 0, 0, 0, 0, [], 0, 0)
    assert drawn(*render.removal(gone))[-1] == "   conversations                       0"
    assert render.removed(gone) == "bob is deleted: 0 messages, 0 notifications, 0 old versions."


def test_an_import() -> None:
    report = Report(
        read=1200,
        added=1100,
        already_there=80,
        parents_absent=2,
        circles_opened=1,
        users_added=7,
        skipped={
            "it is not JSON.": [Place("one.jsonl", 4)],
            "it is broken.": [Place("a\x1b[2J/cur/1", 1), Place("b", 2)],
        },
    )
    told = [
        "read                            1,200",
        "added                           1,100",
        "already there                      80",
        "people added                        7",
        "replies to absent messages          2   now open threads of their own",
        "circles of replies                  1   opened at their oldest message",
        "skipped                             2   it is broken.",
        "skipped                             1   it is not JSON.",
    ]
    assert drawn(*render.imported(report, verbose=False)) == told
    places = ["a\\u001b[2J/cur/1:1", "b:2", "one.jsonl:4"]
    told[7:7] = [" " * 40 + place for place in places[:2]]
    told.append(" " * 40 + places[2])
    assert drawn(*render.imported(report, verbose=True)) == told


def test_a_store_that_is_well() -> None:
    state = State("SQLite 3.40", "/home/alice/msgcli.sqlite3", 1_234_567, "0600", [], 1200, 1)
    assert drawn(*render.store(state)) == [
        "Store    SQLite 3.40, /home/alice/msgcli.sqlite3, 1.2 MB, 0600",
        "Schema   up to date",
        "Data     1,200 messages, 1 person",
        "Everything is fine.",
    ]


def test_a_store_that_is_not() -> None:
    finding = Finding("the schema is not up to date", "msgcli migrate")
    state = State("PostgreSQL", "chat on this machine", pending=["a", "b"], findings=[finding])
    assert drawn(*render.store(state)) == [
        "Store    PostgreSQL, chat on this machine",
        "Schema   2 migrations behind",
        "Problem  the schema is not up to date. To put it right: msgcli migrate",
    ]


def test_a_removal_that_moves_one_reply_says_so_in_the_singular() -> None:
    gone = Removal("bob", 1, 0, 1, 1, ["alice"], 1, 1)
    assert drawn(*render.removal(gone))[-1] == (
        "1 reply by other people stays and moves up to the nearest message left."
    )
    assert render.removed(gone) == "bob is deleted: 1 message, 1 notification, 1 old version."


def test_a_removal_names_the_first_people_and_counts_the_others() -> None:
    people = ["alice", "carol", "dave", "erin", *(f"user {n}" for n in range(1_000))]
    (line,) = drawn(*render.removal(Removal("bob", 1, 0, 1, 0, people, 0, 0)), width=120)[6:]
    assert line.endswith("1,004   with alice, carol, dave, erin and 1,000 more")


def test_a_store_below_the_home_folder_is_shown_from_there() -> None:
    location = str(Path.home() / "chat" / "msgcli.sqlite3")
    first = drawn(*render.store(State("SQLite 3.40", location, 1, "0600")))[0]
    assert first == "Store    SQLite 3.40, ~/chat/msgcli.sqlite3, 1 Byte, 0600"


# Any character that UTF-8 can hold, the unsafe and the wide ones often enough to be met.
TEXTS = st.text(
    st.characters(exclude_categories=["Cs"])
    | st.sampled_from("\x1b\x9b\r\n\t\u202e\u200d[]\U0001f600\u540d")
)


@settings(max_examples=60, deadline=None)
@given(TEXTS, TEXTS, st.sampled_from([20, 40, 80]))
def test_any_text_is_drawn_without_a_character_that_acts_on_the_terminal(
    text: str, name: str, width: int
) -> None:
    rows = [row(n, n - 1 or None, text, sender=name, receiver=name) for n in range(1, 5)]
    lists = [
        (render.MESSAGE_COLUMNS, [render.message_cells(each) for each in rows]),
        (render.INBOX_COLUMNS, [render.inbox_cells(InboxRow(name, rows[0], 1), "alice")]),
        (
            render.NOTIFICATION_COLUMNS,
            [render.notification_cells(NotificationRow(1, name, THEN, False, rows[0]))],
        ),
    ]
    gone = Removal(name, 1, 1, 1, 1, [name], 1, 1)
    versions = [VersionRow(1, text, THEN, None), VersionRow(2, name, THEN, name)]
    tree = drawn(render.thread_tree(nest(rows), width), width=width)
    lines = drawn(
        *render.entries(rows),
        *(render.table(*each) for each in lists),
        *render.history(rows[0], versions),
        *render.removal(gone),
        width=width,
    )
    plain = [line for each in lists for line in render.plain_table(*each)]
    printed = [*tree, *lines, *plain, render.removed(gone)]
    assert [line for line in printed if UNSAFE.search(line)] == []
    assert width < 40 or max(map(cell_len, tree)) <= width

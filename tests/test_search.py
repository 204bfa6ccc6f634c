"""Search finds what is said, by word, phrase and beginning, whatever path the text came by."""

from __future__ import annotations

import re
from datetime import datetime, timedelta, timezone

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import connection, connections, transaction
from django.db.backends.dummy.base import DatabaseWrapper
from django.test import override_settings
from hypothesis import example, given
from hypothesis import strategies as st

from messaging import accounts, checks, health
from messaging.archive import Place, Record, import_records
from messaging.models import Message
from messaging.search import finding, index
from messaging.search.words import Span, Term, fold, pieces, spans, terms
from tests.factories import EXAMPLES, people, send, send_many, undone

pytestmark = pytest.mark.django_db

sqlite = pytest.mark.skipif(connection.vendor != "sqlite", reason="FTS5 is SQLite's")


def found(typed: str) -> list[str]:
    """The texts that a search finds, in alphabetical order."""
    return sorted(Message.objects.search(typed).values_list("content", flat=True))


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("lunch", "Lunch at noon?"),
        ("NOON lunch", "Lunch at noon?"),
        ("lun*", "Lunch at noon?"),
        ('"at noon"', "Lunch at noon?"),
        ('"lunch at no"*', "Lunch at noon?"),
        ("cafe", "Café au lait"),
        ("café", "CAFE AU LAIT"),
        ("cafe", "Cafe\u0301"),
        ("ΕΛΛΆΔΑ", "Ελλάδα"),
        ("привет", "Привет, мир"),
        ("東京", "東京 に 行く"),
        ("שלום", "שלום עולם"),
        ("example.com", "See https://example.com/a?b=c"),
        ("bob@example.com", "Mail bob@example.com today"),
        ("well-known", "a well-known fact"),
        ("don't", "I don't know"),
        ("42", "It is 42."),
        ("3.14", "pi is 3.14"),
        ("foo_bar", "call foo_bar()"),
        ("AND", "this and that"),
        ("NOT OR NEAR", "not near or far"),
        ('say "hello', "hello, they say"),
        ("content:hi", "the content: hi"),
        ("^start (x)", "x start"),
        ("***lunch", "Lunch at noon?"),
    ],
)
def test_what_is_found(typed: str, text: str) -> None:
    send(content=text)
    send(content="something else")
    assert found(typed) == [text]


@pytest.mark.parametrize(
    ("typed", "text"),
    [
        ("lunch dinner", "Lunch at noon?"),
        ("lun", "Lunch at noon?"),
        ('"noon at"', "Lunch at noon?"),
        ("unch*", "Lunch at noon?"),
        ("example com", "example.org"),
        ("", "text"),
        ("  ", "text"),
        ('"" * - "*', "* - text"),
        ("\0", "text"),
        ("\udc80", "text"),
        ("'; DROP TABLE messaging_message; --", "text"),
    ],
)
def test_what_is_not_found(typed: str, text: str) -> None:
    send(content=text)
    assert found(typed) == []


def test_best_comes_first() -> None:
    send(content="lunch " + "and many other things " * 20)
    send(content="lunch, lunch")
    send(content="a word about lunch")
    texts = [message.content for message in Message.objects.search("lunch")]
    assert texts[0] == "lunch, lunch"
    assert texts[-1].startswith("lunch and many")


def test_a_search_is_narrowed_like_any_other_queryset() -> None:
    alice, _, carol = people("alice", "bob", "carol")
    noon = datetime(2026, 11, 23, 12, 0, tzinfo=timezone.utc)
    send("alice", "bob", "lunch one", timestamp=noon)
    send("bob", "carol", "lunch two", timestamp=noon + timedelta(days=1))
    lunch = Message.objects.search("lunch")
    assert [m.content for m in lunch.of_user(alice)] == ["lunch one"]
    assert [m.content for m in Message.objects.of_user(carol).search("lunch")] == ["lunch two"]
    assert [m.content for m in lunch.between(alice, people("bob")[0])] == ["lunch one"]
    assert [m.content for m in lunch.sent(since=noon + timedelta(hours=1))] == ["lunch two"]
    assert [m.content for m in Message.unread.search("lunch").filter(receiver=carol)] == [
        "lunch two"
    ]
    assert lunch.count() == 2
    assert len(lunch[:1].rows()) == 1
    assert lunch.exists()


def test_every_path_keeps_the_index_right() -> None:
    message = send(content="first")
    Message.objects.edit(message.pk, "second")
    assert (found("first"), found("second")) == ([], ["second"])
    Message.objects.filter(pk=message.pk).update(content="third")
    assert (found("second"), found("third")) == ([], ["third"])
    with connection.cursor() as cursor:
        cursor.execute("UPDATE messaging_message SET content = 'fourth'")
    assert (found("third"), found("fourth")) == ([], ["fourth"])
    send_many(3)
    assert len(found("message")) == 3
    line = Record("x", "alice", "bob", "imported", datetime.now(timezone.utc), None)
    import_records([(Place("x", 1), line)])
    assert found("imported") == ["imported"]
    Message.objects.filter(content="imported").delete()
    assert found("imported") == []
    accounts.delete_user(User.objects.get(username="bob"))
    assert found("fourth") == []
    assert not health.faults()


def test_what_is_undone_is_not_found() -> None:
    with transaction.atomic():
        send(content="never")
        transaction.set_rollback(True)
    assert found("never") == []


def test_a_very_long_text_can_be_stored_and_found() -> None:
    words = " ".join(f"w{n}" for n in range(300_000))
    send(content=f"begin {words}")
    send(content="x" * 3_000_000)
    assert len(Message.objects.search("begin w99")) == 1


def test_more_words_than_anybody_types_are_cut() -> None:
    text = " ".join(f"w{n}" for n in range(5_000))
    send(content=text)
    assert found(text) == [text]
    assert found("w1 " * 5_000) == [text]
    assert found(f'"{text}"') == [text]
    assert found("z" * 100_000) == []


def test_a_search_is_a_query_and_on_sqlite_one_that_looks_for_the_index(
    django_assert_num_queries: object,
) -> None:
    send(content="hi")
    with django_assert_num_queries(2 if connection.vendor == "sqlite" else 1):  # type: ignore[operator]
        assert len(Message.objects.search("hi").rows()) == 1


def test_the_database_uses_the_index() -> None:
    send_many(50)
    plan = Message.objects.search("message").explain()
    if connection.vendor == "sqlite":
        assert re.search("SCAN messaging_search VIRTUAL TABLE INDEX", plan)
        assert "SCAN messaging_message" not in plan
    else:
        with connection.cursor() as cursor:
            cursor.execute("SET LOCAL enable_seqscan = off")
        assert "messaging_search" in Message.objects.search("message").explain()


ANYTHING = st.text(max_size=40) | st.text("\"*()^:-+ aAé'\\&|!<>~{}", max_size=20)


@EXAMPLES
@given(ANYTHING)
@example('"')
@example('a"b*')
@example("a:*b & | ! <->")
@example("\x00\\'")
def test_nothing_that_can_be_typed_is_an_error(typed: str) -> None:
    with undone():
        send(content="a text")
        found(typed)


LATIN = "abcXYZéÀöñşč0129"  # in other scripts FTS5 folds case, and no accents
SCRIPTS = LATIN + "ΑλφαЖяй東あカ한글שלוםمرحبا"
WORDS = st.text(SCRIPTS, min_size=1, max_size=8)


@EXAMPLES
@given(st.lists(WORDS, min_size=1, max_size=6), st.data())
def test_a_text_is_found_by_its_words_their_beginnings_and_without_accents(
    words: list[str], data: st.DataObject
) -> None:
    with undone():
        text = data.draw(st.sampled_from([", ", " ", "-", "/", "\n", "… "])).join(words)
        send(content=text)
        word = data.draw(st.sampled_from(words))
        assert found(word) == [text]
        assert found(word.upper()) == [text]
        if word.isascii() or set(word) <= set(LATIN):
            assert found(fold(word)) == [text]
        assert found(f"{word[: data.draw(st.integers(1, len(word)))]}*") == [text]
        assert found(f'"{text}"') == [text]
        marked = spans(text, terms(word))
        assert {fold(text[start:end]) for start, end in marked} >= {fold(word)}


@pytest.mark.parametrize(
    ("typed", "wanted"),
    [
        ("one two one", [Term(("one",), False), Term(("two",), False)]),
        ('"one two"* x*', [Term(("one", "two"), True), Term(("x",), True)]),
        ("well-known", [Term(("well", "known"), False)]),
        ("- * ()", []),
    ],
)
def test_what_is_typed_is_read_as_terms(typed: str, wanted: list[Term]) -> None:
    assert terms(typed) == wanted


def test_the_parts_that_match_are_known() -> None:
    text = "Lunch at noon? The LUNCHES. Café, cafe at noon"
    assert [text[a:b] for a, b in spans(text, terms("lunch* cafe"))] == [
        "Lunch",
        "LUNCHES",
        "Café",
        "cafe",
    ]
    assert [text[a:b] for a, b in spans(text, terms('"at noon"'))] == ["at noon", "at noon"]
    assert list(pieces("a b c", [Span(2, 3)])) == [("a ", False), ("b", True), (" c", False)]


# Where there is no full-text search


@pytest.fixture
def without_index() -> None:
    """The database of a host whose SQLite has no FTS5: the migration made no index there."""
    index.drop(connection)


@sqlite
@pytest.mark.usefixtures("without_index")
def test_without_an_index_the_words_are_looked_for_in_the_texts() -> None:
    send(content="Lunch at noon?")
    send(content="lunch at one")
    send(content="dinner")
    assert [m.content for m in Message.objects.search("LUNCH at")] == [
        "lunch at one",
        "Lunch at noon?",
    ]
    assert found("noon* lunch") == ["Lunch at noon?"]
    assert found("%") == []


@sqlite
def test_what_the_tables_of_django_lose_comes_back_with_the_next_migration() -> None:
    send(content="before")
    with connection.cursor() as cursor:
        cursor.execute("DROP TRIGGER messaging_search_insert")
    send(content="between")
    assert [fault.problem for fault in health.faults()] == ["search index out of step"]
    call_command("migrate", verbosity=0)
    assert (found("before"), found("between")) == (["before"], ["between"])
    assert not health.faults()


@sqlite
def test_an_index_that_lies_is_found_and_mended() -> None:
    message = send(content="truth")
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO messaging_search (rowid, content) VALUES (%s, 'lie')", [message.pk]
        )
    assert [fault.problem for fault in health.faults()] == ["search index out of step"]
    health.mend()
    assert (found("truth"), found("lie")) == (["truth"], [])
    assert not health.faults()


def test_a_database_with_full_text_search_has_no_warning() -> None:
    assert checks.full_text_search(["default"]) == []
    assert checks.full_text_search(None) == []
    assert index.can_search(connection)


class ElsewhereRouter:
    """Messages are in a database of which Django knows nothing."""

    def db_for_read(self, model: type, **hints: object) -> str:
        return "elsewhere"


def test_a_database_without_full_text_search_is_warned_of() -> None:
    connections["elsewhere"] = DatabaseWrapper({"ENGINE": "django.db.backends.dummy"}, "elsewhere")
    try:
        with override_settings(DATABASE_ROUTERS=[ElsewhereRouter()]):
            [warning] = checks.full_text_search(["elsewhere"])
            assert checks.full_text_search(["default"]) == []
    finally:
        del connections["elsewhere"]
    assert warning.id == "messaging.W001"
    assert str(warning.msg).startswith("Messages are searched without an index:")
    assert warning.hint == "Use PostgreSQL, or a Python whose SQLite is built with FTS5."


@sqlite
def test_the_migration_can_be_undone_and_done_again() -> None:
    send(content="hi")
    index.drop(connection)
    assert not index.is_there(connection)
    index.create(connection)
    assert found("hi") == ["hi"]
    assert finding.search(Message.objects.all(), "hi").count() == 1

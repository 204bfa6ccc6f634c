"""The index of the words of messages, which the database itself keeps in step.

On SQLite it is an FTS5 table without texts of its own, kept by triggers; on PostgreSQL a
generated column with a GIN index. So nothing that changes a text can pass it by, not even
raw SQL. Sources: https://www.sqlite.org/fts5.html#external_content_tables,
https://www.postgresql.org/docs/current/textsearch-tables.html
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from django.db import DatabaseError, OperationalError, transaction

from messaging.search.words import Term

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

TABLE = "messaging_search"
ADD = f"INSERT INTO {TABLE} (rowid, content) VALUES (new.id, new.content)"
REMOVE = f"INSERT INTO {TABLE} ({TABLE}, rowid, content) VALUES ('delete', old.id, old.content)"
TRIGGERS = {
    f"{TABLE}_insert": f"AFTER INSERT ON messaging_message BEGIN {ADD}; END",
    f"{TABLE}_delete": f"AFTER DELETE ON messaging_message BEGIN {REMOVE}; END",
    f"{TABLE}_update": (
        "AFTER UPDATE OF id, content ON messaging_message"
        " WHEN old.id <> new.id OR old.content <> new.content"  # a save() writes all columns
        f" BEGIN {REMOVE}; {ADD}; END"
    ),
}
FTS5 = f"""
    CREATE VIRTUAL TABLE IF NOT EXISTS {TABLE} USING fts5(content, content='messaging_message',
        content_rowid='id', tokenize='unicode61 remove_diacritics 2')"""

# What the tokenizer of FTS5 does: no case, no accents, and words that end at punctuation,
# which PostgreSQL's parser would read as parts of addresses and the like. A text is cut,
# because a tsvector holds a megabyte at most, and a message that is longer has to be stored.
POSTGRESQL = (
    """
    CREATE OR REPLACE FUNCTION messaging_words(text) RETURNS tsvector
    LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
        SELECT to_tsvector('simple', regexp_replace(
            normalize(regexp_replace(
                normalize(lower(left($1, 100000) COLLATE {collation}), NFKD),
                '[\\u0300-\\u036f]', '', 'g'), NFC),
            '[\\u0001-\\u002f:-@\\[-`{-\\u00bf\\u2000-\\u206f\\u3000-\\u303f]+', ' ', 'g'))
    $$""",
    f"ALTER TABLE messaging_message ADD COLUMN {TABLE} tsvector"
    " GENERATED ALWAYS AS (messaging_words(content)) STORED",
    f"CREATE INDEX {TABLE} ON messaging_message USING gin ({TABLE})",
)


def create(connection: BaseDatabaseWrapper) -> None:
    """Make the index of all messages, where the database has the means."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute("SELECT 1 FROM pg_collation WHERE collname = 'und-x-icu'")
            # That of the database may know no letters but those of ASCII.
            collation = '"und-x-icu"' if cursor.fetchone() else '"default"'
            for statement in POSTGRESQL:
                cursor.execute(statement.replace("{collation}", collation))
        elif can_search(connection):
            cursor.execute(FTS5)
            for name, what in TRIGGERS.items():
                cursor.execute(f"CREATE TRIGGER IF NOT EXISTS {name} {what}")
            rebuild(connection)


def drop(connection: BaseDatabaseWrapper) -> None:
    """Take the index away again."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            cursor.execute(f"ALTER TABLE messaging_message DROP COLUMN {TABLE}")
            cursor.execute("DROP FUNCTION messaging_words(text)")
        elif connection.vendor == "sqlite":
            for name in TRIGGERS:
                cursor.execute(f"DROP TRIGGER IF EXISTS {name}")
            cursor.execute(f"DROP TABLE IF EXISTS {TABLE}")


def can_search(connection: BaseDatabaseWrapper) -> bool:
    """Whether this database has full-text search: PostgreSQL, and SQLite built with FTS5."""
    if connection.vendor != "sqlite":
        return connection.vendor == "postgresql"
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1 FROM pragma_module_list WHERE name = 'fts5'")
        return cursor.fetchone() is not None


def is_there(connection: BaseDatabaseWrapper) -> bool:
    """Whether the index was made, with all that keeps it in step."""
    if connection.vendor != "sqlite":
        return connection.vendor == "postgresql"
    names = [TABLE, *TRIGGERS]
    with connection.cursor() as cursor:
        marks = ", ".join(["%s"] * len(names))
        cursor.execute(f"SELECT COUNT(*) FROM sqlite_master WHERE name IN ({marks})", names)
        return int(cursor.fetchone()[0]) == len(names)


def restore(connection: BaseDatabaseWrapper) -> None:
    """Make the index again where it went: Django loses triggers when it rebuilds a table."""
    if connection.vendor == "sqlite" and can_search(connection) and not is_there(connection):
        create(connection)


def rebuild(connection: BaseDatabaseWrapper) -> None:
    """Work out SQLite's index again from the messages."""
    with connection.cursor() as cursor:
        cursor.execute(f"INSERT INTO {TABLE} ({TABLE}) VALUES ('rebuild')")


def mend(connection: BaseDatabaseWrapper) -> None:
    """Put an index right that `is_wrong`."""
    drop(connection)
    create(connection)


def forget_deleted(connection: BaseDatabaseWrapper) -> None:
    """Write SQLite's index anew, without what was taken out of it: until then it is only marked.

    Since SQLite 3.42 the option `secure-delete` does it at once; this does it for all.
    """
    if connection.vendor == "sqlite" and is_there(connection):
        with connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO {TABLE} ({TABLE}) VALUES ('optimize')")


def is_wrong(connection: BaseDatabaseWrapper) -> bool:
    """Whether SQLite's index does not say what the messages say, or is not there."""
    if connection.vendor != "sqlite" or not can_search(connection):
        return False
    if not is_there(connection):
        return True
    try:
        with transaction.atomic(using=connection.alias), connection.cursor() as cursor:
            cursor.execute(f"INSERT INTO {TABLE} ({TABLE}, rank) VALUES ('integrity-check', 1)")
    except OperationalError as error:
        if "readonly" not in str(error):  # the check is written as an INSERT
            raise
    except DatabaseError:
        return True
    return False


def match(terms: Sequence[Term]) -> str:
    """The terms as FTS5 reads them: every one in quotes, so that none is an operator."""
    return " AND ".join(
        '"' + " ".join(term.words) + '"' + (" *" if term.is_prefix else "") for term in terms
    )


def tsquery(terms: Sequence[Term]) -> str:
    """The terms as PostgreSQL's to_tsquery reads them; letters and digits need no quoting."""
    return " & ".join(
        "("
        + " <-> ".join(f"'{word}'" for word in term.folded)
        + (":*" if term.is_prefix else "")
        + ")"
        for term in terms
    )

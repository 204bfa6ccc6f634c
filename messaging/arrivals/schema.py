"""What PostgreSQL keeps so that no message is missed: who sent it, as a number, and a bell.

The column `arrived` has the number of the transaction that inserted a message, by which a
snapshot tells whether it was committed by then. The bell is a notification, of which the
server makes one for each transaction, when it is committed. SQLite needs neither.
Source: https://www.postgresql.org/docs/current/functions-info.html#FUNCTIONS-PG-SNAPSHOT
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from django.db.backends.base.base import BaseDatabaseWrapper

CHANNEL = "messaging_arrived"

# With a default from the beginning, a column whose default changes has every row written anew.
CREATE = (
    "ALTER TABLE messaging_message ADD COLUMN arrived xid8",
    "ALTER TABLE messaging_message ALTER COLUMN arrived SET DEFAULT pg_current_xact_id()",
    f"CREATE INDEX {CHANNEL} ON messaging_message (arrived) WHERE arrived IS NOT NULL",
    f"""
    CREATE FUNCTION {CHANNEL}() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_notify('{CHANNEL}', ''); RETURN NULL; END $$""",
    f"""
    CREATE TRIGGER {CHANNEL} AFTER INSERT ON messaging_message
    FOR EACH STATEMENT EXECUTE FUNCTION {CHANNEL}()""",
)
DROP = (
    f"DROP TRIGGER {CHANNEL} ON messaging_message",
    f"DROP FUNCTION {CHANNEL}()",
    "ALTER TABLE messaging_message DROP COLUMN arrived",
)


def create(connection: BaseDatabaseWrapper) -> None:
    """Let PostgreSQL say what arrives from now on; other databases stay as they are."""
    _execute(connection, CREATE)


def drop(connection: BaseDatabaseWrapper) -> None:
    """Take it away again."""
    _execute(connection, DROP)


def _execute(connection: BaseDatabaseWrapper, statements: tuple[str, ...]) -> None:
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            for statement in statements:
                cursor.execute(statement)

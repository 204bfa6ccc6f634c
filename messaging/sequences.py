"""The highest id that a table ever gave: no id is given twice, even of a row that is gone.

SQLite keeps it in sqlite_sequence (https://www.sqlite.org/autoinc.html), PostgreSQL in the
sequence of an identity column (https://www.postgresql.org/docs/current/functions-sequence.html).
"""

from __future__ import annotations

from django.db import connections
from django.db.models import AutoField, Model


def carry(model: type[Model], source: str, target: str) -> None:
    """Have the target go on where the source is, or where it is itself if that is further."""
    if isinstance(model._meta.pk, AutoField):
        last = max(_last(model, source), _last(model, target))
        if last:
            _go_on_from(model, last, target)


def _last(model: type[Model], using: str) -> int:
    """The last id given, 0 if there was none."""
    table = model._meta.db_table
    connection = connections[using]
    with connection.cursor() as cursor:
        if connection.vendor == "sqlite":
            cursor.execute("SELECT seq FROM sqlite_sequence WHERE name = %s", [table])
        else:
            cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", [table, _column(model)])
            [sequence] = cursor.fetchone()
            cursor.execute(f"SELECT last_value FROM {sequence} WHERE is_called")
        found = cursor.fetchone()
    return int(found[0]) if found else 0


def _go_on_from(model: type[Model], last: int, using: str) -> None:
    table = model._meta.db_table
    connection = connections[using]
    with connection.cursor() as cursor:
        if connection.vendor != "sqlite":
            sequence = "pg_get_serial_sequence(%s, %s)"
            cursor.execute(f"SELECT setval({sequence}, %s)", [table, _column(model), last])
            return
        cursor.execute("UPDATE sqlite_sequence SET seq = %s WHERE name = %s", [last, table])
        if not cursor.rowcount:  # nothing was ever inserted here
            cursor.execute("INSERT INTO sqlite_sequence (name, seq) VALUES (%s, %s)", [table, last])


def _column(model: type[Model]) -> str:
    assert model._meta.pk is not None
    return str(model._meta.pk.column)

"""A store of any size in PostgreSQL, made by a few statements: the shape of `common.chatter`."""

from __future__ import annotations

from django.db import connection, transaction

PEOPLE = 1000
LONG = 10_000  # messages of one thread, between carol and dave

USERS = f"""
    INSERT INTO auth_user (id, username, password, is_superuser, first_name, last_name, email,
        is_staff, is_active, date_joined)
    SELECT n, COALESCE((ARRAY['alice', 'bob', 'carol', 'dave'])[n], 'friend' || n), '!', false,
        '', '', '', false, true, '2026-01-01T00:00Z'
    FROM generate_series(1, {PEOPLE}) AS n"""

# Half of the messages are alice's, a fifth with bob; half answer the one before of the same two.
CHATTER = f"""
    CREATE TEMPORARY TABLE chatter AS
    SELECT id, CASE WHEN turned THEN other ELSE one END AS sender_id,
        CASE WHEN turned THEN one ELSE other END AS receiver_id, answers, read
    FROM (SELECT id,
            CASE WHEN dice < 0.5 THEN 1 ELSE 2 + floor(random() * {PEOPLE - 1})::int END AS one,
            CASE WHEN dice < 0.2 THEN 2 ELSE 2 + floor(random() * {PEOPLE - 1})::int END AS other,
            random() < 0.5 AS turned, random() < 0.5 AS answers, random() > 0.1 AS read
        FROM (SELECT id, random() AS dice
            FROM generate_series({LONG + 1}, {LONG} + %s) AS id) AS thrown) AS drawn"""

MESSAGES = """
    INSERT INTO messaging_message (id, sender_id, receiver_id, content, timestamp, read, edited,
        parent_message_id, root_id)
    SELECT id, sender_id, receiver_id,
        'Message ' || id || ' is about as long as what people say in one go, not much longer.',
        timestamptz '2026-01-01T00:00Z' + id * interval '1 minute',
        CASE WHEN receiver_id = 1 THEN place > 50 ELSE read END, false,
        CASE WHEN answers THEN before END, CASE WHEN answers THEN opener END
    FROM (SELECT *, lag(id) OVER pair AS before,
            max(id) FILTER (WHERE NOT answers) OVER pair AS opener,
            row_number() OVER (PARTITION BY receiver_id ORDER BY id DESC) AS place
        FROM (SELECT id, sender_id, receiver_id, read, answers AND lag(id) OVER pair IS NOT NULL
                AS answers
            FROM chatter
            WINDOW pair AS (PARTITION BY least(sender_id, receiver_id),
                greatest(sender_id, receiver_id) ORDER BY id)) AS answering
        WINDOW pair AS (PARTITION BY least(sender_id, receiver_id),
            greatest(sender_id, receiver_id) ORDER BY id)) AS placed
    ORDER BY id"""

THREAD = f"""
    INSERT INTO messaging_message (id, sender_id, receiver_id, content, timestamp, read, edited,
        parent_message_id, root_id)
    SELECT id, 3 + id % 2, 4 - id % 2, 'Answer ' || id || ': as long as what people say.',
        timestamptz '2026-01-01T00:00Z' + id * interval '1 minute', true, false,
        CASE WHEN id > 1 THEN 1 + floor(random() * (id - 1))::int END,
        CASE WHEN id > 1 THEN 1 END
    FROM generate_series(1, {LONG}) AS id"""

NOTIFICATIONS = """
    INSERT INTO messaging_notification (message_id, user_id, timestamp, read)
    SELECT id, receiver_id, timestamp, read FROM messaging_message ORDER BY id"""

CONVERSATIONS = """
    INSERT INTO messaging_conversation
        (owner_id, other_id, last_message_id, last_timestamp, version)
    SELECT DISTINCT ON (owner, other) owner, other, id, timestamp, 0 FROM (
        SELECT sender_id AS owner, receiver_id AS other, id, timestamp FROM messaging_message
        UNION ALL SELECT receiver_id, sender_id, id, timestamp FROM messaging_message
    ) AS sides ORDER BY owner, other, timestamp DESC, id DESC"""

# Those that are quicker made at the end: neither unique nor of a constraint.
INDEXES = """
    SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index
    WHERE indrelid::regclass::text IN ('messaging_message', 'messaging_notification')
    AND NOT indisunique"""


def fill(number: int) -> None:
    """Put the long thread and `number` messages, with all that goes with them, into an empty store.

    The tables are analyzed and vacuumed then, as PostgreSQL would do by itself after a while.
    """
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL work_mem = '256MB'")
        cursor.execute("SET LOCAL session_replication_role = replica")  # no look-ups of keys
        cursor.execute("SELECT setseed(0.5)")
        cursor.execute(INDEXES)
        indexes = cursor.fetchall()
        for name, _ in indexes:
            cursor.execute(f"DROP INDEX {name}")
        cursor.execute(USERS)
        cursor.execute(CHATTER, [number])
        for statement in (THREAD, MESSAGES, NOTIFICATIONS, CONVERSATIONS):
            cursor.execute(statement)
        for _, definition in indexes:
            cursor.execute(definition)
        for table in ("auth_user", "messaging_message"):
            cursor.execute(
                f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), max(id)) FROM {table}"
            )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")

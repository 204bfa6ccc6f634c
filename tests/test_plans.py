"""On PostgreSQL the queries of every page find their rows by an index, however many there are."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import environment_for, run_in
from tests.databases import Postgres

pytestmark = pytest.mark.servers

EXPLAINED = """
import json
from itertools import chain
from msgcli import bootstrap
bootstrap.setup_django()
from datetime import datetime, timedelta, timezone
from django.contrib.auth.models import User
from django.db import connection
from messaging.models import Conversation, Message, Notification

users = User.objects.bulk_create(User(username=f"user{n}") for n in range(100))
alice, bob = users[:2]
start = datetime(2026, 1, 1, tzinfo=timezone.utc)
Message.objects.bulk_create(
    Message(
        sender=users[n % 100],
        receiver=users[n * n % 97 if n % 100 else 1],
        content=f"message {n} " + "long " * 300,
        read=n % 50 > 0,
        timestamp=start + timedelta(minutes=n),
    )
    for n in range(4000)
)
top = Message.objects.order_by("pk").first()
Message.objects.bulk_create(
    Message(sender=bob, receiver=alice, content="an answer", parent_message=top) for _ in range(20)
)
with connection.cursor() as cursor:
    cursor.execute("ANALYZE")
newest = Message.objects.newest_first().first()
plans = {
    "unread": Message.unread.unread_for_user(alice)[:50],
    "conversation": Message.objects.between(alice, bob).newest_first()[:50],
    "its next page": Message.objects.between(alice, bob).before(newest).newest_first()[:50],
    "thread": Message.objects.in_thread(top.pk),
    "inbox": Conversation.objects.inbox(alice).select_related("last_message")[:10],
    "notifications": Notification.objects.of_user(alice).select_related("message")[:50],
    "search": Message.objects.of_user(alice).search('"message 3210"'),
}
print(json.dumps({name: query.explain() for name, query in plans.items()}))
connection.close()
"""


def test_no_page_scans_the_messages(postgres: Postgres, tmp_path: Path) -> None:
    environment = environment_for(tmp_path / "store")
    environment["MSGCLI_DATABASE_URL"] = postgres.new_database()
    run_in(environment, "migrate")
    command = [sys.executable, "-c", EXPLAINED]
    plans = json.loads(subprocess.check_output(command, env=environment, text=True))
    scanned = {name: plan for name, plan in plans.items() if "Seq Scan on messaging_" in plan}
    assert scanned == {}
    indexes = {
        "unread": "messaging_unread",
        "conversation": "messaging_between",
        "its next page": "messaging_between",
        "thread": "messaging_message_root_id",
        "inbox": "messaging_inbox",
        "notifications": "messaging_notifications",
        "search": "messaging_search",
    }
    assert {name for name, index in indexes.items() if index not in plans[name]} == set()

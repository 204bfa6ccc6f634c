"""Whether anything came for a person: what their open pages ask for, again and again.

No place in the order of arrival, which is everybody's and would tell how much others write.
Whatever changes a message gives the conversations of its two people another version, in the
same transaction; so these tell of every arrival when it is committed, in whatever order.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

from messaging.models import Conversation

NEWEST = 50  # conversations: a message that is sent now is in one of them


def state(reader: Any) -> str:
    """Another text after every message that somebody sends to `reader`, or `reader` to somebody.

    Also after most other changes: to any message of the newest conversations.
    """
    newest = Conversation.objects.inbox(reader)[:NEWEST]
    versions = list(newest.values_list("pk", "version"))
    return blake2b(repr(versions).encode(), digest_size=16).hexdigest()

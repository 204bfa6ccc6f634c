"""Pages and JSON for logged-in people, over the same verbs as everything else.

Each person sees what they sent or received, and of a thread with others only that.
"""

from messaging.views.account import account, delete_user, export
from messaging.views.described import asset, openapi
from messaging.views.reading import (
    arrivals,
    history,
    inbox,
    message_list,
    message_thread,
    notifications,
    unread_messages,
)
from messaging.views.searching import search
from messaging.views.writing import (
    clear_notifications,
    delete,
    edit,
    mark_read,
    mark_unread,
    reply,
    send,
)

__all__ = [
    "account",
    "arrivals",
    "asset",
    "clear_notifications",
    "delete",
    "delete_user",
    "edit",
    "export",
    "history",
    "inbox",
    "mark_read",
    "mark_unread",
    "message_list",
    "message_thread",
    "notifications",
    "openapi",
    "reply",
    "search",
    "send",
    "unread_messages",
]

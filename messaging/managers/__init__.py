"""Reads as chainable querysets, changes as verbs, one module for each model."""

from messaging.managers.conversations import ConversationQuerySet
from messaging.managers.messages import MessageManager, MessageQuerySet, UnreadMessagesManager
from messaging.managers.notifications import NotificationQuerySet
from messaging.managers.rows import InboxRow, NotificationRow, VersionRow

__all__ = [
    "ConversationQuerySet",
    "InboxRow",
    "MessageManager",
    "MessageQuerySet",
    "NotificationQuerySet",
    "NotificationRow",
    "UnreadMessagesManager",
    "VersionRow",
]

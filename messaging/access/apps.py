from __future__ import annotations

from typing import Any

from django.apps import AppConfig
from django.conf import settings
from django.db.models.signals import post_delete


class AccessConfig(AppConfig):
    """The app as Django sees it."""

    name = "messaging.access"
    label = "messaging_access"
    verbose_name = "Access to messages"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Have nothing of a deleted account stay, not even how often its password was wrong."""
        post_delete.connect(
            _forget_failures, sender=settings.AUTH_USER_MODEL, dispatch_uid="messaging.access"
        )


def _forget_failures(instance: Any, **kwargs: Any) -> None:
    from messaging.access.slowing import forget  # only now: most runs of a command delete nobody

    forget(instance.get_username())

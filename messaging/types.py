"""Names for the type checker."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from django.contrib.auth.models import User

    # Whatever model settings.AUTH_USER_MODEL names; a checker sees the one of these settings.
    AnyUser: TypeAlias = User

"""Logging in by password, slowed down for those who guess."""

from __future__ import annotations

from typing import Any

from asgiref.sync import sync_to_async
from django.contrib.auth import get_user_model
from django.contrib.auth.backends import ModelBackend
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest

from messaging.access.slowing import TooManyTries, charge, forgive
from messaging.exceptions import InvalidText
from messaging.validation import check_storable


class SlowedBackend(ModelBackend):
    """Django's own, but no password is looked at while there is time to wait.

    It then raises PermissionDenied, so that no other backend is asked, and leaves the
    TooManyTries in `request.too_many_tries`. Whether there is such an account, active and with
    a password, makes no difference to the time it takes: Django's backend sees to that.
    """

    def authenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """The user of this name and password, else None."""
        if username is None:
            username = kwargs.get(get_user_model().USERNAME_FIELD)
        if username is None or password is None:
            return None
        try:
            check_storable(username + password)
        except InvalidText:  # nobody can have these, and databases raise errors of their own
            return None
        address = request.META.get("REMOTE_ADDR", "") if request else ""
        try:
            charge(username, address)
        except TooManyTries as refused:
            if request is not None:
                request.too_many_tries = refused  # type: ignore[attr-defined]
            raise PermissionDenied from refused
        user = super().authenticate(request, username, password, **kwargs)
        if user is not None:
            forgive(username, address)
        return user

    async def aauthenticate(
        self,
        request: HttpRequest | None,
        username: str | None = None,
        password: str | None = None,
        **kwargs: Any,
    ) -> Any:
        """The same; Django's own would go past `authenticate`."""
        return await sync_to_async(self.authenticate)(request, username, password, **kwargs)

"""The session engine: Django's in the database, with whose session it is beside it.

https://docs.djangoproject.com/en/5.2/topics/http/sessions/#extending-database-backed-session-engines
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.contrib.auth import SESSION_KEY, get_user_model
from django.contrib.sessions.backends.base import CreateError
from django.contrib.sessions.backends.db import SessionStore as DBStore
from django.contrib.sessions.exceptions import SessionInterrupted
from django.db import IntegrityError

from messaging.access.models import Session


class SessionStore(DBStore):
    """Sessions as rows of `Session`."""

    @classmethod
    def get_model_class(cls) -> Any:
        return Session

    def create_model_instance(self, data: dict[str, Any]) -> Any:
        return _owned(super().create_model_instance(data), data)

    async def acreate_model_instance(self, data: dict[str, Any]) -> Any:
        return _owned(await super().acreate_model_instance(data), data)

    def save(self, must_create: bool = False) -> None:
        """As Django does. Raises SessionInterrupted, a 400, if the account is gone meanwhile."""
        with self._of_an_account():
            super().save(must_create)

    async def asave(self, must_create: bool = False) -> None:
        """As `save`."""
        with self._of_an_account():
            await super().asave(must_create)

    @contextmanager
    def _of_an_account(self) -> Iterator[None]:
        """Django takes a row that can't be made for a key that is taken, and tries for ever.

        Here it is the account that is missing; two keys are never alike by chance.
        """
        try:
            yield
        except (CreateError, IntegrityError) as error:
            if SESSION_KEY not in self:
                raise
            raise SessionInterrupted("The account was deleted meanwhile.") from error


def _owned(session: Any, data: dict[str, Any]) -> Any:
    """The session, with whose it is."""
    if SESSION_KEY in data:
        session.user_id = get_user_model()._meta.pk.to_python(data[SESSION_KEY])
    return session

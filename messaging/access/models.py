"""What lets people in. Of login links and tokens only digests are kept.

Their secrets are random, of 256 bits, so a fast hash keeps them as well as a slow one would:
a slow one is for what people think up, and this can't be guessed. Sessions are Django's, whose
keys it keeps as they are.
"""

from __future__ import annotations

import secrets
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from django.conf import settings
from django.contrib.sessions.base_session import AbstractBaseSession
from django.db import models
from django.utils import timezone

from messaging.exceptions import InvalidText
from messaging.validation import check_storable

if TYPE_CHECKING:
    from messaging.types import AnyUser

BEGINNING = "msgcli_"  # of every token, so that a scanner of leaked secrets can tell what it found
SHOWN = len(BEGINNING) + 4  # characters of a token that are kept, to recognise it by
LONGEST_NAME = 100  # characters
USE_NOTED = timedelta(minutes=1)  # how exactly the last use of a token is kept


def digest(secret: str) -> str:
    """What is kept of a secret."""
    return sha256(secret.encode(errors="replace")).hexdigest()


class Session(AbstractBaseSession):
    """A browser in which somebody is logged in; gone when their account is."""

    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, related_name="+"
    )

    class Meta(AbstractBaseSession.Meta):
        verbose_name = "session"
        verbose_name_plural = "sessions"

    @classmethod
    def get_session_store_class(cls) -> Any:
        from messaging.access.sessions import SessionStore

        return SessionStore


class LoginLinkManager(models.Manager["LoginLink"]):
    """Links that log somebody in once."""

    def issue(self, user: AnyUser, minutes: int) -> str:
        """The secret of a new link; links that are too old go meanwhile."""
        now = timezone.now()
        self.filter(expires__lte=now).delete()
        secret = secrets.token_urlsafe(32)
        self.create(user=user, digest=digest(secret), expires=now + timedelta(minutes=minutes))
        return secret

    def redeem(self, secret: str) -> AnyUser | None:
        """Whom the link logs in, the first time it is redeemed before it is too old, else None.

        One statement decides, so that of many at once only one succeeds.
        """
        found = self.filter(digest=digest(secret), expires__gt=timezone.now())
        link = found.select_related("user").first()
        deleted, _ = found.delete()
        return link.user if link is not None and deleted == 1 else None


class LoginLink(models.Model):
    """A link that logs somebody in once; it goes when it has."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    digest = models.CharField(max_length=64, unique=True)
    expires = models.DateTimeField(db_index=True)

    objects = LoginLinkManager()

    def __str__(self) -> str:
        return f"a login link for {self.user}"


class TokenManager(models.Manager["Token"]):
    """Tokens, by which scripts say whom they act for."""

    def issue(self, user: AnyUser, name: str = "") -> tuple[Token, str]:
        """A new token, and its secret, which nothing can show again.

        Raises InvalidText for a `name` that can't be stored.
        """
        check_storable(name)
        if len(name) > LONGEST_NAME:
            raise InvalidText(f"A token's name can have {LONGEST_NAME} characters at most.")
        secret = BEGINNING + secrets.token_urlsafe(32)
        token = self.create(user=user, name=name, digest=digest(secret), begins_with=secret[:SHOWN])
        return token, secret

    def of_secret(self, secret: str) -> Token | None:
        """The token of this secret, with its user; notes when it was last used."""
        token = self.select_related("user").filter(digest=digest(secret)).first()
        now = timezone.now()
        if token is not None and (token.last_used is None or token.last_used < now - USE_NOTED):
            self.filter(pk=token.pk).update(last_used=now)
        return token


class Token(models.Model):
    """What lets a script in as somebody, until it is revoked."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    name = models.CharField(max_length=LONGEST_NAME, blank=True)
    digest = models.CharField(max_length=64, unique=True)
    begins_with = models.CharField(max_length=SHOWN)
    created = models.DateTimeField(default=timezone.now)
    last_used = models.DateTimeField(null=True)

    objects = TokenManager()

    def __str__(self) -> str:
        return f"{self.begins_with}… of {self.user}"


class Failures(models.Model):
    """How often a password was wrong for one account or from one address, lately.

    `key` is a keyed hash: no name and no address is kept.
    """

    key = models.CharField(max_length=64, primary_key=True)
    number = models.PositiveIntegerField(default=0)
    last = models.DateTimeField(db_index=True)
    blocked_until = models.DateTimeField()

    class Meta:
        verbose_name_plural = "failures"

    def __str__(self) -> str:
        return f"{self.number} failures"

"""Guessing passwords is slowed down, by account and by address, for all workers together."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from ipaddress import IPv6Address, IPv6Network, ip_address
from unicodedata import normalize

from django.core.exceptions import ImproperlyConfigured
from django.db import router, transaction
from django.utils import timezone
from django.utils.crypto import salted_hmac

from messaging.access.models import Failures

FREE = {"account": 5, "address": 20}  # failures that need no waiting
LONGEST = 300  # seconds
FORGOTTEN = timedelta(hours=1)  # after the last of them


class TooManyTries(Exception):
    """It was tried too often; `seconds` is how long to wait."""

    def __init__(self, seconds: int) -> None:
        wait = "1 second" if seconds == 1 else f"{seconds} seconds"
        super().__init__(f"Too many tries. Wait {wait}, or use a login link.")
        self.seconds = seconds


def charge(account: str, address: str) -> None:
    """Count a try as a failure before it is made, so that of many at once all are counted.

    `address` is an IP address, or empty where there is none. Raises TooManyTries, and counts
    nothing, while there is time to wait.
    """
    now = timezone.now()
    Failures.objects.filter(last__lt=now - FORGOTTEN).delete()
    with transaction.atomic(using=router.db_for_write(Failures)):
        rows = [(FREE[kind], _locked(key, now)) for kind, key in _keys(account, address).items()]
        blocked = max(row.blocked_until for _, row in rows)
        if blocked > now:
            raise TooManyTries(math.ceil((blocked - now).total_seconds()))
        for free, row in rows:
            row.number += 1
            row.blocked_until = now + timedelta(seconds=_wait(row.number - free))
            row.save()


def forgive(account: str, address: str) -> None:
    """The try was right: forget the account's failures, and take back the address's last."""
    keys = _keys(account, address)
    with transaction.atomic(using=router.db_for_write(Failures)):
        Failures.objects.filter(key=keys.pop("account")).delete()
        for row in Failures.objects.select_for_update().filter(key__in=keys.values()):
            row.number = max(0, row.number - 1)
            row.blocked_until = row.last  # as before the try, which was not refused
            row.save()


def forget(account: str) -> None:
    """The account is gone: so are its failures, or all, where the key that tells is not at hand."""
    try:
        gone = Failures.objects.filter(key=_keys(account, "")["account"])
    except ImproperlyConfigured:  # SECRET_KEY is the server's; the command line does without
        gone = Failures.objects.all()
    gone.delete()


def _locked(key: str, now: datetime) -> Failures:
    """The row of a key, which one statement makes or locks, until the transaction ends."""
    Failures.objects.bulk_create(
        [Failures(key=key, last=now, blocked_until=now)],
        update_conflicts=True,
        unique_fields=["key"],
        update_fields=["last"],
    )
    return Failures.objects.select_for_update().get(key=key)


def _wait(beyond: int) -> int:
    """Seconds to wait after so many failures beyond the free ones: 1, 2, 4 and so on."""
    return 0 if beyond < 1 else min(LONGEST, 2 ** min(beyond - 1, 20))


def _keys(account: str, address: str) -> dict[str, str]:
    """By what failures are counted. Spellings that a database may take for one name are one."""
    values = {"account": normalize("NFKC", account).strip().casefold()}
    if address:
        values["address"] = _neighbourhood(address)
    salt = "messaging.access.slowing"
    return {
        kind: salted_hmac(salt, f"{kind} {value}", algorithm="sha256").hexdigest()
        for kind, value in values.items()
    }


def _neighbourhood(address: str) -> str:
    """An IPv4 address, or the /64 of an IPv6 one: a single customer has all of it (RFC 6177)."""
    try:
        parsed = ip_address(address)
    except ValueError:  # a server that puts something else there
        return address
    if not isinstance(parsed, IPv6Address):
        return str(parsed)
    if parsed.ipv4_mapped:
        return str(parsed.ipv4_mapped)
    return str(IPv6Network((int(parsed), 64), strict=False))

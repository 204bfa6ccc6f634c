"""Which users the people of an archive are."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator
from itertools import count
from typing import Any

from django.contrib.auth import get_user_model
from django.db.models.functions import Lower

from messaging.accounts import add_users, email_field, user_ids, users
from messaging.archive.ids import name_in
from messaging.archive.letters import Person
from messaging.batches import batched
from messaging.exceptions import InvalidName
from messaging.validation import clean_name

UNKNOWN = Person("", "unknown")  # who wrote a letter that does not say


class Directory:
    """Finds the user of each Person: by address, or else by name; adds those that are absent.

    An address is found as a user's email, or as a user's name. Whoever has neither address
    nor name is the user `unknown`. A new user is called as they called themselves, or by
    their address where that name is somebody else's.
    """

    def __init__(self, *, add_unknown: bool) -> None:
        self.add_unknown = add_unknown
        self.added = 0
        self.known: dict[Person, Any] = {}

    def learn(self, people: Iterable[Person]) -> None:
        """Look up those people who were not found yet, and add the absent where that is allowed."""
        new = list(dict.fromkeys(person for person in people if person not in self.known))
        by_address = _by_email({person.address for person in map(_key, new) if person.address})
        by_name = user_ids({person.address or person.name for person in map(_key, new)})
        for person in new:
            key = _key(person)
            found = by_address.get(key.address) or by_name.get(key.address or key.name)
            if found is None and key in self.known:
                found = self.known[key]
            if found is None and self.add_unknown:
                found = self.known[key] = self._added(key)
            if found is not None:
                self.known[person] = found

    def get(self, person: Person) -> Any:
        """The key of the user, or None."""
        return self.known.get(person)

    def _added(self, person: Person) -> Any:
        names = _names_for(person)
        name = next(name for name in names if not user_ids([name]))
        self.added += 1
        return add_users([name], {name: person.address})[name]


def _key(person: Person) -> Person:
    """What a person is told by: the address, else the name that an address of ours is made of."""
    name = name_in(person.address) if person.address else person.name or UNKNOWN.name
    return person if name is None else Person("", _cleaned(name) or UNKNOWN.name)


def _by_email(addresses: Iterable[str]) -> dict[str, Any]:
    field = email_field()
    if field is None:
        return {}
    found: dict[str, Any] = {}
    for some in batched(addresses):
        known = users().alias(lower=Lower(field)).filter(lower__in=some).order_by("-pk")
        found.update({email.lower(): pk for email, pk in known.values_list(field, "pk")})
    return found


def _names_for(person: Person) -> Iterator[str]:
    """Names that a new user may have, the best first, without end."""
    named = (person.name, person.address)
    if email_field() == get_user_model().USERNAME_FIELD:  # users are called by their address
        named = (person.address, person.name)
    candidates = map(_cleaned, named)
    names = [name for name in candidates if name] or [UNKNOWN.name]
    yield from names
    for number in count(2):
        yield f"{names[0][:140]} {number}"


def _cleaned(text: str) -> str | None:
    """A name that a user can have and that reads as `text` does, if there is one."""
    kept = (
        "-" if char == "/" else char
        for char in text
        if unicodedata.category(char) not in {"Cc", "Cf", "Cs", "Zl", "Zp"}
    )
    field: Any = get_user_model()._meta.get_field(get_user_model().USERNAME_FIELD)
    try:
        return clean_name("".join(kept)[: field.max_length or 150])
    except InvalidName:
        return None

"""An export of a Slack workspace, as a zip or unpacked.

https://slack.com/help/articles/220556107-How-to-read-Slack-data-exports
"""

from __future__ import annotations

import json
import re
import zipfile
from collections.abc import Callable, Iterable
from datetime import datetime, timedelta, timezone
from pathlib import Path, PurePosixPath
from typing import Any, NamedTuple

from messaging.archive.formats.base import UNREADABLE, Folder, Format, unreadable
from messaging.archive.formats.slack_text import content
from messaging.archive.formats.sources import Source
from messaging.archive.letters import Entries, Letter, Person, Place
from messaging.archive.mail.text import storable
from messaging.exceptions import ArchiveError

MAX_SIZE = 2**30  # of one file, unpacked: a day of a channel has a few megabytes at most
SIGN = b"PK\x03\x04"
LISTS = ("channels.json", "groups.json", "dms.json", "mpims.json")

_DAY = re.compile(r"\d{4}-\d\d-\d\d\.json")
_TS = re.compile(r"(\d{1,11})\.(\d{1,6})")


class Slack(Format):
    name = "slack"

    def is_file(self, source: Source) -> bool:
        """A zip with the lists of an export; on stdin any zip may be one."""
        if not source.start.startswith(SIGN):
            return False
        if source.path is None:
            return True
        try:
            with zipfile.ZipFile(source.path) as packed:
                return _root(packed.namelist()) is not None
        except zipfile.BadZipFile:
            return False

    def is_folder(self, path: Path) -> bool:
        return (path / "users.json").is_file() and any((path / name).is_file() for name in LISTS)

    def leaves(self, path: Path) -> bool:
        return False

    def read_file(self, source: Source) -> Entries:
        prefix = "" if source.alone else f"{source.place}/"
        with source.seekable() as file:
            try:
                with zipfile.ZipFile(file) as packed:
                    names = packed.namelist()
                    root = _root(names)
                    if root is None:
                        raise ArchiveError("it is a zip file, but not an export of Slack.")
                    yield from _Export(root, names, _unzipped(packed, source)).entries(prefix)
            except zipfile.BadZipFile:
                raise ArchiveError("it is a damaged zip file.") from None

    def read_folder(self, folder: Folder) -> Entries:
        def load(name: str) -> bytes:
            with folder.open(folder.path / name) as source:
                return source.stream.read()

        names = [one.relative_to(folder.path).as_posix() for one in folder.path.glob("*/*.json")]
        lists = [one.name for one in folder.path.glob("*.json")]
        place = folder.path.relative_to(folder.top).as_posix()
        yield from _Export("", [*lists, *names], load).entries("" if place == "." else f"{place}/")


class _Channel(NamedTuple):
    """Where messages were: `members` are those of a conversation of two."""

    id: str
    name: str
    members: tuple[str, ...]


class _Export:
    """The people, channels and days of an export, whose files `load` reads by name."""

    def __init__(self, root: str, names: Iterable[str], load: Callable[[str], bytes]) -> None:
        self.root, self.names, self.load = root, sorted(set(names)), load
        self.people = {_text(one, "id"): _person(one) for one in self._list("users.json")}
        self.channels = {}
        for kind in LISTS:
            for one in self._list(kind):
                members = one.get("members") if kind == "dms.json" else None
                both = tuple(map(str, members)) if isinstance(members, list) else ()
                channel = _Channel(_text(one, "id"), _text(one, "name"), both)
                self.channels[channel.name or channel.id] = channel
        self.names_by_id = {one.id: one.name for one in self.channels.values()}
        self.names_by_id |= {one: person.name for one, person in self.people.items()}

    def entries(self, prefix: str) -> Entries:
        """Every message, channel by channel and day by day."""
        for name in self.names:
            path = PurePosixPath(name.removeprefix(self.root))
            if not name.startswith(self.root) or len(path.parts) != 2 or path.suffix != ".json":
                continue
            place = Place(prefix + name, 1)
            if not _DAY.fullmatch(path.name):
                yield place, ArchiveError("it is not a day of a channel.")
                continue
            folder = path.parts[0]
            channel = self.channels.get(folder) or _Channel(folder, folder, ())
            try:
                day = _parsed(self.load(name))
            except ArchiveError as error:
                yield place, error
                continue
            except UNREADABLE as error:
                yield place, unreadable(error)
                continue
            for number, message in enumerate(day, start=1):
                found = self._letter(message, channel)
                yield Place(prefix + name, number), found

    def _list(self, name: str) -> list[dict[str, Any]]:
        """A list of the export, empty where it has none."""
        if self.root + name not in self.names:
            return []
        try:
            return _parsed(self.load(self.root + name))
        except ArchiveError as error:
            raise ArchiveError(f"{name}: {error.reason}") from None

    def _letter(self, message: dict[str, Any], channel: _Channel) -> Letter | ArchiveError:
        ts, parent = _text(message, "ts"), _text(message, "thread_ts")
        at = _moment(ts)
        if at is None:
            return ArchiveError("its time is not one of Slack.")
        if _text(message, "subtype") in {"tombstone", "message_deleted"}:
            return ArchiveError("it was deleted.")
        return Letter(
            id=f"{ts}.{channel.id}@slack.invalid",
            references=(f"{parent}.{channel.id}@slack.invalid",) if parent not in {"", ts} else (),
            sender=self._sender(message),
            recipient=self._recipient(message, channel),
            subject="",
            content=content(message, lambda one: self.names_by_id.get(one, "")),
            timestamp=at,
        )

    def _sender(self, message: dict[str, Any]) -> Person:
        """Whoever wrote it: a person, somebody of another workspace, or a program."""
        user = _text(message, "user") or _text(_dict(message, "comment"), "user")
        if user in self.people:
            return self.people[user]
        profiles = (message, _dict(message, "user_profile"), _dict(message, "bot_profile"))
        keys = ("username", "display_name", "real_name", "name")
        names = (_text(profile, key) for profile in profiles for key in keys)
        return Person("", next(filter(None, names), user or _text(message, "bot_id")))

    def _recipient(self, message: dict[str, Any], channel: _Channel) -> Person:
        """The channel, or the other of two; somebody alone writes to themself."""
        if not channel.members:
            return Person("", f"#{channel.name}")
        author = _text(message, "user")
        others = [one for one in channel.members if one != author] or [author]
        return self.people.get(others[0]) or Person("", others[0])


def _root(names: Iterable[str]) -> str | None:
    """The folder in a zip that has the lists of an export, if one has."""
    found = [name for name in names if PurePosixPath(name).name == "users.json"]
    lists = set(names)
    for name in sorted(found, key=len):
        root = name.removesuffix("users.json")
        if any(root + one in lists for one in LISTS):
            return root
    return None


def _unzipped(packed: zipfile.ZipFile, source: Source) -> Callable[[str], bytes]:
    def load(name: str) -> bytes:
        info = packed.getinfo(name)
        if source.path is not None:
            source.progress.tell(info.compress_size)
        if info.file_size > MAX_SIZE:
            raise ArchiveError("it is larger than 1 GiB when unpacked.")
        try:
            return packed.read(info)
        except zipfile.BadZipFile as error:
            raise unreadable(error) from None
        except (NotImplementedError, RuntimeError):
            raise ArchiveError("it is locked, or packed in an unknown way.") from None

    return load


def _parsed(data: bytes) -> list[dict[str, Any]]:
    """The objects of a list in JSON; what is no object becomes an empty one."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError):
        raise ArchiveError("it is not JSON.") from None
    if not isinstance(found, list):
        raise ArchiveError("it is not a list in JSON.")
    return [one if isinstance(one, dict) else {} for one in found]


def _person(user: dict[str, Any]) -> Person:
    profile = _dict(user, "profile")
    names = (_text(profile, "display_name"), _text(profile, "real_name"), _text(user, "real_name"))
    return Person(_text(profile, "email").lower(), next(filter(None, names), _text(user, "name")))


def _moment(ts: str) -> datetime | None:
    """Seconds since 1970, with a fraction that tells messages of one second apart."""
    found = _TS.fullmatch(ts)
    if found is None:
        return None
    try:
        second = datetime.fromtimestamp(int(found[1]), timezone.utc)
    except (ValueError, OverflowError, OSError):
        return None
    return second + timedelta(microseconds=int(found[2].ljust(6, "0")))


def _dict(values: dict[str, Any], name: str) -> dict[str, Any]:
    value = values.get(name)
    return value if isinstance(value, dict) else {}


def _text(values: dict[str, Any], name: str) -> str:
    value = values.get(name)
    return storable(" ".join(value.split())) if isinstance(value, str) else ""

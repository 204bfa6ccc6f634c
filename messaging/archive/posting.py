"""Taking letters into the store: each once, in its thread, whatever came before or comes later.

A letter is known by its Message-ID. What it answers is remembered in Reference, so that
the tree is worked out again (`messaging.references`) when a letter comes that others name.
Letters are read to the end before the first is posted, so that each finds what it answers.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import replace
from typing import Any

from django.db import router, transaction

from messaging import conversations, trees
from messaging.archive import ids, mailnames, rows
from messaging.archive.importing import import_records
from messaging.archive.letters import Entry, Letter, Person
from messaging.archive.people import Directory
from messaging.archive.records import Place, Record
from messaging.archive.report import Report
from messaging.archive.spool import Spool, Waiting
from messaging.batches import batched
from messaging.exceptions import ArchiveError
from messaging.models import Message
from messaging.references import Named, above

BATCH = 500  # letters of one transaction


def import_letters(entries: Iterable[Entry], *, add_unknown_users: bool = True) -> Report:
    """Add every letter that the store does not have yet, and count those that can't be added.

    What was added stays, whatever happens to the rest: see `Post`.
    """
    with closing(Post(add_unknown_users=add_unknown_users)) as post:
        post.read(entries)
        for _ in post.deliver():
            pass
        return post.report


class Post:
    """The import of letters in two steps, `read` and `deliver`; close it in the end."""

    def __init__(self, *, add_unknown_users: bool = True) -> None:
        self.using = router.db_for_write(Message)
        self.add_unknown_users = add_unknown_users
        self.directory = Directory(add_unknown=add_unknown_users)
        self.spool = Spool()
        self.report = Report()

    def close(self) -> None:
        """Forget what was read and not delivered."""
        self.spool.close()

    def read(self, entries: Iterable[Entry]) -> None:
        """Take an archive in, to the end; the store is not changed."""
        for place, found in entries:
            if isinstance(found, Record):
                self.spool.add_record(place, found)
                continue
            self.report.read += 1
            if isinstance(found, ArchiveError):
                self.report.skip(found.reason, place)
            elif not self.spool.add(place, _fitted(found)):
                self.report.already_there += 1

    def deliver(self) -> Iterator[int]:
        """Add the letters to the store; yields the size of every batch that was committed."""
        for batch in self.spool.batches(BATCH):
            with transaction.atomic(using=self.using):
                self._deliver(batch)
            yield len(batch)
        lines = import_records(
            self.spool.records(), skip_bad=True, add_unknown_users=self.add_unknown_users
        )
        self.report.include(lines)

    def _deliver(self, waiting: list[Waiting]) -> None:
        first_id = rows.first_free_id(self.using)  # before looking what is there: it locks
        there = mailnames.known((letter.id for _, letter in waiting), self.using)
        new = [one for one in waiting if one[1].id not in there]
        self.report.already_there += len(waiting) - len(new)
        batch = _Batch(new, self.directory, self.using)
        for place in batch.refuse_unknown():
            self.report.skip("its sender or receiver is not a user here.", place)
        batch.insert(first_id)
        batch.move_members()
        self.report.users_added = self.directory.added
        self.report.added += len(batch.letters)
        self.report.parents_absent += batch.parents_absent


class _Batch:
    """New letters, and the messages in the store that may be in their threads."""

    def __init__(self, waiting: list[Waiting], directory: Directory, using: str) -> None:
        self.waiting = waiting
        self.directory = directory
        self.using = using
        named = {name for _, letter in waiting for name in (*letter.references, letter.id)}
        self.members = mailnames.members(named, using)
        directory.learn((letter.sender for _, letter in waiting))
        self._plan()

    def _plan(self) -> None:
        """Work out the tree, and who wrote each message of it."""
        self.letters = [letter for _, letter in self.waiting]
        named = (Named(one.id, one.references, one.timestamp) for one in self.letters)
        self.tree = above([*(member.named for member in self.members), *named])
        self.authors = {member.msg_id: member.sender_id for member in self.members}
        self.authors.update((one.id, self.directory.get(one.sender)) for one in self.letters)

    @property
    def parents_absent(self) -> int:
        """How many of the letters answer one that is not here."""
        answers = [one for one in self.letters if one.references]
        return sum(self.tree[one.id].parent is None for one in answers)

    def refuse_unknown(self) -> list[Place]:
        """Find who gets each letter; leaves out those whose people are unknown, and says which.

        What answered one that is left out may belong elsewhere, and be left out in turn.
        """
        refused: list[Place] = []
        while True:
            self.directory.learn(filter(None, map(self._recipient, self.letters)))
            good = [
                (place, one)
                for place, one in self.waiting
                if None not in (self.authors[one.id], self._receiver(one))
            ]
            if len(good) == len(self.waiting):
                return refused
            kept = {one.id for _, one in good}
            refused += [place for place, one in self.waiting if one.id not in kept]
            self.waiting = good
            self._plan()

    def _receiver(self, letter: Letter) -> Any:
        person = self._recipient(letter)
        return self._author_answered(letter) if person is None else self.directory.get(person)

    def _recipient(self, letter: Letter) -> Person | None:
        """Whom the letter itself says it is for; None where the author answered gets it.

        That is so but for a letter that follows up its own author's, and for one written
        with msgcli, which says exactly whom it is for.
        """
        author = self._author_answered(letter)
        if author in {None, self.authors[letter.id]} or ids.native(letter.id):
            return letter.recipient or letter.sender
        return None

    def _author_answered(self, letter: Letter) -> Any:
        parent = self.tree[letter.id].parent
        return None if parent is None else self.authors[parent]

    def insert(self, first_id: int) -> None:
        """Write the letters, with the ids that come from there on."""
        self.pks = {member.msg_id: member.pk for member in self.members}
        self.pks.update((one.id, first_id + n) for n, one in enumerate(self.letters))
        roots = self._roots()
        rows.insert_messages(
            [self._message(one, roots[one.id]) for one in self.letters], self.using
        )
        rows.number_after(self.using)
        names = []
        for one in self.letters:
            absent = self.tree[one.id].absent_root
            names.append(
                mailnames.NewMail(self.pks[one.id], one.id, one.references, one.subject, absent)
            )
        mailnames.insert(names, self.members, self.using)

    def _message(self, letter: Letter, root: int) -> rows.NewMessage:
        pk = self.pks[letter.id]
        return rows.NewMessage(
            pk=pk,
            sender_id=self.authors[letter.id],
            receiver_id=self._receiver(letter),
            content=_text(letter),
            timestamp=letter.timestamp,
            read=letter.read,
            edited=False,
            parent_id=self._parent(letter.id),
            root_id=None if root == pk else root,
        )

    def _parent(self, msg_id: str) -> int | None:
        parent = self.tree[msg_id].parent
        return None if parent is None else self.pks[parent]

    def _roots(self) -> dict[str, int]:
        """The first message of each letter's thread, as the thread was before this batch."""
        roots = {member.msg_id: member.root_id or member.pk for member in self.members}
        for one in self.letters:
            climbed = []
            at: str | None = one.id
            while at is not None and at not in roots:
                climbed.append(at)
                at = self.tree[at].parent
            root = self.pks[climbed[-1]] if at is None else roots[at]
            roots.update(dict.fromkeys(climbed, root))
        return roots

    def move_members(self) -> None:
        """Hang the messages that were there from the letters that they turn out to answer."""
        moved = [
            (self._parent(member.msg_id), member.pk)
            for member in self.members
            if self._parent(member.msg_id) != member.parent_id
        ]
        rows.set_parents(moved, self.using)
        trees.open_circles([pk for _, pk in moved], self.using)
        for some in batched(pk for _, pk in moved):
            changed = Message.objects.using(self.using).filter(pk__in=some)
            conversations.changed(changed, self.using)
        mailnames.set_absent_roots(
            {
                member.pk: self.tree[member.msg_id].absent_root
                for member in self.members
                if self.tree[member.msg_id].absent_root != member.absent_root
            },
            self.using,
        )


def _fitted(letter: Letter) -> Letter:
    """The letter with ids that the store takes, and one written with msgcli at its exact time."""
    native = ids.native(letter.id)
    return replace(
        letter,
        id=ids.fitted(letter.id),
        references=tuple(map(ids.fitted, letter.references)),
        timestamp=native.timestamp if native else letter.timestamp,
    )


def _text(letter: Letter) -> str:
    """What a message says: the subject is its first line, unless it is that of what it answers.

    The subject of a message written with msgcli was made of its text.
    """
    repeated = letter.references and letter.subject.lower().startswith("re:")
    if not letter.subject or (letter.content and (repeated or ids.native(letter.id))):
        return letter.content
    return f"{letter.subject}\n\n{letter.content}".rstrip("\n")

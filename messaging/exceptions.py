"""What can go wrong, each with the one sentence a user reads. No exit codes, no Django."""


class MessagingError(Exception):
    """The parent of every error that this app raises on purpose."""


class InvalidText(MessagingError):
    """The text of a message can't be accepted."""


class InvalidName(MessagingError):
    """A name can't be the name of a user."""


class NotFound(MessagingError):
    """Something was asked for by an id or a name that nothing has."""


class MessageNotFound(NotFound):
    """No message has this id."""


class UserNotFound(NotFound):
    """No user has this name."""


class SimilarName(UserNotFound):
    """No user has this name, but one has a name that is a slip of the finger away."""


class NotAllowed(MessagingError):
    """A rule forbids it to this person."""


class ThreadCycle(MessagingError):
    """A message would become a reply to itself, directly or through others."""


class ArchiveError(MessagingError):
    """A line of an archive can't be read as a message."""

    def __init__(self, reason: str, line: int | None = None) -> None:
        super().__init__(reason if line is None else f"Line {line}: {reason}")
        self.reason = reason
        self.line = line


class BadRequest(MessagingError):
    """What a browser or a script sent can't be read."""


class NotAcceptable(MessagingError):
    """An answer was asked for in a form that there is none of."""

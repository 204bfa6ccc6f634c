"""From an exception to what the user sees: one sentence on stderr, and an exit code."""

from __future__ import annotations

import sys
import traceback

import typer

from messaging.exceptions import MessagingError, NotFound

DONE, REFUSED, USAGE, NOT_FOUND, NOT_CONFIRMED, NOT_READY = range(6)
INTERRUPTED = 130  # as a shell reports a command stopped by Ctrl-C


class StoreNotReady(Exception):
    """The store can't be used as it is; the message says what to do about it."""


class NotConfirmed(Exception):
    """What can't be undone was not agreed to."""


class UsageError(Exception):
    """The words of a command do not make sense together."""


class FileTrouble(Exception):
    """A file could not be read or written."""


# The first class that fits decides.
EXIT_CODES: tuple[tuple[type[Exception], int], ...] = (
    (NotFound, NOT_FOUND),
    (MessagingError, REFUSED),
    (UsageError, USAGE),
    (NotConfirmed, NOT_CONFIRMED),
    (StoreNotReady, NOT_READY),
    (FileTrouble, REFUSED),
)

# What SQLite says (https://www.sqlite.org/rescode.html), and what a user can do about it.
SQLITE_SENTENCES = {
    "database is locked": "is busy: another program has been writing for too long. Try again.",
    "readonly database": "can't be written to: allow it with chmod u+w, or use another store.",
    "unable to open": "can't be opened: check that you may read it, and its folder.",
    "not a database": "is not an SQLite database: choose another file with MSGCLI_DATABASE_URL.",
    "malformed": "is damaged: restore it from a copy.",
    "disk is full": "could not be written: the disk is full. Free some space and try again.",
    "disk I/O error": "could not be read or written: the disk reported an error, or is full.",
}


def report(error: Exception, *, debug: bool = False) -> int:
    """Print the sentence of an error on stderr, after its traceback to debug; returns the code."""
    if debug:
        traceback.print_exception(error)
    from messaging.plain import show_unsafe

    code, sentence = explain(error)
    if sentence:
        sys.stderr.write(show_unsafe(sentence) + "\n")
    return code


def explain(error: Exception) -> tuple[int, str]:
    """The exit code of an error, and its sentence."""
    if isinstance(error, typer.TyperException):
        return error.exit_code, usage_sentence(error)
    for kind, code in EXIT_CODES:
        if isinstance(error, kind):
            return code, str(error)
    from django.db import DatabaseError  # only now: a run without an error does not need it here

    if isinstance(error, DatabaseError):
        return NOT_READY, database_sentence(error)
    return REFUSED, f"Unexpected error: {error!r}. Repeat with msgcli --debug to see where."


def usage_sentence(error: typer.TyperException) -> str:
    """What is wrong with the words typed, and where to read how they should be."""
    context = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":
        return error.format_message()
    option = getattr(error, "option_name", "")
    message = error.format_message().rstrip(".")
    if option[1:].isdigit():  # a negative number, which reads like an option
        message = f"{option} is not an id: ids are whole numbers from 1"
    command = context.command_path if context else "msgcli"
    return f"{message}. See {command} --help."


def database_sentence(error: Exception) -> str:
    """What the database's message means for the user of a store."""
    from django.db import connection

    if connection.vendor != "sqlite":
        return f"The database can't be used: {str(error).splitlines()[0]}"
    store = f"The store {connection.settings_dict['NAME']}"
    for fragment, advice in SQLITE_SENTENCES.items():
        if fragment in str(error):
            return f"{store} {advice}"
    return f"{store} reported an error: {error}."

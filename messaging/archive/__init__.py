"""Archives: messages out of the store and into it. A format is a module that yields Records."""

from messaging.archive.exporting import exported
from messaging.archive.importing import import_records
from messaging.archive.letters import Letter, Person
from messaging.archive.posting import Post, import_letters
from messaging.archive.records import Place, Record, Version
from messaging.archive.report import Report

__all__ = [
    "Letter",
    "Person",
    "Place",
    "Post",
    "Record",
    "Report",
    "Version",
    "exported",
    "import_letters",
    "import_records",
]

"""Archives: messages out of the store and into it. A format is a module that yields Records."""

from messaging.archive.exporting import export_lines
from messaging.archive.importing import Report, import_records
from messaging.archive.records import Record, Version

__all__ = ["Record", "Report", "Version", "export_lines", "import_records"]

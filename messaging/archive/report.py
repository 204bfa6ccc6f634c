"""What became of an archive."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from messaging.archive.records import Place


@dataclass
class Report:
    """The numbers of an import; `skipped` has the places of what was left out, by reason."""

    read: int = 0
    added: int = 0
    already_there: int = 0
    parents_absent: int = 0
    circles_opened: int = 0
    users_added: int = 0
    skipped: dict[str, list[Place]] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """The report for JSON, the reasons in order."""
        reasons = [
            {"reason": reason, "places": [place._asdict() for place in places]}
            for reason, places in sorted(self.skipped.items())
        ]
        return {**vars(self), "skipped": reasons}

    def skip(self, reason: str, place: Place) -> None:
        """Count a message that is left out."""
        self.skipped.setdefault(reason, []).append(place)

    def include(self, other: Report) -> None:
        """Add the numbers of another part of the same archive."""
        for name, number in vars(other).items():
            if name != "skipped":
                setattr(self, name, getattr(self, name) + number)
        for reason, places in other.skipped.items():
            self.skipped.setdefault(reason, []).extend(places)

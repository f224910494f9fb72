"""A window of event time: the unit that is monitored."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """Rows of one model with ``start <= event time < end``, both in UTC."""

    model: str
    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        """Refuse an empty or zone-less span."""
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError(f"window of {self.model}: start and end need a time zone")
        if self.start >= self.end:
            raise ValueError(f"window of {self.model}: start {self.start} is not before {self.end}")

    @property
    def key(self) -> str:
        """Identity of the window, safe in a run id and a file name."""
        return f"{self.model}~{_compact(self.start)}~{_compact(self.end)}"

    def document(self) -> dict[str, Any]:
        """Return the window as JSON: ISO 8601 times."""
        return {
            "model": self.model,
            "start": self.start.isoformat(),
            "end": self.end.isoformat(),
        }

    @classmethod
    def from_document(cls, document: dict[str, Any]) -> "Window":
        """Rebuild a window from :meth:`document`; a time without a zone is UTC."""
        return cls(document["model"], as_utc(document["start"]), as_utc(document["end"]))


def as_utc(text: str | datetime) -> datetime:
    """Read an ISO 8601 time; without a zone it is UTC.

    :raises ValueError: the text is no ISO 8601 time.
    """
    moment = text if isinstance(text, datetime) else datetime.fromisoformat(text)
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _compact(moment: datetime) -> str:
    return moment.astimezone(UTC).strftime("%Y%m%dT%H%M%SZ")

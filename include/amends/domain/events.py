"""The ledger's records: what happened, in order, each bound to the one before."""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from amends.domain.canonical import canonical_json

GENESIS = "0" * 64


class EventKind(StrEnum):
    """Everything that can stand in the ledger."""

    VERSION_APPROVED = "version_approved"
    WINDOW_ASSESSED = "window_assessed"
    WINDOW_TRIAGED = "window_triaged"
    REPORT_DRAWN = "report_drawn"
    MONITOR_FAILURE = "monitor_failure"
    INCIDENT_OPENED = "incident_opened"
    INCIDENT_JOINED = "incident_joined"
    EVIDENCE_FROZEN = "evidence_frozen"
    DECISION_MADE = "decision_made"
    REHEARSED = "rehearsed"
    CONTAINED = "contained"
    CONTAINMENT_SKIPPED = "containment_skipped"
    REPRODUCED = "reproduced"
    DIAGNOSED = "diagnosed"
    STEP_DONE = "step_done"
    STEP_TAKEN_BACK = "step_taken_back"
    PLAYBOOK_FAILED = "playbook_failed"
    CANDIDATE_REGISTERED = "candidate_registered"
    CANDIDATE_WITHDRAWN = "candidate_withdrawn"
    CANDIDATE_VALIDATED = "candidate_validated"
    REVALIDATED = "revalidated"
    APPROVAL_REQUESTED = "approval_requested"
    APPROVAL_ANSWERED = "approval_answered"
    PROMOTION_INTENDED = "promotion_intended"
    PROMOTION_REFUSED = "promotion_refused"
    CHAMPION_MOVED = "champion_moved"
    PROMOTION_COMPLETED = "promotion_completed"
    TRIAL_STARTED = "trial_started"
    TRIAL_LOOKED = "trial_looked"
    TRIAL_ENDED = "trial_ended"
    WINDOW_QUARANTINED = "window_quarantined"
    WINDOW_RELEASED = "window_released"
    STEP_FAILED = "step_failed"
    HANDED_TO_PEOPLE = "handed_to_people"
    RECOVERED = "recovered"
    RELAPSED = "relapsed"
    NOTICE_ACKNOWLEDGED = "notice_acknowledged"
    MASK_EXPIRED = "mask_expired"
    INCIDENT_CLOSED = "incident_closed"
    NARRATED = "narrated"


@dataclass(frozen=True, slots=True, kw_only=True)
class NewEvent:
    """An event before the ledger has taken it.

    ``key`` is deterministic: a retried step gives the same key, and the ledger keeps the first.
    """

    kind: EventKind
    key: str
    model: str
    incident: str | None = None
    actor: str = "amends"
    payload: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """An event as the ledger holds it: numbered, timed by the database, chained by hash."""

    seq: int
    at: datetime
    kind: EventKind
    key: str
    model: str
    incident: str | None
    actor: str
    payload_text: str
    previous: str
    hash: str

    @property
    def payload(self) -> dict[str, Any]:
        """The event's facts, read back from the text that the hash covers."""
        facts: dict[str, Any] = json.loads(self.payload_text)
        return facts


def seal(event: NewEvent, *, seq: int, at: datetime, previous: str) -> Event:
    """Number, time and chain a new event; ``at`` is cut to microseconds in UTC."""
    text = canonical_json(event.payload).decode()
    at = at.astimezone(UTC)
    sealed = hash_of(
        seq=seq, at=at, kind=event.kind, key=event.key, model=event.model,
        incident=event.incident, actor=event.actor, payload_text=text, previous=previous,
    )  # fmt: skip
    return Event(
        seq=seq, at=at, kind=event.kind, key=event.key, model=event.model,
        incident=event.incident, actor=event.actor, payload_text=text,
        previous=previous, hash=sealed,
    )  # fmt: skip


def hash_of(
    *, seq: int, at: datetime, kind: str, key: str, model: str,
    incident: str | None, actor: str, payload_text: str, previous: str,
) -> str:  # fmt: skip
    """SHA-256 (hexadecimal) over every field of an event and the hash before it."""
    fields = [
        seq, at.astimezone(UTC).isoformat(timespec="microseconds"), str(kind), key, model,
        incident, actor, payload_text, previous,
    ]  # fmt: skip
    return hashlib.sha256(canonical_json(fields)).hexdigest()


@dataclass(frozen=True, slots=True)
class ChainReport:
    """Outcome of walking the ledger: how many rows hold, and the first that does not."""

    rows: int
    head: str
    first_bad_seq: int | None = None
    reason: str = ""

    @property
    def intact(self) -> bool:
        """Whether every row holds."""
        return self.first_bad_seq is None


def walk_chain(events: Iterable[Event]) -> ChainReport:
    """Check numbering, links and hashes of the whole ledger, in order of ``seq``."""
    previous, rows = GENESIS, 0
    for event in events:
        problem = _problem(event, expected_seq=rows + 1, previous=previous)
        if problem:
            return ChainReport(rows, previous, event.seq, problem)
        previous, rows = event.hash, rows + 1
    return ChainReport(rows, previous)


def _problem(event: Event, *, expected_seq: int, previous: str) -> str:
    if event.seq != expected_seq:
        return f"row {expected_seq} is missing: the next row is numbered {event.seq}"
    if event.previous != previous:
        return f"row {event.seq} does not follow the row before it: a row was changed or taken out"
    fields = {name: getattr(event, name) for name in Event.__slots__ if name != "hash"}
    if hash_of(**fields) != event.hash:
        return f"row {event.seq} ({event.kind}) was changed after it was written"
    return ""

"""An incident: its identity, and its state as a fold over its events."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import reduce
from typing import Any

from amends.domain.assessment import Call
from amends.domain.events import Event, EventKind
from amends.domain.window import Window


def incident_id(model: str, day: datetime, *identity: str) -> str:
    """Identity of an incident: the same model, day and facts give the same id.

    Safe in a run id: ``<model>-<yyyymmdd>-<8 hexadecimal digits>``.

    :param day: end of the window that showed it, or the day of the request.
    :param identity: what else makes it this one: window key, policy digest, category.
    """
    tail = hashlib.sha256("\n".join((model, *identity)).encode()).hexdigest()[:8]
    return f"{model}-{day:%Y%m%d}-{tail}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """An incident as the ledger tells it.

    ``call`` covers all findings that joined; the rest is of the opening. ``window`` is None where no window
    showed it.
    """

    id: str
    model: str
    call: Call
    window: Window | None
    assessment: str
    opened_at: datetime
    opened_by: str
    open: bool


def incident_from_events(events: Sequence[Event]) -> Incident | None:
    """Fold an incident's events; None where it was never opened."""
    opening = next((event for event in events if event.kind is EventKind.INCIDENT_OPENED), None)
    if opening is None or opening.incident is None:
        return None
    facts = opening.payload
    return Incident(
        id=opening.incident,
        model=opening.model,
        call=_call_on_all(events),
        window=Window.from_document(facts["window"]) if facts["window"] else None,
        assessment=facts["assessment"],
        opened_at=opening.at,
        opened_by=opening.actor,
        open=not any(event.kind is EventKind.INCIDENT_CLOSED for event in events),
    )


def open_incident_of(events: Sequence[Event]) -> str | None:
    """Id of the newest incident that is still open, from all the model's events."""
    opened = [event.incident for event in events if event.kind is EventKind.INCIDENT_OPENED]
    closed = {event.incident for event in events if event.kind is EventKind.INCIDENT_CLOSED}
    still = [one for one in opened if one and one not in closed]
    return still[-1] if still else None


def _call_on_all(events: Sequence[Event]) -> Call:
    kinds = (EventKind.INCIDENT_OPENED, EventKind.INCIDENT_JOINED)
    return reduce(Call.joined, (call_from_document(e.payload["call"]) for e in events if e.kind in kinds))


def call_from_document(document: dict[str, Any]) -> Call:
    """Rebuild a call from the contract's ``incident`` object."""
    many = ("categories", "playbooks", "because")
    return Call(**{**document, **{name: tuple(document[name]) for name in many}})

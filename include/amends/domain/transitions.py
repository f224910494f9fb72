"""Which event may follow which: the rules every ledger checks when it appends."""

from collections.abc import Collection

from amends.domain.events import Event, EventKind, NewEvent

AFTER_CLOSING = frozenset(
    {
        EventKind.NARRATED,
        EventKind.STEP_FAILED,
        EventKind.PROMOTION_COMPLETED,
        EventKind.STEP_DONE,
        EventKind.STEP_TAKEN_BACK,
        EventKind.PLAYBOOK_FAILED,
        EventKind.WINDOW_RELEASED,
        EventKind.NOTICE_ACKNOWLEDGED,
        EventKind.TRIAL_ENDED,
    }
)
"""A closed incident can still be told, a failure of that too; what is under way is carried through;
rows that were held back can be repaired, and notices read, long after."""

BOUNDS = (EventKind.INCIDENT_OPENED, EventKind.INCIDENT_CLOSED)
"""The kinds in an incident's history that :func:`forbidden` needs to know."""


def forbidden(event: NewEvent, history: Collection[str]) -> str | None:
    """Say why an incident's event may not be appended now, or None where it may.

    :param history: the kinds among :data:`BOUNDS` that the incident has already.
    """
    if event.incident is None:
        needs_incident = event.kind in {*BOUNDS, EventKind.INCIDENT_JOINED}
        return f"{event.kind} names no incident" if needs_incident else None
    if event.kind is EventKind.INCIDENT_OPENED:
        return f"incident {event.incident} was opened before" if history else None
    if EventKind.INCIDENT_OPENED not in history:
        return f"{event.kind} came before incident {event.incident} of {event.model} was opened"
    if EventKind.INCIDENT_CLOSED in history and event.kind not in AFTER_CLOSING:
        return f"{event.kind} came after incident {event.incident} was closed"
    return None


def same_event(event: NewEvent, known: Event) -> bool:
    """Whether a known key stands for the same step of the same model: a retry, not a clash of keys."""
    return (event.kind, event.model, event.incident) == (known.kind, known.model, known.incident)

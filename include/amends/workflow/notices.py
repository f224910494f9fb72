"""What a consumer of a model's answers has to know, and that it was read."""

from typing import Any

from amends.domain.events import Event, EventKind, NewEvent
from amends.errors import BadInput
from amends.ports import Announcement, Ledger
from amends.workflow.remedies.quarantine import CONSUMER_NOTICE


def notices(ledger: Ledger, consumer: str, model: str | None = None) -> list[dict[str, Any]]:
    """List a consumer's notices, those that wait first, each kind oldest first."""
    waiting = [row for row in ledger.pending(CONSUMER_NOTICE, model) if row.payload["consumer"] == consumer]
    read = ledger.events(model=model, kinds=[EventKind.NOTICE_ACKNOWLEDGED])
    return [
        *(_waiting(row) for row in waiting),
        *(_read(event) for event in read if event.payload["consumer"] == consumer),
    ]


def acknowledge(ledger: Ledger, consumer: str, number: int, by: str) -> dict[str, Any]:
    """Record who read a notice for its consumer, once, and take it off the list.

    :raises BadInput: no such notice waits for the consumer.
    """
    rows = {row.id: row for row in ledger.pending(CONSUMER_NOTICE) if row.payload["consumer"] == consumer}
    if number not in rows:
        listed = ", ".join(map(str, rows)) or "none"
        raise BadInput(f"no notice {number} waits for {consumer!r}. Waiting: {listed}.")
    row = rows[number]
    with ledger.transaction(row.model) as transaction:
        event = transaction.append(
            NewEvent(
                kind=EventKind.NOTICE_ACKNOWLEDGED, key=f"{EventKind.NOTICE_ACKNOWLEDGED}:{row.key}",
                model=row.model, incident=row.payload["incident"], actor=by,
                payload={"number": row.id, **_facts(row)},
            )
        )  # fmt: skip
        transaction.settle(CONSUMER_NOTICE, row.key)
    return _read(event)


def _facts(row: Announcement) -> dict[str, Any]:
    return {name: row.payload.get(name) for name in ("consumer", "event", "window", "reason")}


def _waiting(row: Announcement) -> dict[str, Any]:
    told = {"number": row.id, "model": row.model, "incident": row.payload["incident"], **_facts(row)}
    return {**told, "acknowledged_by": None, "acknowledged_at": None}


def _read(event: Event) -> dict[str, Any]:
    told = {**event.payload, "model": event.model, "incident": event.incident}
    return {**told, "acknowledged_by": event.actor, "acknowledged_at": event.at.isoformat()}

"""Derive an incident's decision anew, from the evidence in the ledger alone, and compare."""

from collections.abc import Mapping, Sequence
from typing import Any

from amends.domain.assessment import Call
from amends.domain.canonical import canonical_json, digest_of
from amends.domain.decision import Situation, decide
from amends.domain.events import Event, EventKind
from amends.domain.findings import Finding
from amends.domain.incident import incident_from_events
from amends.domain.policy import Policy, policy_from_document
from amends.domain.response import plan_response
from amends.errors import LedgerError
from amends.ports import Ledger

CALLED = (EventKind.INCIDENT_OPENED, EventKind.INCIDENT_JOINED)


def replay(ledger: Ledger, incident: str) -> list[str]:
    """Decide again what was decided; return one line for each difference, none where all is the same.

    Every finding set that opened or joined the incident is graded again under the policy of its day, and
    every recorded plan is made again from the calls that stood before it. Bytes are compared, not meanings.

    :raises LedgerError: the incident, its evidence or its policy is not in the ledger.
    """
    events = ledger.events(incident=incident)
    if incident_from_events(events) is None:
        raise LedgerError(f"incident {incident!r} is not in the ledger. Check the id.")
    differences: list[str] = []
    for event in events:
        if event.kind in CALLED:
            differences += _graded_again(ledger, event)
        elif event.kind in (EventKind.DECISION_MADE, EventKind.REHEARSED):
            differences += _planned_again(ledger, event, events)
    return differences


def _graded_again(ledger: Ledger, event: Event) -> list[str]:
    document = ledger.evidence(event.payload["assessment"])
    policy = _policy(ledger, document["policy"]["digest"])
    call = decide(
        [Finding.from_document(one) for one in document["findings"]],
        importance=document["situation"]["importance"],
        policy=policy,
        situation=Situation.from_document(document["situation"]),
    )
    found: list[tuple[str, Any, Any]] = [
        ("the assessment's call", document["incident"], _call(call)),
        ("the event's call", event.payload["call"], _call(call)),
    ]
    if "decision_digest" in document:
        body = {key: value for key, value in document.items() if key != "decision_digest"}
        found.append(("the decision digest", document["decision_digest"], digest_of(body)))
    return [f"row {event.seq}: {what} differs" for what, then, now in found if not _same(then, now)]


def _planned_again(ledger: Ledger, event: Event, events: Sequence[Event]) -> list[str]:
    before = incident_from_events([one for one in events if one.seq < event.seq])
    if before is None:
        return [f"row {event.seq}: a plan stands before the incident"]
    recorded = event.payload
    plan = plan_response(before.call, _policy(ledger, recorded["policy"]), recorded["action"])
    now = {**plan.document(), "policy": recorded["policy"], "action": recorded["action"]}
    return [] if _same(recorded, now) else [f"row {event.seq}: the plan differs"]


def _policy(ledger: Ledger, digest: str) -> Policy:
    return policy_from_document(ledger.evidence(digest), f"policy {digest[:19]} in the ledger")


def _call(call: Call | None) -> Mapping[str, Any] | None:
    return call.document() if call else None


def _same(then: Any, now: Any) -> bool:
    return canonical_json(then) == canonical_json(now)

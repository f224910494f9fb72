"""Derive an incident's decision anew, from the evidence in the ledger alone, and compare or explain."""

from collections.abc import Mapping, Sequence
from typing import Any

from amends.domain.canonical import canonical_json, digest_of
from amends.domain.decision import Situation, decide, weigh
from amends.domain.events import Event, EventKind
from amends.domain.explanation import explanation
from amends.domain.findings import Finding
from amends.domain.incident import incident_from_events
from amends.domain.policy import PLAYBOOKS, Policy, policy_from_document
from amends.domain.response import plan_response
from amends.domain.triage import HISTORY, act, standing_of, triage
from amends.domain.window import Window
from amends.errors import LedgerError, PolicyError
from amends.ports import Ledger

CALLED = (EventKind.INCIDENT_OPENED, EventKind.INCIDENT_JOINED)
PLANNED = (EventKind.DECISION_MADE, EventKind.REHEARSED)
Compared = list[tuple[str, Any, Any]]


def replay(ledger: Ledger, incident: str) -> list[str]:
    """Decide again what was decided; return one line for each difference, none where all is the same.

    Every finding set that opened or joined the incident is graded again under the policy of its day, what
    earlier windows made of it is counted again, and every recorded plan is made again from the calls that
    stood before it. Bytes are compared, not meanings. Evidence that is gone, or no longer fits its digest,
    is a difference.

    :raises LedgerError: the incident is not in the ledger.
    """
    events = _events(ledger, incident)
    differences: list[str] = []
    for event in events:
        if event.kind not in {*CALLED, *PLANNED}:
            continue
        try:
            again = (
                _graded_again(ledger, event)
                if event.kind in CALLED
                else _planned_again(ledger, event, events)
            )
        except (LedgerError, PolicyError) as error:
            again = [f"row {event.seq}: it cannot be decided again: {error}"]
        differences += again
    return differences


def explain(ledger: Ledger, incident: str) -> list[dict[str, Any]]:
    """Explain each decision that opened or joined an incident: :mod:`amends.domain.explanation`.

    Where evidence is gone or was changed, that is said in place of an explanation.

    :raises LedgerError: the incident is not in the ledger.
    """
    return [_explained(ledger, event) for event in _events(ledger, incident) if event.kind in CALLED]


def _explained(ledger: Ledger, event: Event) -> dict[str, Any]:
    head = {"row": event.seq, "kind": str(event.kind), "window": event.payload["window"]}
    try:
        document, policy, triaged = _basis(ledger, event)
    except (LedgerError, PolicyError) as error:
        return {**head, "error": str(error)}
    given, standing = _given(document), standing_of(triaged)
    weighed = weigh(**given, policy=policy, standing=standing)
    return {
        **head,
        "policy": policy.digest,
        "duties": event.payload.get("duties"),
        **explanation(
            weighed, policy, importance=given["importance"], standing=standing,
            overridden=triaged["overridden"] if triaged else (),
        ),
    }  # fmt: skip


def _events(ledger: Ledger, incident: str) -> Sequence[Event]:
    events = ledger.events(incident=incident)
    if incident_from_events(events) is None:
        raise LedgerError(f"incident {incident!r} is not in the ledger. Check the id.")
    return events


def _basis(ledger: Ledger, event: Event) -> tuple[dict[str, Any], Policy, Mapping[str, Any] | None]:
    """The assessment behind an event, the policy it was decided under, and its recorded triage."""
    document = ledger.evidence(event.payload["assessment"])
    digest = event.payload.get("policy", document["policy"]["digest"])
    return document, _policy(ledger, digest), event.payload.get("triage")


def _given(document: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "findings": [Finding.from_document(one) for one in document["findings"]],
        "importance": document["situation"]["importance"],
        "situation": Situation.from_document(document["situation"]),
    }


def _graded_again(ledger: Ledger, event: Event) -> list[str]:
    document, policy, triaged = _basis(ledger, event)
    alone = decide(**_given(document), policy=_policy(ledger, document["policy"]["digest"]))
    found: Compared = [("the assessment's call", document["incident"], alone.document() if alone else None)]
    if "decision_digest" in document:
        body = {key: value for key, value in document.items() if key != "decision_digest"}
        found.append(("the decision digest", document["decision_digest"], digest_of(body)))
    if triaged is None:
        found.append(("the event's call", event.payload["call"], alone.document() if alone else None))
    else:
        found += _triaged_again(ledger, event, document, policy)
    return [f"row {event.seq}: {what} differs" for what, then, now in found if not _same(then, now)]


def _triaged_again(ledger: Ledger, event: Event, document: Mapping[str, Any], policy: Policy) -> Compared:
    """Count again what stood in the ledger before the window was triaged."""
    history = ledger.events(model=event.model, kinds=HISTORY)
    mine = (
        one.seq for one in history if one.kind is EventKind.WINDOW_TRIAGED
        and one.payload["assessment"] == event.payload["assessment"]
        and one.payload["policy"] == policy.digest
    )  # fmt: skip
    then = next(mine, event.seq)
    before = [one for one in history if one.seq < then]
    window = Window.from_document(event.payload["window"])
    acting = act(document, triage(before, window, document["incident"]["categories"], policy), policy)
    return [
        ("the event's call", event.payload["call"], acting.call.document() if acting.call else None),
        ("what earlier windows made of it", event.payload["triage"], acting.document()),
    ]


def _planned_again(ledger: Ledger, event: Event, events: Sequence[Event]) -> list[str]:
    before = incident_from_events([one for one in events if one.seq < event.seq])
    if before is None:
        return [f"row {event.seq}: a plan stands before the incident"]
    recorded = event.payload
    known = (*PLAYBOOKS, recorded["action"])  # what an operator chose was there then
    plan = plan_response(before.call, _policy(ledger, recorded["policy"]), recorded["action"], known)
    now = {**plan.document(), "policy": recorded["policy"], "action": recorded["action"]}
    return [] if _same(recorded, now) else [f"row {event.seq}: the plan differs"]


def _policy(ledger: Ledger, digest: str) -> Policy:
    """The policy of the day; the playbooks that its rules name were there then."""
    document = ledger.evidence(digest)
    named = [name for rule in document["rules"] for name in rule["run"]]
    known = dict.fromkeys((*PLAYBOOKS, *named))
    return policy_from_document(document, f"policy {digest[:19]} in the ledger", tuple(known))


def _same(then: Any, now: Any) -> bool:
    return canonical_json(then) == canonical_json(now)

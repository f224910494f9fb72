"""Open an incident, or join the model's open one: for a window, for a person, for the monitor itself."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from amends import __version__
from amends.domain.assessment import Call
from amends.domain.decision import Situation, decide
from amends.domain.events import EventKind, NewEvent
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.incident import call_from_document, incident_from_events, incident_id, open_incident_of
from amends.domain.spec import ModelSpec
from amends.domain.window import Window
from amends.errors import SpecError
from amends.ports import LedgerTransaction, Services
from amends.workflow.triage import duties_of, record_triage

FOUND = (EventKind.INCIDENT_OPENED, EventKind.INCIDENT_JOINED)
BATCH, INCIDENT = "batch", "incident"
"""Outbox topics: a batch of predictions was committed; an incident was opened."""


def open_incident(services: Services, spec: ModelSpec, window: Window, assessment: str) -> str | None:
    """Open an incident for what an assessment calls for, or join the model's open one.

    What is only suspected, or was answered lately, is recorded and held back (:mod:`amends.domain.triage`).
    Settles the batch in the same transaction. A second delivery of a window finds the first's incident.

    :returns: the incident's id; None where nothing has to be done.
    """
    document = services.ledger.evidence(assessment)
    if document["incident"] is not None:
        services.ledger.put_evidence("policy", services.policy.document)
    with services.ledger.transaction(spec.name) as ledger:
        ledger.settle(BATCH, window.key)
        if document["incident"] is None:
            return None
        triaged = record_triage(ledger, services, window, assessment, document)
        if triaged["call"] is None:
            return None
        call = call_from_document(triaged["call"])
        facts = {
            "window": window.document(), "assessment": assessment, "call": call.document(),
            "triage": triaged["triage"], "policy": triaged["policy"],
            "duties": duties_of(spec, services.policy, call),
        }  # fmt: skip
        identity = window.key, document["policy"]["digest"]
        return _open_or_join(ledger, spec, call, facts, day=window.end, identity=identity)


def open_by_hand(
    services: Services, spec: ModelSpec, *, day: datetime, request: str, reason: str, actor: str
) -> str:
    """Open (or join) an incident that a person asks for from the trigger form; return its id.

    It is not announced: the run that carries the request is its response.

    :param request: identity of the request: the run that carried it.
    """
    finding = Finding(
        category=Category.USER_REPORT, metric="operator_request", verdict=Verdict.BREACH, reason=reason
    )
    return open_for_finding(services, spec, finding, day=day, request=request, actor=actor, announce=False)


def record_failure(services: Services, spec: ModelSpec, *, day: datetime, run: str, reason: str) -> str:
    """Record that the monitor itself failed, and open or join an incident for it; return its id."""
    with services.ledger.transaction(spec.name) as ledger:
        ledger.append(
            NewEvent(
                kind=EventKind.MONITOR_FAILURE,
                key=f"monitor_failure:{spec.name}:{run}",
                model=spec.name,
                payload={"run": run, "reason": reason},
            )
        )
    finding = Finding(
        category=Category.MONITOR_FAILURE, metric="monitor_run", verdict=Verdict.BREACH, reason=reason
    )
    return open_for_finding(services, spec, finding, day=day, request=run, actor="amends")


def open_for_finding(
    services: Services,
    spec: ModelSpec,
    finding: Finding,
    *,
    day: datetime,
    request: str,
    actor: str,
    announce: bool = True,
) -> str:
    """Open (or join) an incident for a finding that no window showed; return its id."""
    call = decide((finding,), importance=spec.importance, policy=services.policy)
    if call is None:
        raise SpecError(f"policy {services.policy.name!r} has no answer to {finding.category}; add a row.")
    document = {
        "schema_version": 1,
        "model": spec.name,
        "code_version": __version__,
        "policy": {"name": services.policy.name, "digest": services.policy.digest},
        "windows": None,
        "findings": [finding.document()],
        "incident": call.document(),
        "situation": {**Situation().document(), "importance": spec.importance},
    }
    services.ledger.put_evidence("policy", services.policy.document)
    facts = {
        "window": None,
        "assessment": services.ledger.put_evidence("assessment", document),
        "call": call.document(),
        "reason": finding.reason,
        "policy": services.policy.digest,
        "duties": duties_of(spec, services.policy, call),
    }
    with services.ledger.transaction(spec.name) as ledger:
        return _open_or_join(
            ledger, spec, call, facts, day=day, identity=(request,), actor=actor, announce=announce
        )


def _open_or_join(
    ledger: LedgerTransaction,
    spec: ModelSpec,
    call: Call,
    facts: Mapping[str, Any],
    *,
    day: datetime,
    identity: tuple[str, ...],
    actor: str = "amends",
    announce: bool = True,
) -> str:
    known = ledger.events(kinds=[*FOUND, EventKind.INCIDENT_CLOSED])
    mine = incident_id(spec.name, day, *identity, call.category)
    taken_in = next(
        (event.incident for event in known if event.key in {f"{kind}:{mine}" for kind in FOUND}), None
    )
    if taken_in:
        return taken_in
    still_open = open_incident_of(known)
    incident = still_open or mine
    kind = EventKind.INCIDENT_JOINED if still_open else EventKind.INCIDENT_OPENED
    grown = incident_from_events([event for event in known if event.incident == incident])
    ledger.append(
        NewEvent(
            kind=kind, key=f"{kind}:{mine}", model=spec.name, incident=incident, actor=actor, payload=facts
        )
    )
    if announce and (grown is None or not grown.call.covers(call)):
        # a response that is under way, or over, has not answered what is new: another run does
        run = f"{incident}.{mine[-8:]}" if grown else incident
        ledger.announce(INCIDENT, run, {"incident": incident})
    return incident

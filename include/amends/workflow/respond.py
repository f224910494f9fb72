"""Answer an incident: freeze, decide, contain; each step re-reads its facts in the ledger."""

from collections.abc import Collection, Mapping
from datetime import datetime
from typing import Any

from amends.domain.canonical import digest_of
from amends.domain.events import Event, EventKind, NewEvent
from amends.domain.incident import Incident, incident_from_events, open_incident_of
from amends.domain.policy import PLAYBOOKS
from amends.domain.promotion import Move
from amends.domain.response import AS_DECIDED, plan_response
from amends.domain.spec import ModelSpec
from amends.errors import ArtefactError, LedgerError, Refused
from amends.ports import Ledger, Services
from amends.workflow.opening import open_by_hand
from amends.workflow.promote import promote
from amends.workflow.verified import return_target

NO_WAY_BACK = "no earlier approved version loads and scores"


def incident_of(ledger: Ledger, incident: str) -> Incident:
    """Read an incident. :raises LedgerError: it was never opened."""
    found = incident_from_events(ledger.events(incident=incident))
    if found is None:
        raise LedgerError(f"incident {incident!r} is not in the ledger. Check the id, or open one first.")
    return found


def resolve(
    services: Services, spec: ModelSpec, *, incident: str | None, request: str, reason: str, actor: str,
    day: datetime,
) -> str:  # fmt: skip
    """Say which incident a run answers: the named one, the model's open one, or a new one by request.

    :raises LedgerError: the named incident does not exist or belongs to another model.
    """
    if incident:
        found = incident_of(services.ledger, incident)
        if found.model != spec.name:
            raise LedgerError(
                f"incident {incident!r} is of model {found.model!r}, not {spec.name!r}. Choose that model."
            )
        return incident
    still_open = open_incident_of(services.ledger.events(model=spec.name))
    return still_open or open_by_hand(services, spec, day=day, request=request, reason=reason, actor=actor)


def record(
    services: Services, incident: str, kind: EventKind, payload: Mapping[str, Any], *, model: str,
    step: str = "", actor: str = "amends",
) -> Event:  # fmt: skip
    """Append one event of a response; a retried step finds the first attempt's event."""
    key = f"{kind}:{incident}" + (f":{step}" if step else "")
    with services.ledger.transaction(model) as ledger:
        return ledger.append(
            NewEvent(kind=kind, key=key, model=model, incident=incident, actor=actor, payload=payload)
        )


def only(services: Services, incident: str, kind: EventKind) -> dict[str, Any]:
    """Facts of the incident's last event of a kind. :raises LedgerError: there is none yet."""
    events = services.ledger.events(incident=incident, kinds=[kind])
    if not events:
        raise LedgerError(f"incident {incident!r} has no {kind} yet: run the step before this one first.")
    return events[-1].payload


def decide(
    services: Services, spec: ModelSpec, incident: str, *, action: str = AS_DECIDED, actor: str = "amends",
    dry_run: bool = False, known: Collection[str] = PLAYBOOKS,
) -> dict[str, Any]:  # fmt: skip
    """Record the plan that policy (or the operator) makes for the incident; return it.

    A rehearsal records ``rehearsed`` instead: it says what would be done and does nothing.
    """
    plan = plan_response(incident_of(services.ledger, incident).call, services.policy, action, known)
    payload = {**plan.document(), "policy": services.policy.digest, "action": action}
    step = f"{actor}:{action}:{digest_of(payload)[-12:]}"
    if dry_run:
        record(services, incident, EventKind.REHEARSED, payload, model=spec.name, step=step, actor=actor)
        return payload
    return record(
        services, incident, EventKind.DECISION_MADE, payload, model=spec.name, step=step, actor=actor
    ).payload


def contain(services: Services, spec: ModelSpec, incident: str) -> dict[str, Any]:
    """Roll back to the newest good version, at once; say so where there is none to go back to."""
    done = services.ledger.events(
        incident=incident, kinds=[EventKind.CONTAINED, EventKind.CONTAINMENT_SKIPPED]
    )
    if done:
        return done[-1].payload
    failing = only(services, incident, EventKind.EVIDENCE_FROZEN)["champion"]
    if failing is None:
        return _not_contained(services, spec, incident, "no champion is on record to roll back from")
    move = _containment(services, spec, incident, failing)
    if move is None:
        return _not_contained(services, spec, incident, NO_WAY_BACK)
    try:
        champion = promote(services.ledger, services.registry, move)
    except (Refused, ArtefactError) as no:
        return _not_contained(services, spec, incident, str(no).rstrip("."))
    payload = {"from": failing["version"], "to": champion.version, "epoch": champion.epoch}
    return record(services, incident, EventKind.CONTAINED, payload, model=spec.name).payload


def _containment(
    services: Services, spec: ModelSpec, incident: str, failing: Mapping[str, Any]
) -> Move | None:
    """The rollback that an earlier attempt intended, or a new one; None where no version is left."""
    key = f"contain:{incident}"
    intents = services.ledger.events(incident=incident, kinds=[EventKind.PROMOTION_INTENDED])
    begun = next((event.payload for event in intents if event.key == f"{key}:intended"), None)
    if begun is None:
        target = return_target(services, spec, incident)
        if target is None:
            return None
        begun = {"version": target.version, "digest": target.digest}
    return Move(
        key=key,
        model=spec.name,
        version=begun["version"],
        digest=begun["digest"],
        seen_epoch=failing["epoch"],
        reason="rollback",
        incident=incident,
    )


def _not_contained(services: Services, spec: ModelSpec, incident: str, reason: str) -> dict[str, Any]:
    payload = {"reason": f"{reason}: a person must decide"}
    return record(services, incident, EventKind.CONTAINMENT_SKIPPED, payload, model=spec.name).payload


def hand_to_people(services: Services, spec: ModelSpec, incident: str) -> dict[str, Any]:
    """Record that a person has to go on, and with which playbook."""
    plan = only(services, incident, EventKind.DECISION_MADE)
    payload = {"playbooks": plan["run"], "owner": spec.owner}
    return record(services, incident, EventKind.HANDED_TO_PEOPLE, payload, model=spec.name).payload


def close_quiet(services: Services, spec: ModelSpec, incident: str) -> bool:
    """Close an incident whose plan asks for nothing more; say whether it is closed.

    Where production was rolled back, the watch closes it after healthy windows. Left open, an observed
    incident would take in the next one as its own, and nobody would answer that.
    """
    if services.ledger.events(incident=incident, kinds=[EventKind.CONTAINED]):
        return False
    payload = {"reason": "observed and recorded; the policy asks for nothing more"}
    record(services, incident, EventKind.INCIDENT_CLOSED, payload, model=spec.name)
    return True


def step_failed(services: Services, spec: ModelSpec, incident: str, *, step: str, reason: str) -> None:
    """Record that a step of the response failed; the run shows red and the narrative tells it."""
    payload = {"step": step, "reason": reason}
    record(services, incident, EventKind.STEP_FAILED, payload, model=spec.name, step=step)

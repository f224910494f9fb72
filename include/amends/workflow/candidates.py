"""Candidates of an incident in the ledger: registered, perhaps withdrawn, judged together."""

from typing import Any

from amends.domain.events import EventKind
from amends.domain.spec import ModelSpec
from amends.ports import Services
from amends.workflow.remedy import RETRAIN, Candidate, candidate_of
from amends.workflow.respond import record


def keep_candidate(services: Services, spec: ModelSpec, incident: str, made: Candidate) -> dict[str, Any]:
    """Record a candidate, once per method; return its facts."""
    return record(
        services, incident, EventKind.CANDIDATE_REGISTERED, made.document(), model=spec.name, step=made.method
    ).payload


def withdraw(services: Services, spec: ModelSpec, incident: str, facts: Any) -> None:
    """Take a candidate out of the choice; the version stays in the registry, for the record."""
    payload = {"version": facts["version"], "digest": facts["digest"], "method": facts["method"]}
    record(services, incident, EventKind.CANDIDATE_WITHDRAWN, payload, model=spec.name, step=facts["method"])


def standing_candidates(services: Services, spec: ModelSpec, incident: str) -> list[Candidate]:
    """Candidates that were registered and not withdrawn, in the order of their making."""
    kinds = [EventKind.CANDIDATE_REGISTERED, EventKind.CANDIDATE_WITHDRAWN]
    events = services.ledger.events(incident=incident, kinds=kinds)
    withdrawn = {e.payload["method"] for e in events if e.kind is EventKind.CANDIDATE_WITHDRAWN}
    methods = dict.fromkeys(
        e.payload.get("method", RETRAIN) for e in events if e.kind is EventKind.CANDIDATE_REGISTERED
    )
    found = [candidate_of(services, spec, incident, one) for one in methods if one not in withdrawn]
    return [one for one in found if one is not None]

"""Make the remedy of an incident and judge it: reproduce, retrain, validate; each is recorded once."""

from typing import Any

from amends.domain.events import EventKind
from amends.domain.findings import Finding
from amends.domain.incident import Incident
from amends.domain.promotion import Champion, ModelVersion
from amends.domain.spec import ModelSpec
from amends.domain.window import as_utc
from amends.errors import ArtefactError, DataError, LedgerError
from amends.ports import Services
from amends.workflow.gate import gate
from amends.workflow.monitor import reference_digest
from amends.workflow.promote import rollback_target
from amends.workflow.remedies.quarantine import left_out
from amends.workflow.remedies.retrain import retrain as train_candidate
from amends.workflow.remedy import Candidate, candidate_of
from amends.workflow.reproduce import Reproduction
from amends.workflow.reproduce import reproduce as score_both_versions
from amends.workflow.respond import incident_of, only, record
from amends.workflow.rows import labelled_rows, score_both


def reproduce(services: Services, spec: ModelSpec, incident: str) -> dict[str, Any]:
    """Score the failing and the previous version on the incident's rows; say confirmed or refuted.

    Where that is not possible (no window, no labels yet, no version that loads) the result is
    ``inconclusive`` with the reason.
    """
    try:
        found = _reproduction(services, spec, incident_of(services.ledger, incident))
    except (DataError, ArtefactError, LedgerError) as impossible:
        payload = {"result": "inconclusive", "reason": str(impossible), "regression": False}
        return record(services, incident, EventKind.REPRODUCED, payload, model=spec.name).payload
    document = found.document()
    evidence = services.ledger.put_evidence("reproduction", document)
    payload = {
        "evidence": evidence,
        **{
            name: document[name] for name in ("result", "reason", "regression", "rows", "failing", "previous")
        },
    }
    worse = [regression(one) for one in found.findings if one.is_breach and one.metric.endswith("_change")]
    if worse:
        record(services, incident, EventKind.DIAGNOSED, {"reasons": worse}, model=spec.name)
    return record(services, incident, EventKind.REPRODUCED, payload, model=spec.name).payload


def regression(finding: Finding) -> str:
    """One line of the regression signature: the measure, whom it is about, how much worse."""
    about = finding.attribute or ""
    groups = f" by {' and '.join(about) if isinstance(about, tuple) else about}" if about else ""
    return f"{finding.metric.removesuffix('_change').replace('_', ' ')}{groups}: {finding.reason}"


def _reproduction(services: Services, spec: ModelSpec, incident: Incident) -> Reproduction:
    if incident.window is None:
        raise DataError("no window showed this incident, so there are no rows to score again")
    failing = _frozen_champion(services, spec, incident.id)
    contained = services.ledger.events(incident=incident.id, kinds=[EventKind.CONTAINED])
    previous = (
        services.registry.version(spec.name, contained[-1].payload["to"])
        if contained
        else rollback_target(services.ledger, services.registry, spec.name, known_bad=[failing.version])
    )
    return score_both_versions(services, spec, window=incident.window, failing=failing, previous=previous)


def retrain(services: Services, spec: ModelSpec, incident: str) -> dict[str, Any]:
    """Train a candidate on recent labelled rows, without windows of bad data; register it once.

    :raises DataError: too few labelled rows.
    :raises LedgerError: no champion was on record when the incident was frozen.
    """
    candidate = train_candidate(
        services,
        spec,
        incident=incident,
        until=_until(services, spec, incident_of(services.ledger, incident)),
        parent=_frozen_champion(services, spec, incident),
        without=left_out(services.ledger, spec.name),
    )
    return record(
        services, incident, EventKind.CANDIDATE_REGISTERED, candidate.document(), model=spec.name
    ).payload


def validate(services: Services, spec: ModelSpec, incident: str) -> dict[str, Any]:
    """Judge the candidate beside the champion there is now, on rows neither was trained on.

    A champion that moved since an earlier validation makes a new one.

    :raises LedgerError: there is no candidate or no champion.
    """
    candidate, champion = _candidate(services, spec, incident), _champion(services, spec)
    rows = labelled_rows(services.source, spec, candidate.holdout)
    serving = services.registry.version(spec.name, champion.version)
    before, after = score_both(services.registry, spec, rows, serving, candidate.version)
    validation = gate(
        spec,
        services.policy,
        services.quality,
        reference=reference_digest(services, spec),
        champion=before,
        candidate=after,
    )
    payload = {
        "candidate": {"version": candidate.version.version, "digest": candidate.version.digest},
        "champion": {"version": champion.version, "digest": champion.digest, "epoch": champion.epoch},
        "blessed": validation.blessed,
        "reasons": list(validation.reasons),
        "validation": services.ledger.put_evidence("validation", validation.document()),
    }
    step = f"{candidate.version.version}:{champion.epoch}"
    return record(
        services, incident, EventKind.CANDIDATE_VALIDATED, payload, model=spec.name, step=step
    ).payload


def _frozen_champion(services: Services, spec: ModelSpec, incident: str) -> ModelVersion:
    frozen = only(services, incident, EventKind.EVIDENCE_FROZEN)["champion"]
    if frozen is None:
        raise LedgerError(
            f"model {spec.name!r} has no champion on record. Put the serving one on record: `amends adopt`."
        )
    return services.registry.version(spec.name, frozen["version"])


def _champion(services: Services, spec: ModelSpec) -> Champion:
    champion = services.ledger.champion(spec.name)
    if champion is None:
        raise LedgerError(f"model {spec.name!r} has no champion on record. Use `amends adopt` first.")
    return champion


def _candidate(services: Services, spec: ModelSpec, incident: str) -> Candidate:
    candidate = candidate_of(services, spec, incident)
    if candidate is None:
        raise LedgerError(f"incident {incident!r} has no candidate yet. Run the remedy first.")
    return candidate


def _until(services: Services, spec: ModelSpec, incident: Incident) -> Any:
    """Learn from what was known at the end of the incident's window; without one, from all there is."""
    if incident.window is not None:
        return incident.window.end
    span = services.source.span(spec)
    if span is None:
        raise DataError(f"model {spec.name!r} has no rows to learn from. Wait for some.")
    return as_utc(span[1])

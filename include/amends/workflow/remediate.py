"""Reproduce an incident on its frozen rows, and judge what its playbooks made; each is recorded once."""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from amends.domain.events import EventKind
from amends.domain.findings import Finding
from amends.domain.incident import Incident
from amends.domain.promotion import Champion, ModelVersion
from amends.domain.spec import ModelSpec
from amends.domain.window import as_utc
from amends.errors import ArtefactError, DataError, LedgerError
from amends.ports import Services
from amends.workflow.candidates import standing_candidates
from amends.workflow.freeze import FrozenRows
from amends.workflow.monitor import reference_digest
from amends.workflow.promote import rollback_target
from amends.workflow.remedies.compete import aim_of, common_holdout, compete
from amends.workflow.remedy import Candidate
from amends.workflow.reproduce import Reproduction
from amends.workflow.reproduce import reproduce as score_both_versions
from amends.workflow.respond import incident_of, only, record


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
    return record(services, incident, EventKind.REPRODUCED, payload, model=spec.name).payload


def regression(finding: Finding) -> str:
    """One line of the regression signature: the measure, whom it is about, how much worse."""
    about = finding.attribute or ""
    groups = f" by {' and '.join(about) if isinstance(about, tuple) else about}" if about else ""
    return f"{finding.metric.removesuffix('_change').replace('_', ' ')}{groups}: {finding.reason}"


def _reproduction(services: Services, spec: ModelSpec, incident: Incident) -> Reproduction:
    if incident.window is None:
        raise DataError("no window showed this incident, so there are no rows to score again")
    failing, previous = suspects(services, spec, incident.id)
    frozen = replace(services, source=FrozenRows(services.ledger, incident.id))
    return score_both_versions(frozen, spec, window=incident.window, failing=failing, previous=previous)


def suspects(services: Services, spec: ModelSpec, incident: str) -> tuple[ModelVersion, ModelVersion | None]:
    """The version that was serving when the incident was frozen, and the one before, where there is one.

    :raises LedgerError: none was serving.
    """
    failing = frozen_champion(services, spec, incident)
    contained = services.ledger.events(incident=incident, kinds=[EventKind.CONTAINED])
    if contained:
        return failing, services.registry.version(spec.name, contained[-1].payload["to"])
    earlier = rollback_target(services.ledger, services.registry, spec.name, known_bad=[failing.version])
    return failing, earlier


def validate(services: Services, spec: ModelSpec, incident: str) -> dict[str, Any]:
    """Judge all candidates beside the champion there is now, on rows none was trained on; name the best.

    A champion that moved since an earlier validation makes a new one.

    :returns: facts of ``candidate_validated``; empty where there is no candidate.
    :raises LedgerError: there is no champion.
    """
    standing = standing_candidates(services, spec, incident)
    if not standing:
        return {}
    champion = _champion(services, spec)
    found = incident_of(services.ledger, incident)
    field = compete(
        services, spec, {one.method: partial(_itself, one) for one in standing},
        champion=services.registry.version(spec.name, champion.version),
        reference=reference_digest(services, spec), window=found.window or common_holdout(standing),
        aim=aim_of(spec, found.call.category), attribute=_attribute(standing),
    )  # fmt: skip
    best, *others = field.ranked
    version = best.candidate.version
    payload = {
        "candidate": {"version": version.version, "digest": version.digest, "method": best.candidate.method},
        "champion": {"version": champion.version, "digest": champion.digest, "epoch": champion.epoch},
        "blessed": best.validation.blessed,
        "reasons": list(best.reasons),
        "validation": best.validation.digest,
        "others": [one.document() for one in others],
        "competition": services.ledger.put_evidence("competition", field.document()),
    }
    step = f"{'+'.join(one.version.version for one in standing)}:{champion.epoch}"
    return record(
        services, incident, EventKind.CANDIDATE_VALIDATED, payload, model=spec.name, step=step
    ).payload


def _itself(candidate: Candidate) -> Candidate:
    return candidate


def _attribute(standing: Sequence[Candidate]) -> str | None:
    """The attribute whose gap a mitigation narrowed."""
    return next((one.facts["attribute"] for one in standing if "attribute" in one.facts), None)


def frozen_champion(services: Services, spec: ModelSpec, incident: str) -> ModelVersion:
    """The version that was serving when the incident was frozen. :raises LedgerError: none was."""
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


def until(services: Services, spec: ModelSpec, incident: Incident) -> Any:
    """Learn from what was known at the end of the incident's window; without one, from all there is."""
    if incident.window is not None:
        return incident.window.end
    span = services.source.span(spec)
    if span is None:
        raise DataError(f"model {spec.name!r} has no rows to learn from. Wait for some.")
    return as_utc(span[1])

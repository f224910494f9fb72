"""Revalidate: the whole gate on the version that serves now, before anything about it is changed."""

import json
from dataclasses import dataclass, replace
from typing import Any

from amends.domain.promotion import ModelVersion
from amends.domain.spec import ModelSpec
from amends.domain.validation import Validation
from amends.domain.window import Window
from amends.errors import LedgerError
from amends.measures.digests import WindowDigest
from amends.ports import Services
from amends.workflow.gate import gate
from amends.workflow.past_incidents import replay_incidents
from amends.workflow.promote import rollback_target
from amends.workflow.rows import labelled_rows, score_both
from amends.workflow.stress import stress, trained_on


@dataclass(frozen=True, slots=True, kw_only=True)
class Revalidation:
    """What the gate says of the champion.

    ``beside``: the earlier version it was compared with; None where there was none, and then changes are
    not judged: a version is never worse than itself. ``evidence`` is the validation's digest in the ledger.
    """

    champion: ModelVersion
    beside: ModelVersion | None
    validation: Validation
    evidence: str

    def document(self) -> dict[str, Any]:
        """Return the outcome as JSON."""
        return {
            "champion": self.champion.version,
            "beside": self.beside.version if self.beside else None,
            "holds": self.validation.blessed,
            "reasons": list(self.validation.reasons),
            "validation": self.evidence,
        }


def revalidate(
    services: Services, spec: ModelSpec, *, window: Window, reference: WindowDigest
) -> Revalidation:
    """Load the champion anew, score the window's labelled rows, and judge it beside the version before it.

    :raises LedgerError: no champion is on record.
    :raises DataError: the window has no labelled rows.
    :raises ArtefactError: the champion's artefact is missing, altered or does not load.
    """
    record = services.ledger.champion(spec.name)
    if record is None:
        raise LedgerError(f"model {spec.name!r} has no champion on record. Use `amends adopt` first.")
    serving = services.registry.version(spec.name, record.version)
    beside = rollback_target(services.ledger, services.registry, spec.name, known_bad=[record.version])
    rows = labelled_rows(services.source, spec, window)
    before, after = score_both(services.registry, spec, rows, beside or serving, serving)
    stressed = stress(
        services, spec, serving, beside or serving, rows, reference=reference,
        trained=_earlier(serving, window),
        allowed=tuple(json.loads(serving.tag("amends.facts") or "{}").get("sensitive_at_scoring", ())),
    )  # fmt: skip
    validation = gate(
        spec, services.policy, services.quality, reference=reference, champion=before, candidate=after,
        further=(*stressed.findings, *replay_incidents(services, spec, serving, trained=trained_on(serving))),
    )  # fmt: skip
    validation = replace(validation, subject=_subject(beside or serving, serving))
    return Revalidation(
        champion=serving,
        beside=beside,
        validation=validation,
        evidence=services.ledger.put_evidence("validation", validation.document()),
    )


def _earlier(version: ModelVersion, window: Window) -> Window | None:
    """The span that a version was fitted to, where it lies before the window that it is judged on."""
    trained = trained_on(version)
    return trained if trained is not None and trained.end <= window.start else None


def _subject(beside: ModelVersion, serving: ModelVersion) -> dict[str, Any]:
    """Say which versions a validation is of: here the one that serves is judged."""
    pair = {"champion": beside, "candidate": serving}
    return {role: {"version": one.version, "digest": one.digest} for role, one in pair.items()}

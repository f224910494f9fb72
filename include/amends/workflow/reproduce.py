"""Is it the version, or the world? Score the failing and the previous version on the same frozen rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from amends.domain.canonical import strict
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.promotion import ModelVersion
from amends.domain.spec import ModelSpec
from amends.domain.window import Window
from amends.measures.arrow import as_floats
from amends.measures.digesting import digest_batches
from amends.ports import Services
from amends.workflow.gate import gate
from amends.workflow.rows import labelled_rows, score_both

SAME = 1e-6
"""Scores that differ by less are the same: other processors round otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reproduction:
    """What came out.

    ``result`` is ``confirmed`` (something is wrong on the frozen rows), ``refuted`` or ``inconclusive``.
    ``regression``: the failing version is clearly worse than the previous one on the very same rows, which
    asks for a roll back; confirmed without it, both versions fell, which asks for retraining.
    """

    result: str
    regression: bool
    reason: str
    rows: int
    failing: str
    previous: str | None
    findings: tuple[Finding, ...]

    def document(self) -> dict[str, Any]:
        """Return the reproduction as JSON."""
        document: dict[str, Any] = strict(
            {
                "result": self.result,
                "regression": self.regression,
                "reason": self.reason,
                "rows": self.rows,
                "failing": self.failing,
                "previous": self.previous,
                "findings": [finding.document() for finding in self.findings],
            }
        )
        return document


def reproduce(
    services: Services, spec: ModelSpec, *, window: Window, failing: ModelVersion,
    previous: ModelVersion | None,
) -> Reproduction:  # fmt: skip
    """Score the window's labelled rows with both versions, each in the sandbox, and compare.

    :param previous: the version before; None where there is none, then only levels are judged.
    :raises DataError: the window has no labelled rows.
    :raises ArtefactError: an artefact is missing, altered or does not load.
    """
    logged = labelled_rows(services.source, spec, window)
    before, after = score_both(services.registry, spec, logged, previous or failing, failing, apart=True)
    findings = _compared(services, spec, before, after)
    changes = [one for one in findings if previous and one.metric.endswith("_change")]
    levels = [one for one in findings if not one.metric.endswith("_change")]
    same = _same_scores(spec, logged, after, failing.version)
    result, reason = _conclude(failing, previous, changes, levels)
    return Reproduction(
        result=result,
        regression=any(one.is_breach for one in changes),
        reason=f"{reason} {same.reason.capitalize()}.",
        rows=logged.num_rows,
        failing=failing.version,
        previous=previous.version if previous else None,
        findings=(same, *changes, *levels),
    )


def _compared(services: Services, spec: ModelSpec, before: pa.Table, after: pa.Table) -> Sequence[Finding]:
    own = digest_batches(spec, before.to_batches())
    judged = gate(spec, services.policy, _Judged(), reference=own, champion=before, candidate=after)
    return judged.findings


def _conclude(
    failing: ModelVersion, previous: ModelVersion | None,
    changes: Sequence[Finding], levels: Sequence[Finding],
) -> tuple[str, str]:  # fmt: skip
    name = f"version {failing.version}"
    worse = [_told(one) for one in changes if one.is_breach]
    if worse and previous is not None:
        than = f"than version {previous.version} on the same rows"
        return "confirmed", f"{name.capitalize()} is worse {than}: {'; '.join(worse)}."
    broken = [_told(one) for one in levels if one.is_breach]
    if broken:
        both = f"is not shown to be worse than version {previous.version}, but " if previous else ""
        return "confirmed", f"{name.capitalize()} {both}breaks limits: {'; '.join(broken)}."
    if any(one.verdict is not Verdict.PASS for one in (*changes, *levels)):
        return "inconclusive", f"The rows do not show whether {name} is at fault."
    return "refuted", f"{name.capitalize()} keeps every limit on these rows."


def _told(finding: Finding) -> str:
    about = finding.attribute or ""
    names = f" by {' and '.join(about) if isinstance(about, tuple) else about}" if about else ""
    number = "" if finding.value is None else f" {finding.value:.3f}"
    before = "" if finding.reference_value is None else f" against {finding.reference_value:.3f}"
    return f"{finding.metric.removesuffix('_change')}{names}{number}{before}"


def _same_scores(spec: ModelSpec, logged: pa.Table, rescored: pa.Table, version: str) -> Finding:
    """Compare the failing version's scores in the log with what the loaded artefact says now."""
    column = spec.columns.model_version
    if column is not None:
        mine = pc.fill_null(pc.equal(logged.column(column).cast(pa.string()), version), fill_value=False)
        logged, rescored = logged.filter(mine), rescored.filter(mine)
    then, now = (as_floats(table.column(spec.columns.score))[0] for table in (logged, rescored))
    n = len(then)
    share = float(np.mean(np.abs(then - now) <= SAME)) if n else None
    verdict = Verdict.NO_DATA if share is None else Verdict.PASS if share == 1 else Verdict.BREACH
    said = "served none of the rows" if share is None else f"reproduces {share:.1%} of its {n} logged scores"
    return Finding(
        category=Category.SERVICE_HEALTH, metric="scores_reproduced", column=spec.columns.score,
        value=share, threshold=1.0, n=n, verdict=verdict, reason=f"version {version} {said}",
    )  # fmt: skip


class _Judged:
    """Stands for the quality gate: the window's data were judged when it was assessed."""

    def check(self, *_: object) -> Sequence[Finding]:
        """Nothing to add."""
        return ()

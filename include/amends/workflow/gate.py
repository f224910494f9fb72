"""The validation gate: judge a candidate beside its champion on the same rows."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from amends import __version__
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.spec import ModelSpec
from amends.domain.validation import AGAIN, Validation, bless
from amends.measures.comparison import Comparison, compare_scores
from amends.measures.comparison_classes import compare_classes
from amends.measures.comparison_errors import compare_errors
from amends.measures.digesting import digest_batches
from amends.measures.digests import WindowDigest
from amends.measures.pairing import (
    Paired,
    PairedErrors,
    PairedRows,
    align,
    pair_classes,
    pair_errors,
    pair_rows,
)
from amends.measures.resampling import Resampler
from amends.workflow.gate_classes import judge_several_classes, judge_two_classes
from amends.workflow.gate_errors import judge_regression
from amends.workflow.gate_memory import judge_memory
from amends.workflow.gate_rulings import MARGINS, PRICES

if TYPE_CHECKING:
    from amends.domain.policy import Policy
    from amends.ports import QualityGate

NOT_ABOUT_A_VERSION = ("volume_ratio", "label_availability")
"""Quality checks that speak of a window of traffic, not of rows chosen to judge a version on."""


@dataclass(frozen=True, slots=True)
class Narrowing:
    """The gap that a candidate is made to narrow: measures between the groups of an attribute.

    Other gaps may widen by that, where base rates differ (Kleinberg, Mullainathan, Raghavan 2016, "Inherent
    trade-offs in the fair determination of risk scores"), and scores cost something: which of it is worth
    which is for people to weigh, so that gaps other than this one are told and don't block.
    """

    metrics: tuple[str, ...]
    attribute: str

    def weighed(self, finding: Finding) -> bool:
        """Whether people decide about a finding."""
        metric = finding.metric.removesuffix("_change").removesuffix(AGAIN)
        aimed = metric in self.metrics and finding.attribute == self.attribute
        return finding.category is Category.FAIRNESS and not aimed


def gate(
    spec: ModelSpec, policy: "Policy", quality: "QualityGate",
    *, reference: WindowDigest, champion: pa.Table, candidate: pa.Table, narrowing: Narrowing | None = None,
    further: Sequence[Finding] = (),
) -> Validation:  # fmt: skip
    """Judge a candidate.

    :param narrowing: what a bias mitigation is for; it may cost what ``policy.limits.mitigation`` says.
    :param further: findings of checks that need the version itself; they count as those on rows do.
    :param champion: rows as the champion scored them; ``candidate``: the same rows scored by the candidate.
    :raises DataError: the two do not hold the same rows, or a column or value is unusable.
    """
    policy = policy.overridden(spec.policy, f"model {spec.name!r}")
    tables = align(spec, champion, candidate)
    rows = paired(spec, *tables)
    window, scored = (digest_batches(spec, table.to_batches(), reference.grid) for table in tables)
    findings = (
        *(one for one in quality.check(spec, reference, window) if one.metric not in NOT_ABOUT_A_VERSION),
        *_evidence(spec, policy, rows),
        *_compared(spec, policy, rows, MARGINS | PRICES if narrowing else MARGINS),
        *_explained(spec, policy, rows, tables[1]),
        *further,
    )
    verdict = bless(findings, narrowing.weighed) if narrowing else bless(findings)
    return Validation(
        model=spec.name,
        code_version=__version__,
        policy_name=policy.name,
        policy_digest=policy.digest,
        reference=reference.digest,
        champion=window.digest,
        candidate=scored.digest,
        rows=rows.given,
        labelled=rows.rows,
        findings=findings,
        blessed=verdict.blessed,
        reasons=verdict.reasons,
    )


def compare_versions(spec: ModelSpec, champion: pa.Table, candidate: pa.Table) -> list[Comparison]:
    """Measure two versions on the same rows, in the same order, as the gate does; no rows, no measures."""
    rows = paired(spec, champion, candidate)
    if not rows.rows:
        return []
    if isinstance(rows, PairedErrors):
        return compare_errors(rows, Resampler(rows.rows))
    compare = compare_scores if spec.task == "binary_classification" else compare_classes
    return compare(rows, Resampler(rows.rows))


def _evidence(spec: ModelSpec, policy: "Policy", rows: Paired) -> Iterator[Finding]:
    least = policy.limit("performance.min_labelled")
    enough = rows.rows >= least
    yield Finding(
        category=Category.PERFORMANCE, metric="labelled_rows", column=spec.columns.label,
        value=rows.rows, threshold=least, n=rows.given,
        verdict=Verdict.PASS if enough else Verdict.INCONCLUSIVE,
        reason=f"{rows.rows} labelled rows were scored by both"
        + ("" if enough else f"; {least:g} rows would do"),
    )  # fmt: skip
    share, limit = rows.unscored / max(rows.given, 1), policy.limit("quality.required_null_share")
    without = "a prediction" if spec.task == "regression" else "a score in [0, 1]"
    yield Finding(
        category=Category.DATA_QUALITY, metric="candidate_unscored_share", column=spec.columns.score,
        value=share, threshold=limit, n=rows.given,
        verdict=Verdict.PASS if share <= limit else Verdict.BREACH,
        reason=f"the candidate left {rows.unscored} of {rows.given} rows without {without}",
    )  # fmt: skip


def paired(spec: ModelSpec, champion: pa.Table, candidate: pa.Table) -> PairedRows | PairedErrors:
    """Put two versions' aligned rows side by side, as the task asks. :raises DataError: they don't fit."""
    if spec.task == "regression":
        return pair_errors(spec, champion, candidate)
    pair = pair_rows if spec.task == "binary_classification" else pair_classes
    return pair(spec, champion, candidate)


def _explained(spec: ModelSpec, policy: "Policy", rows: Paired, candidate: pa.Table) -> Iterable[Finding]:
    if not isinstance(rows, PairedRows) or spec.task != "binary_classification" or not rows.rows:
        return ()
    return judge_memory(spec, policy, rows, candidate)


def _compared(
    spec: ModelSpec, policy: "Policy", rows: PairedRows | PairedErrors, margins: Mapping[str, str]
) -> Iterable[Finding]:
    if not rows.rows:
        return ()
    if isinstance(rows, PairedErrors):
        return judge_regression(policy, rows, margins)
    judge = judge_two_classes if spec.task == "binary_classification" else judge_several_classes
    return judge(spec, policy, rows, margins)

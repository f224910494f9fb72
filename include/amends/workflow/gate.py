"""The validation gate: judge a candidate beside its champion on the same rows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from amends import __version__
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.noninferiority import Span, proven, rule_change, rule_level
from amends.domain.spec import ModelSpec
from amends.domain.validation import Validation, bless
from amends.errors import SpecError
from amends.measures.comparison import (
    Comparison,
    compare_groups,
    compare_scores,
    group_rates,
    group_table,
)
from amends.measures.digesting import digest_batches
from amends.measures.digests import WindowDigest
from amends.measures.pairing import PairedRows, align, pair_rows
from amends.measures.resampling import Estimate, Resampler

if TYPE_CHECKING:
    from amends.domain.policy import Policy
    from amends.ports import QualityGate

TASK = "binary_classification"
LEVELS = {
    "auc": "gate.auc",
    "balanced_accuracy": "gate.balanced_accuracy",
    "calibration_error": "gate.calibration_error",
    "selection_rate_ratio": "fairness.selection_ratio",
    "true_positive_rate_difference": "fairness.rate_difference",
    "false_positive_rate_difference": "fairness.rate_difference",
}
"""Measure to the policy's absolute limit; the Brier score's is what the base rate alone gets."""
MARGINS = {
    "auc": "gate.auc_drop",
    "balanced_accuracy": "gate.balanced_accuracy_drop",
    "brier_score": "gate.brier_rise",
    "calibration_error": "gate.calibration_error_rise",
    "selection_rate_ratio": "fairness.gap_rise",
    "true_positive_rate_difference": "fairness.gap_rise",
    "false_positive_rate_difference": "fairness.gap_rise",
}
"""Measure to the policy's limit of change."""
PRICES = {
    "auc": "mitigation.auc_price",
    "balanced_accuracy": "mitigation.balanced_accuracy_price",
    "brier_score": "mitigation.brier_price",
    "calibration_error": "mitigation.calibration_price",
}
"""Measure to the policy's limit of what a narrower gap may cost before people are asked at all."""
CALIBRATION = ("brier_score", "calibration_error")
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
        aimed = finding.metric.removesuffix("_change") in self.metrics and finding.attribute == self.attribute
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
    :raises SpecError: the task has no gate.
    """
    policy = policy.overridden(spec.policy, f"model {spec.name!r}")
    if spec.task != TASK:
        raise SpecError(f"model {spec.name!r}: the gate judges {TASK}, the spec says {spec.task}.")
    tables = align(spec, champion, candidate)
    rows = pair_rows(spec, *tables)
    window, scored = (digest_batches(spec, table.to_batches(), reference.grid) for table in tables)
    findings = (
        *(one for one in quality.check(spec, reference, window) if one.metric not in NOT_ABOUT_A_VERSION),
        *_evidence(spec, policy, rows),
        *_comparisons(spec, policy, rows, MARGINS | PRICES if narrowing else MARGINS),
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


def _evidence(spec: ModelSpec, policy: "Policy", rows: PairedRows) -> Iterator[Finding]:
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
    yield Finding(
        category=Category.DATA_QUALITY, metric="candidate_unscored_share", column=spec.columns.score,
        value=share, threshold=limit, n=rows.given,
        verdict=Verdict.PASS if share <= limit else Verdict.BREACH,
        reason=f"the candidate left {rows.unscored} of {rows.given} rows without a score in [0, 1]",
    )  # fmt: skip


def _comparisons(
    spec: ModelSpec, policy: "Policy", rows: PairedRows, margins: Mapping[str, str]
) -> Iterator[Finding]:
    if not rows.rows:
        return
    resampler = Resampler(rows.rows)
    share = float(rows.label.mean())
    compared = compare_scores(rows, resampler)
    better = any(one.metric == "brier_score" and one.worse.high < 0 for one in compared)
    for one in compared:
        category = Category.CALIBRATION_DRIFT if one.metric in CALIBRATION else Category.PERFORMANCE
        by_chance = round(share * (1 - share), 6)
        level = by_chance if one.metric == "brier_score" else policy.limit(LEVELS[one.metric])
        yield _level(one, category, level)
        kept = one.metric == "calibration_error" and one.candidate.value <= level
        yield _change(one, category, policy.limit(margins[one.metric]), harmless=better and kept)
    if spec.favourable_label is not None:
        for attribute in rows.groups:
            yield from _fairness(spec, policy, rows, resampler, attribute)


def _fairness(
    spec: ModelSpec, policy: "Policy", rows: PairedRows, resampler: Resampler, attribute: tuple[str, ...]
) -> Iterator[Finding]:
    favourable = int(str(spec.favourable_label) in ("1", "1.0", "True"))
    least = {name: policy.limit(f"fairness.{name}") for name in ("min_group", "min_class")}
    sums = group_table(rows, resampler, attribute)
    names = rows.groups[attribute][1]
    about = attribute[0] if len(attribute) == 1 else attribute
    table = sums[1].sum(axis=0).reshape(-1, 2, 2)
    for metric, one, left_out in compare_groups(resampler, sums, favourable, least):
        small = f"; too few rows to judge: {', '.join(names[i] for i in left_out)}" if left_out else ""
        if one is None:
            yield Finding(
                category=Category.FAIRNESS, metric=metric, attribute=about, n=rows.rows,
                verdict=Verdict.NO_DATA,
                reason=f"under two groups have {least['min_group']:g} rows and {least['min_class']:g} "
                f"of each outcome asked for{small}",
            )  # fmt: skip
            continue
        judged = [i for i in range(len(names)) if i not in left_out]
        rates = group_rates(metric, table[judged], favourable)
        ends = tuple(names[judged[int(i)]] for i in (rates.argmin(), rates.argmax()))
        group_gap = About(attribute=about, groups=ends, small=small)
        limit, single = policy.limit(LEVELS[metric]), len(attribute) == 1
        if single:
            yield _level(one, Category.FAIRNESS, limit, group_gap)
        harmless = single and proven(_span(one.candidate), limit, rising=one.rising)
        yield _change(one, Category.FAIRNESS, policy.limit(MARGINS[metric]), group_gap, harmless=harmless)


@dataclass(frozen=True, slots=True)
class About:
    """What a comparison is about besides all rows, and which groups were too small for it."""

    attribute: str | tuple[str, ...] | None = None
    groups: tuple[str, ...] = ()
    small: str = ""


EVERYBODY = About()


def _level(one: Comparison, category: Category, limit: float, about: About = EVERYBODY) -> Finding:
    spans = _span(one.candidate), _span(one.champion), _span(one.worse)
    ruling = rule_level(*spans, limit, rising=one.rising, n=one.n)
    return Finding(
        category=category, metric=one.metric, verdict=ruling.verdict, reason=ruling.reason + about.small,
        attribute=about.attribute, groups=about.groups,
        value=one.candidate.value, reference_value=one.champion.value, threshold=limit,
        interval=(one.candidate.low, one.candidate.high), n=one.n,
    )  # fmt: skip


def _change(
    one: Comparison, category: Category, margin: float, about: About = EVERYBODY, *, harmless: bool = False
) -> Finding:
    """Judge the change; limit and interval are given in the measure's own unit, around the champion."""
    ruling = rule_change(_span(one.worse), margin, one.n, harmless=harmless)
    sign = 1 if one.rising else -1
    low, high = sorted(one.champion.value + sign * end for end in (one.worse.low, one.worse.high))
    return Finding(
        category=category, metric=f"{one.metric}_change", verdict=ruling.verdict,
        reason=ruling.reason + about.small, attribute=about.attribute, groups=about.groups,
        value=one.candidate.value, reference_value=one.champion.value,
        threshold=one.champion.value + sign * margin, interval=(low, high), n=one.n,
    )  # fmt: skip


def _span(estimate: Estimate) -> Span:
    return Span(estimate.value, estimate.low, estimate.high)

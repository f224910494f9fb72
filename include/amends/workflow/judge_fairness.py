"""Findings on fairness: gaps between groups as they stand, and how they changed."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING

from amends.domain.decision import CHANGE
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.policy import Policy
from amends.domain.spec import ModelSpec
from amends.errors import DataError
from amends.measures.digests import WindowDigest
from amends.measures.fairness import (
    GroupRate,
    decisions,
    extremes,
    gap,
    group_rates,
    ratio_interval,
)
from amends.measures.performance import two_sided
from amends.measures.proportions import newcombe
from amends.ports import FairnessMetrics

if TYPE_CHECKING:
    import pandas as pd

BASES = {
    "selection_rate": ("count", "fairness.min_group"),
    "true_positive_rate": ("positives", "fairness.min_class"),
    "false_positive_rate": ("negatives", "fairness.min_class"),
}
"""Rate, the rows it rests on, and the policy's least number of those."""


@dataclass(frozen=True, slots=True)
class _Asked:
    """Which rate of which attributes is judged, and how wide its intervals are."""

    names: tuple[str, ...]
    rate: str
    z: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gap:
    """The widest gap in a rate: between which groups, what it was before, who was too few to be judged."""

    names: tuple[str, ...]
    rate: str
    low: GroupRate
    high: GroupRate
    low_before: GroupRate | None
    high_before: GroupRate | None
    z: float
    left_out: str

    @property
    def spoken(self) -> str:
        return self.rate.replace("_", " ")


def judge_fairness(
    spec: ModelSpec, policy: Policy, reference: WindowDigest, current: WindowDigest, metrics: FairnessMetrics
) -> list[Finding]:
    """Judge every sensitive attribute and every pair of them.

    Where ``favourable_label`` is null no decision about a person is made, and nothing is raised.
    """
    attributes = spec.columns.sensitive
    if spec.favourable_label is None or spec.task == "regression":
        return []
    findings: list[Finding] = []
    frames: dict[tuple[str, ...], list[pd.DataFrame]] = {}
    for names in (*((one,) for one in attributes), *combinations(attributes, 2)):
        try:
            frames[names] = [
                metrics.by_group(decisions(spec, one, names), names) for one in (reference, current)
            ]
        except DataError as error:
            findings.append(_finding(names, "selection_rate_ratio", Verdict.ERROR, str(error)))
    z = _z(policy, [now for _, now in frames.values()])
    for names, pair in frames.items():
        for rate in BASES:
            findings += _judge(spec, policy, _Asked(names, rate, z), pair)
    return findings


def _z(policy: Policy, frames: "list[pd.DataFrame]") -> float:
    """Normal quantile that all comparisons share: each pair of groups, by each rate, standing and changed."""
    least = policy.limit("fairness.min_group")
    pairs = sum(math.comb(int((frame["count"] >= least).sum()), 2) for frame in frames)
    return two_sided(policy.limit("fairness.confidence"), pairs * len(BASES) * 2)


def _judge(spec: ModelSpec, policy: Policy, asked: _Asked, frames: "list[pd.DataFrame]") -> Iterator[Finding]:
    names, rate = asked.names, asked.rate
    base, least_name = BASES[rate]
    least = int(policy.limit(least_name))
    standing = "selection_rate_ratio" if rate == "selection_rate" else f"{rate}_difference"
    flipped = rate == "selection_rate" and str(spec.favourable_label) == "0"
    before, now = (group_rates(frame, names, rate, base, flipped=flipped) for frame in frames)
    judged = {group: one for group, one in now.items() if one.rows >= least}
    if not any(one.rows for one in now.values()):
        yield _finding(names, standing, Verdict.NO_DATA, "no label has arrived yet")
        return
    if len(judged) < 2:  # noqa: PLR2004 - a gap needs two groups
        reason = f"fewer than two groups have the {least} rows that a {rate.replace('_', ' ')} has to rest on"
        yield _finding(names, standing, Verdict.INCONCLUSIVE, reason)
        return
    low, high = extremes(judged.values())
    small = ", ".join(sorted(one.name for group, one in now.items() if group not in judged)[:5])
    older = {group: one for group, one in before.items() if one.rows >= least}
    widest = _Gap(
        names=names, rate=rate, low=low, high=high, z=asked.z,
        low_before=older.get(low.group), high_before=older.get(high.group),
        left_out=f"; left out, under {least} rows: {small}" if small else "",
    )  # fmt: skip
    yield _ratio(policy, widest) if rate == "selection_rate" else _difference(policy, widest)
    yield _change(policy, widest)


def _ratio(policy: Policy, at: _Gap) -> Finding:
    metric, limit = "selection_rate_ratio", policy.limit("fairness.selection_ratio")
    if at.high.hits == 0:
        return _finding(at.names, metric, Verdict.INCONCLUSIVE, "nobody got the favourable decision", at=at)
    value, interval = at.low.value / at.high.value, ratio_interval(at.low, at.high, at.z)
    verdict = Verdict.PASS
    if value < limit:
        verdict = Verdict.BREACH if interval[1] < 1 else Verdict.INCONCLUSIVE
    reason = (
        f"{at.low.name} get the favourable decision {value:.2f} times as often as {at.high.name} "
        f"({at.low.value:.3f} to {at.high.value:.3f}), limit {limit:g}{at.left_out}"
    )
    before = None
    if at.low_before and at.high_before and at.high_before.hits:
        before = at.low_before.value / at.high_before.value
    return _finding(
        at.names, metric, verdict, reason, at=at, numbers=(value, before, limit), interval=interval
    )


def _difference(policy: Policy, at: _Gap) -> Finding:
    limit, value = policy.limit("fairness.rate_difference"), at.high.value - at.low.value
    interval = newcombe(at.high.hits, at.high.rows, at.low.hits, at.low.rows, at.z)
    verdict = Verdict.PASS
    if value > limit:
        verdict = Verdict.BREACH if interval[0] > 0 else Verdict.INCONCLUSIVE
    reason = (
        f"{at.spoken} {at.high.value:.3f} for {at.high.name}, {at.low.value:.3f} for {at.low.name}: "
        f"{value:.3f} apart, limit {limit:g}{at.left_out}"
    )
    before = None
    if at.low_before and at.high_before:
        before = at.high_before.value - at.low_before.value
    metric = f"{at.rate}_difference"
    return _finding(
        at.names, metric, verdict, reason, at=at, numbers=(value, before, limit), interval=interval
    )


def _change(policy: Policy, at: _Gap) -> Finding:
    """Judge how the gap between the two groups grew; the interval is that of the growth."""
    limit, metric = policy.limit("fairness.gap_rise"), f"{at.rate}_gap{CHANGE}"
    if at.low_before is None or at.high_before is None:
        missing = at.low.name if at.low_before is None else at.high.name
        reason = f"{missing}: too few rows in the reference to say what changed"
        return _finding(at.names, metric, Verdict.INCONCLUSIVE, reason, at=at)
    before, after = gap(at.low_before, at.high_before), gap(at.low, at.high)
    rise = after.minus(before)
    interval = rise.value - at.z * rise.error, rise.value + at.z * rise.error
    verdict = Verdict.PASS
    if rise.value > limit and after.value > limit:  # a gap that closed, or turned and is small, is none
        verdict = Verdict.BREACH if interval[0] > 0 else Verdict.INCONCLUSIVE
    reason = (
        f"gap in {at.spoken} between {at.high.name} and {at.low.name} went from {before.value:.3f} "
        f"to {after.value:.3f}; may grow by {limit:g}"
    )
    numbers = after.value, before.value, limit
    return _finding(at.names, metric, verdict, reason, at=at, numbers=numbers, interval=interval)


def _finding(
    names: tuple[str, ...], metric: str, verdict: Verdict, reason: str, *,
    at: _Gap | None = None, numbers: tuple[float | None, float | None, float | None] = (None, None, None),
    interval: tuple[float, float] | None = None,
) -> Finding:  # fmt: skip
    value, before, limit = numbers
    return Finding(
        category=Category.FAIRNESS, metric=metric, verdict=verdict, reason=reason,
        attribute=names[0] if len(names) == 1 else names,
        groups=(at.low.name, at.high.name) if at else (), n=at.low.rows + at.high.rows if at else None,
        value=value, reference_value=before, threshold=limit, interval=interval,
    )  # fmt: skip

"""From one comparison of two versions to the gate's findings: the level, and the change."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from amends.domain.findings import Category, Finding, Verdict
from amends.domain.noninferiority import Span, proven, rule_change, rule_level
from amends.measures.arrow import Counts
from amends.measures.comparison import Comparison
from amends.measures.fairness import SMALL_CELL
from amends.measures.resampling import Estimate

if TYPE_CHECKING:
    from amends.domain.policy import Policy
    from amends.measures.pairing import PairedErrors, PairedRows

LEVELS = {
    "auc": "gate.auc",
    "accuracy": "gate.accuracy",
    "balanced_accuracy": "gate.balanced_accuracy",
    "macro_f1": "gate.macro_f1",
    "calibration_error": "gate.calibration_error",
    "r2": "gate.r2",
    "bias": "gate.bias",
    "selection_rate_ratio": "fairness.selection_ratio",
    "true_positive_rate_difference": "fairness.rate_difference",
    "false_positive_rate_difference": "fairness.rate_difference",
    "mean_error_difference": "fairness.error_difference",
}
"""Measure to the policy's absolute limit; the Brier score's is what the base rate alone gets."""
MARGINS = {
    "auc": "gate.auc_drop",
    "accuracy": "gate.accuracy_drop",
    "balanced_accuracy": "gate.balanced_accuracy_drop",
    "macro_f1": "gate.macro_f1_drop",
    "brier_score": "gate.brier_rise",
    "calibration_error": "gate.calibration_error_rise",
    "mean_absolute_error": "gate.mae_rise",
    "root_mean_squared_error": "gate.rmse_rise",
    "r2": "gate.r2_drop",
    "bias": "gate.bias_rise",
    "selection_rate_ratio": "fairness.gap_rise",
    "true_positive_rate_difference": "fairness.gap_rise",
    "false_positive_rate_difference": "fairness.gap_rise",
    "mean_error_difference": "fairness.error_gap_rise",
    "mean_absolute_error_difference": "fairness.error_gap_rise",
}
"""Measure to the policy's limit of change; of an error, in multiples of the champion's."""
PRICES = {
    "auc": "mitigation.auc_price",
    "balanced_accuracy": "mitigation.balanced_accuracy_price",
    "brier_score": "mitigation.brier_price",
    "calibration_error": "mitigation.calibration_price",
}
"""Measure to the policy's limit of what a narrower gap may cost before people are asked at all."""
RISING = (
    "brier_score", "calibration_error", "mean_absolute_error", "root_mean_squared_error", "bias",
    "true_positive_rate_difference", "false_positive_rate_difference",
    "mean_error_difference", "mean_absolute_error_difference",
)  # fmt: skip
"""Measures of which a higher value is worse."""


@dataclass(frozen=True, slots=True)
class About:
    """What a comparison is about besides all rows, and which groups were too small for it.

    ``rows``: of all groups together; where fewer than SMALL_CELL of them were left out, they are counted in,
    so that no number tells how few there are.
    """

    attribute: str | tuple[str, ...] | None = None
    groups: tuple[str, ...] = ()
    small: str = ""
    rows: int = 0


EVERYBODY = About()


def level(one: Comparison, category: Category, limit: float, about: About = EVERYBODY) -> Finding:
    """Judge the candidate's value against a fixed limit."""
    spans = span(one.candidate), span(one.champion), span(one.worse)
    ruling = rule_level(*spans, limit, rising=one.rising, n=one.n)
    return Finding(
        category=category, metric=one.metric, verdict=ruling.verdict, reason=ruling.reason + about.small,
        attribute=about.attribute, groups=about.groups,
        value=one.candidate.value, reference_value=one.champion.value, threshold=limit,
        interval=(one.candidate.low, one.candidate.high), n=one.n,
    )  # fmt: skip


def change(
    one: Comparison, category: Category, margin: float, about: About = EVERYBODY, *, harmless: bool = False
) -> Finding:
    """Judge the change; limit and interval are given in the measure's own unit, around the champion."""
    ruling = rule_change(span(one.worse), margin, one.n, harmless=harmless)
    sign = one.scale if one.rising else -one.scale
    unit = "; in multiples of the champion's" if one.scale != 1 else ""
    low, high = sorted(one.champion.value + sign * end for end in (one.worse.low, one.worse.high))
    return Finding(
        category=category, metric=f"{one.metric}_change", verdict=ruling.verdict,
        reason=ruling.reason + unit + about.small, attribute=about.attribute, groups=about.groups,
        value=one.candidate.value, reference_value=one.champion.value,
        threshold=one.champion.value + sign * margin, interval=(low, high), n=one.n,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Gap:
    """A gap between groups in two versions, before it is judged.

    ``compared``: None where under two groups are large enough. ``ends``: the groups between which the
    candidate's gap is. ``left_out``: numbers of the groups that are too small.
    """

    metric: str
    compared: Comparison | None
    ends: tuple[str, ...]
    left_out: Sequence[int]


def judge_gaps(
    policy: "Policy", rows: "PairedRows | PairedErrors", attribute: tuple[str, ...], gaps: Iterable[Gap],
    wanted: str,
) -> Iterator[Finding]:  # fmt: skip
    """Judge the gaps between the groups of an attribute. :param wanted: what a group needs to be judged."""
    number, names = rows.groups[attribute]
    for gap in gaps:
        small = _too_small(names, number, gap.left_out)
        if gap.compared is None:
            yield _no_two_groups(gap.metric, attribute, rows.rows, wanted, small)
        else:
            about = About(_named(attribute), gap.ends, small, rows.rows)
            yield from _gap_findings(gap.compared, policy, about)


def _gap_findings(one: Comparison, policy: "Policy", about: About) -> list[Finding]:
    """Judge a gap between groups: of one attribute its level too, of an intersection only the change."""
    if 0 < about.rows - one.n < SMALL_CELL:
        one = replace(one, n=about.rows)
    single, limited = not isinstance(about.attribute, tuple), LEVELS.get(one.metric)
    found, harmless = [], False
    if single and limited:
        limit = policy.limit(limited)
        found.append(level(one, Category.FAIRNESS, limit, about))
        harmless = proven(span(one.candidate), limit, rising=one.rising)
    margin = policy.limit(MARGINS[one.metric])
    return [*found, change(one, Category.FAIRNESS, margin, about, harmless=harmless)]


def _no_two_groups(metric: str, attribute: tuple[str, ...], n: int, wanted: str, small: str) -> Finding:
    """Say that a gap cannot be judged: no two groups are large enough."""
    return Finding(
        category=Category.FAIRNESS, metric=metric, attribute=_named(attribute), n=n, verdict=Verdict.NO_DATA,
        reason=f"under two groups have {wanted} asked for{small}",
    )  # fmt: skip


def _named(attribute: tuple[str, ...]) -> str | tuple[str, ...]:
    """A single attribute by its name, an intersection by all of them."""
    return attribute[0] if len(attribute) == 1 else attribute


def _too_small(names: Sequence[str], number: Counts, left_out: Sequence[int]) -> str:
    """Say which groups were too small to be judged; one under SMALL_CELL rows is not named."""
    told = [names[i] for i in left_out if int((number == i).sum()) >= SMALL_CELL]
    hidden = [f"(under {SMALL_CELL} rows)"] if len(told) < len(left_out) else []
    return f"; too few rows to judge: {', '.join((*told, *hidden))}" if left_out else ""


def span(estimate: Estimate) -> Span:
    """An estimate as the rules read it."""
    return Span(estimate.value, estimate.low, estimate.high)

"""Would a version repeat a fault? The measure that an incident was opened on, on the rows of then."""

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from amends.domain.decision import CHANGE
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.noninferiority import Ruling, rule_again, rule_change
from amends.domain.spec import ModelSpec
from amends.domain.validation import AGAIN
from amends.measures.arrow import as_floats
from amends.measures.comparison import Comparison, compare_groups, group_table
from amends.measures.comparison_classes import of_class
from amends.measures.comparison_errors import compare_group_errors
from amends.measures.fairness import SMALL_CELL, favourable
from amends.measures.pairing import PairedErrors, align
from amends.measures.resampling import Resampler
from amends.workflow.gate import compare_versions, paired
from amends.workflow.gate_rulings import EVERYBODY, LEVELS, MARGINS, About, span

if TYPE_CHECKING:
    from amends.domain.policy import Policy

MAIN = {
    "binary_classification": "auc",
    "multiclass_classification": "accuracy",
    "regression": "mean_absolute_error",
}
"""What a version may not lose on rows with a fault of the data, by task."""
OWN = {"calibration_error": "expected_calibration_error"}
"""A measure that the monitor has another name for."""
SAME = {
    "log_loss": "brier_score",
    "worst_slice_log_loss": "brier_score",
    "worst_slice_error_rate": "accuracy",
    "worst_slice_absolute_error": "mean_absolute_error",
    "expected_calibration_error": "calibration_error",
    "calibration_in_the_large": "calibration_error",
    "calibration_slope": "calibration_error",
    "calibration_intercept": "calibration_error",
}
"""The monitor's measure to the one of its kind that compares two versions on the same rows."""
DECISIONS = ("accuracy", "precision", "recall", "f1")
"""Of two classes, judged by balanced accuracy: the others move with the base rate alone."""
GAPS = {
    "selection_rate": "selection_rate_ratio",
    "true_positive_rate": "true_positive_rate_difference",
    "false_negative_rate": "true_positive_rate_difference",
    "equalized_odds": "true_positive_rate_difference",
    "false_positive_rate": "false_positive_rate_difference",
    "mean_error": "mean_error_difference",
    "mean_absolute_error": "mean_absolute_error_difference",
}
"""The monitor's rate by group to the gap that compares two versions."""
TOLERATED = {
    "auc": "performance.auc_drop",
    "accuracy": "performance.accuracy_drop",
    "balanced_accuracy": "performance.balanced_accuracy_drop",
    "macro_f1": "performance.macro_f1_drop",
    "brier_score": "performance.brier_rise",
    "calibration_error": "calibration.error_rise",
    "mean_absolute_error": "performance.mae_rise",
    "root_mean_squared_error": "performance.rmse_rise",
    "r2": "performance.r2_drop",
}
"""Measure to how far from the reference of then the monitor lets it go."""
RELATIVE = ("mean_absolute_error", "root_mean_squared_error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What an incident was opened on: its category, its gravest finding, and all of them."""

    category: Category
    lead: Finding | None
    findings: tuple[Finding, ...] = ()

    @property
    def attribute(self) -> tuple[str, ...]:
        """Sensitive attributes that it is about."""
        about = self.lead.attribute if self.lead else None
        return about if isinstance(about, tuple) else (about,) if about else ()

    def measure(self, spec: ModelSpec) -> str | None:
        """The measure that two versions are compared by; None for a fault that is in the data."""
        if self.lead is None:
            return None
        name = self.lead.metric.removesuffix(CHANGE).removesuffix("_floor")
        if self.category is Category.FAIRNESS:
            rate = name.removesuffix("_gap").removesuffix("_ratio").removesuffix("_difference")
            return GAPS.get(rate)
        if self.category not in (Category.PERFORMANCE, Category.CALIBRATION_DRIFT):
            return None
        if name in DECISIONS and spec.task == "binary_classification":
            return "balanced_accuracy"
        name = SAME.get(name, name)
        return name if name in TOLERATED or name == "bias" else None


def judge_again(
    spec: ModelSpec, policy: "Policy", fault: Fault, then: pa.Table, now: pa.Table
) -> Finding | None:
    """Judge whether a version repeats a fault, on the same rows as they were served then and scored now.

    :param then: frozen rows with the scores of then; ``now``: the same rows scored by the version.
    :returns: None where rows have too few labels, groups are too small, or no limit of then is on record.
    :raises DataError: the rows cannot be compared.
    """
    measure = fault.measure(spec)
    if measure is None:
        return _no_loss(spec, policy, then, now)
    if fault.category is Category.FAIRNESS:
        asked = replace(spec, columns=replace(spec.columns, sensitive=fault.attribute))
        one = _gap(asked, policy, measure, then, now)
    else:
        one = _whole(spec, policy, measure, then, now)
    if one is None:
        return None
    limit = _limit(policy, fault, measure)
    if limit is None:
        return None
    ruling = rule_again(span(one.candidate), span(one.champion), span(one.worse), limit, rising=one.rising)
    about = About(attribute=fault.lead.attribute if fault.lead else None)
    return _finding(fault.category, one, ruling, limit, about)


def _no_loss(spec: ModelSpec, policy: "Policy", then: pa.Table, now: pa.Table) -> Finding | None:
    """Rows with a fault of the data: the version does no worse on them than what served then."""
    main = MAIN[spec.task]
    one = _whole(spec, policy, main, then, now)
    if one is None:
        return None
    margin = policy.limit(MARGINS[main])
    ruled = rule_change(span(one.worse), margin, one.n)
    ruling = replace(ruled, reason=ruled.reason.replace("the champion", "what served then"))
    sign = one.scale if one.rising else -one.scale
    return _finding(Category.PERFORMANCE, one, ruling, one.champion.value + sign * margin, EVERYBODY)


def _finding(category: Category, one: Comparison, ruling: Ruling, limit: float, about: About) -> Finding:
    measure, attribute = one.metric, about.attribute
    by = f" by {' and '.join((attribute,) if isinstance(attribute, str) else attribute)}" if attribute else ""
    words = (
        f"{measure.replace('_', ' ')}{by} was {one.champion.value:.3f} as served then and is "
        f"{one.candidate.value:.3f} with this version, limit {limit:.3g}: {ruling.reason}"
    )
    return Finding(
        category=category, metric=measure + AGAIN, attribute=attribute, verdict=ruling.verdict, reason=words,
        value=one.candidate.value, reference_value=one.champion.value, threshold=limit, n=one.n,
        interval=(one.candidate.low, one.candidate.high),
    )  # fmt: skip


def _whole(
    spec: ModelSpec, policy: "Policy", measure: str, then: pa.Table, now: pa.Table
) -> Comparison | None:
    compared = compare_versions(spec, *align(spec, then, now))
    found = next((one for one in compared if one.metric == measure), None)
    return found if found and found.n >= policy.limit("performance.min_labelled") else None


def _gap(spec: ModelSpec, policy: "Policy", measure: str, then: pa.Table, now: pa.Table) -> Comparison | None:
    rows, attribute = paired(spec, *align(spec, then, now)), spec.columns.sensitive
    if not rows.rows or not attribute:
        return None
    resampler = Resampler(rows.rows)
    least = {name: max(policy.limit(f"fairness.{name}"), SMALL_CELL) for name in ("min_group", "min_class")}
    if isinstance(rows, PairedErrors):
        by_error = compare_group_errors(rows, resampler, attribute, least["min_group"])
        return next((one for metric, one, *_ in by_error if metric == measure), None)
    if spec.favourable_label is None:
        return None
    binary = spec.task == "binary_classification"
    rows, good = (rows, int(favourable(spec) == "1")) if binary else (of_class(rows, favourable(spec)), 1)
    sums = group_table(rows, resampler, attribute)
    return next((one for metric, one, _ in compare_groups(resampler, sums, good, least) if metric == measure))


def _limit(policy: "Policy", fault: Fault, measure: str) -> float | None:
    """How far the measure might have gone then: from its reference, else the fixed limit."""
    if fault.category is Category.FAIRNESS:
        return policy.limit(LEVELS.get(measure, "fairness.error_difference"))
    named = OWN.get(measure, measure)
    before = next(
        (one.reference_value for one in fault.findings if one.metric == named and not one.groups), None
    )
    if measure in TOLERATED and before is not None:
        step = policy.limit(TOLERATED[measure])
        step *= before if measure in RELATIVE else 1
        rising = measure in {*RELATIVE, "brier_score", "calibration_error"}
        return before + step if rising else before - step
    return policy.limit(LEVELS[measure]) if measure in LEVELS else None


def usable(spec: ModelSpec, policy: "Policy", rows: pa.Table, scored: pa.Table | None) -> Finding:
    """Judge whether a version survives the rows: a score for each, in [0, 1] unless it is a regression.

    :param scored: the rows as the version scores them; None where it failed on them.
    """
    limit = policy.limit("quality.required_null_share")
    share = 1.0 if scored is None else _unusable(spec, scored)
    bad = share > limit
    said = "it fails on them"
    if scored is not None:
        said = f"{share:.1%} of {rows.num_rows} rows get no usable score"
    return Finding(
        category=Category.DATA_QUALITY, metric=f"unusable_scores{AGAIN}", column=spec.columns.score,
        value=share, threshold=limit, n=rows.num_rows, verdict=Verdict.BREACH if bad else Verdict.PASS,
        reason=said,
    )  # fmt: skip


def _unusable(spec: ModelSpec, scored: pa.Table) -> float:
    score, _ = as_floats(scored.column(spec.columns.score))
    with np.errstate(invalid="ignore"):
        good = np.isfinite(score) & ((spec.task == "regression") | ((score >= 0) & (score <= 1)))
    return float(1 - good.mean()) if len(score) else 1.0


def worded(lead: Finding | None, category: str) -> str:
    """Name a fault in plain words."""
    about = (lead.attribute or lead.column) if lead else None
    names = (about,) if isinstance(about, str) else about or ()
    where = f" ({' and '.join(names)})" if names else ""
    what = lead.metric.removesuffix(CHANGE).replace("_", " ") if lead else "no measure on record"
    return f"{category.replace('_', ' ')}: {what}{where}"

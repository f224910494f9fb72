"""Findings on regression: how far predictions are off, in multiples of how far they were."""

from dataclasses import replace

import numpy as np

from amends.domain.findings import Category, Finding, Verdict
from amends.domain.policy import Policy
from amends.domain.spec import ModelSpec
from amends.measures.arrow import Floats
from amends.measures.digests import WindowDigest
from amends.measures.performance import Estimate
from amends.measures.regression import (
    ErrorSums,
    bias,
    explained_share,
    mean_absolute_error,
    root_mean_squared_error,
)
from amends.workflow.judge_change import WORSE_BOTH, WORSE_DOWN, WORSE_UP, Measure, Pair, judge_change
from amends.workflow.judge_versions import judged_versions

SHARED = 6
"""Mean absolute error keeps half of the policy's chance of an error; the other three share the other half."""
MAE = Measure(metric="mean_absolute_error", limit="performance.mae_rise", worse=WORSE_UP)
RMSE = Measure(
    metric="root_mean_squared_error", limit="performance.rmse_rise", worse=WORSE_UP, comparisons=SHARED
)
R2 = Measure(metric="r2", limit="performance.r2_drop", worse=WORSE_DOWN, comparisons=SHARED)
BIAS = Measure(
    metric="bias", limit="calibration.bias_change", worse=WORSE_BOTH, category=Category.CALIBRATION_DRIFT,
    comparisons=SHARED,
)  # fmt: skip


def judge_errors(
    spec: ModelSpec, policy: Policy, reference: WindowDigest, current: WindowDigest
) -> list[Finding]:
    """Judge mean absolute and root mean squared error, R squared and bias, and by version the first and last.

    Limits are multiples of the reference's own error, so that the label's unit does not matter.
    """
    before, now = ErrorSums.of(reference.sums.values()), ErrorSums.of(current.sums.values())
    absolute = Pair(
        before=mean_absolute_error(before), now=mean_absolute_error(now), n=now.rows,
        scale=mean_absolute_error(before).value,
    )  # fmt: skip
    squared = _squared(spec, reference), _squared(spec, current)
    rooted = Pair(before=squared[0], now=squared[1], n=now.rows, scale=squared[0].value)
    found = [judge_change(policy, MAE, absolute), judge_change(policy, RMSE, rooted)]
    found += [*_explained(spec, policy, reference, current, larger=found), _bias(policy, before, now)]
    versions = judged_versions(spec, policy, current)
    for version in versions:
        mine = ErrorSums.of(sums for key, sums in current.sums.items() if key[0] == version)
        pair = replace(absolute, now=mean_absolute_error(mine), n=mine.rows, version=version)
        found += [judge_change(policy, MAE.among(len(versions)), pair), _bias(policy, before, mine, version)]
    return found


def judged_errors(window: WindowDigest) -> int:
    """Rows that have a finite error."""
    return ErrorSums.of(window.sums.values()).rows


def _bias(policy: Policy, before: ErrorSums, now: ErrorSums, version: str = "") -> Finding:
    scale = mean_absolute_error(before).value
    pair = Pair(before=bias(before), now=bias(now), n=now.rows, version=version, scale=scale)
    return judge_change(policy, BIAS, pair)


def _explained(
    spec: ModelSpec, policy: Policy, reference: WindowDigest, current: WindowDigest, larger: list[Finding]
) -> list[Finding]:
    """Judge R squared: a fall that errors do not share is one of the labels' spread, and no fault."""
    was, is_now = (_r2(spec, window) for window in (reference, current))
    if not (was and is_now):
        return []
    found = judge_change(policy, R2, Pair(before=was, now=is_now, n=judged_errors(current)))
    if found.is_breach and not any(one.is_breach for one in larger):
        return [_excused(found)]
    return [found]


def _excused(found: Finding) -> Finding:
    reason = f"{found.reason}; errors did not grow as much: labels spread less"
    return replace(found, verdict=Verdict.INCONCLUSIVE, reason=reason)


def _squared(spec: ModelSpec, window: WindowDigest) -> Estimate:
    return root_mean_squared_error(ErrorSums.of(window.sums.values()), _sampled(spec, window)[1])


def _r2(spec: ModelSpec, window: WindowDigest) -> Estimate | None:
    spread = window.numeric[spec.columns.label].sd or 0.0
    label, errors = _sampled(spec, window)
    return explained_share(ErrorSums.of(window.sums.values()), label, errors, spread**2)


def _sampled(spec: ModelSpec, window: WindowDigest) -> tuple[Floats, Floats]:
    """Labels and errors of the sample's rows that have both."""
    label = window.sample.numbers(spec.columns.label)
    errors = label - window.sample.numbers(spec.columns.predicted_label)
    known = np.isfinite(errors)
    return label[known], errors[known]

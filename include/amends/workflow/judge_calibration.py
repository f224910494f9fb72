"""Findings on calibration: whether a score of 0.7 still means 7 in 10."""

from amends.domain.findings import Category, Finding, Verdict
from amends.domain.policy import Policy
from amends.measures.arrow import Counts
from amends.measures.calibration import calibration_error, calibration_intercept, calibration_slope
from amends.measures.performance import class_sizes, residual
from amends.workflow.judge_change import WORSE_BOTH, Measure, Pair, judge_change

SHARED = 16
"""Four numbers of calibration share a quarter of the policy's chance of an error."""
IN_THE_LARGE = Measure(
    metric="calibration_in_the_large", limit="calibration.in_the_large", worse=WORSE_BOTH,
    category=Category.CALIBRATION_DRIFT, comparisons=SHARED,
)  # fmt: skip
FITTED = {
    Measure(
        metric=metric,
        limit=limit,
        worse=WORSE_BOTH,
        ideal=ideal,
        category=Category.CALIBRATION_DRIFT,
        comparisons=SHARED,
    ): number
    for metric, limit, ideal, number in (
        ("calibration_slope", "calibration.slope_change", 1.0, calibration_slope),
        ("calibration_intercept", "calibration.intercept_change", 0.0, calibration_intercept),
    )
}


def judge_calibration(policy: Policy, before: Counts, now: Counts) -> list[Finding]:
    """Judge calibration in the large, slope, intercept and expected error."""
    found = [judge_in_the_large(policy, before, now)]
    for measure, number in FITTED.items():
        was, is_now = number(before), number(now)
        if was and is_now:
            pair = Pair(before=was, now=is_now, n=sum(class_sizes(now)))
            found.append(judge_change(policy, measure, pair))
    return [*found, _calibration_error(policy, before, now)]


def judge_in_the_large(
    policy: Policy, before: Counts, now: Counts, version: str = "", *, among: int = 1
) -> Finding:
    """Judge how far scores are off on average, one version ``among`` several where there are."""
    pair = Pair(before=residual(before), now=residual(now), n=sum(class_sizes(now)), version=version)
    return judge_change(policy, IN_THE_LARGE.among(among), pair)


def _calibration_error(policy: Policy, before: Counts, now: Counts) -> Finding:
    limit, confidence = policy.limit("calibration.error_rise"), policy.limit("performance.confidence")
    was, error, p = calibration_error(before, now)
    low, high = error.interval(confidence)
    verdict = Verdict.PASS
    if error.value - was.value > limit:
        verdict = Verdict.BREACH if p < (1 - confidence) / SHARED else Verdict.INCONCLUSIVE
    return Finding(
        category=Category.CALIBRATION_DRIFT, metric="expected_calibration_error", verdict=verdict,
        reason=f"calibration error {error.value:.3f}, reference {was.value:.3f}; may grow by {limit:g}",
        value=error.value, reference_value=was.value, threshold=limit, n=sum(class_sizes(now)),
        interval=(max(low, 0.0), min(high, 1.0)),
    )  # fmt: skip

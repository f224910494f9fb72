"""Findings on performance and calibration, by the labels that have arrived."""

from collections.abc import Callable

import numpy as np

from amends.domain.findings import Category, Finding, Verdict
from amends.domain.policy import Policy
from amends.domain.spec import ModelSpec
from amends.measures.arrow import Counts
from amends.measures.calibration import calibration_error, calibration_slope
from amends.measures.counting import SCORE_BINS
from amends.measures.digests import WindowDigest
from amends.measures.performance import (
    Estimate,
    auc,
    brier_score,
    class_sizes,
    log_loss,
    residual,
    share,
)

LOSSES: dict[str, tuple[Callable[[Counts], Estimate], int, str]] = {
    "auc": (auc, -1, "performance.auc_drop"),
    "brier_score": (brier_score, 1, "performance.brier_rise"),
    "log_loss": (log_loss, 1, "performance.log_loss_rise"),
}
"""Measure, the sign of its change for the worse, and the policy's limit of that change."""


def judge_performance(
    spec: ModelSpec, policy: Policy, reference: WindowDigest, current: WindowDigest
) -> list[Finding]:
    """Judge the window against the reference, and each of its versions where there are several."""
    binary = spec.task == "binary_classification"
    unjudged = _unjudged(policy, reference, current, binary=binary)
    if spec.task == "regression":
        unjudged = Verdict.NO_DATA, "regression error is not measured by this release"
    if unjudged:
        return [_blind(metric, *unjudged, current) for metric in ("auc", "calibration_in_the_large")]
    (hits, rows), (hits_now, rows_now) = _agreement(reference), _agreement(current)
    findings = []
    if rows and rows_now:
        accuracy = share(hits, rows), share(hits_now, rows_now)
        findings = [_worse(policy, "accuracy", -1, "performance.accuracy_drop", *accuracy, n=rows_now)]
    if binary:
        before, now = scores_of(reference), scores_of(current)
        findings = [*(_loss(policy, metric, before, now) for metric in LOSSES), *findings]
        findings += [*_calibration(policy, before, now), *_by_version(policy, before, current)]
    return findings


def _unjudged(
    policy: Policy, reference: WindowDigest, current: WindowDigest, *, binary: bool
) -> tuple[Verdict, str] | None:
    """Why performance cannot be judged, or None where it can."""
    if current.labelled == 0:
        return Verdict.NO_DATA, "no label has arrived yet"
    least, least_share = (
        policy.limit("performance.min_labelled"),
        policy.limit("performance.min_labelled_share"),
    )
    for name, one in (("reference", reference), ("window", current)):
        known = f"{one.labelled} of {one.rows} rows of the {name} have a label"
        if one.labelled < least or one.labelled < least_share * one.rows:
            return Verdict.INCONCLUSIVE, f"{known}: fewer than {least:g}, or than {least_share:.0%} of them"
        sizes = class_sizes(scores_of(one)) if binary else (one.labelled,)
        if sum(sizes) == 0:
            return Verdict.ERROR, f"{known}, but none of these is 0 or 1 with a score in [0, 1]"
        if min(sizes) < policy.limit("performance.min_class"):
            return Verdict.INCONCLUSIVE, f"{known}, but only {min(sizes)} are of the rarer class"
    return None


def _loss(policy: Policy, metric: str, before: Counts, now: Counts, version: str = "") -> Finding:
    measure, sign, limit = LOSSES[metric]
    both = measure(before), measure(now)
    return _worse(policy, metric, sign, limit, *both, n=sum(class_sizes(now)), version=version)


def _worse(
    policy: Policy, metric: str, sign: int, limit_name: str, *both: Estimate, n: int, version: str = ""
) -> Finding:
    """Judge a change for the worse (``sign`` 0: either way): more than the limit, and not by chance."""
    confidence, limit = policy.limit("performance.confidence"), policy.limit(limit_name)
    before, now = both
    change = now.minus(before)
    low, high = change.interval(confidence)
    verdict = Verdict.PASS
    if (sign * change.value if sign else abs(change.value)) > limit:
        verdict = Verdict.INCONCLUSIVE if low <= 0 <= high else Verdict.BREACH
    about = f"{metric} of version {version}" if version else metric
    moved = f"change {change.value:+.3f} [{low:+.3f}, {high:+.3f}]"
    return Finding(
        category=Category.PERFORMANCE if sign else Category.CALIBRATION_DRIFT,
        metric=metric, verdict=verdict, groups=(version,) if version else (),
        reason=f"{about} {now.value:.3f}, reference {before.value:.3f}; {moved}, limit {limit:g}",
        value=now.value, reference_value=before.value, threshold=limit, n=n,
        interval=now.interval(confidence),
    )  # fmt: skip


def _calibration(policy: Policy, before: Counts, now: Counts) -> list[Finding]:
    n, findings = sum(class_sizes(now)), [_in_the_large(policy, before, now)]
    slope, slope_now = calibration_slope(before), calibration_slope(now)
    if slope and slope_now:
        limit = "calibration.slope_change"
        findings.append(_worse(policy, "calibration_slope", 0, limit, slope, slope_now, n=n))
    return [*findings, _calibration_error(policy, before, now)]


def _in_the_large(policy: Policy, before: Counts, now: Counts, version: str = "") -> Finding:
    metric, limit = "calibration_in_the_large", "calibration.in_the_large"
    n = sum(class_sizes(now))
    return _worse(policy, metric, 0, limit, residual(before), residual(now), n=n, version=version)


def _calibration_error(policy: Policy, before: Counts, now: Counts) -> Finding:
    limit = policy.limit("calibration.error_rise")
    error_before, error, p = calibration_error(before, now)
    verdict = Verdict.PASS
    if error - error_before > limit:
        verdict = Verdict.BREACH if p < 1 - policy.limit("performance.confidence") else Verdict.INCONCLUSIVE
    return Finding(
        category=Category.CALIBRATION_DRIFT, metric="expected_calibration_error", verdict=verdict,
        reason=f"calibration error {error:.3f}, reference {error_before:.3f}; may grow by {limit:g}",
        value=error, reference_value=error_before, threshold=limit, n=sum(class_sizes(now)),
    )  # fmt: skip


def _by_version(policy: Policy, before: Counts, current: WindowDigest) -> list[Finding]:
    """Judge each version of a mixed window: a bad one must not hide behind a good one."""
    if len(current.scores) < 2:  # noqa: PLR2004 - one version is the window itself
        return []
    least, least_class = policy.limit("performance.min_labelled"), policy.limit("performance.min_class")
    return [
        finding
        for version, scores in sorted(current.scores.items())
        if version and sum(class_sizes(scores)) >= least and min(class_sizes(scores)) >= least_class
        for finding in (
            _loss(policy, "auc", before, scores, version),
            _in_the_large(policy, before, scores, version),
        )
    ]


def _agreement(window: WindowDigest) -> tuple[int, int]:
    """Rows whose prediction was right, and rows that have both prediction and label."""
    known = [(key[-2] == key[-1], n) for key, n in window.table.items() if key[-1] and key[-2]]
    return sum(n for right, n in known if right), sum(n for _, n in known)


def scores_of(window: WindowDigest) -> Counts:
    """Scores by label of all versions together."""
    total = np.zeros((3, SCORE_BINS), np.int64)
    for counts in window.scores.values():
        total = total + counts
    return total


def _blind(metric: str, verdict: Verdict, reason: str, current: WindowDigest) -> Finding:
    category = Category.PERFORMANCE if metric == "auc" else Category.CALIBRATION_DRIFT
    return Finding(category=category, metric=metric, verdict=verdict, reason=reason, n=current.labelled)

"""Findings on performance and calibration, by the labels that have arrived; estimated where they have not."""

from amends.domain.findings import Category, Finding, Verdict
from amends.domain.policy import Policy
from amends.domain.spec import ModelSpec
from amends.measures.digests import WindowDigest
from amends.measures.performance import class_sizes
from amends.workflow.judge_arrival import selected_labels
from amends.workflow.judge_classes import judge_decisions, judge_scores, scores_of
from amends.workflow.judge_estimate import judge_estimate
from amends.workflow.judge_regression import judge_errors, judged_errors
from amends.workflow.judge_slices import METRICS, judge_slices
from amends.workflow.judge_versions import judge_waiting

FIRST = {
    "binary_classification": ("auc", "calibration_in_the_large"),
    "multiclass_classification": ("accuracy", "calibration_in_the_large"),
    "regression": ("mean_absolute_error", "bias"),
}
"""What is named of performance and of calibration where neither can be judged."""


def judge_performance(
    spec: ModelSpec, policy: Policy, reference: WindowDigest, current: WindowDigest
) -> list[Finding]:
    """Judge the window against the reference, each of its versions where there are several, and its slices.

    Where labels are missing nothing of it is judged; what scores alone foretell is marked as estimated.
    """
    unjudged = _unjudged(spec, policy, reference, current)
    if unjudged:
        performance, calibration = FIRST[spec.task]
        named = {performance: Category.PERFORMANCE, calibration: Category.CALIBRATION_DRIFT}
        named[METRICS[spec.task]] = Category.PERFORMANCE
        blind = [_blind(metric, category, unjudged, current) for metric, category in named.items()]
        return [*blind, *judge_estimate(spec, policy, reference, current)]
    if spec.task == "regression":
        findings = judge_errors(spec, policy, reference, current)
    else:
        findings = [
            *judge_scores(spec, policy, reference, current),
            *judge_decisions(spec, policy, reference, current),
        ]
    waiting = judge_waiting(spec, policy, current, FIRST[spec.task][0])
    return [*findings, *waiting, judge_slices(spec, policy, reference, current)]


def _unjudged(
    spec: ModelSpec, policy: Policy, reference: WindowDigest, current: WindowDigest
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
        unusable = _unusable(spec, policy, one)
        if unusable:
            return unusable[0], f"{known}, but {unusable[1]}"
    selected = selected_labels(spec, policy, reference, current)
    return (Verdict.INCONCLUSIVE, selected) if selected else None


def _unusable(spec: ModelSpec, policy: Policy, one: WindowDigest) -> tuple[Verdict, str] | None:
    """Why a window with enough labels cannot be judged."""
    if spec.task == "regression":
        rows, least = judged_errors(one), policy.limit("performance.min_labelled")
        if rows == 0:
            return Verdict.ERROR, "none of these is a number beside a predicted number"
        return (Verdict.INCONCLUSIVE, f"only {rows} have a finite error") if rows < least else None
    binary = spec.task == "binary_classification"
    sizes = class_sizes(scores_of(one)) if binary else (one.labelled,)
    if sum(sizes) == 0:
        return Verdict.ERROR, "none of these is 0 or 1 with a score in [0, 1]"
    if min(sizes) < policy.limit("performance.min_class"):
        return Verdict.INCONCLUSIVE, f"only {min(sizes)} are of the rarer class"
    return None


def _blind(metric: str, category: Category, why: tuple[Verdict, str], current: WindowDigest) -> Finding:
    verdict, reason = why
    return Finding(category=category, metric=metric, verdict=verdict, reason=reason, n=current.labelled)

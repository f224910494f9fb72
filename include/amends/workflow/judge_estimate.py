"""Findings on performance that is estimated from scores alone, while labels are missing."""

from amends.domain.findings import Category, Finding, Verdict
from amends.domain.policy import Policy
from amends.domain.spec import ModelSpec
from amends.measures.arrow import Counts
from amends.measures.counting import NEGATIVE, POSITIVE
from amends.measures.digests import WindowDigest
from amends.measures.estimation import (
    calibration_curve,
    estimated_accuracy,
    estimated_auc,
    expected_scores,
    right_share,
    unsupported_share,
)
from amends.measures.performance import Estimate, auc, class_sizes
from amends.workflow.judge_change import Pair, unknown
from amends.workflow.judge_classes import scores_of

ASSUMES = (
    "assumes that scores mean what they meant on the reference's labelled rows, and that only inputs moved"
)
NAMES = {"binary_classification": ("auc", "accuracy")}
"""What is estimated by task; of several classes accuracy alone."""


def judge_estimate(
    spec: ModelSpec, policy: Policy, reference: WindowDigest, current: WindowDigest
) -> list[Finding]:
    """Estimate what labels would say: surely far worse is a breach, all else is not."""
    metrics = NAMES.get(spec.task, ("accuracy",))
    impossible = _impossible(spec, policy, reference, current)
    if impossible:
        return [_blind(metric, *impossible, current) for metric in metrics]
    before, now = scores_of(reference), scores_of(current)
    curve = calibration_curve(before)
    expected = expected_scores(curve, now)
    # with several classes the outcome is right or wrong, so every row counts as decided 1: right
    cut = spec.decision_threshold if spec.task == "binary_classification" else 0.0
    labelled = float(before[[NEGATIVE, POSITIVE]].sum())
    share = right_share(before, cut)
    accuracy = Estimate(share, (share * (1 - share) / labelled) ** 0.5)
    found = []
    if "auc" in metrics:
        if min(expected.sum(axis=1)) < policy.limit("performance.min_class"):
            few = f"only {min(expected.sum(axis=1)):.0f} rows of the rarer class are expected"
            found.append(_blind("auc", Verdict.INCONCLUSIVE, few, current))
        else:
            found.append(_finding(policy, "auc", auc(before), estimated_auc(expected, before), now))
    return [*found, _finding(policy, "accuracy", accuracy, estimated_accuracy(expected, before, cut), now)]


def _impossible(
    spec: ModelSpec, policy: Policy, reference: WindowDigest, current: WindowDigest
) -> tuple[Verdict, str] | None:
    """Why nothing can be estimated, or None where it can."""
    if spec.task == "regression":
        return (
            Verdict.NO_DATA,
            "errors of a regression are not estimated: a prediction does not say how sure it is",
        )
    before, now = scores_of(reference), scores_of(current)
    sizes, least = class_sizes(before), policy.limit("performance.min_labelled")
    if sum(sizes) < least or min(sizes) < policy.limit("performance.min_class"):
        return Verdict.NO_DATA, f"{sum(sizes)} labelled rows of the reference are too few to learn from"
    if now.sum() < least:
        return Verdict.INCONCLUSIVE, f"{now.sum()} scored rows of the window are too few"
    strangers = _strangers(policy, reference, current)
    if strangers > policy.limit("estimate.max_unsupported"):
        return Verdict.INCONCLUSIVE, f"{strangers:.0%} of the window is answered by versions new since then"
    beyond = unsupported_share(before, now)
    if beyond > policy.limit("estimate.max_unsupported"):
        return Verdict.INCONCLUSIVE, f"{beyond:.0%} of the scores lie beyond those that were labelled then"
    return None


def _strangers(policy: Policy, reference: WindowDigest, current: WindowDigest) -> float:
    """Share of the window answered by versions that the reference hardly knows."""
    rare = policy.limit("versions.rare") * reference.rows
    rows = (n for version, n in current.versions.items() if reference.versions.get(version, 0) <= rare)
    return sum(rows) / max(current.rows, 1)


def _finding(policy: Policy, metric: str, before: Estimate, now: Estimate, window: Counts) -> Finding:
    confidence, limit = policy.limit("performance.confidence"), policy.limit(f"estimate.{metric}_drop")
    change = now.minus(before)
    if not change.is_known:
        few = Pair(before=before, now=now, n=int(window.sum()))
        return unknown(Category.PERFORMANCE_ESTIMATED, f"estimated_{metric}", f"estimated {metric}", few)
    low, high = change.interval(confidence)
    verdict = Verdict.PASS
    if before.value - now.value > limit:
        verdict = (
            Verdict.BREACH if high < -policy.limit(f"performance.{metric}_drop") else Verdict.INCONCLUSIVE
        )
    return Finding(
        category=Category.PERFORMANCE_ESTIMATED, metric=f"estimated_{metric}", verdict=verdict,
        reason=f"estimated without labels: {metric} {now.value:.3f}, measured on the reference "
        f"{before.value:.3f}; change [{low:+.3f}, {high:+.3f}], limit {limit:g}; {ASSUMES}",
        value=now.value, reference_value=before.value, threshold=limit, n=int(window.sum()),
        interval=now.interval(confidence),
    )  # fmt: skip


def _blind(metric: str, verdict: Verdict, reason: str, current: WindowDigest) -> Finding:
    return Finding(
        category=Category.PERFORMANCE_ESTIMATED, metric=f"estimated_{metric}", verdict=verdict,
        reason=f"not estimated: {reason}", n=current.rows,
    )  # fmt: skip

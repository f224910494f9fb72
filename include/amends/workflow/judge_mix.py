"""Whether performance was lost, or other cases came of which less can be known.

AUC, accuracy and losses hang on how different the cases are: among people of one age a sound model ranks
worse than among all, and no new fit helps. Where inputs drifted, the version is the old one and its scores
still mean what they say, the numbers that scores of this spread promise are the yardstick.
Sources: Vergouwe, Moons and Steyerberg (2010), "External validity of risk models: use of benchmark values to
disentangle a case-mix effect from incorrect coefficients", American Journal of Epidemiology 172(8); van
Klaveren et al. (2016), "A new concordance measure for risk prediction models in external validation
settings", Statistics in Medicine 35(23).
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from amends.domain.diagnosis import QUALITY, is_slice
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.policy import Policy
from amends.domain.spec import ModelSpec
from amends.measures.arrow import Floats
from amends.measures.counting import NEGATIVE, POSITIVE
from amends.measures.digests import WindowDigest
from amends.measures.estimation import (
    balanced_share,
    calibration_curve,
    expected_scores,
    right_share,
    unsupported_share,
)
from amends.measures.performance import auc, brier_score, log_loss
from amends.workflow.judge_classes import scores_of

PROMISED: dict[str, Callable[[Floats, float], float]] = {
    "auc": lambda scores, _: auc(scores).value,
    "brier_score": lambda scores, _: brier_score(scores).value,
    "log_loss": lambda scores, _: log_loss(scores).value,
    "accuracy": right_share,
    "balanced_accuracy": balanced_share,
}
"""By metric what scores promise, from rows by outcome and score bin, and the decision threshold."""


def judge_mix(
    spec: ModelSpec, policy: Policy, windows: tuple[WindowDigest, WindowDigest],
    findings: Sequence[Finding], new_version: str | None,
) -> tuple[Finding, ...]:  # fmt: skip
    """Leave a loss open where other cases explain it: all that breaches, most of it and the rest tolerated.

    One number that they do not explain is a loss of performance, and then all of them stay one.
    :param windows: reference and current.
    """
    lost = [one for one in findings if _is_loss(one)]
    if not lost or new_version or not _asks(spec, findings):
        return tuple(findings)
    before, now = scores_of(windows[0]), scores_of(windows[1])[[NEGATIVE, POSITIVE]]
    if unsupported_share(before, now) > policy.limit("estimate.max_unsupported"):
        return tuple(findings)
    scores = expected_scores(calibration_curve(before), now)
    promised = {
        one.metric: PROMISED[one.metric](scores, spec.decision_threshold)
        for one in lost
        if one.metric in PROMISED and one.value is not None and not one.groups
    }
    if any(not _is_explained(one, promised) for one in lost):
        return tuple(findings)
    return tuple(_told(one, promised[one.metric]) if _is_loss(one) else one for one in findings)


def _is_loss(one: Finding) -> bool:
    return one.is_breach and one.category is Category.PERFORMANCE and not is_slice(one)


def _asks(spec: ModelSpec, findings: Sequence[Finding]) -> bool:
    """Whether inputs drifted, and data, labels and what scores mean are as they were."""
    breached = {one.category for one in findings if one.is_breach}
    other = {*QUALITY, Category.CALIBRATION_DRIFT, Category.ATTRIBUTION_SHIFT}
    return spec.task == "binary_classification" and Category.DATA_DRIFT in breached and not breached & other


def _is_explained(one: Finding, promised: dict[str, float]) -> bool:
    """Whether what is beyond the promise is less than half of the change, and no more than is tolerated."""
    value, limit, before = one.value, one.threshold, one.reference_value
    if one.metric not in promised or value is None or limit is None or before is None:
        return False
    return abs(value - promised[one.metric]) <= min(limit, abs(value - before) / 2)


def _told(one: Finding, promised: float) -> Finding:
    said = f"{one.reason}; of such cases its scores promise {promised:.3f}: they are harder, not told worse"
    return replace(one, verdict=Verdict.INCONCLUSIVE, reason=said)

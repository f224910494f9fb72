"""A number that may be wrong on both sides breaches where it moved away from what it should be."""

import pytest
from amends.adapters.files import load_policy
from amends.domain.findings import Verdict
from amends.measures.performance import Estimate
from amends.workflow.judge_calibration import FITTED, IN_THE_LARGE
from amends.workflow.judge_change import Measure, Pair, judge_change

POLICY = load_policy()
SLOPE, INTERCEPT = FITTED


def said(measure: Measure, before: float, now: float) -> Verdict:
    """Verdict on a number that was one value and is another, both known to half a per cent."""
    return judge_change(
        POLICY, measure, Pair(before=Estimate(before, 0.005), now=Estimate(now, 0.005), n=4000)
    ).verdict


@pytest.mark.parametrize(
    ("measure", "before", "now"),
    [
        (IN_THE_LARGE, 0.0, -0.06), (IN_THE_LARGE, 0.03, 0.09), (IN_THE_LARGE, 0.06, -0.06),
        (SLOPE, 1.0, 0.65), (SLOPE, 0.8, 1.4), (SLOPE, 0.7, 0.35), (INTERCEPT, -0.1, -1.0),
    ],
)  # fmt: skip
def test_moves_away_from_calibrated_are_breaches(measure: Measure, before: float, now: float) -> None:
    """Limits are 0.05, 0.3 and 0.7; calibrated is a mean error of 0, a slope of 1, an intercept of 0."""
    assert said(measure, before, now) is Verdict.BREACH


@pytest.mark.parametrize(
    ("measure", "before", "now"),
    [
        (IN_THE_LARGE, 0.09, 0.0), (IN_THE_LARGE, -0.08, 0.02), (IN_THE_LARGE, 0.12, 0.06),
        (SLOPE, 0.4, 0.75), (SLOPE, 1.6, 0.9), (INTERCEPT, 1.2, 0.1),
    ],
)  # fmt: skip
def test_scores_that_became_better_calibrated_are_no_breach(
    measure: Measure, before: float, now: float
) -> None:
    """A move by more than the limit that ends nearer to calibrated needs no recalibration."""
    assert said(measure, before, now) is Verdict.PASS

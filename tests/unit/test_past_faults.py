"""As bad as then: a past incident's fault measured again, and ruled by hand."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pytest
from amends.domain.findings import Category, Verdict
from amends.domain.noninferiority import Span, rule_again
from amends.workflow.past_faults import Fault, judge_again
from lending import logit, scored
from past_story import POLICY, ROWS, SPEC, fair, lead, people


def span(value: float, width: float = 0.02) -> Span:
    """A value with an interval."""
    return Span(value, value - width, value + width)


@pytest.mark.parametrize(
    ("candidate", "then", "worse", "expected"),
    [
        (span(0.85), span(0.5), span(-0.35), Verdict.PASS),  # within the limit
        (span(0.70), span(0.5), span(-0.20), Verdict.PASS),  # beyond it, clearly better than then
        (span(0.50), span(0.5), span(0.0), Verdict.BREACH),  # as bad as then
        (span(0.79), span(0.76), span(-0.01), Verdict.BREACH),  # open by itself, proven for then
        (span(0.79), span(0.79), span(0.0), Verdict.INCONCLUSIVE),  # proven for neither
        (Span(float("nan"), 0, 1), span(0.5), span(0.0), Verdict.INCONCLUSIVE),  # no number is no pass
    ],
)
def test_as_bad_as_then_is_ruled_by_hand(candidate: Span, then: Span, worse: Span, expected: Verdict) -> None:
    """A ratio with the limit 0.8, in the cases that there are."""
    assert rule_again(candidate, then, worse, 0.8, rising=False).verdict is expected


def test_the_log_odds_of_the_story_are_what_they_seem() -> None:
    """The fair model's scores follow income alone: its log odds are 1.2 times the income."""
    rows = people(1)
    assert np.allclose(logit(fair(rows)), 1.2 * rows["income"])


B, M, R = "binary_classification", "multiclass_classification", "regression"


@pytest.mark.parametrize(
    ("category", "metric", "task", "expected"),
    [
        (Category.PERFORMANCE, "auc_floor", B, "auc"),
        (Category.PERFORMANCE, "log_loss", B, "brier_score"),
        (Category.PERFORMANCE, "accuracy", B, "balanced_accuracy"),
        (Category.PERFORMANCE, "accuracy", M, "accuracy"),
        (Category.PERFORMANCE, "worst_slice_absolute_error", R, "mean_absolute_error"),
        (Category.CALIBRATION_DRIFT, "calibration_slope", B, "calibration_error"),
        (Category.CALIBRATION_DRIFT, "bias", R, "bias"),
        (Category.FAIRNESS, "selection_rate_gap_change", B, "selection_rate_ratio"),
        (Category.FAIRNESS, "false_negative_rate_difference", B, "true_positive_rate_difference"),
        (Category.FAIRNESS, "mean_absolute_error_gap_change", R, "mean_absolute_error_difference"),
        (Category.FAIRNESS, "precision_difference", B, None),
        (Category.DATA_DRIFT, "psi", B, None),
    ],
)
def test_a_fault_is_measured_by_its_kind(
    category: Category, metric: str, task: str, expected: str | None
) -> None:
    """The monitor's measure has one of its kind that compares two versions; a fault of the data has none."""
    fault = Fault(category=category, lead=lead(category, metric))
    assert fault.measure(replace(SPEC, task=task)) == expected
    assert Fault(category=category, lead=None).measure(SPEC) is None


def test_the_limit_of_then_is_the_reference_of_the_same_measure() -> None:
    """Log-loss opened it: scores are compared by Brier score, from the Brier score of the reference."""
    table = scored(people(1), fair(people(1)))
    findings = (
        lead(Category.PERFORMANCE, "log_loss", reference_value=0.9),
        lead(Category.PERFORMANCE, "brier_score", reference_value=0.16, groups=("2",)),
        lead(Category.PERFORMANCE, "brier_score", reference_value=0.15),
    )
    fault = Fault(category=Category.PERFORMANCE, lead=findings[0], findings=findings)
    again = judge_again(SPEC, POLICY, fault, table, table)
    assert again is not None
    assert again.threshold == pytest.approx(0.15 + 0.03)
    assert judge_again(SPEC, POLICY, replace(fault, findings=findings[:1]), table, table) is None


def test_errors_of_a_regression_may_not_return() -> None:
    """A reference error of 1 tolerates 1.2: twice that again is a breach, half of then is none."""
    spec = replace(SPEC, task="regression", favourable_label=None)
    rows = people(1).drop(columns=["truth", "noise"])
    noise = np.random.default_rng(4).normal(0, 3, ROWS)

    def said(size: float) -> pa.Table:
        wrong = rows["label"] + size * noise
        return pa.Table.from_pandas(rows.assign(score=wrong, decision=wrong), preserve_index=False)

    one = lead(Category.PERFORMANCE, "mean_absolute_error", reference_value=1.0)
    fault = Fault(category=Category.PERFORMANCE, lead=one, findings=(one,))
    verdicts = [judge_again(spec, POLICY, fault, said(1), said(size)) for size in (1, 0.5, 0.1)]
    assert [found.verdict for found in verdicts if found] == [Verdict.BREACH, Verdict.PASS, Verdict.PASS]
    assert verdicts[0] is not None
    assert verdicts[0].threshold == pytest.approx(1.2)
    assert verdicts[0].value == pytest.approx(np.abs(noise).mean())

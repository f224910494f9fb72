"""The trade-off curve's numbers against Fairlearn and by hand, and which attempt is taken."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from amends.measures.mitigation import ODDS, PARITY, Attempt, Judged, choose, group_shifts, reweighing
from amends.measures.recalibration import log_odds, share_of

RNG = np.random.default_rng(3)
N = 3000
GROUP = RNG.integers(0, 2, N)
LABEL = (RNG.random(N) < 0.3 + 0.3 * GROUP).astype(np.int64)
SCORES = np.clip(0.2 + 0.4 * LABEL + 0.1 * GROUP + RNG.normal(0, 0.15, N), 0.01, 0.99)
LEAST = {"min_group": 100.0, "min_class": 50.0}
JUDGED = Judged(
    label=LABEL, group=GROUP, groups=("f", "m"), favourable=1, least=LEAST, threshold=0.5,
)  # fmt: skip


def test_an_attempt_is_measured_as_fairlearn_and_scikit_learn_do() -> None:
    """Accuracy, AUC, selection-rate ratio and both rate differences from other implementations."""
    from fairlearn.metrics import (
        MetricFrame,
        demographic_parity_ratio,
        false_positive_rate,
        true_positive_rate,
    )
    from sklearn.metrics import accuracy_score, roc_auc_score

    found, decided = JUDGED.measure("none", 0.0, SCORES, PARITY), (SCORES >= 0.5).astype(int)
    rates = MetricFrame(
        metrics={"tpr": true_positive_rate, "fpr": false_positive_rate},
        y_true=LABEL, y_pred=decided, sensitive_features=GROUP,
    ).difference()  # fmt: skip

    assert found.accuracy == pytest.approx(accuracy_score(LABEL, decided))
    assert found.auc == pytest.approx(roc_auc_score(LABEL, SCORES))
    ratio = demographic_parity_ratio(LABEL, decided, sensitive_features=GROUP)
    assert found.selection_rate_ratio == pytest.approx(ratio)
    assert found.gap == pytest.approx(1 - ratio)
    assert found.true_positive_rate_difference == pytest.approx(rates["tpr"])
    assert found.false_positive_rate_difference == pytest.approx(rates["fpr"])
    wider = JUDGED.measure("none", 0.0, SCORES, ODDS)
    assert wider.gap == pytest.approx(max(rates))
    assert found.lowest == "f"


def test_the_gaps_error_is_that_of_a_difference_of_shares() -> None:
    """Equalized odds' bootstrap error is near the textbook's square root of summed variances."""
    found, decided = JUDGED.measure("none", 0.0, SCORES, ODDS), SCORES >= 0.5
    variance = 0.0
    for group in (0, 1):
        share = decided[(group == GROUP) & ((found.gap == found.true_positive_rate_difference) == LABEL)]
        variance += share.mean() * (1 - share.mean()) / len(share)

    assert found.gap_error == pytest.approx(np.sqrt(variance), rel=0.25)


def test_small_groups_are_named_and_not_judged() -> None:
    """Ten people of a third group move no gap; with one group left there is no gap at all."""
    group = GROUP.copy()
    group[:10] = 2
    judged = replace(JUDGED, group=group, groups=("f", "m", "x"))
    found = judged.measure("none", 0.0, SCORES, PARITY)
    assert (found.groups, found.left_out) == (("f", "m"), ("x",))

    alone = replace(JUDGED, group=np.where(np.arange(N) < 10, 1, 0)).measure("none", 0.0, SCORES, PARITY)
    assert alone.gap == float("inf")
    assert not alone.keeps(1.0)
    assert alone.document()["gap"] is None


def test_nobody_selected_is_no_parity() -> None:
    """All rates zero are equal, and that is no remedy: the ratio has no value and keeps no limit."""
    found = JUDGED.measure("reduction", 1.0, np.full(N, 0.1), PARITY)

    assert found.gap == float("inf")
    assert not found.keeps(0.99)


def attempt(strength: float, accuracy: float, gap: float, error: float = 0.02) -> Attempt:
    """An attempt of which only these numbers matter."""
    return replace(
        JUDGED.measure("reduction", strength, SCORES, PARITY), accuracy=accuracy, gap=gap, gap_error=error
    )


@pytest.mark.parametrize(
    ("attempts", "strength"),
    [
        ([(0.0, 0.90, 0.50), (0.5, 0.88, 0.15), (1.0, 0.85, 0.05)], 0.5),
        ([(0.0, 0.90, 0.50), (0.5, 0.88, 0.19), (1.0, 0.85, 0.05)], 1.0),
        ([(0.0, 0.90, 0.50), (0.5, 0.88, 0.19)], 0.5),
        ([(0.0, 0.90, 0.50), (0.5, 0.88, 0.30)], 0.5),
        ([(0.5, 0.88, 0.10), (0.25, 0.88, 0.10)], 0.25),
        ([(0.5, 0.99, float("inf")), (1.0, 0.8, 0.4)], 1.0),
    ],
    ids=["cheapest that keeps", "one error to spare", "value decides", "smallest gap", "weakest", "no value"],
)
def test_the_cheapest_attempt_that_keeps_the_limit_is_taken(
    attempts: list[tuple[float, float, float]], strength: float
) -> None:
    """At a limit of 0.2, by hand."""
    assert choose([attempt(*one) for one in attempts], 0.2).strength == strength


def test_reweighing_makes_label_and_group_independent() -> None:
    """Kamiran and Calders's example, weights by hand; on any rows the weighted rates are equal."""
    # 10 people, 5 women of whom 2 are positive, 5 men of whom 4 are: the weights are 3/2, 2/3, 3/4 and 2
    group = np.array([0] * 5 + [1] * 5)
    label = np.array([1, 1, 0, 0, 0, 1, 1, 1, 1, 0])
    weights = reweighing(label, group)
    assert weights[0] == pytest.approx(0.5 * 0.6 / 0.2)
    assert weights[2] == pytest.approx(0.5 * 0.4 / 0.3)
    assert weights[5] == pytest.approx(0.5 * 0.6 / 0.4)
    assert weights[9] == pytest.approx(0.5 * 0.4 / 0.1)

    weights = reweighing(LABEL, GROUP)
    rates = [np.average(LABEL[one == GROUP], weights=weights[one == GROUP]) for one in (0, 1)]
    assert rates[0] == pytest.approx(rates[1])
    assert weights.mean() == pytest.approx(1)


@pytest.mark.parametrize("constraint", [PARITY, ODDS])
def test_thresholds_by_group_bring_rates_together(constraint: str) -> None:
    """At full strength the rates are equal to within a row, at half strength the gap is half as wide."""
    rows = pd.DataFrame({"group": GROUP, "score": SCORES, "label": LABEL})
    rows = rows if constraint == PARITY else rows[rows["label"] == 1]

    def gap(strength: float) -> float:
        shifts = group_shifts(SCORES, JUDGED, constraint, strength)
        shift = rows["group"].map({0: shifts["f"], 1: shifts["m"]})
        moved = share_of(log_odds(rows["score"].to_numpy()) + shift)
        rates = (moved >= 0.5).groupby(rows["group"]).mean()
        return float(abs(rates.diff().iloc[-1]))

    before = float(abs((rows["score"] >= 0.5).groupby(rows["group"]).mean().diff().iloc[-1]))
    assert before > 0.05
    assert gap(0.0) == pytest.approx(before, abs=0.005)
    assert gap(0.5) == pytest.approx(before / 2, abs=0.005)
    assert gap(1.0) == pytest.approx(0, abs=0.005)

"""A loss that comes with other cases is told from one that a new fit would mend."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from amends.adapters.fairlearn_metrics import FairlearnMetrics
from amends.adapters.files import load_policy
from amends.adapters.great_expectations import GreatExpectationsGate
from amends.domain.assessment import Assessment
from amends.domain.findings import Category, Verdict
from amends.measures.counting import NEGATIVE, POSITIVE, SCORE_BINS
from amends.measures.estimation import balanced_share
from amends.workflow.assess import assess
from lending import applicants, digested, lending_spec, scored, sigmoid

SPEC = lending_spec(favourable_label=None, columns={"model_version": "version"})
POLICY = load_policy()


def people(seed: int, size: int = 6000) -> pd.DataFrame:
    """Applicants whose outcome hangs on income."""
    rows = applicants(size, seed=seed)
    truth = sigmoid(2.0 * rows["income"])
    label = (np.random.default_rng(seed + 50).random(size) < truth).astype(int)
    return rows.assign(truth=truth, label=label, version="1")


def assessed(now: pd.DataFrame, score: Any) -> Assessment:
    """A window against a year of everybody."""
    before = people(1)
    reference = digested(SPEC, scored(before, before["truth"]))
    current = digested(SPEC, scored(now, score), reference.grid)
    gate, metrics = GreatExpectationsGate(POLICY), FairlearnMetrics()
    return assess(SPEC, POLICY, reference, current, quality=gate, fairness=metrics)


def middling(size: int = 4000) -> pd.DataFrame:
    """Only people of middling income: nobody whose outcome is nearly certain."""
    rows = people(2, 4 * size)
    return rows[rows["income"].abs() < 0.8].iloc[:size].reset_index(drop=True)


def ranking(found: Assessment) -> Any:
    """The finding on AUC of all rows."""
    (one,) = (f for f in found.findings if f.metric == "auc" and not f.groups)
    return one


def test_cases_that_are_harder_to_tell_are_no_loss() -> None:
    """AUC falls from 0.86 to 0.70, as scores of that spread promise: the drift is told, nothing is fitted."""
    now = middling()
    found = assessed(now, now["truth"])
    assert ranking(found).value < ranking(found).reference_value - 0.1
    assert ranking(found).verdict is Verdict.INCONCLUSIVE
    assert "they are harder, not told worse" in ranking(found).reason
    assert found.incident is not None
    assert (found.incident.category, found.incident.playbook) == ("data_drift", "observe")


def test_a_loss_beyond_the_mix_of_cases_is_one() -> None:
    """The same people, told worse than their scores promise."""
    now = middling()
    turned = np.random.default_rng(3).random(len(now)) < 0.25
    found = assessed(now.assign(label=now["label"].where(~turned, 1 - now["label"])), now["truth"])
    assert ranking(found).verdict is Verdict.BREACH
    assert found.incident is not None
    assert found.incident.playbook == "retrain"


@pytest.mark.parametrize("change", ["a new version", "no drift"])
def test_the_mix_excuses_neither_a_new_version_nor_scores_that_changed_alone(change: str) -> None:
    """Scores that tell less of the same people, or of a version that nobody knew, are a loss."""
    now = middling() if change == "a new version" else people(2)
    version = "2" if change == "a new version" else "1"
    dulled = sigmoid(2.0 * np.clip(now["income"], -0.3, 0.3)) if change == "no drift" else now["truth"]
    found = assessed(now.assign(version=version), dulled)
    assert ranking(found).verdict is Verdict.BREACH
    assert found.incident is not None
    assert Category.PERFORMANCE in found.incident.categories


def test_the_balanced_share_is_the_mean_of_both_recalls() -> None:
    """By hand: 30 of 40 zeros under the threshold, 10 of 20 ones over it."""
    scores = np.zeros((2, SCORE_BINS))
    low, high = SCORE_BINS // 4, 3 * SCORE_BINS // 4
    scores[NEGATIVE, [low, high]], scores[POSITIVE, [low, high]] = (30, 10), (10, 10)
    assert balanced_share(scores, 0.5) == pytest.approx((0.75 + 0.5) / 2)

"""Measures of two versions on the same rows, against scikit-learn and by hand."""

import numpy as np
import pytest
from amends.measures.comparison import SCORE_BINS, auc_of, compare_scores
from amends.measures.pairing import align, pair_rows
from amends.measures.resampling import Resampler
from gate_story import SPEC, noisy
from lending import applicants, scored


def test_measures_agree_with_scikit_learn() -> None:
    """AUC, balanced accuracy and Brier score are those of another implementation."""
    from sklearn.metrics import balanced_accuracy_score, brier_score_loss, roc_auc_score

    people = applicants(1800)
    scores = np.round(noisy(people, 0.7), 2)
    table = scored(people, scores)
    rows = pair_rows(SPEC, *align(SPEC, table, table))
    ours = {one.metric: one.candidate.value for one in compare_scores(rows, Resampler(rows.rows))}
    assert ours["auc"] == pytest.approx(roc_auc_score(people["label"], scores))
    assert ours["balanced_accuracy"] == pytest.approx(balanced_accuracy_score(people["label"], scores >= 0.5))
    assert ours["brier_score"] == pytest.approx(brier_score_loss(people["label"], scores))


def test_auc_on_bins_stays_close_to_auc_on_rows() -> None:
    """With far more different scores than bins, AUC is still that of the rows to 1e-3."""
    from sklearn.metrics import roc_auc_score

    people = applicants(30_000)
    scores = noisy(people, 0.7)
    rows = pair_rows(SPEC, *align(SPEC, scored(people, scores), scored(people, scores)))
    ours = compare_scores(rows, Resampler(rows.rows))[0].candidate.value
    assert ours == pytest.approx(roc_auc_score(people["label"], scores), abs=1e-3)


def test_auc_counts_ties_half() -> None:
    """By hand: negatives 0.1, 0.5; positives 0.5, 0.9: of 4 pairs 3 are in order and 1 is a tie."""
    sums = np.zeros(2 * SCORE_BINS)
    sums[[0, 1]] = 1
    sums[SCORE_BINS + np.array([1, 2])] = 1
    assert auc_of(sums) == pytest.approx(3.5 / 4)


def test_the_bootstrap_interval_of_a_share_is_that_of_the_normal_law() -> None:
    """For a share of 0.5 in 10 000 rows the 95 % interval is 0.5 +- 0.0098 by hand."""
    label = np.arange(10_000) % 2
    resampler = Resampler(10_000)
    sums = resampler.sums(label, 2)
    half = resampler.estimate(sums, lambda s: s[..., 1] / s.sum(axis=-1))
    assert half.value == 0.5
    assert (half.high - half.low) / 2 == pytest.approx(0.0098, rel=0.15)

"""Statistics of windows in which nothing is wrong: they cry wolf as seldom as their confidence says."""

import numpy as np
import pytest
from amends.measures.calibration import calibration_error
from amends.measures.counting import SCORE_BINS

WINDOWS = 300


def scored(draw, rows, base):
    """Scores by label of a calibrated model: the truth is known, nothing is wrong."""
    score = 1 / (1 + np.exp(-draw.normal(base, 1.5, rows)))
    label = (draw.random(rows) < score).astype(int)
    bins = np.minimum((score * SCORE_BINS).astype(int), SCORE_BINS - 1)
    counts = np.bincount(label * SCORE_BINS + bins, minlength=3 * SCORE_BINS)
    return counts.reshape(3, SCORE_BINS).astype(np.int64)


@pytest.mark.parametrize(("reference", "rows", "base"), [(10_000, 300, 0.0), (20_000, 1000, -3.0)])
def test_calibration_error_errs_as_often_as_it_says(reference, rows, base) -> None:
    """At p < 0.01 one calibrated window in a hundred; 8 of 300 would come by chance once in 60 runs."""
    draw = np.random.default_rng(7)
    before = scored(draw, reference, base)
    p = [calibration_error(before, scored(draw, rows, base))[2] for _ in range(WINDOWS)]
    assert sum(one < 0.01 for one in p) <= 8
    assert 0.4 < np.mean(p) < 0.6


def test_calibration_error_sees_scores_that_are_off() -> None:
    """The same test finds scores that are six points too high in a window of a thousand."""
    draw = np.random.default_rng(8)
    before, now = scored(draw, 10_000, 0.0), scored(draw, 1000, 0.0)
    moved = np.roll(now, round(0.08 * SCORE_BINS), axis=1)
    assert calibration_error(before, moved)[2] < 0.001

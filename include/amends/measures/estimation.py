"""What performance would be without labels, from calibrated scores: an estimate with stated assumptions.

It holds where the model is the same, the reference's labels are right, and only the distribution of inputs
moved (covariate shift): of rows with one score the same share is positive as before. It is blind to a change
of what inputs mean (concept drift).
Sources: Bialek et al. (2024), "Estimating model performance under covariate shift without labels"; Guillory
et al. (2021), "Predicting with confidence on unseen distributions".
"""

import numpy as np

from amends.measures.arrow import Counts, Floats
from amends.measures.counting import NEGATIVE, POSITIVE, SCORE_BINS
from amends.measures.performance import Estimate, auc

LEAST = 11
"""Labelled reference rows that have to lie beyond a score on either side, for it to be covered."""


def calibration_curve(reference: Counts) -> Floats:
    """Share of class 1 by score bin, by isotonic regression on the reference's labelled rows.

    The non-decreasing curve of least squares (pool adjacent violators); between bins that hold rows it is
    linear, beyond them it is constant. Range [0, 1].
    Source: Zadrozny, Elkan (2002), "Transforming classifier scores into accurate multiclass probability
    estimates"; Barlow et al. (1972), "Statistical Inference under Order Restrictions".
    """
    rows = reference[[NEGATIVE, POSITIVE]].sum(axis=0).astype(float)
    used = np.flatnonzero(rows)
    pooled = _pooled(reference[POSITIVE][used] / rows[used], rows[used])
    curve: Floats = np.interp(np.arange(SCORE_BINS), used, pooled)
    return curve


def expected_scores(curve: Floats, window: Counts) -> Floats:
    """Scores by outcome as they would be on average, had every row of the window its label.

    :returns: shape (2, SCORE_BINS), rows by NEGATIVE and POSITIVE; not whole numbers.
    """
    rows = window.sum(axis=0)
    return np.vstack([rows * (1 - curve), rows * curve])


def estimated_auc(expected: Floats, reference: Counts) -> Estimate:
    """AUC of the expected scores; its error joins that of the window's labels and of the learned curve.

    Both parts are DeLong's: of the window as if its labels were drawn, and of the reference's labelled rows.
    """
    value, spread = auc(expected), auc(reference)
    return Estimate(value.value, float(np.hypot(value.error, spread.error)))


def estimated_accuracy(expected: Floats, reference: Counts, threshold: float) -> Estimate:
    """Share of rows that a decision at the threshold would get right. Range [0, 1]."""
    rows, labelled = float(expected.sum()), float(reference[[NEGATIVE, POSITIVE]].sum())
    value = right_share(expected, threshold)
    return Estimate(value, float(np.sqrt(value * (1 - value) * (1 / rows + 1 / labelled))))


def right_share(scores: Counts | Floats, threshold: float) -> float:
    """Share of rows on their label's side of a threshold (a row at it is decided as 1)."""
    cut = int(np.clip(np.ceil(threshold * SCORE_BINS), 0, SCORE_BINS))
    right = scores[NEGATIVE][:cut].sum() + scores[POSITIVE][cut:].sum()
    return float(right / scores[[NEGATIVE, POSITIVE]].sum())


def balanced_share(scores: Counts | Floats, threshold: float) -> float:
    """Mean over both labels of the share of rows on their side of a threshold; as :func:`right_share`."""
    cut = int(np.clip(np.ceil(threshold * SCORE_BINS), 0, SCORE_BINS))
    right = scores[NEGATIVE][:cut].sum(), scores[POSITIVE][cut:].sum()
    return float(
        np.mean([one / scores[row].sum() for one, row in zip(right, (NEGATIVE, POSITIVE), strict=True)])
    )


def unsupported_share(reference: Counts, window: Counts) -> float:
    """Share of the window's rows whose score lies outside of what the reference's labelled rows cover.

    Covered is what lies between the LEAST-th lowest and the LEAST-th highest labelled score. Range [0, 1].
    """
    labelled = reference[[NEGATIVE, POSITIVE]].sum(axis=0)
    below = np.cumsum(labelled)
    covered = (below >= LEAST) & (below[-1] - below + labelled >= LEAST)
    rows = window.sum(axis=0)
    return float(rows[~covered].sum() / max(rows.sum(), 1))


def _pooled(shares: Floats, weights: Floats) -> Floats:
    """Weighted isotonic regression by pooling adjacent violators."""
    values: list[float] = []
    masses: list[float] = []
    sizes: list[int] = []
    for one, weight in zip(shares.tolist(), weights.tolist(), strict=True):
        value, mass, size = one, weight, 1
        while values and values[-1] >= value:
            before = masses.pop()
            value = (values.pop() * before + value * mass) / (before + mass)
            mass, size = mass + before, size + sizes.pop()
        values.append(value)
        masses.append(mass)
        sizes.append(size)
    pooled: Floats = np.repeat(values, sizes)
    return pooled

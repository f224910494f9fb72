"""Whether labels changed as a lossy feed changes them, or as the world does: from counts by score."""

from typing import Any

import numpy as np
from scipy.special import chdtrc

from amends.measures.arrow import Counts, Floats
from amends.measures.counting import NEGATIVE, POSITIVE

GROUPS = 10
"""Groups of equal reference rows, by score."""
LEAST = 10
"""Rows a group needs on either side."""
STEPS = 25
SMALLEST = 1e-9


def recording_loss(reference: Counts, current: Counts, confidence: float) -> tuple[float, int, bool]:
    """Share of one class's rows that are recorded as the other, whatever the score.

    With ``p_g`` the positive share of score group g in the reference, a feed that loses a share c of the
    positives gives ``(1 - c) p_g``, and one that turns negatives ``p_g + c (1 - p_g)``. The world's own
    changes of level and slope give ``logit = a + b logit p_g``. A loss is told only where the first fits
    (chi-square over the groups is no surprise) and the second does not.

    :returns: the share, in [0, 1]; the label whose rows are lost; whether a loss explains the window and a
        change of the world does not.
    Source: Natarajan et al. (2013), "Learning with noisy labels" (class-conditional noise).
    """
    hits_before, rows_before, hits, rows = grouped(reference, current)
    if min(rows_before.min(), rows.min()) < LEAST:
        return 0.0, 1, False
    before, now = (hits_before + 0.5) / (rows_before + 1), hits / rows
    positive = max(1 - float(now @ rows / (before @ rows)), 0.0)
    negative = max(1 - float((1 - now) @ rows / ((1 - before) @ rows)), 0.0)
    lost, label = max((positive, 1), (negative, 0))
    kept = 1 - lost
    wanted = before * kept if label == 1 else 1 - (1 - before) * kept
    spread = kept**2 * before * (1 - before) / rows_before
    fits = surprise(now, wanted, rows, spread, 1) > 1 - confidence
    moved, slope = recalibrated(before, hits, rows)
    spread = (slope * moved * (1 - moved)) ** 2 / (before * (1 - before) * rows_before)
    world = surprise(now, moved, rows, spread, 2) > 1 - confidence
    return lost, label, fits and not world


def grouped(reference: Counts, current: Counts) -> list[Any]:
    """Positive rows and all labelled rows by group of the reference's scores, of it and of the window."""
    rows = reference[[NEGATIVE, POSITIVE]].sum(axis=0)
    group = np.minimum(
        ((np.cumsum(rows) - rows / 2) / max(rows.sum(), 1) * GROUPS).astype(np.int64), GROUPS - 1
    )
    return [
        np.bincount(group, weights=weights, minlength=GROUPS)
        for one in (reference, current)
        for weights in (one[POSITIVE], one[[NEGATIVE, POSITIVE]].sum(axis=0))
    ]


def surprise(now: Floats, wanted: Floats, rows: Floats, spread: Floats, fitted: int) -> float:
    """Chi-square p value of the groups' shares, with the reference's own uncertainty."""
    error = np.maximum(wanted * (1 - wanted) / rows + spread, 1e-12)
    return float(chdtrc(GROUPS - fitted, float((np.square(now - wanted) / error).sum())))


def recalibrated(before: Floats, hits: Floats, rows: Floats) -> tuple[Floats, float]:
    """Shares that a change of level and slope gives at best, and that slope: Newton's method, held back.

    A full step overshoots where scores are sure, and would make the world fit nothing.
    """
    x = np.column_stack([np.ones(GROUPS), np.log(before / (1 - before))])

    def loss(beta: Floats) -> float:
        return float((rows * np.logaddexp(0, x @ beta) - hits * (x @ beta)).sum())

    beta = np.array([0.0, 1.0])
    for _ in range(STEPS):
        fitted = 1 / (1 + np.exp(-np.clip(x @ beta, -30, 30)))
        weight = np.maximum(rows * fitted * (1 - fitted), 1e-9)
        information = (x * weight[:, None]).T @ x + 1e-9 * np.eye(2)
        step = np.linalg.solve(information, x.T @ (hits - rows * fitted))
        while loss(beta + step) > loss(beta) and np.abs(step).max() > SMALLEST:
            step = step / 2
        beta = beta + step
    shares: Floats = 1 / (1 + np.exp(-np.clip(x @ beta, -30, 30)))
    return shares, float(beta[1])

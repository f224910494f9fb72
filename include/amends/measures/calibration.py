"""Whether a score is still the share it says, from counts by label and score bin."""

import numpy as np
from scipy.special import chdtrc

from amends.measures.arrow import Counts, Floats
from amends.measures.counting import NEGATIVE, POSITIVE
from amends.measures.performance import MIDDLES, Estimate

GROUPS = 10
"""Groups of equal reference rows, by score, that calibration is compared on."""
STEPS, TOLERANCE = 50, 1e-9
LONGEST_STEP, SAFE_STEP = 5.0, 0.5
HALVINGS = 30


def calibration_slope(scores: Counts) -> Estimate | None:
    """Slope b of ``logit P(label = 1) = a + b logit(score)`` fitted by maximum likelihood.

    Range (-inf, inf); 1 is calibrated, below 1 the scores are too extreme, above 1 too timid.
    None where it has no finite maximum (the classes do not overlap, or one score for all).
    Source: Cox (1958); Van Calster et al. (2019), "Calibration: the Achilles heel of predictive analytics".
    """
    rows = scores[[NEGATIVE, POSITIVE]].sum(axis=0).astype(float)
    used = rows > 0
    rows, hits = rows[used], scores[POSITIVE][used].astype(float)
    x = np.column_stack([np.ones(used.sum()), np.log(MIDDLES[used] / (1 - MIDDLES[used]))])
    beta = np.array([0.0, 1.0])
    for _ in range(STEPS):
        fitted = 1 / (1 + np.exp(-np.clip(x @ beta, -500, 500)))
        information = (x * (rows * fitted * (1 - fitted))[:, None]).T @ x
        if not np.isfinite(information).all() or np.linalg.cond(information) > 1 / np.finfo(float).eps:
            return None
        step = np.clip(
            np.linalg.solve(information, x.T @ (hits - rows * fitted)), -LONGEST_STEP, LONGEST_STEP
        )
        beta = beta + (step if np.abs(step).max() < SAFE_STEP else _uphill(x, rows, hits, beta, step))
        if np.abs(step).max() < TOLERANCE:
            return Estimate(float(beta[1]), float(np.sqrt(np.linalg.inv(information)[1, 1])))
    return None


def _uphill(x: Floats, rows: Floats, hits: Floats, beta: Floats, step: Floats) -> Floats:
    """Halve a Newton step until the likelihood does not fall: a score of 1 would make it swing for ever."""

    def likelihood(at: Floats) -> float:
        return float(hits @ (x @ at) - rows @ np.logaddexp(0, x @ at))

    least = likelihood(beta)
    for _ in range(HALVINGS):
        if likelihood(beta + step) >= least - TOLERANCE * abs(least):
            break
        step = step / 2
    return step


def calibration_intercept(scores: Counts) -> Estimate | None:
    """Intercept a of ``logit P(label = 1) = a + logit(score)`` fitted by maximum likelihood.

    Range (-inf, inf), in log odds; 0 is calibrated on average, above 0 the scores are too low: the odds are
    ``exp(a)`` times what they say. None where one class has no row.
    Source: Cox (1958); Van Calster et al. (2019), "Calibration: the Achilles heel of predictive analytics".
    """
    rows = scores[[NEGATIVE, POSITIVE]].sum(axis=0).astype(float)
    used = rows > 0
    rows, hits = rows[used], float(scores[POSITIVE].sum())
    if not 0 < hits < rows.sum():
        return None
    offset, at = np.log(MIDDLES[used] / (1 - MIDDLES[used])), 0.0
    for _ in range(STEPS):
        fitted = 1 / (1 + np.exp(-np.clip(offset + at, -500, 500)))
        information = float(rows @ (fitted * (1 - fitted)))
        if not information > np.finfo(float).tiny:
            return None
        step = (hits - float(rows @ fitted)) / information
        at += float(np.clip(step, -LONGEST_STEP, LONGEST_STEP))
        if abs(step) < TOLERANCE:
            return Estimate(at, information**-0.5)
    return None


def calibration_error(reference: Counts, current: Counts) -> tuple[Estimate, Estimate, float]:
    """Expected calibration error of both windows on the same groups of scores, and whether they differ.

    ``sum_g n_g / n |mean label_g - mean score_g|`` over groups of equal reference rows. Range [0, 1]; 0 means
    that of the rows scored s a share s is positive. Chance alone makes it more than 0.

    :returns: reference's error, current's error, and the chi-square p value of equal residuals in all groups,
        with the variance that both windows' labels have together (a group without a hit is not sure of it).
    Source: Naeini, Cooper, Hauskrecht (2015), "Obtaining well calibrated probabilities using Bayesian
    binning".
    """
    rows = reference[[NEGATIVE, POSITIVE]].sum(axis=0)
    number = ((np.cumsum(rows) - rows / 2) / max(rows.sum(), 1) * GROUPS).astype(np.int64)
    group = np.minimum(number, GROUPS - 1)
    (n, mean, error), (m, mean_now, error_now) = (_residuals(one, group) for one in (reference, current))
    both = (n > 1) & (m > 1)
    hits = np.bincount(group, weights=reference[POSITIVE] + current[POSITIVE], minlength=GROUPS)
    share = ((hits + 0.5) / (n + m + 1))[both]
    spread = share * (1 - share) * (1 / n[both] + 1 / m[both])
    statistic = float((np.square(mean_now - mean)[both] / spread).sum())
    p = float(chdtrc(max(int(both.sum()), 1), statistic))
    return _weighted(n, mean, error), _weighted(m, mean_now, error_now), p


def _residuals(scores: Counts, group: Counts) -> tuple[Floats, Floats, Floats]:
    """Rows, mean of label - score and its standard error, by group."""
    hits, misses = scores[POSITIVE].astype(float), scores[NEGATIVE].astype(float)
    n: Floats = np.bincount(group, weights=hits + misses, minlength=GROUPS).astype(np.float64)
    total = np.bincount(group, weights=hits * (1 - MIDDLES) - misses * MIDDLES, minlength=GROUPS)
    square = np.bincount(group, weights=hits * (1 - MIDDLES) ** 2 + misses * MIDDLES**2, minlength=GROUPS)
    safe = np.maximum(n, 1)
    mean = total / safe
    return n, mean, np.sqrt(np.maximum(square / safe - mean**2, 0) / safe)


def _weighted(rows: Floats, residuals: Floats, errors: Floats) -> Estimate:
    weights = rows / max(rows.sum(), 1)
    spread = float(np.sqrt(np.square(weights * errors).sum()))
    return Estimate(float(weights @ np.abs(residuals)), spread)

"""How well a scored window did, from counts by label and score bin."""

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtri

from amends.measures.arrow import Counts, Floats
from amends.measures.counting import NEGATIVE, POSITIVE, SCORE_BINS

MIDDLES = (np.arange(SCORE_BINS) + 0.5) / SCORE_BINS
"""The score that stands for each bin: within 1 / 131 072 of every score in it."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A measured number and its standard error."""

    value: float
    error: float

    @property
    def is_known(self) -> bool:
        """Whether both are numbers: a single row of a class, say, gives none."""
        return bool(np.isfinite(self.value) and np.isfinite(self.error))

    def interval(self, confidence: float, comparisons: int = 1) -> tuple[float, float]:
        """Two-sided normal interval, shared by some comparisons (Bonferroni)."""
        half = two_sided(confidence, comparisons) * self.error
        return self.value - half, self.value + half

    def minus(self, other: "Estimate") -> "Estimate":
        """Difference of two independent estimates."""
        return Estimate(self.value - other.value, float(np.hypot(self.error, other.error)))


def two_sided(confidence: float, comparisons: int = 1) -> float:
    """Standard normal quantile of a two-sided interval, shared by some comparisons (Bonferroni)."""
    return float(ndtri(1 - (1 - confidence) / (2 * max(comparisons, 1))))


def class_sizes(scores: Counts) -> tuple[int, int]:
    """Labelled rows of class 0 and of class 1."""
    return int(scores[NEGATIVE].sum()), int(scores[POSITIVE].sum())


def auc(scores: Counts | Floats) -> Estimate:
    """Area under the ROC curve with DeLong's standard error.

    ``P(s1 > s0) + P(s1 = s0) / 2`` for a random row of class 1 and of class 0; scores of one bin are equal.
    Range [0, 1]; 0.5 ranks like a coin, 1 ranks every positive first. Both classes need two rows, or there is
    no number.
    Source: DeLong, DeLong, Clarke-Pearson (1988), "Comparing the areas under two or more correlated receiver
    operating characteristic curves".
    """
    used = scores[:, scores[[NEGATIVE, POSITIVE]].any(axis=0)].astype(float)
    negatives, positives = used[NEGATIVE], used[POSITIVE]
    n, m = negatives.sum(), positives.sum()
    with np.errstate(divide="ignore", invalid="ignore"):
        beaten = (np.cumsum(negatives) - negatives / 2) / n
        beating = (m - np.cumsum(positives) + positives / 2) / m
        value = float(beaten @ positives / m)
        spread = (np.square(beaten - value) @ positives) / (m - 1) / m
        spread += (np.square(beating - value) @ negatives) / (n - 1) / n
    return Estimate(value, float(np.sqrt(spread)))


def brier_score(scores: Counts | Floats) -> Estimate:
    """Mean of ``(score - label)^2``. Range [0, 1]; 0 is certain and right, 0.25 is always saying 0.5.

    Source: Brier (1950), "Verification of forecasts expressed in terms of probability".
    """
    return _mean(scores, np.square(MIDDLES), np.square(1 - MIDDLES))


def log_loss(scores: Counts | Floats) -> Estimate:
    """Mean of ``-ln P(label)``. Range [0, 11.8] in nats (a bin's middle is never 0 or 1); 0.693 is a coin.

    Source: Good (1952), "Rational decisions".
    """
    return _mean(scores, -np.log1p(-MIDDLES), -np.log(MIDDLES))


def residual(scores: Counts) -> Estimate:
    """Calibration in the large: mean of ``label - score``. Range [-1, 1]; above 0 the scores are too low.

    Source: Cox (1958), "Two further applications of a model for binary regression".
    """
    return _mean(scores, -MIDDLES, 1 - MIDDLES)


def share(hits: int, rows: int) -> Estimate:
    """A share of rows with its standard error (Agresti-Coull, so that 0 and 1 have one, too)."""
    settled = (hits + 2) / (rows + 4)
    return Estimate(hits / rows, float(np.sqrt(settled * (1 - settled) / (rows + 4))))


def _mean(scores: Counts | Floats, of_negative: Floats, of_positive: Floats) -> Estimate:
    used = scores[[NEGATIVE, POSITIVE]].any(axis=0)
    weights = scores[[NEGATIVE, POSITIVE]][:, used].astype(float)
    values = np.vstack([of_negative[used], of_positive[used]])
    n = weights.sum()
    mean = float((weights * values).sum() / n)
    return Estimate(mean, float(np.sqrt((weights * np.square(values - mean)).sum() / max(n - 1, 1) / n)))

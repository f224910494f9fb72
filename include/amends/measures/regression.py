"""How far a regression's predictions are off, from sums of errors and a sample of rows."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from amends.measures.arrow import Floats
from amends.measures.performance import Estimate


@dataclass(frozen=True, slots=True)
class ErrorSums:
    """Exact sums over rows with a finite error (label less prediction)."""

    rows: int
    total: float
    square: float
    absolute: float

    @classmethod
    def of(cls, sums: Iterable[Floats]) -> "ErrorSums":
        """Add up what a digest keeps by group (:data:`amends.measures.sums.REGRESSION`)."""
        rows, total, square, absolute = np.sum([np.zeros(4), *sums], axis=0)
        return cls(int(rows), float(total), float(square), float(absolute))


def bias(errors: ErrorSums) -> Estimate:
    """Mean of ``label - prediction``, in the label's unit; above 0 the predictions are too low."""
    mean = errors.total / errors.rows
    return Estimate(mean, _error_of_mean(errors.square / errors.rows - mean**2, errors.rows))


def mean_absolute_error(errors: ErrorSums) -> Estimate:
    """Mean of ``|label - prediction|``, in the label's unit; 0 is always right.

    Source: Willmott, Matsuura (2005), "Advantages of the mean absolute error over the root mean square
    error".
    """
    mean = errors.absolute / errors.rows
    return Estimate(mean, _error_of_mean(errors.square / errors.rows - mean**2, errors.rows))


def root_mean_squared_error(errors: ErrorSums, sampled: Floats) -> Estimate:
    """Square root of the mean of ``(label - prediction)^2``, in the label's unit; 0 is always right.

    :param sampled: errors of the window's sample; the spread of their squares gives the standard error.
    """
    value = float(np.sqrt(errors.square / errors.rows))
    spread = float(np.var(np.square(sampled))) if len(sampled) else np.inf
    return Estimate(value, _error_of_mean(spread, errors.rows) / max(2 * value, np.finfo(float).tiny))


def explained_share(errors: ErrorSums, label: Floats, sampled: Floats, variance: float) -> Estimate | None:
    """R squared: ``1 - mean error^2 / variance of the label``.

    Range (-inf, 1]; 1 is always right, 0 is as good as the labels' mean. It falls where labels spread less,
    whatever the model does. None where labels do not vary. Standard error from its influence function on the
    sample: ``(E / V^2 (y - m)^2 - e^2 / V)`` with mean squared error E and variance V.

    :param label: labels of the sample's rows; ``sampled``: their errors.
    :param variance: of all labels of the window (population).
    Source: Efron and Tibshirani (1993), "An Introduction to the Bootstrap", chapter 21 (influence functions).
    """
    if variance <= 0 or not len(sampled):
        return None
    squared = errors.square / errors.rows
    influence = squared / variance**2 * np.square(label - label.mean()) - np.square(sampled) / variance
    return Estimate(1 - squared / variance, _error_of_mean(float(np.var(influence)), errors.rows))


def _error_of_mean(variance: float, rows: int) -> float:
    return float(np.sqrt(max(variance, 0.0) / max(rows - 1, 1)))

"""Intervals for anything that is computed from sums over rows: a bootstrap of blocks of rows."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np

from amends.measures.arrow import Counts, Floats

BLOCKS = 400
"""Random groups of rows: the standard error of an interval's width is about sqrt(2 / BLOCKS), or 7 %."""
DRAWS = 1000
SEED = 20261123
"""Fixed: the same rows give the same intervals, byte for byte."""
TAIL = 2.5
"""Percent cut at each end: 95 % intervals, so a one-sided statement holds with 97.5 %."""

Statistic: TypeAlias = Callable[[Floats], Floats]
"""From sums over rows, shape (..., width), to a number each, shape (...)."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and its 95 % interval."""

    value: float
    low: float
    high: float


class Resampler:
    """Rows split once into random blocks; every statistic is drawn on the same blocks, so pairs stay paired.

    Source: Efron and Tibshirani (1993), "An Introduction to the Bootstrap"; random groups as in
    Wolter (2007), "Introduction to Variance Estimation", chapter 2.
    """

    def __init__(self, rows: int) -> None:
        self.blocks = max(min(BLOCKS, rows), 1)
        self._block = np.random.default_rng(SEED).permutation(rows) % self.blocks

    @cached_property
    def _weights(self) -> Floats:
        """How often each draw takes each block, shape (DRAWS, blocks)."""
        even = np.full(self.blocks, 1 / self.blocks)
        drawn = np.random.default_rng(SEED + 1).multinomial(self.blocks, even, size=DRAWS)
        weights: Floats = drawn.astype(np.float64)
        return weights

    def sums(self, code: Counts, width: int, weight: Floats | None = None) -> Floats:
        """Add rows up by block and code: shape (blocks, width)."""
        cells = np.bincount(self._block * width + code, weights=weight, minlength=self.blocks * width)
        summed: Floats = cells.reshape(self.blocks, width).astype(np.float64)
        return summed

    def draw(self, sums: Floats) -> Floats:
        """Sums of each draw of blocks, shape (DRAWS, width)."""
        drawn: Floats = self._weights @ sums
        return drawn

    def estimate(self, sums: Floats, statistic: Statistic) -> Estimate:
        """Value on all rows, and the interval of its draws."""
        with np.errstate(invalid="ignore", divide="ignore"):
            return interval(float(statistic(sums.sum(axis=0))), statistic(self.draw(sums)))


def interval(value: float, drawn: Floats) -> Estimate:
    """A value with the interval of its draws; draws without a value (a class was absent) are left out."""
    known = drawn[np.isfinite(drawn)]
    if not len(known):
        return Estimate(value, -np.inf, np.inf)
    low, high = np.percentile(known, [TAIL, 100 - TAIL])
    return Estimate(value, float(low), float(high))

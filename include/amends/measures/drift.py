"""How far one column moved, from the counts of two windows: size and significance."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from amends.measures.arrow import Counts, Floats
from amends.measures.profiles import BINS, CategoricalProfile, NumericProfile

SLICES = 10
"""Equal slices of the reference that a numeric column is compared on."""
FLOOR = 1e-4
"""Least share of a cell, so that an empty one does not make the index infinite."""
LEAST_EXPECTED = 5
"""Cells expected to hold fewer rows than this are put together, as a chi-square test wants them."""


@dataclass(frozen=True, slots=True)
class Shift:
    """A column's move. ``psi``: its size, corrected for chance; ``p``: how often chance does as much."""

    psi: float
    p: float


def numeric_shift(reference: NumericProfile, current: NumericProfile) -> Shift:
    """Compare on the reference's deciles, missing values as one more cell."""
    slices = _slices(reference.counts)
    pair = [
        np.append(np.bincount(slices, weights=one.counts), one.nulls + one.non_finite + one.unreadable)
        for one in (reference, current)
    ]
    return shift_of(*pair)


def categorical_shift(reference: CategoricalProfile, current: CategoricalProfile) -> Shift:
    """Compare level by level, nulls and overflow as two more cells; rare levels are put together."""
    levels = sorted({*reference.counts, *current.counts})
    pair = [
        np.array([*(one.counts.get(level, 0) for level in levels), one.overflow, one.nulls], dtype=float)
        for one in (reference, current)
    ]
    return shift_of(*pair)


def shift_of(reference: Floats, current: Floats) -> Shift:
    """Population stability index of two rows of counts, less what chance gives, and the chi-square p value.

    ``sum_i (q_i - p_i) ln(q_i / p_i) - (k - 1)(1 / n + 1 / m)``, with shares p of n reference rows and q of m
    current rows in k cells. Range [0, inf), unitless; 0 means no more difference than chance makes.
    Source: Siddiqi (2006); the expectation without a move: Yurdakul and Naranjo (2020).
    """
    n, m = reference.sum(), current.sum()
    if n == 0 or m == 0:
        return Shift(0.0, 1.0)
    table = _filled(np.vstack([reference, current]))
    cells = table.shape[1]
    if cells < 2:  # noqa: PLR2004 - one cell cannot differ
        return Shift(0.0, 1.0)
    p, q = np.maximum(table / table.sum(axis=1, keepdims=True), FLOOR)
    psi = float(((q - p) * np.log(q / p)).sum()) - (cells - 1) * (1 / n + 1 / m)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    return Shift(max(psi, 0.0), float(chdtrc(cells - 1, statistic)))


def discoveries(p_values: Sequence[float], rate: float) -> list[bool]:
    """Which of many tests stand when a share of at most ``rate`` of those named may be false.

    Source: Benjamini and Hochberg (1995), "Controlling the false discovery rate".
    """
    ordered = np.sort(np.asarray(p_values, dtype=float))
    below = ordered <= rate * np.arange(1, len(ordered) + 1) / max(len(ordered), 1)
    bar = ordered[below].max() if below.any() else -1.0
    return [p <= bar for p in p_values]


def _slices(counts: Counts) -> Counts:
    """Slice number of each bin: equal shares of the rows; a bin that holds as many is one by itself."""
    total = max(int(counts.sum()), 1)
    share = counts / total
    middle = (np.cumsum(counts) - counts / 2) / total
    number = np.minimum((middle * SLICES).astype(np.int64), SLICES - 1)
    atom = share >= 1 / SLICES
    starts = np.ones(BINS, dtype=bool)
    starts[1:] = (np.diff(number) != 0) | atom[1:] | atom[:-1]
    slices: Counts = np.cumsum(starts) - 1
    return slices


def _filled(table: Floats) -> Floats:
    """Put sparse cells together (the last one), and drop empty ones."""
    rows = table.sum(axis=1)
    expected = table.sum(axis=0) * rows.min() / rows.sum()
    sparse = expected < LEAST_EXPECTED
    joined = np.column_stack([table[:, ~sparse], table[:, sparse].sum(axis=1)])
    kept: Floats = joined[:, joined.sum(axis=0) > 0]
    return kept

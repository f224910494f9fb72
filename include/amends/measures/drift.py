"""How far one column moved, from the counts of two windows: size, interval and significance.

Two sizes, because each misses what the other sees. The stability index weighs each cell by its ratio: it sees
a rare level that multiplied, and hardly a body that slid by half a deviation. The share of rows that crossed
(Kolmogorov-Smirnov, total variation) sees the body. Both depend on order or identity alone, so heavy tails
neither hide a move nor make one, as they do with a Wasserstein distance in standard deviations.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import wraps
from typing import TypeVar
from weakref import ReferenceType, WeakKeyDictionary, ref

import numpy as np
from scipy.special import chdtrc, kolmogorov

from amends.measures.arrow import Counts, Floats
from amends.measures.profiles import BINS, CategoricalProfile, NumericProfile
from amends.measures.resampling import Estimate

SLICES = 10
"""Equal slices of the reference that a numeric column is compared on."""
LEAST_SLICES = 4
"""Slices of what lies beside values that many rows share: the amounts of a column that is mostly zero."""
FLOOR = 1e-4
"""Least share of a cell, so that an empty one does not make the index infinite."""
LEAST_EXPECTED = 5
"""Cells expected to hold fewer rows than this are put together, as a chi-square test wants them."""
Z = 1.96
"""Intervals are of 95 %."""
NONE = Estimate(0.0, 0.0, 0.0)


P = TypeVar("P", NumericProfile, CategoricalProfile)


@dataclass(frozen=True, slots=True)
class Shift:
    """A column's move.

    ``psi``: its size, corrected for chance, with ``interval``; ``p``: how often chance does as much;
    ``crossed``: share of rows that lie elsewhere (numeric: across one value; levels: in another one).
    """

    psi: float
    p: float
    interval: tuple[float, float] = (0.0, 0.0)
    crossed: Estimate = NONE


def _once(shift: Callable[[P, P], Shift]) -> Callable[[P, P], Shift]:
    """Remember the move of a profile from another as long as it is there: several judges ask for it."""
    known = WeakKeyDictionary[P, tuple[ReferenceType[P], Shift]]()

    @wraps(shift)
    def found(reference: P, current: P) -> Shift:
        before, moved = known.get(current, (None, None))
        if moved is None or before is None or before() is not reference:
            moved = shift(reference, current)
            known[current] = ref(reference), moved
        return moved

    return found


@_once
def numeric_shift(reference: NumericProfile, current: NumericProfile) -> Shift:
    """Compare on the reference's deciles, missing values as one more cell.

    ``p``: the smaller one of chi-square and Kolmogorov-Smirnov, doubled as two tests want it (Bonferroni).
    """
    pair = (reference, current)
    absent = [one.nulls + one.non_finite + one.unreadable for one in pair]
    counts = [one.counts for one in pair]
    if all(is_constant(one) for one in pair) and reference.minimum != current.minimum:
        # two constants may share a bin; their values are known exactly
        counts = [np.array([reference.count, 0]), np.array([0, current.count])]
        slices = np.arange(2)
    else:
        slices = _slices(reference.counts)
    cells = [np.append(np.bincount(slices, weights=n), gone) for n, gone in zip(counts, absent, strict=True)]
    ordered = [np.append(gone, n) for n, gone in zip(counts, absent, strict=True)]
    shift, (crossed, p) = shift_of(*cells), _crossed(*ordered)
    return replace(shift, crossed=crossed, p=min(2 * min(shift.p, p), 1.0))


@_once
def categorical_shift(reference: CategoricalProfile, current: CategoricalProfile) -> Shift:
    """Compare level by level, nulls as one more cell; rare levels are put together.

    Where a window had more levels than are counted, a level that only the other counted may be among its
    uncounted ones; it is put with them in both.
    """
    pair = (reference, current)
    known = set(reference.counts) | set(current.counts)
    for one in pair:
        known = known & set(one.counts) if one.overflow else known
    levels = sorted(known)
    cells = [[one.counts.get(level, 0) for level in levels] for one in pair]
    table = [
        np.array([*mine, one.count - sum(mine), one.nulls], dtype=float)
        for one, mine in zip(pair, cells, strict=True)
    ]
    return shift_of(*table)


def is_constant(profile: NumericProfile | CategoricalProfile) -> bool:
    """Whether all rows that have a value have the same one."""
    if isinstance(profile, CategoricalProfile):
        return len(profile.counts) == 1 and not profile.overflow
    odd = profile.non_finite + profile.unreadable
    return profile.count > 0 and profile.minimum == profile.maximum and not odd


def is_empty(profile: NumericProfile | CategoricalProfile) -> bool:
    """Whether no row has a value."""
    if isinstance(profile, CategoricalProfile):
        return profile.count == 0
    return profile.count + profile.non_finite + profile.unreadable == 0


def shift_of(reference: Floats, current: Floats) -> Shift:
    """Population stability index of two rows of counts, less what chance gives, and the chi-square p value.

    ``sum_i (q_i - p_i) ln(q_i / p_i) - (k - 1)(1 / n + 1 / m)``, with shares p of n reference rows and q of m
    current rows in k cells. Range [0, inf), unitless; 0 means no more difference than chance makes.
    Source: Siddiqi (2006); the expectation without a move: Yurdakul and Naranjo (2020).
    """
    n, m = float(reference.sum()), float(current.sum())
    if n == 0 or m == 0:
        return Shift(0.0, 1.0)
    table = _filled(np.vstack([reference, current]))
    cells = table.shape[1]
    if cells < 2:  # noqa: PLR2004 - one cell cannot differ
        return Shift(0.0, 1.0)
    shares = table / table.sum(axis=1, keepdims=True)
    p, q = np.maximum(shares, FLOOR)
    psi = float(((q - p) * np.log(q / p)).sum()) - (cells - 1) * (1 / n + 1 / m)
    expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
    statistic = float(((table - expected) ** 2 / expected).sum())
    half = Z * _deviation(shares[0], shares[1], n, m)
    return Shift(
        psi=max(psi, 0.0),
        p=float(chdtrc(cells - 1, statistic)),
        interval=(max(psi - half, 0.0), max(psi + half, 0.0)),
        crossed=_in_other_cells(table[0], table[1]),
    )


def discoveries(p_values: Sequence[float], rate: float) -> list[bool]:
    """Which of many tests stand when a share of at most ``rate`` of those named may be false.

    Source: Benjamini and Hochberg (1995), "Controlling the false discovery rate".
    """
    ordered = np.sort(np.asarray(p_values, dtype=float))
    below = ordered <= rate * np.arange(1, len(ordered) + 1) / max(len(ordered), 1)
    bar = ordered[below].max() if below.any() else -1.0
    return [p <= bar for p in p_values]


def _deviation(p: Floats, q: Floats, n: float, m: float) -> float:
    """Standard deviation of the index over draws of both windows.

    By the delta method, ``Var_p[dPSI/dp] / n + Var_q[dPSI/dq] / m``, plus the ``2 (k - 1)(1 / n + 1 / m)^2``
    that is left where nothing moved and the slopes vanish. A floored cell has no slope.
    Source: Yurdakul and Naranjo (2020); the delta method: van der Vaart (1998), "Asymptotic Statistics", 3.
    """
    floored_p, floored_q = np.maximum(p, FLOOR), np.maximum(q, FLOOR)
    log, ratio = np.log(floored_q / floored_p), floored_q / floored_p
    slope_p = np.where(p < FLOOR, 0.0, 1 - ratio - log)
    slope_q = np.where(q < FLOOR, 0.0, 1 - 1 / ratio + log)
    spread_p = float((p * slope_p**2).sum() - (p * slope_p).sum() ** 2)
    spread_q = float((q * slope_q**2).sum() - (q * slope_q).sum() ** 2)
    return math.sqrt(spread_p / n + spread_q / m + 2 * (len(p) - 1) * (1 / n + 1 / m) ** 2)


def _crossed(reference: Counts, current: Counts) -> tuple[Estimate, float]:
    """Kolmogorov-Smirnov distance: the largest share of rows that crossed one value (:func:`_moved`), and p.

    Rows that share a bin count as tied, which makes p larger and never smaller.
    Source: Smirnov (1948), "Table for estimating the goodness of fit of empirical distributions".
    """
    n, m = float(reference.sum()), float(current.sum())
    if n == 0 or m == 0:
        return NONE, 1.0
    below, below_now = np.cumsum(reference) / n, np.cumsum(current) / m
    at = int(np.argmax(np.abs(below_now - below)))
    p, q = float(below[at]), float(below_now[at])
    chance = float(kolmogorov(math.sqrt(n * m / (n + m)) * abs(q - p)))
    return _moved(float(_beyond_chance(np.array([p]), np.array([q]), n, m)[0]), p, q, n, m), chance


def _in_other_cells(reference: Floats, current: Floats) -> Estimate:
    """Total variation distance: half the sum of the cells' differences, as :func:`_moved` says."""
    n, m = float(reference.sum()), float(current.sum())
    p, q = reference / n, current / m
    gained = q > p
    value = float(_beyond_chance(p, q, n, m).sum()) / 2
    return _moved(value, float(p[gained].sum()), float(q[gained].sum()), n, m)


def _beyond_chance(p: Floats, q: Floats, n: float, m: float) -> Floats:
    """Differences of shares, each less its variance in squares: ``sqrt(max((q - p)^2 - v, 0))``.

    Without it many small cells would add up to a move where there is none.
    """
    pooled = (p * n + q * m) / (n + m)
    chance = pooled * (1 - pooled) * (1 / n + 1 / m)
    beyond: Floats = np.sqrt(np.maximum((q - p) ** 2 - chance, 0.0))
    return beyond


def _moved(value: float, p: float, q: float, n: float, m: float) -> Estimate:
    """Share of rows that lie elsewhere, with the interval of the difference of two shares.

    Range [0, 1]; 0: no more than chance does, 1: nothing is where it was.
    Source: Agresti and Caffo (2000), "Simple and effective confidence intervals for proportions".
    """
    p, q = (p * n + 1) / (n + 2), (q * m + 1) / (m + 2)
    half = Z * math.sqrt(p * (1 - p) / (n + 2) + q * (1 - q) / (m + 2))
    return Estimate(value, max(value - half, 0.0), min(value + half, 1.0))


def _slices(counts: Counts) -> Counts:
    """Slice number of each bin: equal shares of the rows.

    A bin that holds as many rows as a slice is one by itself, and what is left is cut anew: the amounts
    beside a heap of zeros are compared among themselves, too.
    """
    heap = counts * SLICES >= max(int(counts.sum()), 1)
    rest = np.where(heap, 0, counts)
    total = max(int(rest.sum()), 1)
    wanted = max(round(SLICES * total / max(int(counts.sum()), 1)), LEAST_SLICES)
    middle = (np.cumsum(rest) - rest / 2) / total
    number = np.minimum((middle * wanted).astype(np.int64), wanted - 1)
    starts = np.ones(BINS, dtype=bool)
    starts[1:] = (np.diff(number) != 0) | heap[1:] | heap[:-1]
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

"""Intervals for shares: what a count of rows can and cannot tell."""

import math
from typing import TypeAlias

import numpy as np

from amends.measures.arrow import Floats

Bounds: TypeAlias = tuple[Floats, Floats]
"""Lower and upper ends of intervals."""

Z = 2.576
"""Two-sided 99 % confidence: many columns are looked at, so that a lone excursion must not alarm."""


def wilson(hits: int, rows: int, z: float = Z) -> tuple[float, float]:
    """Interval of a share, honest for small counts and for shares near 0 and 1.

    Range [0, 1]; no rows at all give [0, 1]: nothing is known.
    Source: Wilson (1927), "Probable inference, the law of succession, and statistical inference".
    """
    if rows <= 0:
        return 0.0, 1.0
    share, extra = hits / rows, z * z / rows
    centre = (share + extra / 2) / (1 + extra)
    half = z * math.sqrt(share * (1 - share) / rows + extra / (4 * rows)) / (1 + extra)
    return max(centre - half, 0.0), min(centre + half, 1.0)


def newcombe(hits: int, rows: int, hits_before: int, rows_before: int, z: float = Z) -> tuple[float, float]:
    """Interval of the difference of two independent shares, ``hits/rows - hits_before/rows_before``.

    Range [-1, 1]; 0 means no change.
    Source: Newcombe (1998), "Interval estimation for the difference between independent proportions",
    method 10.
    """
    now, before = _share(hits, rows), _share(hits_before, rows_before)
    low, high = wilson(hits, rows, z)
    low_before, high_before = wilson(hits_before, rows_before, z)
    change = now - before
    below = math.hypot(now - low, high_before - before)
    above = math.hypot(high - now, before - low_before)
    return max(change - below, -1.0), min(change + above, 1.0)


def wandering(
    change: float, interval: tuple[float, float], wander: float, z: float = Z
) -> tuple[float, float]:  # fmt: skip
    """Interval of a change that also wanders from day to day, by a standard deviation beyond chance."""
    below, above = (math.hypot(change - end, z * wander) for end in interval)
    return max(change - below, -1.0), min(change + above, 1.0)


def _share(hits: int, rows: int) -> float:
    return hits / rows if rows > 0 else 0.0


def wilson_bounds(hits: Floats, rows: Floats, z: float = Z) -> Bounds:
    """:func:`wilson` of many shares at once; every one rests on at least a row."""
    share, extra = hits / rows, z * z / rows
    centre = (share + extra / 2) / (1 + extra)
    half = z * np.sqrt(share * (1 - share) / rows + extra / (4 * rows)) / (1 + extra)
    return np.maximum(centre - half, 0.0), np.minimum(centre + half, 1.0)


def mover(first: Floats, bounds: Bounds, second: Floats, others: Bounds) -> Bounds:
    """Interval of ``first - second`` from the intervals of two independent numbers (variance recovery).

    ``first - second -/+ sqrt((first - low)^2 + (high' - second)^2)`` below, and the other ends above. Of two
    Wilson intervals it makes :func:`newcombe`; of two such differences the interval of how a gap changed.
    Source: Zou and Donner (2008), "Construction of confidence limits about effect measures: a general
    approach".
    """
    change = first - second
    below = np.hypot(first - bounds[0], others[1] - second)
    above = np.hypot(bounds[1] - first, second - others[0])
    return change - below, change + above

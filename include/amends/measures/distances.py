"""How far two windows' distributions of one column lie apart, from their profiles: exact or bounded."""

from dataclasses import dataclass

import numpy as np

from amends.errors import DataError
from amends.measures.arrow import Floats
from amends.measures.profiles import BINS, Axis, CategoricalProfile, NumericProfile

SUM_ROUNDING = 2.0**-44
"""Slack of both bounds, of the largest absolute value: sums in a bin are added in double precision."""
EDGE_ROUNDING = 2.0**-26
"""Slack of both bounds, of the axis' deviation: next to an edge rounding chooses the bin, and the outermost
edges are BINS / 2 deviations out, where the unit's last bit is ``2**-53 * (BINS / 2) ** 2`` deviations."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """A number that lies between ``low`` and ``high``, whatever the rows were."""

    low: float
    high: float

    @property
    def middle(self) -> float:
        """The number to quote: off by half the width at most."""
        return (self.low + self.high) / 2


def wasserstein(reference: NumericProfile, current: NumericProfile) -> Bounds | None:
    """Bounds on the 1-Wasserstein distance of the finite values of two profiles on one axis.

    ``integral |F(x) - G(x)| dx`` of the two distribution functions. Both are known at the edges of a bin,
    and counts and sums give their integrals over it. So ``|integral (F - G)|``, added over bins, is a lower
    bound, and exact in every bin where the two do not cross; where they may, the smaller of the areas above
    and below is bounded by what monotone functions with those integrals can enclose.

    Range [0, inf), in the column's unit; 0 means equal distributions. On the bins where the axis' deviation
    is the column's, the bounds are about ``8 / BINS`` deviations apart or less.

    :returns: None where a window has no finite value.
    :raises DataError: the profiles are on different axes.
    Source: Villani (2003), "Topics in Optimal Transportation", remark 2.19: the area between the two.
    """
    if reference.axis != current.axis:
        raise DataError("profiles on different grids have no distance. Digest both with the same reference.")
    ends = [end for one in (reference, current) for end in (one.minimum, one.maximum)]
    if not reference.count or not current.count:
        return None
    known = [end for end in ends if end is not None]
    edges = np.clip(bin_edges(reference.axis), min(known), max(known))
    f, g = _steps(reference, edges), _steps(current, edges)
    width = np.diff(edges)
    signed = f.area - g.area + width * (f.before - g.before)
    crossing = np.minimum(_above(f, g, width), _above(g, f, width))
    low, extra = float(np.abs(signed).sum()), float(2 * crossing.sum())
    slack = SUM_ROUNDING * max(map(abs, known)) + EDGE_ROUNDING * reference.axis.sd
    return Bounds(max(low - slack, 0.0), low + extra + slack)


def jensen_shannon(reference: CategoricalProfile, current: CategoricalProfile) -> float | None:
    """Jensen-Shannon distance of two columns' levels; nulls are left out, overflow is one level.

    ``sqrt((KL(p | m) + KL(q | m)) / 2)`` with ``m = (p + q) / 2`` and natural logarithms.

    Range [0, sqrt(ln 2)] = [0, 0.8326], unitless; 0 means equal shares, the largest no level in common.
    Exact; with overflow (more than MAX_LEVELS levels) it is a lower bound, since putting levels together
    brings distributions closer.

    :returns: None where a window has no value.
    Source: Lin (1991), "Divergence measures based on the Shannon entropy"; Endres, Schindelin (2003).
    """
    if not reference.count or not current.count:
        return None
    levels = sorted({*reference.counts, *current.counts})
    p, q = (
        np.array([*(one.counts.get(level, 0) for level in levels), one.overflow], dtype=float) / one.count
        for one in (reference, current)
    )
    m = (p + q) / 2
    divergence = (_relative_entropy(p, m) + _relative_entropy(q, m)) / 2
    return float(np.sqrt(max(divergence, 0.0)))


def bin_edges(axis: Axis) -> Floats:
    """Edges of an axis' bins in the column's unit: BINS + 1 numbers, the outer two infinite."""
    units = np.linspace(-1.0, 1.0, BINS + 1)
    with np.errstate(divide="ignore"):
        edges: Floats = axis.mean + axis.sd * units / (1.0 - np.abs(units))
    return edges


@dataclass(frozen=True, slots=True)
class _Steps:
    """A distribution function on bins: before and after each, and its area over ``before`` within each."""

    before: Floats
    after: Floats
    area: Floats


def _steps(profile: NumericProfile, edges: Floats) -> _Steps:
    after = np.cumsum(profile.counts) / profile.count
    before = np.concatenate([[0.0], after[:-1]])
    share = profile.counts / profile.count
    area = np.clip(share * edges[1:] - profile.sums / profile.count, 0.0, share * np.diff(edges))
    return _Steps(before, after, area)


def _above(f: _Steps, g: _Steps, width: Floats) -> Floats:
    """Most that the area of ``f`` over ``g`` can be in each bin."""
    rest = (g.after - g.before) * width - g.area
    bounds: Floats = np.minimum.reduce(
        [
            width * np.maximum(f.after - g.before, 0.0),
            width * np.maximum(f.before - g.before, 0.0) + f.area,
            width * np.maximum(f.after - g.after, 0.0) + rest,
        ]
    )
    return bounds


def _relative_entropy(p: Floats, m: Floats) -> float:
    some = p > 0
    return float((p[some] * np.log(p[some] / m[some])).sum())

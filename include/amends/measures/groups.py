"""A number by group with its interval, and the gaps between all pairs of groups."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr, stdtrit

from amends.measures.arrow import Counts, Floats
from amends.measures.proportions import Bounds, mover, wilson_bounds


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class GroupMeasure:
    """One number by group: a share (``hits`` of ``rows``) or a mean (with its standard ``error``)."""

    names: tuple[str, ...]
    rows: Counts
    value: Floats
    hits: Floats | None = None
    error: Floats | None = None

    def __len__(self) -> int:
        return len(self.names)

    def only(self, kept: Sequence[int] | Counts) -> "GroupMeasure":
        """The same number of some groups, by their places."""
        at = np.asarray(kept, dtype=np.int64)
        return GroupMeasure(
            names=tuple(self.names[i] for i in at),
            rows=self.rows[at],
            value=self.value[at],
            hits=None if self.hits is None else self.hits[at],
            error=None if self.error is None else self.error[at],
        )

    def large(self, least: float) -> "GroupMeasure":
        """The groups that have at least so many rows for it to rest on."""
        return self.only(np.flatnonzero(self.rows >= least))

    def largest(self, most: int) -> "GroupMeasure":
        """At most so many groups, those with most rows, in the order of their names."""
        ranked = np.argsort(-self.rows, kind="stable")[:most]
        return self.only(np.sort(ranked))

    def among(self, names: Sequence[str]) -> "GroupMeasure":
        """The groups of these names that there are, in the order of the names."""
        place = {name: i for i, name in enumerate(self.names)}
        return self.only([place[name] for name in names if name in place])

    def complement(self) -> "GroupMeasure":
        """The shares of those without a hit."""
        hits = self.rows - (np.zeros(len(self)) if self.hits is None else self.hits)
        return GroupMeasure(names=self.names, rows=self.rows, value=1 - self.value, hits=hits)

    def bounds(self, z: float) -> Bounds:
        """Interval of each group's number: Wilson's for a share, Student's for a mean."""
        rows = self.rows.astype(float)
        if self.hits is not None:
            return wilson_bounds(self.hits, rows, z)
        error = np.zeros(len(self)) if self.error is None else self.error
        half = stdtrit(np.maximum(rows - 1, 1), ndtr(z)) * error
        return self.value - half, self.value + half


def shares(names: Sequence[str], hits: Floats, rows: Counts) -> GroupMeasure:
    """Shares by group, ``hits / rows`` in [0, 1]; groups without a row are left out."""
    full = np.flatnonzero(rows > 0)
    with np.errstate(invalid="ignore", divide="ignore"):
        value = hits / rows
    return GroupMeasure(names=tuple(names), rows=rows, value=value, hits=hits).only(full)


def means(names: Sequence[str], rows: Counts, total: Floats, squares: Floats) -> GroupMeasure:
    """Means by group from sums and sums of squares, with ``sd / sqrt(rows)``; at least two rows each."""
    full = np.flatnonzero(rows > 1)
    n, total, squares = rows[full].astype(float), total[full], squares[full]
    spread = np.maximum(squares - np.square(total) / n, 0.0) / (n - 1)
    return GroupMeasure(
        names=tuple(names[int(i)] for i in full), rows=rows[full], value=total / n, error=np.sqrt(spread / n)
    )


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Gaps:
    """What lies between each pair of groups, the group with the lower number first."""

    low: Counts
    high: Counts
    value: Floats
    lower: Floats
    upper: Floats


def differences(measure: GroupMeasure, z: float) -> Gaps:
    """``high - low`` of each pair. Range [0, 1] of shares; 0 is parity.

    Source of the interval: Newcombe (1998), method 10, for shares; Zou and Donner (2008) for means.
    """
    low, high = _pairs(measure)
    value, ends = measure.value, measure.bounds(z)
    lower, upper = mover(value[high], _at(ends, high), value[low], _at(ends, low))
    return Gaps(low=low, high=high, value=value[high] - value[low], lower=lower, upper=upper)


def ratios(measure: GroupMeasure, z: float) -> Gaps:
    """``low / high`` of each pair of shares; half a row is added to each cell where the lower has no hit.

    Range [0, 1], the interval's [0, inf); 1 is parity, and NaN says that neither group has a hit.
    Source: Katz, Baptista, Azen, Pike (1978), "Obtaining confidence intervals for the risk ratio".
    """
    low, high = _pairs(measure)
    hits = np.zeros(len(measure)) if measure.hits is None else measure.hits
    rows = measure.rows.astype(float)
    extra = np.where(hits[low] == 0, 0.5, 0.0)
    a, n, b, m = hits[low] + extra, rows[low] + 2 * extra, hits[high] + extra, rows[high] + 2 * extra
    half = z * np.sqrt(np.maximum(1 / a - 1 / n + 1 / b - 1 / m, 0.0))
    centre = np.log((a / n) / (b / m))
    with np.errstate(invalid="ignore", divide="ignore"):
        value = measure.value[low] / measure.value[high]
    return Gaps(low=low, high=high, value=value, lower=np.exp(centre - half), upper=np.exp(centre + half))


def rises(before: GroupMeasure, now: GroupMeasure, z: float) -> tuple[Gaps, Floats]:
    """How the gap of each pair of groups grew: ``(high - low now) - (the same before)``.

    Range [-2, 2] of shares; 0 is no change, and the pair keeps the order that it has now.

    :param before: the same groups in the same order.
    :returns: the rises, and the gaps as they were before.
    """
    after = differences(now, z)
    low, high = after.low, after.high
    value, ends = before.value, before.bounds(z)
    was = value[high] - value[low]
    earlier = mover(value[high], _at(ends, high), value[low], _at(ends, low))
    lower, upper = mover(after.value, (after.lower, after.upper), was, earlier)
    return Gaps(low=low, high=high, value=after.value - was, lower=lower, upper=upper), was


def _pairs(measure: GroupMeasure) -> tuple[Counts, Counts]:
    first, second = np.triu_indices(len(measure), 1)
    turned = measure.value[first] > measure.value[second]
    return np.where(turned, second, first), np.where(turned, first, second)


def _at(bounds: Bounds, places: Counts) -> Bounds:
    return bounds[0][places], bounds[1][places]


NOBODY = GroupMeasure(names=(), rows=np.zeros(0, np.int64), value=np.zeros(0), hits=np.zeros(0))
"""No group at all."""

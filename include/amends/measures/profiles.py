"""What a digest keeps of one column: counts that add up over files, days and workers."""

import base64
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from amends.domain.canonical import Plain
from amends.errors import DataError
from amends.measures.arrow import Counts, Floats

SLICE = 65_536
"""Rows of a column worked on at a time: its temporaries stay in the processor's cache. Part of a digest's
identity, since sums are added slice by slice."""
BINS = 16_384
"""Bins of a numeric column's grid (Wasserstein bounds are at most about 8 / BINS of a deviation wide)."""
MAX_LEVELS = 10_000
"""Levels of a categorical column that are counted one by one; the rest share an overflow count."""
COUNT_KINDS = ("<u1", "<u2", "<u4", "<i8")
"""How :func:`pack_counts` may write a count."""
TAIL = 0.001
"""Share of a sample at each end that does not set its axis."""
LARGEST = 1e70
"""Numbers beyond this count as infinite: the sum of their fourth powers would be."""


def bounded(numbers: Floats) -> Floats:
    """The numbers whose squares can be added up; NaN for the others."""
    return np.where(np.abs(numbers) <= LARGEST, numbers, np.nan)


@dataclass(frozen=True, slots=True)
class Axis:
    """A scale-free axis: ``u = (x - mean) / (sd + |x - mean|)`` in (-1, 1), cut in BINS equal bins.

    No minimum or maximum has to be known, and heavy tails are included.
    """

    mean: float
    sd: float

    @classmethod
    def around(cls, numbers: Floats) -> "Axis":
        """Axis for a column, from a sample of it.

        Mean and deviation are of the sample without its outermost thousandth at each end, so that one absurd
        row does not put all others into one bin (Tukey 1962, winsorising); a heap that leaves nothing else
        between them is measured with its tails. A constant is its own scale; an empty sample has scale 1.
        """
        kept = numbers[np.abs(numbers) <= LARGEST]
        if not len(kept):
            return cls(0.0, 1.0)
        inner = np.clip(kept, *np.quantile(kept, (TAIL, 1 - TAIL)))
        spread = inner if inner.std() else kept
        mean, sd = float(spread.mean()), float(spread.std())
        return cls(mean, sd or abs(mean) or 1.0)

    def bins(self, away: Floats, most: float) -> Counts:
        """Bin number of each finite number, from how far it is above the mean (``most``: the largest)."""
        units = np.abs(away)
        units += self.sd
        np.divide(away, units, out=units)
        units += 1.0
        units *= BINS / 2
        if most > self.sd * BINS / 4:  # one may be at the upper end, which the last bin has, too
            np.minimum(units, BINS - 0.5, out=units)
        return units.astype(np.int64)


@dataclass(frozen=True, eq=False, kw_only=True)
class NumericProfile:
    """A numeric column: exact counts and moments, and counts and sums on the axis's bins.

    ``nulls`` includes NaN; ``unreadable`` values were there but are no numbers; ``non_finite`` are infinite
    or beyond LARGEST.
    ``shift`` and ``square`` are the sums of ``x - axis.mean`` and of its square over finite values.
    """

    axis: Axis
    count: int
    nulls: int
    non_finite: int
    unreadable: int
    minimum: float | None
    maximum: float | None
    shift: float
    square: float
    counts: Counts
    sums: Floats

    @classmethod
    def of(cls, axis: Axis, numbers: Floats, unreadable: int = 0) -> "NumericProfile":
        """Profile numbers on an axis."""
        tally = NumericTally(axis)
        tally.add(numbers, unreadable)
        return tally.profile()

    @property
    def mean(self) -> float | None:
        """Exact mean of the finite values."""
        return self.axis.mean + self.shift / self.count if self.count else None

    @property
    def sd(self) -> float | None:
        """Exact standard deviation (population) of the finite values."""
        if not self.count:
            return None
        variance = self.square / self.count - (self.shift / self.count) ** 2
        return math.sqrt(max(variance, 0.0))

    def slices(self, n: int) -> Floats:
        """Means of n equal quantile slices of the finite values: n numbers that stand for all, sorted."""
        used = self.counts > 0
        counts, sums = self.counts[used], self.sums[used]
        edges = np.concatenate([[0.0], np.cumsum(counts)])
        totals = np.concatenate([[0.0], np.cumsum(sums)])
        at = np.linspace(0.0, edges[-1], n + 1)
        means: Floats = np.diff(np.interp(at, edges, totals)) * (n / edges[-1])
        return means

    def quantile(self, share: float) -> float | None:
        """Value below which a share of the finite values lies, to the width of a bin (its mean is given)."""
        if not self.count:
            return None
        spot = int(np.searchsorted(np.cumsum(self.counts), share * self.count, side="left"))
        while not self.counts[spot]:
            spot += 1
        return float(self.sums[spot] / self.counts[spot])

    def merge(self, other: "NumericProfile") -> "NumericProfile":
        """Profile of both windows' rows. :raises DataError: the axes differ."""
        if self.axis != other.axis:
            raise DataError(
                "digests with different grids cannot be merged. Digest both with the same reference."
            )
        lows = [x for x in (self.minimum, other.minimum) if x is not None]
        highs = [x for x in (self.maximum, other.maximum) if x is not None]
        return NumericProfile(
            axis=self.axis, count=self.count + other.count, nulls=self.nulls + other.nulls,
            non_finite=self.non_finite + other.non_finite, unreadable=self.unreadable + other.unreadable,
            minimum=min(lows, default=None), maximum=max(highs, default=None),
            shift=self.shift + other.shift, square=self.square + other.square,
            counts=self.counts + other.counts, sums=self.sums + other.sums,
        )  # fmt: skip

    def document(self) -> dict[str, Any]:
        """Return the profile as JSON; only bins in use are written."""
        used = np.flatnonzero(self.counts)
        return {
            "mean": self.axis.mean, "sd": self.axis.sd, "count": self.count, "nulls": self.nulls,
            "non_finite": self.non_finite, "unreadable": self.unreadable,
            "minimum": self.minimum, "maximum": self.maximum,
            "shift": self.shift, "square": self.square,
            "bins": pack(used, "<u2"),
            "counts": pack_counts(self.counts[used]), "sums": pack(self.sums[used], "<f8"),
        }  # fmt: skip

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "NumericProfile":
        """Rebuild a profile from :meth:`document`."""
        counts, sums = np.zeros(BINS, np.int64), np.zeros(BINS)
        used = unpack(document["bins"], "<u2")
        counts[used], sums[used] = unpack_counts(document["counts"]), unpack(document["sums"], "<f8")
        plain = ("count", "nulls", "non_finite", "unreadable", "minimum", "maximum", "shift", "square")
        values: dict[str, Any] = {name: document[name] for name in plain}
        return cls(axis=Axis(document["mean"], document["sd"]), counts=counts, sums=sums, **values)


class NumericTally:
    """A numeric column's profile in the making: rows are added in place, in the order they are read."""

    def __init__(self, axis: Axis | None) -> None:
        """Take the axis; None: the first SLICE rows fix it."""
        self._axis, self._waiting = axis, list[Floats]()
        self._rows = self._count = self._nulls = self._unreadable = 0
        self._shift = self._square = 0.0
        self._low, self._high = math.inf, -math.inf
        self._counts, self._sums = np.zeros(BINS, np.int64), np.zeros(BINS)

    def add(self, numbers: Floats, unreadable: int = 0) -> int:
        """Count more rows; returns how many are null.

        :param unreadable: how many of the NaN were there but are no numbers.
        """
        self._unreadable += unreadable
        self._rows += len(numbers)
        if self._axis is None:
            self._waiting.append(numbers)
            if self._rows >= SLICE:
                self._fix_axis()
            missing = int(np.count_nonzero(np.isnan(numbers)))
        else:
            missing = self._count_all(self._axis, numbers)
        self._nulls += missing - unreadable
        return missing - unreadable

    def profile(self) -> NumericProfile:
        """Return the profile of all rows so far."""
        axis = self._axis or self._fix_axis()
        return NumericProfile(
            axis=axis, count=self._count, nulls=self._nulls, unreadable=self._unreadable,
            non_finite=self._rows - self._nulls - self._unreadable - self._count,
            minimum=self._low if self._count else None, maximum=self._high if self._count else None,
            shift=self._shift, square=self._square, counts=self._counts, sums=self._sums,
        )  # fmt: skip

    def _fix_axis(self) -> Axis:
        numbers = np.concatenate([np.empty(0), *self._waiting])
        self._waiting.clear()
        axis = self._axis = Axis.around(numbers[:SLICE])
        self._count_all(axis, numbers)
        return axis

    def _count_all(self, axis: Axis, numbers: Floats) -> int:
        """Count rows; returns how many are NaN."""
        parts = (numbers[start : start + SLICE] for start in range(0, len(numbers), SLICE))
        return sum(self._count_slice(axis, part) for part in parts)

    def _count_slice(self, axis: Axis, numbers: Floats) -> int:
        missing = 0
        with np.errstate(invalid="ignore"):
            low, high = numbers.min(), numbers.max()
        if not (low >= -LARGEST and high <= LARGEST):  # one is NaN, infinite or too large
            missing = int(np.count_nonzero(np.isnan(numbers)))
            numbers = numbers[np.abs(numbers) <= LARGEST]
            if not len(numbers):
                return missing
            low, high = numbers.min(), numbers.max()
        self._low, self._high = min(self._low, float(low)), max(self._high, float(high))
        away = numbers - axis.mean
        bins = axis.bins(away, float(high) - axis.mean)
        self._count += len(numbers)
        self._counts += np.bincount(bins, minlength=BINS)
        self._sums += np.bincount(bins, weights=numbers, minlength=BINS)
        self._shift += float(away.sum())
        self._square += float(np.square(away, out=away).sum())
        return missing


@dataclass(frozen=True, eq=False)
class CategoricalProfile:
    """A categorical column: counts by level, nulls, and how many rows fell past MAX_LEVELS levels."""

    counts: Mapping[str, int]
    nulls: int
    overflow: int = 0

    @property
    def count(self) -> int:
        """Rows that have a value."""
        return sum(self.counts.values()) + self.overflow

    def merge(self, other: "CategoricalProfile") -> "CategoricalProfile":
        """Profile of both windows' rows."""
        counts, overflow = dict(self.counts), self.overflow + other.overflow
        for level, n in other.counts.items():
            if level in counts or len(counts) < MAX_LEVELS:
                counts[level] = counts.get(level, 0) + n
            else:
                overflow += n
        return CategoricalProfile(counts, self.nulls + other.nulls, overflow)

    def document(self) -> dict[str, Any]:
        """Return the profile as JSON."""
        return {"counts": dict(self.counts), "nulls": self.nulls, "overflow": self.overflow}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "CategoricalProfile":
        """Rebuild a profile from :meth:`document`."""
        return cls(dict(document["counts"]), document["nulls"], document["overflow"])


def pack(numbers: Any, kind: str) -> Plain:
    """Write an array as base64 of its little-endian bytes: exact and quick."""
    return Plain(base64.b64encode(np.ascontiguousarray(numbers, dtype=kind).tobytes()).decode())


def unpack(text: str, kind: str) -> Any:
    """Read an array that :func:`pack` wrote."""
    return np.frombuffer(base64.b64decode(text), dtype=kind)


def pack_counts(counts: Counts) -> dict[str, str]:
    """Write counts in the fewest of 1, 2, 4 or 8 bytes each that hold them all."""
    kind = next(kind for kind in COUNT_KINDS if counts.max(initial=0) <= np.iinfo(kind).max)
    return {kind: pack(counts, kind)}


def unpack_counts(document: Mapping[str, str]) -> Counts:
    """Read counts that :func:`pack_counts` wrote."""
    [(kind, text)] = document.items()
    if kind not in COUNT_KINDS:
        raise ValueError(kind)
    counts: Counts = unpack(text, kind).astype(np.int64)
    return counts

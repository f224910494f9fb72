"""Comparison that may be looked at after every batch: a confidence sequence for the mean of bounded values.

An interval made for one look errs sooner or later when it is looked at for long enough; a confidence sequence
holds at all looks together. Here it is the predictable plug-in empirical Bernstein sequence of Waudby-Smith
and Ramdas (2023), "Estimating means of bounded random variables by betting", JRSS B 86(1), theorem 2: a
closed form, six numbers of state, so that a look costs no more than its new rows.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from amends.errors import DataError

FloatArray = npt.NDArray[np.float64]

LARGEST_BET = 0.75
"""Cap on each weight; the paper recommends 1/2 or 3/4. It bounds what a first row can say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sequence:
    """State of a confidence sequence after some rows, for values in [``low``, ``high``].

    ``alpha``: each bound, by itself, is on the wrong side of the mean at any look with at most this
    probability. The other fields are sums over the rows seen, with values moved to [0, 1].
    """

    alpha: float
    low: float
    high: float
    rows: int = 0
    total: float = 0.0
    squares: float = 0.0
    weights: float = 0.0
    weighted: float = 0.0
    spread: float = 0.0

    @property
    def mean(self) -> float | None:
        """Plain mean of the values seen, in their own unit; None before the first."""
        return self.low + (self.high - self.low) * self.total / self.rows if self.rows else None

    @property
    def lower(self) -> float:
        """Bound that the mean is not under: ``(S(wx) - ln(1/alpha) - S(v psi(w))) / S(w)``; in [low, high].

        Where the mean moves from row to row it bounds their average, weighted by ``w``.
        """
        return self._bound(-1)

    @property
    def upper(self) -> float:
        """Bound that the mean is not over; in [low, high]."""
        return self._bound(+1)

    def _bound(self, side: int) -> float:
        if not self.weights:
            return self.high if side > 0 else self.low
        width = (-float(np.log(self.alpha)) + self.spread) / self.weights
        bound = self.weighted / self.weights + side * width
        return self.low + (self.high - self.low) * min(1.0, max(0.0, bound))

    def seen(self, values: npt.ArrayLike) -> "Sequence":
        """Take in new rows, in an order that does not depend on their values.

        With ``x`` in [0, 1], weight ``w_i = min(3/4, sqrt(2 ln(1/alpha) / (s2_(i-1) i ln(1 + i))))``,
        ``v_i = (x_i - m_(i-1))^2``, ``psi(w) = -ln(1 - w) - w``; ``m`` and ``s2`` are the mean and variance
        so far, begun at 1/2 and 1/4. Each weight is known before its row is.

        :raises DataError: a value is not finite or lies outside [low, high].
        """
        x = self._scaled(values)
        if not len(x):
            return self
        i = self.rows + np.arange(1, len(x) + 1, dtype=np.float64)
        means = (0.5 + self.total + np.cumsum(x)) / (i + 1)
        before = np.concatenate([[(0.5 + self.total) / (self.rows + 1)], means[:-1]])
        squares = self.squares + np.cumsum((x - means) ** 2)
        variance = (0.25 + np.concatenate([[self.squares], squares[:-1]])) / i
        w = np.minimum(LARGEST_BET, np.sqrt(-2 * np.log(self.alpha) / (variance * i * np.log1p(i))))
        return replace(
            self,
            rows=self.rows + len(x),
            total=self.total + float(x.sum()),
            squares=float(squares[-1]),
            weights=self.weights + float(w.sum()),
            weighted=self.weighted + float(np.sum(w * x)),
            spread=self.spread + float(np.sum((x - before) ** 2 * (-np.log1p(-w) - w))),
        )

    def _scaled(self, values: npt.ArrayLike) -> FloatArray:
        given = np.asarray(values, dtype=np.float64)
        if not np.all((given >= self.low) & (given <= self.high)):
            wrong = given[~((given >= self.low) & (given <= self.high))][0]
            raise DataError(
                f"a value to compare is {wrong}, not in [{self.low:g}, {self.high:g}]. "
                "Leave out rows without a score or a label, and check the share."
            )
        return np.asarray((given - self.low) / (self.high - self.low))

    def document(self) -> dict[str, Any]:
        """The state as JSON values."""
        return asdict(self)

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Sequence":
        """Read back what :meth:`document` gave."""
        return cls(**document)


def paired(challenger: npt.ArrayLike, champion: npt.ArrayLike) -> FloatArray:
    """Difference of two losses (or decisions) on each row, challenger less champion; in [-1, 1]."""
    return np.asarray(challenger, dtype=np.float64) - np.asarray(champion, dtype=np.float64)


def randomised(
    outcome: npt.ArrayLike, assigned: npt.ArrayLike, share: float, centre: npt.ArrayLike = 0.0
) -> FloatArray:
    """One unbiased value a row for the difference that the challenger makes, where each row has one answer.

    ``(y - c) (z / share - (1 - z) / (1 - share))`` with ``z`` 1 where the challenger was assigned. Its
    mean is challenger less champion whatever ``c`` was known before the row and however the rows change over
    time, since ``z`` is drawn for each. In [-1 / share, 1 / share] for ``y``, ``c`` in [0, 1], share <= 1/2.

    Source: Ham, Bojinov, Lindon, Tingley (2022), "Design-based confidence sequences", arXiv:2210.08639.
    """
    y, z = np.asarray(outcome, dtype=np.float64), np.asarray(assigned, dtype=bool)
    return np.asarray((y - np.asarray(centre)) * np.where(z, 1 / share, -1 / (1 - share)))


def randomised_sum(
    outcome: npt.ArrayLike, assigned: npt.ArrayLike, share: float, centre: float
) -> FloatArray:
    """One unbiased value a row for challenger plus champion: :func:`randomised` with a plus, and ``2 c``."""
    y, z = np.asarray(outcome, dtype=np.float64), np.asarray(assigned, dtype=bool)
    return np.asarray((y - centre) * np.where(z, 1 / share, 1 / (1 - share)) + 2 * centre)


def running_mean(values: FloatArray, rows: int, total: float) -> FloatArray:
    """Mean of the values before each value, with ``rows`` earlier ones and their ``total``; 1/2 at first."""
    counts = 1 + rows + np.arange(len(values), dtype=np.float64)
    sums = 0.5 + total + np.concatenate([[0.0], np.cumsum(values)[:-1]]) if len(values) else values
    return np.asarray(sums / counts)


def widening(shift: tuple[float, float], total: tuple[float, float]) -> float:
    """Lower bound of how much a gap between two groups widened, from ``g`` to ``h``: of ``|h| - |g|``.

    That is ``max(min(d, e), -max(d, e))`` with ``d = h - g`` and ``e = h + g``, so that bounds of these two
    do; below 0 where the gap may have been narrowed.

    :param shift: bounds of ``d``, one group's change less the other's.
    :param total: bounds of ``e``, the sum of both gaps.
    """
    return max(min(shift[0], total[0]), -max(shift[1], total[1]))

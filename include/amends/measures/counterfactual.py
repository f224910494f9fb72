"""What if a row were of another group: which row lends its value, and which decisions change then.

A swap names for each row another row of the same window, whose value it is given: so every value that a
version is asked about is one that it was asked about before.
"""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt

from amends.measures.arrow import Counts, Floats
from amends.measures.proportions import wilson

Flags: TypeAlias = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Flips:
    """What a swap does to decisions and scores.

    ``rows``: rows swapped; ``gained`` and ``lost``: those whose decision becomes favourable, or ceases to be;
    ``score``: mean of the score after less the score before, in the score's unit.
    """

    rows: int
    gained: int
    lost: int
    score: float

    @property
    def share(self) -> float:
        """Share of the rows whose decision changes. Range [0, 1]; 0 means that none hangs on the swap."""
        return (self.gained + self.lost) / self.rows if self.rows else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """Interval of :attr:`share` (Wilson, 99 %)."""
        return wilson(self.gained + self.lost, self.rows)


def flips_of(before: Flags, after: Flags, scores: tuple[Floats, Floats]) -> Flips:
    """Count the decisions that change.

    :param before: whether each decision was favourable; ``after``: whether it is with the swap.
    :param scores: of the same rows, before and after.
    """
    moved = scores[1] - scores[0]
    return Flips(
        rows=len(before), gained=int((after & ~before).sum()), lost=int((before & ~after).sum()),
        score=float(moved.mean()) if len(moved) else 0.0,
    )  # fmt: skip


def quantile_donors(values: Floats, mine: Counts, theirs: Counts, rng: np.random.Generator) -> Counts:
    """For rows of one group, rows of another group at the same quantile of a numeric column.

    ``F_other^-1(u)`` with ``u`` drawn evenly from ``[F_own(v-), F_own(v))``, so that ties are spread. A row
    without a finite value keeps its own; so do all where the other group has none.
    Source: Feldman et al. (2015), "Certifying and removing disparate impact" (ranks within a group); Plecko
    and Meinshausen (2020), "Fair data adaptation with quantile preservation".

    :param mine: places of the rows that are swapped; ``theirs``: of those that lend.
    :returns: the place of the lender, for each row of ``mine``.
    """
    donors = mine.copy()
    known = np.isfinite(values[mine])
    lenders = theirs[np.isfinite(values[theirs])]
    if not len(lenders) or not known.any():
        return donors
    own = values[mine[known]]
    ranked = np.sort(own)
    below, upto = (np.searchsorted(ranked, own, side=side) for side in ("left", "right"))
    quantile = (below + rng.random(len(own)) * (upto - below)) / len(own)
    lenders = lenders[np.argsort(values[lenders], kind="stable")]
    donors[known] = lenders[np.minimum(quantile * len(lenders), len(lenders) - 1).astype(np.int64)]
    return donors


def level_donors(codes: Counts, mine: Counts, theirs: Counts, rng: np.random.Generator) -> Counts:
    """For rows of one group, rows whose level makes the group's levels those of another group.

    A row keeps level ``l`` with chance ``min(1, q_l / p_l)`` and is else given one of the levels that the
    other group has more of, in proportion: as few rows change as can be (the maximal coupling of p and q).
    Source: Lindvall (2002), "Lectures on the coupling method", I.5.

    :param codes: number of each row's level; null has one, too.
    """
    size = int(codes.max()) + 1
    own, other = (np.bincount(codes[rows], minlength=size) / len(rows) for rows in (mine, theirs))
    chance = np.minimum(other / np.where(own > 0, own, 1), 1.0)[codes[mine]]
    leave = rng.random(len(mine)) >= chance
    more = np.maximum(other - own, 0)
    donors = mine.copy()
    if leave.any() and more.sum() > 0:
        first = np.full(size, theirs[0])
        first[codes[theirs][::-1]] = theirs[::-1]
        donors[leave] = first[rng.choice(size, size=int(leave.sum()), p=more / more.sum())]
    return donors

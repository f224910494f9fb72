"""Whether labels arrive by what they say: a default that shows late, a complaint that comes early."""

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import chdtrc

from amends.measures.arrow import Counts, Floats
from amends.measures.counting import NEGATIVE, PENDING, POSITIVE

GROUPS = 10
"""Groups of equal reference rows, by score."""
LEAST = 10
"""Rows a group needs in each window."""
BEYOND_ONE = 1.05
"""A share of arrived labels may seem this large by chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrival:
    """Which share of the labels of 1, and of those of 0, has arrived.

    ``fits``: how rarely chance strays as far from what such shares alone would do to the reference's rows;
    ``blind``: the same of labels that arrive whatever they say.
    """

    ones: float
    zeros: float
    fits: float
    blind: float

    @property
    def shift(self) -> float:
        """By how much the log odds of the arrived labels are off: ``ln(ones / zeros)``."""
        return math.log(self.ones / self.zeros) if min(self.ones, self.zeros) > 0 else math.inf


def arrival_of(reference: Counts, current: Counts) -> Arrival | None:
    """Tell labels that arrive by outcome from labels that arrive at random, by score group.

    With ``c_g`` the reference's positive share of score group g, labels of 1 that arrive with probability a,
    and those of 0 with b, are seen in a share ``r_g = a c_g + b (1 - c_g)`` of the group's rows, and
    ``a c_g / r_g`` of these are 1. Labels that arrive at random are seen in one share of every group.
    a and b are those that give the window's numbers of ones and zeros.

    None where a group has too few rows, or more labels of a class came than there should be rows of it.
    Source: Little and Rubin (2019), "Statistical Analysis with Missing Data", ch. 15 (missing not at random).

    :param reference: the reference's scores by label; ``current``: the window's, pending labels included.
    """
    rows, ones, zeros, before = _grouped(reference, current)
    if min(rows.min(), before[0].min()) < LEAST:
        return None
    share = (before[1] + 0.5) / (before[0] + 1)
    a, b = float(ones.sum() / (share @ rows)), float(zeros.sum() / ((1 - share) @ rows))
    if max(a, b) > BEYOND_ONE or a + b == 0:
        return None
    spread = share * (1 - share) / before[0]
    seen, known = (ones + zeros) / rows, np.maximum(ones + zeros, 1)
    wanted = np.clip(a * share + b * (1 - share), 1e-9, 1.0)
    right, slope = a * share / wanted, a * b / wanted**2
    far = _far(seen, wanted, rows, (a - b) ** 2 * spread)
    far_right = _far(ones / known, right, known, slope**2 * spread)
    even = np.full(GROUPS, float(seen @ rows / rows.sum()))
    return Arrival(
        ones=a, zeros=b, fits=min(float(chdtrc(GROUPS - 1, one)) for one in (far, far_right)),
        blind=float(chdtrc(GROUPS - 1, _far(seen, even, rows, 0.0))),
    )  # fmt: skip


def score_gap(counts: Counts) -> float:
    """How far the scores of the rows that have their label lie from those of all rows; range [0, 1].

    Kolmogorov-Smirnov distance. Where only one decision shows its outcome, as that of an accepted applicant,
    labels are of high scores, and numbers that rest on the spread of scores are of another population.
    Source: Heckman (1979), Econometrica 47 (selection on what decides).
    """
    known, rows = counts[[NEGATIVE, POSITIVE]].sum(axis=0), counts[[NEGATIVE, POSITIVE, PENDING]].sum(axis=0)
    if not known.sum():
        return 0.0
    return float(np.abs(np.cumsum(known) / known.sum() - np.cumsum(rows) / rows.sum()).max())


def _far(found: Floats, wanted: Floats, rows: Floats, spread: Floats | float) -> float:
    """Chi-square distance of shares, with the reference's own uncertainty."""
    error = np.maximum(wanted * (1 - wanted) / rows + spread, 1e-12)
    return float((np.square(found - wanted) / error).sum())


def _grouped(reference: Counts, current: Counts) -> tuple[Floats, Floats, Floats, tuple[Floats, Floats]]:
    labelled = reference[[NEGATIVE, POSITIVE]].sum(axis=0)
    middle = (np.cumsum(labelled) - labelled / 2) / max(int(labelled.sum()), 1)
    group = np.minimum((middle * GROUPS).astype(np.int64), GROUPS - 1)
    rows, ones, zeros, before, before_ones = (
        np.bincount(group, weights=one, minlength=GROUPS).astype(np.float64)
        for one in (
            current[[NEGATIVE, POSITIVE, PENDING]].sum(axis=0), current[POSITIVE], current[NEGATIVE],
            labelled, reference[POSITIVE],
        )
    )  # fmt: skip
    return rows, ones, zeros, (before, before_ones)

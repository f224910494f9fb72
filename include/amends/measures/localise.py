"""Where in time a column is not what it was: the stretch of slots that is least like the reference.

A column is cut into cells (sixteenths of the reference, what lies beyond it, its levels, what is missing);
the stretch is the one whose counts are least likely under the reference's shares.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pyarrow as pa
from scipy.special import chdtrc, xlogy

from amends.measures.arrow import Counts, Floats
from amends.measures.calendar import ROWS, WIDTHS, Calendar, Hours
from amends.measures.cutting import cut_at, edges_of
from amends.measures.proxies import codes_of
from amends.measures.slices import FEWEST

SLICES = 16
MOST_LEVELS = 32
LEAST_ROWS = 50
"""Rows of a stretch before anything is said of it."""
DENSE = 20
"""Rows that a slot should hold on average: in thinner ones a beginning is a matter of chance."""
CHANCE = 1e-6
"""How likely the surest stretch may be by chance, over all stretches and columns that were looked at."""
BEYOND, BELOW = "above the reference", "below the reference"
NOVEL, MISSING, OTHERS = "not in the reference", "missing", "other values"


@dataclass(frozen=True, eq=False, slots=True)
class Cells:
    """A column in cells: code of each row of the reference and of the window, and the cells' names."""

    words: tuple[str, ...]
    before: Counts
    now: Counts


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """A stretch in which a column is not what it was.

    ``rows``: rows in it; ``of``: rows of the window. ``changed``: least share of its rows that must have
    changed cell, ``sum_c max(q_c - p_c, 0)`` (total variation), range [0, 1]. ``gained``: the cell that took
    most of them. ``goes_on``: it lasts to the window's last slot. ``evidence``: its log-likelihood ratio.
    """

    column: str
    start: datetime
    end: datetime
    rows: int
    of: int
    changed: float
    gained: str
    goes_on: bool
    evidence: float


def numeric_cells(reference: Floats, current: Floats) -> Cells:
    """Sixteenths of the reference; below and above all of it; missing."""
    known = reference[np.isfinite(reference)]
    if not len(known):
        return Cells((NOVEL, MISSING), *(np.where(np.isfinite(one), 0, 1) for one in (reference, current)))
    inner = edges_of(known, SLICES, method="lower")
    texts = [f"{edge:.3g}" for edge in inner]
    words = [f"from {a} to {b}" for a, b in pairwise(texts)]
    named = (BELOW, f"up to {texts[0]}", *words, f"over {texts[-1]}", BEYOND, MISSING)
    coded = []
    for one in (reference, current):
        code = cut_at(inner, one, "left") + 1
        code = np.where(one < known.min(), 0, np.where(one > known.max(), len(inner) + 2, code))
        coded.append(np.where(np.isfinite(one), code, len(inner) + 3).astype(np.int64))
    return Cells(named, *coded)


def level_cells(reference: pa.Array, current: pa.Array) -> Cells:
    """The reference's commonest levels; what it knows of no level; missing."""
    counts = sorted(
        ((one["values"], one["counts"]) for one in reference.drop_null().value_counts().to_pylist()),
        key=lambda pair: (-pair[1], pair[0]),
    )
    kept = [level for level, _ in counts[:MOST_LEVELS]]
    coded = [codes_of(one, kept, len(kept)) for one in (reference, current)]
    return Cells((*(f"= {level}" for level in kept), NOVEL, MISSING), *coded)


@dataclass(frozen=True, eq=False, slots=True)
class Course:
    """A window in time: the slots in use, their width in seconds, and the place of each row's slot."""

    slots: Counts
    width: int
    place: Counts

    @classmethod
    def of(cls, moments: pa.Array) -> "Course":
        """Cut a window into slots as its calendar does, but so wide that they hold rows enough."""
        calendar = Calendar.of(Hours.of(moments), {})
        for width in WIDTHS:
            calendar = calendar.coarsened(width)
            if calendar.series(ROWS).mean() >= DENSE:
                break
        seconds = moments.cast(pa.int64()).to_numpy(zero_copy_only=False) // 1_000_000
        return cls(calendar.slots, calendar.width, np.searchsorted(calendar.slots, seconds // calendar.width))


def locate(column: str, cells: Cells, course: Course, least: float, looks: int = 1) -> Fault | None:
    """Find the stretch of a column that is least like the reference; None where there is none to speak of.

    Largest log-likelihood ratio ``sum_c n_c log((n_c / n) / p_c)`` of all stretches with LEAST_ROWS rows.
    Twice of it is chi-square distributed by chance; divided among the stretches and looks (Bonferroni).
    Source: Jung, Kulldorff, Richard (2010), "A spatial scan statistic for multinomial data"; Wilks (1938).

    :param least: share of a stretch's rows that has to have changed.
    :param looks: columns that are looked at.
    """
    size, slots = len(cells.words), len(course.slots)
    prior = np.bincount(cells.before, minlength=size) + 0.5
    prior = prior / prior.sum()
    by_slot = np.bincount(course.place * size + cells.now, minlength=slots * size).reshape(slots, size)
    totals = np.concatenate([np.zeros((1, size)), np.cumsum(by_slot, axis=0)])
    sure, begin, end = _surest(totals, prior)
    counts = totals[end] - totals[begin]
    rows = int(counts.sum())
    if rows < LEAST_ROWS:
        return None
    chance = float(chdtrc(size - 1, 2 * sure)) * max(slots * (slots + 1) / 2, 1) * looks
    moved = counts / rows - prior
    changed = float(np.maximum(moved, 0).sum())
    if chance >= CHANCE or changed < least:
        return None
    return Fault(
        column=column, start=_moment(course, begin), end=_moment(course, end - 1, 1), rows=rows,
        of=len(cells.now), changed=changed, gained=_gained(cells, counts, moved), goes_on=end == slots,
        evidence=sure,
    )  # fmt: skip


def _gained(cells: Cells, counts: Floats, moved: Floats) -> str:
    """The cell that took most rows, by name; unnamed where so few are in it that it could be somebody."""
    at = int(moved.argmax())
    return cells.words[at] if counts[at] >= FEWEST else OTHERS


def _surest(totals: Floats, prior: Floats) -> tuple[float, int, int]:
    """The stretch with the largest log-likelihood ratio, and that ratio: slots begin to before end."""
    best = (0.0, 0, 0)
    for begin in range(len(totals) - 1):
        counts = totals[begin + 1 :] - totals[begin]
        n = counts.sum(axis=1)
        found = xlogy(counts, counts).sum(axis=1) - xlogy(n, n) - counts @ np.log(prior)
        found = np.where(n >= LEAST_ROWS, found, 0.0)
        at = int(found.argmax())
        if found[at] > best[0]:
            best = (float(found[at]), begin, begin + 1 + at)
    return best


def _moment(course: Course, place: int, after: int = 0) -> datetime:
    seconds = (int(course.slots[place]) + after) * course.width
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)

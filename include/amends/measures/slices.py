"""The slice of rows in which a model's loss rose most: found on one half of a sample, judged on the other.

A slice is one or two conditions: a quarter of a numeric column (by the reference's quartiles), a level of a
categorical column, or a column that is missing. Hundreds of slices are looked at, so the worst of them looks
bad by chance alone. Its rise is therefore measured on rows that had no part in choosing it, which keeps the
estimate unbiased however many slices there were.
Sources: Cox (1975), "A note on data-splitting for the evaluation of significance levels"; Athey, Imbens
(2016), "Recursive partitioning for heterogeneous causal effects" (honest estimation); Chung et al. (2019),
"Automated data slicing for model validation" (the lattice of slices).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from amends.measures.arrow import Counts, Floats
from amends.measures.cutting import cut_at, edges_of
from amends.measures.performance import Estimate

QUARTERS = 4
MOST_CELLS = 2_000_000
"""Rows times columns that the search for second conditions may read: it bounds the time."""
CAUTION = 2.0
"""Standard errors taken off a rise when slices are ranked: a small slice is not chosen for its noise."""
FEWEST = 11
"""Rows under which a slice could point at somebody: it is not shown, whatever is asked for."""
MISSING = "missing"
Codes: TypeAlias = npt.NDArray[np.int32]
"""Cells by number: a thousand columns of them are in memory at once."""


@dataclass(frozen=True, eq=False, slots=True)
class Condition:
    """What the cells of one column are called, by code."""

    column: str
    words: tuple[str, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Rows:
    """Rows of both windows that have a loss.

    ``codes``: shape (columns, rows), cell of each row by column; ``loss``: by row; ``now``: 1 for a row of
    the window, 0 for one of the reference; ``half``: 0 or 1.
    """

    conditions: tuple[Condition, ...]
    codes: Codes
    loss: Floats
    now: Counts
    half: Counts

    def taken(self, kept: npt.NDArray[np.bool_]) -> "Rows":
        """Return some of the rows."""
        return Rows(self.conditions, self.codes[:, kept], self.loss[kept], self.now[kept], self.half[kept])


@dataclass(frozen=True, slots=True)
class Slice:
    """A slice and how its loss did on rows that had no part in choosing it.

    ``where``: pairs of column and words; ``sizes``: rows of the reference and of the window.
    """

    where: tuple[tuple[str, str], ...]
    before: Estimate
    now: Estimate
    sizes: tuple[int, int]

    @property
    def rise(self) -> Estimate:
        """Loss in the window less loss in the reference."""
        return self.now.minus(self.before)


def numeric_cells(name: str, reference: Floats, current: Floats) -> tuple[Condition, Codes]:
    """Cut a numeric column at the reference's quartiles; what is missing is a cell of its own."""
    known = reference[np.isfinite(reference)]
    edges = edges_of(known, QUARTERS, method="lower")
    both = np.concatenate([reference, current])
    codes = np.where(np.isfinite(both), cut_at(edges, both, "right"), len(edges) + 1)
    texts = [f"{edge:.4g}" for edge in edges]
    inner = [f"from {low} to under {high}" for low, high in pairwise(texts)]
    ends = [f"under {texts[0]}", *inner, f"at least {texts[-1]}"] if texts else ["any"]
    return Condition(name, (*ends, MISSING)), codes.astype(np.int32)


def level_cells(name: str, reference: pa.ChunkedArray, current: pa.ChunkedArray) -> tuple[Condition, Codes]:
    """Give each level of a categorical column a cell, in alphabetical order; missing is the last one."""
    both = pa.chunked_array([*reference.chunks, *current.chunks], pa.string())
    both = both.combine_chunks().dictionary_encode()
    names = both.dictionary.to_pylist()
    order = sorted(range(len(names)), key=names.__getitem__)
    place = np.empty(len(names) + 1, np.int32)
    place[[*order, len(names)]] = np.arange(len(names) + 1)
    codes = both.indices.fill_null(len(names)).to_numpy(zero_copy_only=False)
    return Condition(name, (*(f"= {names[i]}" for i in order), MISSING)), place[codes]


def worst_slice(rows: Rows, least_rows: float, least_share: float) -> Slice | None:
    """Choose the worst slice in each half of the rows, measure it on the other, return the surer of the two.

    :param least_rows: rows that a slice needs in each half of either window; ``least_share``: and as a share.
    :returns: None where no slice is large enough.
    """
    found = []
    for chosen_on in (0, 1):
        part, rest = rows.taken(rows.half == chosen_on), rows.taken(rows.half != chosen_on)
        where = _search(part, least_rows, least_share)
        if where:
            measured = _measured(rest, where)
            if min(measured.sizes) >= max(least_rows / 2, FEWEST):
                found.append(measured)
    return max(found, key=lambda one: one.rise.value - CAUTION * one.rise.error, default=None)


@dataclass(frozen=True, eq=False, slots=True)
class _Cells:
    """Every single condition: its column and code, and how its loss rose, surely."""

    column: Counts
    code: Counts
    sure: Floats


def _search(rows: Rows, least_rows: float, least_share: float) -> tuple[tuple[int, int], ...]:
    """Find one or two conditions under which the loss surely rose most; () where no slice is large enough."""
    sizes = np.bincount(rows.now, minlength=2)
    least = np.maximum(max(least_rows, FEWEST), least_share * sizes)
    single = _rises(rows, least)
    if not len(single.sure):
        return ()
    order = np.argsort(-single.sure, kind="stable")
    best, where = float(single.sure[order[0]]), [(single.column[order[0]], single.code[order[0]])]
    left = MOST_CELLS
    for i in order:
        first = int(single.column[i]), int(single.code[i])
        inside = rows.codes[first[0]] == first[1]
        left -= int(inside.sum()) * len(rows.conditions)
        if left < 0:
            break
        pair = _rises(rows.taken(inside), least, but=first[0])
        if len(pair.sure) and float(pair.sure.max()) > best:
            at = int(pair.sure.argmax())
            best, where = float(pair.sure[at]), [first, (pair.column[at], pair.code[at])]
    return tuple(sorted((int(column), int(code)) for column, code in where))


def _rises(rows: Rows, least: Floats, but: int = -1) -> _Cells:
    """Measure every single condition that has the rows asked for in both windows."""
    widths = np.array([len(one.words) for one in rows.conditions])
    starts = np.concatenate([[0], np.cumsum(widths)[:-1]])
    cells = int(widths.sum())
    place = ((rows.codes + starts[:, None]) * 2 + rows.now).ravel()
    n = np.bincount(place, minlength=2 * cells).reshape(cells, 2).astype(np.float64)
    column = np.repeat(np.arange(len(widths)), widths)
    used = np.flatnonzero((n >= least).all(axis=1) & (column != but))
    n = n[used]
    total, square = (
        np.bincount(place, weights=np.tile(power, len(widths)), minlength=2 * cells).reshape(cells, 2)[used]
        for power in (rows.loss, np.square(rows.loss))
    )
    mean = total / n
    error = np.sqrt((np.maximum(square / n - mean**2, 0) / np.maximum(n - 1, 1)).sum(axis=1))
    sure = mean[:, 1] - mean[:, 0] - CAUTION * error
    return _Cells(column[used], used - starts[column[used]], sure)


def _measured(rows: Rows, where: Sequence[tuple[int, int]]) -> Slice:
    inside = np.all([rows.codes[column] == code for column, code in where], axis=0)
    before, now = (rows.loss[inside & (rows.now == window)] for window in (0, 1))
    named = tuple(
        (rows.conditions[column].column, rows.conditions[column].words[code]) for column, code in where
    )
    return Slice(named, mean_of(before), mean_of(now), (len(before), len(now)))


def mean_of(loss: Floats) -> Estimate:
    """Mean of losses and its standard error; infinitely unsure under two rows."""
    if len(loss) < 2:  # noqa: PLR2004 - one row has no spread
        return Estimate(float(loss.mean()) if len(loss) else 0.0, float("inf"))
    return Estimate(float(loss.mean()), float(loss.std(ddof=1) / np.sqrt(len(loss))))

"""What inputs tell of a sensitive attribute, and of the label: from the rows of the digests' samples.

A column's values become cells (equal slices of the reference, its levels; null is a cell of its own), and
everything is counted by cell.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from amends.measures.arrow import Counts, Floats
from amends.measures.cutting import cut_at, edges_of
from amends.measures.sample import Sample

SLICES = 32
"""Cells of a numeric column."""
MOST_LEVELS = 64
"""Levels of a categorical column that have a cell each; the rest share one."""
BLOCKS = 20
"""Parts that a sample is cut into, for the jackknife and for fitting on one half and scoring the other.
Rows lie in order of a hash, so that each part is a random one."""
SMOOTH = 1.0
"""Rows added to each cell of a fitted table (Laplace), so that an unseen value decides nothing."""


@dataclass(frozen=True, slots=True)
class Measure:
    """A number and its standard error."""

    value: float
    error: float


@dataclass(frozen=True, eq=False)
class Coded:
    """A sample's columns as cell numbers.

    ``codes``: by column the cell of each row; ``sizes``: how many cells the column has.
    """

    codes: Mapping[str, Counts]
    sizes: Mapping[str, int]

    @cached_property
    def blocks(self) -> Counts:
        """Which of BLOCKS equal parts each row is in."""
        rows = len(next(iter(self.codes.values()), ()))
        return np.arange(rows) * BLOCKS // max(rows, 1)

    def tables(self, target: Counts, groups: int) -> dict[str, Counts]:
        """Count rows by block, cell and group, for each column; rows whose target is negative are left out.

        :returns: by column an array of shape (BLOCKS, cells, groups).
        """
        kept = target >= 0
        block, group = self.blocks[kept], target[kept]
        found = {}
        for name, size in self.sizes.items():
            place = (block * size + self.codes[name][kept]) * groups + group
            found[name] = np.bincount(place, minlength=BLOCKS * size * groups).reshape(BLOCKS, size, groups)
        return found


def coded(
    columns: Sequence[str], numeric: frozenset[str], reference: Sample, current: Sample
) -> tuple[Coded, Coded]:
    """Cut both samples' columns by one rule, so that a cell means the same in both."""
    codes: tuple[dict[str, Counts], dict[str, Counts]] = {}, {}
    sizes: dict[str, int] = {}
    for name in columns:
        cut = _numeric if name in numeric else _levels
        *pair, sizes[name] = cut(name, reference, current)
        for one, mine in zip(codes, pair, strict=True):
            one[name] = mine
    return Coded(codes[0], sizes), Coded(codes[1], sizes)


def _numeric(name: str, reference: Sample, current: Sample) -> tuple[Counts, Counts, int]:
    """Slices of both samples' values together; null, infinite and unreadable values share a cell."""
    values = [one.numbers(name) for one in (reference, current)]
    pooled = np.concatenate(values)
    pooled = pooled[np.isfinite(pooled)]
    edges = edges_of(pooled, SLICES)
    first, second = (np.where(np.isfinite(one), cut_at(edges, one, "left"), len(edges) + 1) for one in values)
    return first, second, len(edges) + 2


def _levels(name: str, reference: Sample, current: Sample) -> tuple[Counts, Counts, int]:
    """The commonest levels of both samples; the others share a cell, null has its own."""
    columns = [one.rows.column(name).combine_chunks() for one in (reference, current)]
    seen: dict[str, int] = {}
    for column in columns:
        for entry in pc.value_counts(column.drop_null()).to_pylist():
            seen[entry["values"]] = seen.get(entry["values"], 0) + entry["counts"]
    kept = sorted(seen, key=lambda level: (-seen[level], level))[:MOST_LEVELS]
    first, second = (codes_of(column, kept, len(kept)) for column in columns)
    return first, second, len(kept) + 2


def codes_of(column: pa.Array, levels: Sequence[str], other: int) -> Counts:
    """Number of each value among levels; ``other`` for any other value and ``other + 1`` for null."""
    found = pc.index_in(column, value_set=pa.array(levels, pa.string()))
    codes: Counts = np.array(pc.fill_null(found, other).to_numpy(zero_copy_only=False), dtype=np.int64)
    codes[column.is_null().to_numpy(zero_copy_only=False)] = other + 1
    return codes


def association(table: Counts) -> Measure:
    """How much one column tells of the other, with its standard error by the jackknife over blocks.

    Cramer's V with the correction for chance. Range [0, 1], unitless; 0 means that they are independent.
    Source: Bergsma (2013), "A bias-correction for Cramer's V and Tschuprow's T"; Efron and Stein (1981) for
    the error.

    :param table: counts of shape (blocks, cells, groups).
    """
    total = table.sum(axis=0)
    value, *without = _cramer(np.concatenate([total[None], total - table]))
    spread = (BLOCKS - 1) / BLOCKS * float(np.square(without - np.mean(without)).sum())
    return Measure(float(value), float(np.sqrt(spread)))


def _cramer(tables: Counts) -> Floats:
    """Corrected V of each of several tables; 0 where a table has one row or column only."""
    inside, across = tables.sum(axis=2), tables.sum(axis=1)
    n = np.maximum(inside.sum(axis=1), 2)
    expected = inside[:, :, None] * across[:, None, :] / n[:, None, None]
    gaps = np.square(tables - expected) / np.where(expected > 0, expected, 1)
    cells, groups = (np.maximum((one > 0).sum(axis=1), 1) - 1 for one in (inside, across))
    phi = np.maximum(gaps.sum(axis=(1, 2)) / n - cells * groups / (n - 1), 0.0)
    least = np.minimum(cells - cells**2 / (n - 1), groups - groups**2 / (n - 1))
    found: Floats = np.sqrt(np.where(least > 0, np.minimum(phi / np.where(least > 0, least, 1), 1.0), 0.0))
    return found


def evidence(tables: Sequence[Counts], codes: Sequence[Counts], blocks: Counts) -> Floats:
    """Naive Bayes' log odds of belonging to a group, for each row, fitted on the other half of the blocks.

    :param tables: by column counts of shape (blocks, cells, 2): not of the group, of the group.
    :param codes: the columns' cells, row by row.
    """
    odds, half = np.zeros(len(blocks)), blocks % 2
    for table, cells in zip(tables, codes, strict=True):
        fitted = np.stack([table[1::2].sum(axis=0), table[0::2].sum(axis=0)]) + SMOOTH
        shares = fitted / fitted.sum(axis=1, keepdims=True)
        odds += np.log(shares[:, :, 1] / shares[:, :, 0]).ravel().take(half * len(table[0]) + cells)
    return odds


def best_area(table: Counts) -> float:
    """Area under the ROC curve of a column's cells, ordered by their own share of the group.

    Fitted and counted on the same rows, so never less than what other rows would give: a quick upper bound.

    :param table: counts of shape (blocks, cells, 2).
    """
    outside, inside = table.sum(axis=0).T
    order = np.argsort(inside / np.maximum(inside + outside, 1), kind="stable")
    outside, inside = outside[order], inside[order]
    pairs = float(inside.sum()) * float(outside.sum())
    below = np.cumsum(outside) - outside
    return float((inside * (below + outside / 2)).sum()) / pairs if pairs else 0.5


def separation(score: Floats, member: Counts) -> Measure:
    """Area under the ROC curve of a score for a group, with its standard error.

    Chance that a row of the group scores higher than one that is not, ties by halves. Range [0, 1]; 0.5 means
    that the score tells nothing. Source: Hanley and McNeil (1982), Radiology 143.

    :param member: 1 for rows of the group, else 0; both occur.
    """
    _, place, times = np.unique(score, return_inverse=True, return_counts=True)
    rank = np.cumsum(times) - (times - 1) / 2
    inside = int(member.sum())
    outside = len(member) - inside
    area = float((rank[place][member == 1].sum() - inside * (inside + 1) / 2) / (inside * outside))
    above, below = area / (2 - area), 2 * area**2 / (1 + area)
    square = (area * (1 - area) + (inside - 1) * (above - area**2) + (outside - 1) * (below - area**2)) / (
        inside * outside
    )
    return Measure(area, float(np.sqrt(max(square, 0.0))))

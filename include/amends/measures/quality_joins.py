"""A check for columns whose values are the old ones but stand in other rows: a join by a wrong key."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import combinations

import numpy as np
import pyarrow as pa

from amends.measures.arrow import Counts
from amends.measures.association import cut
from amends.measures.digests import WindowDigest
from amends.measures.drift import categorical_shift, numeric_shift
from amends.measures.quality_record import Check, Limits, at_most
from amends.measures.sample import Sample

MOST_COLUMNS = 40
"""Inputs that are looked at in pairs: the time grows by their square."""
LEAST_ROWS = 500
LARGE = 0.8
"""From here one column nearly follows from the other, and no weather undoes that."""
FEW = 20
"""Rows of a bin under which it is left out of a link: one row that is null in both columns, and the only one,
makes chi-squared as large as all rows together (Cochran 1954, Biometrics 10: no small expected counts)."""
SMALL = 0.1
"""A link from which a column that keeps it still stands in its own rows (Cohen 1988: a small effect)."""
STEADY = 0.1
"""Stability index up to which a column holds the old values (Siddiqi 2006: no shift worth a look)."""


def join_checks(
    inputs: Sequence[str], reference: WindowDigest, current: WindowDigest, limits: Limits
) -> Iterator[Check]:
    """Name each column that lost what linked it with every other column that it was strongly linked with.

    In other rows values lose their weaker links, too: a season takes some links and leaves others. And one of
    those that the column was linked with has to keep another link, or the link was the only one and large:
    all fall apart at once when a storm ends. Links are Cramer's V, by ten slices or twenty levels. Columns
    that moved are judged by themselves: a fault of theirs, or another population, changes links as well.
    """
    steady = [name for name in inputs if _is_steady(name, reference, current)][:MOST_COLUMNS]
    rows = min(reference.sample.rows.num_rows, current.sample.rows.num_rows)
    if rows < LEAST_ROWS or len(steady) < 2:  # noqa: PLR2004 - a pair is two
        return
    links = _Links.of(steady, reference.sample, current.sample)
    for name in steady:
        strong = links.of_least(name, limits["link_strong"])
        if not strong:
            continue
        gone = not links.held(name, SMALL, limits) and (
            any(links.held(other, limits["link_strong"], limits) for other in strong)
            or (len(strong) == 1 and max(strong.values()) >= LARGE)
        )
        others = ", ".join(sorted(strong))
        said = (
            "and hardly now: its values may stand in other rows" if gone else "and still is, in part at least"
        )
        yield at_most(
            "misjoined", name, float(gone), 0.0, n=rows, reference_value=0.0,
            note=f"{name} was linked with {others} {said}",
        )  # fmt: skip


def _is_steady(name: str, reference: WindowDigest, current: WindowDigest) -> bool:
    if name in reference.numeric:
        return numeric_shift(reference.numeric[name], current.numeric[name]).psi <= STEADY
    return categorical_shift(reference.categorical[name], current.categorical[name]).psi <= STEADY


@dataclass(frozen=True, eq=False, slots=True)
class _Cells:
    """A column's bins: how many, each row's in the reference, and what each row's in the window are."""

    width: int
    before: Counts
    now: Callable[[], Counts]


@dataclass(frozen=True, eq=False, slots=True)
class _Links:
    """How closely inputs go together by pairs: measured in the reference, and in the window where asked."""

    cells: Mapping[str, _Cells]
    before: Mapping[frozenset[str], float]

    @classmethod
    def of(cls, names: Sequence[str], reference: Sample, current: Sample) -> "_Links":
        cells = {name: _cells(*(one.rows.column(name) for one in (reference, current))) for name in names}
        pairs = [(cells[one], cells[other]) for one, other in combinations(names, 2)]
        values = (cramers_v(one.before, other.before, one.width, other.width) for one, other in pairs)
        return cls(cells, dict(zip(map(frozenset, combinations(names, 2)), values, strict=True)))

    def of_least(self, name: str, least: float) -> dict[str, float]:
        """Columns that one was linked with at least so closely, and how closely."""
        found = {other: self.before[frozenset((name, other))] for other in self.cells if other != name}
        return {other: value for other, value in found.items() if value >= least}

    def held(self, name: str, least: float, limits: Limits) -> bool:
        """Whether a column keeps a link that was at least so close: more than a part, and no small one."""
        return any(
            self._now(name, other) > max(limits["link_kept"] * before, SMALL)
            for other, before in self.of_least(name, least).items()
        )

    def _now(self, name: str, other: str) -> float:
        one, two = self.cells[name], self.cells[other]
        return cramers_v(one.now(), two.now(), one.width, two.width)


def _cells(before: pa.ChunkedArray, now: pa.ChunkedArray) -> _Cells:
    code, width = cut(before)
    return _Cells(width, code(before), cache(partial(code, now)))


def cramers_v(one: Counts, other: Counts, width: int, height: int) -> float:
    """How closely two columns' bins go together, without what chance adds; range [0, 1].

    Source: Bergsma (2013), Journal of the Korean Statistical Society 42 (the bias correction).
    """
    table = np.bincount(one * height + other, minlength=width * height).reshape(width, height).astype(float)
    table = table[table.sum(axis=1) >= FEW][:, table.sum(axis=0) >= FEW]
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    if not (rows.all() and columns.all()):
        table, rows, columns = table[rows > 0][:, columns > 0], rows[rows > 0], columns[columns > 0]
    n, (r, c) = rows.sum(), table.shape
    if min(r, c) < 2 or n < 2:  # noqa: PLR2004 - a constant goes with nothing
        return 0.0
    wanted = np.outer(rows, columns) / n
    phi = float((np.square(table - wanted) / wanted).sum()) / n - (r - 1) * (c - 1) / (n - 1)
    sides = (r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1))
    return float(np.sqrt(max(phi, 0.0) / max(min(sides) - 1, 1e-9)))

"""Synthetic rows that keep a table's marginals and rank correlations, and copy none of its rows.

A Gaussian copula over columns of both kinds: each column keeps its own distribution, and what columns say
together is kept as rank correlations, nothing else (a dip in the middle or an interaction of three columns is
lost). Source: Nelsen (2006), "An Introduction to Copulas"; fitting the latent correlations until the drawn
ones agree: Cario and Nelson (1997), "Modeling and generating random vectors with arbitrary marginal
distributions and correlation matrix".
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
from scipy.special import ndtr

from amends.errors import DataError
from amends.measures.arrow import Counts, Floats, as_floats, as_levels, level_codes

Flags: TypeAlias = npt.NDArray[np.bool_]
LEAST = 30
"""Rows under which no generator is fitted: a quantile function of fewer points is those points."""
SHRINK = 100.0
"""Rows of a group that count for its own correlations as much as the whole does for them."""
FITTED_ON, ROUNDS = 8000, 5
"""Draws, and rounds of correction, by which the latent correlations are fitted."""
OF_A_GROUP = 2500
"""Draws for a group, whose own correlations are less well known."""
REDRAWS = 20
FLOOR = 1e-6
"""Smallest eigenvalue that a latent correlation matrix is given."""


@dataclass(frozen=True, eq=False)
class Marginal:
    """One column by itself: the sorted numbers that are known, or the levels and where each one ends.

    ``missing``: share of nulls of a numeric column, drawn by a coin; a null of another column is a level.
    ``ends``: of levels, the cumulated shares, in the order of ``levels``.
    """

    numbers: Floats
    missing: float
    whole: bool
    levels: pa.Array
    ends: Floats

    def values(self, share: Floats) -> Floats:
        """Numbers, or codes of levels, at quantiles in (0, 1); between two known numbers lies a new one."""
        if len(self.ends):
            return np.minimum(np.searchsorted(self.ends, share), len(self.ends) - 1).astype(np.float64)
        if not len(self.numbers):
            return np.full(len(share), np.nan)
        drawn: Floats = np.interp(share * (len(self.numbers) - 1), np.arange(len(self.numbers)), self.numbers)
        return np.round(drawn) if self.whole else drawn


@dataclass(frozen=True, eq=False)
class Cohort:
    """A fitted generator. ``latent``: correlations of its normals; ``real``: the rows it was fitted to."""

    marginals: Mapping[str, Marginal]
    latent: Floats
    real: pa.Table

    @property
    def rows(self) -> int:
        """Real rows that the generator was fitted to."""
        return int(self.real.num_rows)

    def draw(self, n: int, seed: int, shifts: Mapping[str, float] | None = None) -> pa.Table:
        """Draw rows, none of which is a real one; what cannot be avoided (few levels only) is left out.

        :param shifts: what-ifs: by column, how far its latent normal is moved, in standard deviations;
            columns that go with it move along.
        :raises DataError: nearly every row that can be drawn is a real one.
        """
        draws = np.random.default_rng(seed)
        move = self.latent @ _regressed(self.latent, self._moved(shifts or {}))
        codes = self._codes(draws, n, move)
        known = {row.tobytes() for row in keyed(self._real_codes())}
        for _ in range(REDRAWS):
            again = copied(codes, known)
            if not again.any():
                break
            codes[again] = self._codes(draws, int(again.sum()), move)
        codes = codes[~copied(codes, known)]
        if len(codes) * 2 < n:
            raise DataError(
                f"{n - len(codes)} of {n} synthetic rows are real ones: the columns have too few values to "
                "make up others. Add a column, or stress on real rows."
            )
        return self._table(codes)

    def _moved(self, shifts: Mapping[str, float]) -> Floats:
        return np.array([shifts.get(name, 0.0) for name in self.marginals])

    def _codes(self, draws: np.random.Generator, n: int, move: Floats) -> Floats:
        normal = draws.standard_normal((n, len(self.marginals))) @ np.linalg.cholesky(self.latent).T + move
        coins = draws.random((n, len(self.marginals)))
        columns = [one.values(ndtr(normal[:, i])) for i, one in enumerate(self.marginals.values())]
        missing = np.array([one.missing for one in self.marginals.values()])
        return np.where(coins < missing, np.nan, np.column_stack(columns))

    def _real_codes(self) -> Floats:
        columns = [coded(self.real.column(name), one) for name, one in self.marginals.items()]
        return np.column_stack(columns)

    def _table(self, codes: Floats) -> pa.Table:
        columns = {}
        for i, (name, one) in enumerate(self.marginals.items()):
            columns[name] = (
                one.levels.take(pa.array(codes[:, i].astype(np.int64)))
                if len(one.ends)
                else pa.array(codes[:, i], pa.float64(), from_pandas=False)
            )
        return pa.table(columns)


def fit_cohort(
    rows: pa.Table,
    numeric: Sequence[str],
    levels: Sequence[str],
    *,
    label: str,
    within: pa.Table | None = None,
) -> Cohort:
    """Fit a generator to labelled rows, or to those of a group with correlations shrunk to the whole.

    A group of n rows keeps its own marginals; its rank correlations weigh ``n / (n + 100)``, the whole's the
    rest (Schaefer and Strimmer 2005, "A shrinkage approach to large-scale covariance matrix estimation").

    :param levels: columns of levels, ``label`` and sensitive ones included.
    :param label: levels of other columns are ordered by their mean label, so that ranks mean something.
    :param within: the group's rows.
    :raises DataError: fewer than 30 rows.
    """
    own = rows if within is None else within
    if own.num_rows < LEAST:
        raise DataError(
            f"a generator of synthetic rows needs {LEAST} real ones, {own.num_rows} are given. "
            "Widen the window, or choose a larger group."
        )
    names = (*numeric, *levels)
    own, rows = (_plain(table.select(names), levels) for table in (own, rows))
    order = {name: _order(rows, own, name, label) for name in levels}
    marginals = {name: _marginal(own.column(name), order.get(name)) for name in names}
    target = _ranked(own, marginals)
    if within is not None:
        weight = own.num_rows / (own.num_rows + SHRINK)
        whole = _ranked(rows, {name: _marginal(rows.column(name), order.get(name)) for name in names})
        target = weight * target + (1 - weight) * whole
    return Cohort(marginals, _latent(marginals, target, FITTED_ON if within is None else OF_A_GROUP), own)


def _plain(rows: pa.Table, levels: Sequence[str]) -> pa.Table:
    """Columns of levels as plain arrays in which NaN is null."""
    for name in levels:
        column = rows.column(name).combine_chunks()
        if pa.types.is_dictionary(column.type):
            column = column.dictionary_decode()
        if pa.types.is_floating(column.type):
            column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
        rows = rows.set_column(rows.column_names.index(name), name, column)
    return rows


def coded(column: pa.ChunkedArray, marginal: Marginal) -> Floats:
    """Numbers of a numeric column (NaN: null), codes of the marginal's levels of another (NaN: unknown)."""
    if not len(marginal.ends):
        return as_floats(column)[0]
    known = {value: code for code, value in enumerate(marginal.levels.to_pylist())}
    return np.array([known.get(value, np.nan) for value in column.to_pylist()], dtype=np.float64)


def _order(rows: pa.Table, own: pa.Table, name: str, label: str) -> pa.Array:
    """A column's levels in the order of their mean label, then by name; null is one of them."""
    column = pa.chunked_array([*rows.column(name).chunks, *own.column(name).chunks]).combine_chunks()
    levels = column.unique()
    if name == label:
        return levels.take(pa.array(np.argsort([str(one) for one in levels.to_pylist()], kind="stable")))
    outcome = level_codes(as_levels(rows.column(label))) if rows.column(label).num_chunks else np.zeros(0)
    names = np.array([str(one) for one in rows.column(name).to_pylist()])
    mean = [_mean(outcome, names == str(level)) for level in levels.to_pylist()]
    texts = [str(level) for level in levels.to_pylist()]
    return levels.take(pa.array(np.lexsort((texts, mean))))


def _mean(outcome: Counts | Floats, mask: Flags) -> float:
    return float(outcome[mask].mean()) if mask.any() else 0.0


def _marginal(column: pa.ChunkedArray, levels: pa.Array | None) -> Marginal:
    if levels is None:
        values, _ = as_floats(column)
        known = np.sort(values[np.isfinite(values)])
        whole = bool(len(known)) and bool((known == np.round(known)).all())
        missing = 1 - len(known) / max(len(values), 1)
        return Marginal(known, missing, whole, pa.array([]), np.empty(0))
    seen = Counter(column.to_pylist())
    counts = np.array([seen[level] for level in levels.to_pylist()], dtype=np.float64)
    return Marginal(np.empty(0), 0.0, False, levels, np.cumsum(counts) / counts.sum())


def _ranked(rows: pa.Table, marginals: Mapping[str, Marginal]) -> Floats:
    columns = [coded(rows.column(name), one) for name, one in marginals.items()]
    return correlation_of(np.column_stack(columns))


def correlation_of(codes: Floats) -> Floats:
    """Spearman's rank correlations of columns; 0 where one of them is constant; nulls lie in the middle."""
    ranks = np.empty_like(codes)
    for i in range(codes.shape[1]):
        known = np.isfinite(codes[:, i])
        ranks[:, i] = 0.0
        if known.any():
            ranks[known, i] = _places(codes[known, i])
    size = np.sqrt((ranks**2).sum(axis=0))
    scaled = ranks / np.where(size > 0, size, 1.0)
    found: Floats = scaled.T @ scaled
    np.fill_diagonal(found, 1.0)
    return found


def _places(values: Floats) -> Floats:
    """Mean ranks, less their mean; SciPy's do the same with checks that take longer than the sorting."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    first = np.concatenate([[True], ordered[1:] != ordered[:-1]])
    starts = np.append(np.flatnonzero(first), len(values))
    mean = (starts[:-1] + starts[1:] - 1) / 2 - (len(values) - 1) / 2
    placed = np.empty(len(values))
    placed[order] = mean[np.cumsum(first) - 1]
    return placed


def _latent(marginals: Mapping[str, Marginal], target: Floats, rows: int) -> Floats:
    """Correlations of the normals under which drawn columns have the target's rank correlations."""
    draws = np.random.default_rng(0).standard_normal((rows, len(marginals)))
    latent = _definite(2 * np.sin(np.pi / 6 * target))
    for _ in range(ROUNDS):
        normal = draws @ np.linalg.cholesky(latent).T
        columns = [one.values(ndtr(normal[:, i])) for i, one in enumerate(marginals.values())]
        latent = _definite(latent + target - correlation_of(np.column_stack(columns)))
    return latent


def _definite(matrix: Floats) -> Floats:
    """The matrix with its eigenvalues made positive and its diagonal 1."""
    bounded = np.clip(matrix, -0.995, 0.995)
    np.fill_diagonal(bounded, 1.0)
    values, vectors = np.linalg.eigh((bounded + bounded.T) / 2)
    positive = (vectors * np.maximum(values, FLOOR)) @ vectors.T
    size = np.sqrt(np.diag(positive))
    scaled: Floats = positive / np.outer(size, size)
    return scaled


def _regressed(latent: Floats, moved: Floats) -> Floats:
    """Weights whose product with the correlations moves the named columns by what was asked."""
    weights = np.zeros_like(moved)
    named = np.flatnonzero(moved)
    if len(named):
        weights[named] = np.linalg.solve(latent[np.ix_(named, named)], moved[named])
    return weights


def keyed(codes: Floats) -> Floats:
    """Codes in a form of which equal rows have equal bytes."""
    return np.ascontiguousarray(np.where(np.isnan(codes), np.inf, codes + 0.0))


def copied(codes: Floats, known: set[bytes]) -> Flags:
    """Which rows are one of those known, by the bytes that :func:`keyed` gives them."""
    return np.array([row.tobytes() in known for row in keyed(codes)], dtype=np.bool_)

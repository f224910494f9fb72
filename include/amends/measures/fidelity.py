"""How like the real rows synthetic ones are, and whether one of them is a real one."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa

from amends.measures.arrow import Floats
from amends.measures.cohorts import Cohort, Flags, coded, copied, correlation_of, keyed

LOOKED_AT = 150
"""Rows whose nearest real one is looked for."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Fidelity:
    """How like the real rows synthetic ones are.

    ``distance``: by column, Kolmogorov-Smirnov distance of numbers, total variation of levels; range [0, 1],
    0 is the same distribution. ``correlation``: largest difference of two columns' rank correlation, range
    [0, 2]. ``copies``: synthetic rows equal to a real one in every column. ``closest``: median Gower distance
    of a synthetic row to the nearest real one, over that of a real row to the nearest other one; under 1
    synthetic rows sit nearer to real ones than these do to one another.
    """

    distance: Mapping[str, float]
    correlation: float
    copies: int
    closest: float


def fidelity(cohort: Cohort, synthetic: pa.Table) -> Fidelity:
    """Compare synthetic rows with the real ones that the generator was fitted to; see :class:`Fidelity`."""
    marginals = cohort.marginals
    real, made = (
        np.column_stack([coded(table.column(name), one) for name, one in marginals.items()])
        for table in (cohort.real, synthetic)
    )
    distance = {
        name: _variation(real[:, i], made[:, i]) if len(one.ends) else _kolmogorov(real[:, i], made[:, i])
        for i, (name, one) in enumerate(marginals.items())
    }
    gap = np.abs(correlation_of(real) - correlation_of(made))
    known = {row.tobytes() for row in keyed(real)}
    discrete = np.array([len(one.ends) > 0 for one in marginals.values()])
    return Fidelity(
        distance=distance,
        correlation=float(gap.max()),
        copies=int(copied(made, known).sum()),
        closest=_closest(real, made, discrete),
    )


def _kolmogorov(real: Floats, made: Floats) -> float:
    """Largest difference of two empirical distribution functions; nulls are left out."""
    first, second = (np.sort(one[np.isfinite(one)]) for one in (real, made))
    if not (len(first) and len(second)):
        return float(len(first) != len(second))
    every = np.concatenate([first, second])
    shares = [np.searchsorted(one, every, side="right") / len(one) for one in (first, second)]
    return float(np.abs(shares[0] - shares[1]).max())


def _variation(real: Floats, made: Floats) -> float:
    """Half the sum of the differences of levels' shares."""
    width = int(max(real.max(), made.max())) + 1
    shares = [np.bincount(one.astype(np.int64), minlength=width) / len(one) for one in (real, made)]
    return float(np.abs(shares[0] - shares[1]).sum() / 2)


def _closest(real: Floats, made: Floats, discrete: Flags) -> float:
    """Median distance of made rows to the nearest real one, over that of real rows (some of each)."""
    spread = np.nanmax(np.where(discrete, np.nan, real), axis=0, initial=-np.inf, where=~np.isnan(real))
    width = np.where(discrete, 1.0, spread - np.nanmin(real, axis=0, initial=np.inf, where=~np.isnan(real)))
    width = np.where(np.isfinite(width) & (width > 0), width, 1.0)
    step = max(len(real) // LOOKED_AT, 1)
    others = [_nearest(row, np.delete(real, i, axis=0), discrete, width)
              for i, row in enumerate(real) if i % step == 0]  # fmt: skip
    found = [_nearest(row, real, discrete, width) for row in made[:LOOKED_AT]]
    usual = float(np.median(others))
    return float(np.median(found)) / usual if usual > 0 else 1.0


def _nearest(row: Floats, rows: Floats, discrete: Flags, width: Floats) -> float:
    """Gower's distance of a row to the nearest of others: mean over columns, each in [0, 1]."""
    apart = np.where(discrete, rows != row, np.abs(rows - row) / width)
    apart = np.where(np.isnan(rows) | np.isnan(row), (np.isnan(rows) != np.isnan(row)) * 1.0, apart)
    return float(np.minimum(apart, 1.0).mean(axis=1).min())

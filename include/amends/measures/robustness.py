"""Rows a little or much unlike those a version was made for, and what that does to its answers."""

import warnings
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from amends.errors import Unavailable
from amends.measures.arrow import Counts, Floats
from amends.measures.proxies import Measure

if TYPE_CHECKING:
    import pandas as pd

    from amends.ports import Scorer

UNSEEN = "(a level never seen)"
QUARTILES = 1.349
"""Interquartile range of a normal distribution, in standard deviations."""


def answers(score: "Scorer", rows: "pd.DataFrame") -> Floats:
    """Scores of rows; NaN for one without a finite score in [0, 1], and for all where the version raises.

    :raises Unavailable: a service does not answer, which is no property of the version.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = np.asarray(score(rows), dtype=np.float64)
    except Unavailable:
        raise
    except Exception:  # noqa: BLE001 - an estimator refuses a row in its own way; that it does is the finding
        return np.full(len(rows), np.nan)
    if found.shape != (len(rows),):
        return np.full(len(rows), np.nan)
    with np.errstate(invalid="ignore"):
        return np.where((found >= 0) & (found <= 1), found, np.nan)


def noisy(rows: "pd.DataFrame", columns: Sequence[str], share: float, seed: int) -> "pd.DataFrame":
    """Rows with normal noise on numeric columns, a share of each one's spread.

    The spread is the interquartile range over 1.349, or the standard deviation where that is 0. Whole numbers
    stay whole: a flag or a count that cannot be a little off is left alone by little noise.
    """
    draws = np.random.default_rng(seed)
    changed = {}
    for name in columns:
        values = numbers(rows, name)
        noise = draws.standard_normal(len(values)) * share * _spread(values)
        whole = (values[np.isfinite(values)] % 1 == 0).all()
        changed[name] = np.round(values + noise) if whole else values + noise
    return rows.assign(**changed)


def emptied(rows: "pd.DataFrame", columns: Sequence[str], share: float, seed: int) -> "pd.DataFrame":
    """Rows in which a share of each column's values is missing, each at random; 1: all of them."""
    draws = np.random.default_rng(seed)
    return rows.assign(**{name: rows[name].mask(draws.random(len(rows)) < share) for name in columns})


def pushed(rows: "pd.DataFrame", column: str, value: float) -> "pd.DataFrame":
    """Rows with one number in a column."""
    return rows.assign(**{column: np.full(len(rows), value)})


def unseen(rows: "pd.DataFrame", column: str) -> "pd.DataFrame":
    """Rows with a level that there is not in a column: one over the largest number, or a text."""
    values = rows[column]
    level: Any = UNSEEN
    if values.dtype.kind in "iufb":
        level = float(numbers(rows, column).max(initial=0)) + 1
    kind = object if level == UNSEEN else np.float64
    return rows.assign(**{column: np.full(len(rows), level, dtype=kind)})


def outlying(
    rows: "pd.DataFrame", ends: dict[str, tuple[float, float]], share: float, seed: int
) -> "pd.DataFrame":
    """Rows in which a share of each numeric column's values is one of two far values, each at random."""
    draws = np.random.default_rng(seed)
    changed = {}
    for name, (low, high) in ends.items():
        hit = draws.random(len(rows)) < share
        far = np.where(draws.random(len(rows)) < 1 / 2, low, high)
        changed[name] = np.where(hit, far, numbers(rows, name))
    return rows.assign(**changed)


def numbers(rows: "pd.DataFrame", name: str) -> Floats:
    """A column as numbers; NaN where there is none."""
    column = rows[name]
    if column.dtype.kind not in "iufb":
        return np.array([_number(one) for one in column], dtype=np.float64)
    found: Floats = column.to_numpy(dtype=np.float64, na_value=np.nan)
    return found


def mean_contrast(differences: Floats) -> Measure:
    """Mean of paired differences and its standard error, ``sd / sqrt(n)``; both 0 at least."""
    n = len(differences)
    if not n:
        return Measure(float("nan"), float("inf"))
    error = float(differences.std(ddof=1) / np.sqrt(n)) if n > 1 else float("inf")
    return Measure(float(differences.mean()), error)


def auc_contrast(label: Counts, signed: Sequence[tuple[float, Floats]]) -> Measure:
    """A signed sum of areas under ROC curves on the same rows, with the standard error of DeLong.

    ``sum_k sign_k AUC_k``; one score with sign 1 is its AUC, two with 1 and -1 their difference, four that of
    two differences. NaN where a class is absent. Source: DeLong, DeLong and Clarke-Pearson (1988),
    Biometrics 44(3); the placements by ranks: Sun and Xu (2014), IEEE Signal Processing Letters 21(11).
    """
    from scipy.stats import rankdata  # noqa: PLC0415 - a second that parsing DAGs need not wait for

    positive = label == 1
    m, n = int(positive.sum()), int((~positive).sum())
    if min(m, n) < 2:  # noqa: PLR2004 - a variance needs two
        return Measure(float("nan"), float("inf"))
    of_positive, of_negative = np.zeros(m), np.zeros(n)
    for sign, score in signed:
        rank = rankdata(score)
        of_positive += sign * (rank[positive] - rankdata(score[positive])) / n
        of_negative += sign * (1 - (rank[~positive] - rankdata(score[~positive])) / m)
    variance = of_positive.var(ddof=1) / m + of_negative.var(ddof=1) / n
    return Measure(float(of_positive.mean()), float(np.sqrt(variance)))


def taken(work: Callable[[], object], clock: Callable[[], float]) -> float:
    """Seconds that one call takes by a clock."""
    begun = clock()
    work()
    return clock() - begun


def _spread(values: Floats) -> float:
    known = values[np.isfinite(values)]
    if not len(known):
        return 0.0
    low, high = np.quantile(known, [0.25, 0.75])
    return float((high - low) / QUARTILES or known.std())


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return float("nan")

"""How far the scores of a sample follow one input: the share of their order that its bins explain."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from amends.measures.arrow import Counts, Floats
from amends.measures.cutting import cut_at, edges_of
from amends.measures.drift import shift_of
from amends.measures.profiles import LARGEST
from amends.measures.sample import Sample

SLICES = 10
"""Equal slices of the reference that a numeric input is cut in."""
MOST_LEVELS = 20
"""Levels of a categorical input that are told apart; the rest are one."""
LEAST_ROWS = 20
"""A bin with fewer rows in one of the windows is left out of both."""
MOST_WEIGHT = 5
"""No row stands for more than so many average ones."""
ROUNDS = 10
MOVED = 0.01
"""An input is weighed back where chance moves it as much in one window of a hundred."""

Code: TypeAlias = Callable[[pa.ChunkedArray], Counts]
Bins: TypeAlias = tuple[Counts, Counts, int]
"""Bin of each row of the reference, of the current window, and how many bins there are."""


@dataclass(frozen=True, eq=False, slots=True)
class Scored:
    """A sample's rows that have a score; ``weight``: what each row counts, adding up to the rows it is worth.

    ``places``: the rank of each row's score as a share of the weights, ties in the middle.
    """

    rows: pa.Table
    score: Floats
    weight: Floats
    places: Floats

    @classmethod
    def of(cls, sample: Sample, score: str) -> "Scored | None":
        """Take the rows that have a score; None where no two scores differ."""
        scores = sample.numbers(score)
        known = np.abs(scores) <= LARGEST
        kept = scores[known]
        if len(kept) == 0 or kept.min() == kept.max():
            return None
        weight = np.ones(len(kept))
        return cls(sample.rows.filter(pa.array(known)), kept, weight, _places(kept, weight))

    def weighed(self, weight: Floats) -> "Scored":
        """The same rows with other weights, scaled to the number of rows that they are worth.

        ``(sum w)^2 / sum w^2``. Source: Kish (1965), "Survey Sampling", 11.7.
        """
        weight = weight * (weight.sum() / np.maximum((weight**2).sum(), 1e-300))
        return replace(self, weight=weight, places=_places(self.score, weight))

    @property
    def worth(self) -> int:
        """The number of rows that the weighted rows are worth."""
        return round(float(self.weight.sum()))


@dataclass(frozen=True, eq=False, slots=True)
class Input:
    """An input's bins in both windows; ``target``: the reference's rows in the bins that both share.

    ``overlap``: what share of the reference these are; ``moved``: chance hardly explains the difference.
    """

    codes: tuple[Counts, Counts]
    target: Counts
    overlap: float
    moved: bool


def input_of(before: Scored, now: Scored, name: str) -> Input:
    """Cut an input in bins by the reference, and say whether it moved."""
    codes, codes_now, width = binned(before.rows.column(name), now.rows.column(name))
    rows, rows_now = (np.bincount(one, minlength=width) for one in (codes, codes_now))
    target = np.where(np.minimum(rows, rows_now) >= LEAST_ROWS, rows, 0)
    moved = shift_of(rows.astype(np.float64), rows_now.astype(np.float64)).p < MOVED
    return Input((codes, codes_now), target, float(target.sum() / rows.sum()), moved)


def raked(now: Scored, inputs: Sequence[Input]) -> Scored:
    """Weigh the current rows so that each input that moved is spread as in the reference.

    A population that moved is then not taken for a model that changed. Rows in bins that the reference hardly
    has weigh nothing. Source: Deming and Stephan (1940), iterative proportional fitting.
    """
    moved = [one for one in inputs if one.moved]
    if not moved:
        return now
    weight = np.ones(len(now.score))
    for _ in range(ROUNDS):
        for one in moved:
            codes, shared = one.codes[1], one.target > 0
            have = np.where(shared, np.bincount(codes, weight, len(shared)), 0.0)
            wanted = one.target * (have.sum() / max(int(one.target.sum()), 1))
            weight = weight * (wanted / np.where(have > 0, have, 1.0))[codes]
        weight = np.minimum(weight, MOST_WEIGHT * max(float(weight.mean()), 1e-300))
    return now.weighed(weight)


def hold(scored: Scored, codes: Counts, target: Counts) -> float:
    """Hold of one input on a window's scores, as :func:`explained` says."""
    return float(explained(sums_of(scored, codes, len(target))[None], target, noise=1)[0])


def sums_of(scored: Scored, codes: Counts, width: int) -> Floats:
    """Rows, ranks and squared ranks by bin, one after the other."""
    w, places = scored.weight, scored.places
    sums: Floats = np.concatenate([np.bincount(codes, one, width) for one in (w, w * places, w * places**2)])
    return sums


def explained(sums: Floats, target: Counts, noise: int) -> Floats:
    """Share of the scores' order that an input's bins explain, less what chance explains.

    ``sum_b t_b (mean_b - mean)^2 / Var`` with the target's shares t: the correlation ratio of the scores'
    ranks, with the noise of each bin's mean taken off.
    Range [0, 1]; 0 means that the scores don't follow the input, 1 that they follow nothing else.
    Source: Pearson (1905), the correlation ratio; the correction: Kelley (1935), epsilon squared.

    :param sums: by draw what :func:`sums_of` gives; ``noise``: how often chance is taken off.
    """
    width = len(target)
    rows, total, squares = np.split(sums, [width, 2 * width], axis=1)
    n = np.maximum(rows.sum(axis=1), 1e-300)
    variance = squares.sum(axis=1) / n - (total.sum(axis=1) / n) ** 2
    share = np.where(rows > 0, target, 0)
    share = share / np.maximum(share.sum(axis=1, keepdims=True), 1)
    filled = np.where(rows > 0, rows, 1.0)
    mean = total / filled
    between = (share * (mean - (share * mean).sum(axis=1, keepdims=True)) ** 2).sum(axis=1)
    within = np.maximum(squares - total**2 / filled, 0).sum(axis=1) / np.maximum(n - width, 1)
    chance = within * (share * (1 - share) / np.maximum(filled, 1)).sum(axis=1)
    found: Floats = np.clip((between - noise * chance) / np.maximum(variance, 1e-300), 0.0, 1.0)
    return found


def _places(score: Floats, weight: Floats) -> Floats:
    _, place = np.unique(score, return_inverse=True)
    tied = np.bincount(place, weight)
    places: Floats = ((np.cumsum(tied) - tied / 2) / max(float(tied.sum()), 1e-300))[place]
    return places


def binned(before: pa.ChunkedArray, now: pa.ChunkedArray) -> Bins:
    """The bin of each row of both windows by :func:`cut`, and how many bins there are."""
    code, width = cut(before)
    return code(before), code(now), width


def cut(before: pa.ChunkedArray) -> tuple[Code, int]:
    """Cut numbers at the reference's quantiles, levels at its commonest; what is missing is one more bin.

    :returns: what gives the bins of a column's rows, and how many bins there are.
    """
    return (_sliced if pa.types.is_floating(before.type) else _levelled)(before)


def _sliced(before: pa.ChunkedArray) -> tuple[Code, int]:
    numbers = before.to_numpy()
    known = numbers[np.abs(numbers) <= LARGEST]
    edges = edges_of(known, SLICES)
    last = len(edges) + 1

    def code(column: pa.ChunkedArray) -> Counts:
        numbers = column.to_numpy()
        return np.where(np.abs(numbers) <= LARGEST, cut_at(edges, numbers, "left"), last)

    return code, last + 1


def _levelled(before: pa.ChunkedArray) -> tuple[Code, int]:
    counted = pc.value_counts(before.drop_null()).to_pylist()
    common = sorted(counted, key=lambda one: (-one["counts"], one["values"]))[:MOST_LEVELS]
    known = pa.array([one["values"] for one in common], pa.string())
    rest, last = len(known), len(known) + 1

    def code(column: pa.ChunkedArray) -> Counts:
        found = pc.index_in(column, value_set=known).fill_null(rest).to_numpy()
        return np.where(np.asarray(column.is_null()), last, found).astype(np.int64)

    return code, last + 1

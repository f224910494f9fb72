"""Whether what a version's scores say of labels can be had from its inputs, or from the labels alone.

A version answers with a function of its inputs. Fitted to its scores on one half of the rows, another
function of the same inputs gives nearly the same scores on the other half, and ranks their labels as well.
What a version has memorised of single rows cannot be learnt from other rows: there its copy ranks worse.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from amends.measures.arrow import Counts, Floats, as_floats, as_levels
from amends.measures.cutting import cut_at, edges_of

CELLS = 256
"""Cells of an input: equal slices of a number, the commonest levels of a text; the first is null."""
TREES, DEPTH, RATE = 150, 4, 0.1
"""Of the copy: symmetric trees, each cell asked about at most DEPTH times, and their weight."""
RIDGE = 5.0
"""Rows of mean 0 that are added to each leaf."""
SEED = 20_260_101
EDGE = 1e-3
"""Scores are held this far from 0 and 1 before their log odds are copied."""


@dataclass(frozen=True, eq=False, slots=True)
class Inputs:
    """Inputs as cells. ``cells``: shape (rows, inputs); ``ordered``: whether those of an input are."""

    cells: Counts
    ordered: tuple[bool, ...]

    @classmethod
    def of(cls, table: pa.Table, numeric: Sequence[str], categorical: Sequence[str]) -> "Inputs":
        """Cut columns into cells."""
        found = [_slices(table.column(name)) for name in numeric]
        found += [_levels(table.column(name)) for name in categorical]
        rows = np.column_stack(found) if found else np.zeros((table.num_rows, 0), np.int64)
        return cls(rows, (True,) * len(numeric) + (False,) * len(categorical))


def _slices(column: pa.ChunkedArray) -> Counts:
    numbers, _ = as_floats(column)
    known = np.isfinite(numbers)
    edges = edges_of(numbers[known], CELLS - 1)
    return np.where(known, cut_at(edges, numbers, "right") + 1, 0)


def _levels(column: pa.ChunkedArray) -> Counts:
    codes = pc.fill_null(as_levels(column).indices, -1).to_numpy(zero_copy_only=False).astype(np.int64)
    common = np.argsort(-np.bincount(codes[codes >= 0], minlength=1), kind="stable")[: CELLS - 2]
    place = np.full(max(int(codes.max(initial=0)) + 1, 1), CELLS - 1)
    place[common] = np.arange(len(common)) + 1
    return np.where(codes >= 0, place[codes], 0)


Tree: TypeAlias = tuple[list[tuple[int, int]], Floats]
"""Questions (input, cell), and the value of each pattern of answers."""


def copied(inputs: Inputs, score: Floats) -> Floats:
    """Scores of a copy, in log odds: each half of the rows is answered by a copy of the other half.

    Gradient boosting of symmetric trees on squared error.
    Source: Friedman (2001), "Greedy function approximation", Annals of Statistics 29(5); copies of a model as
    a way to know it: Bucila, Caruana and Niculescu-Mizil (2006), "Model compression", KDD.
    """
    inside = np.clip(score, EDGE, 1 - EDGE)
    target = np.log(inside / (1 - inside))
    half = np.random.default_rng(SEED).permutation(len(score)) % 2
    answer = np.empty(len(score))
    for mine in (0, 1):
        learn, told = half != mine, half == mine
        cells = _ranked(inputs, target, learn)
        answer[told] = _fit(cells[learn], target[learn], cells[told])
    return answer


def _ranked(inputs: Inputs, target: Floats, learn: Counts) -> Counts:
    """Levels in the order of their mean target in the rows to learn from; levels not seen lie mid-way."""
    cells = inputs.cells.copy()
    middle = float(target[learn].mean())
    for at, ordered in enumerate(inputs.ordered):
        if ordered:
            continue
        seen = cells[learn, at]
        number = np.bincount(seen, minlength=CELLS)
        sums = np.bincount(seen, weights=target[learn], minlength=CELLS)
        means = (sums + RIDGE * middle) / (number + RIDGE)
        cells[:, at] = np.argsort(np.argsort(means, kind="stable"), kind="stable")[cells[:, at]]
    return cells


def _fit(cells: Counts, target: Floats, asked: Counts) -> Floats:
    answer = np.full(len(asked), target.mean())
    rest = target - target.mean()
    for _ in range(TREES):
        questions, leaf = _grown(cells, rest)
        number = np.bincount(leaf, minlength=1 << DEPTH)
        value = RATE * np.bincount(leaf, weights=rest, minlength=1 << DEPTH) / (number + RIDGE)
        rest = rest - value[leaf]
        answer += value[_leaves(asked, questions)]
    return answer


def _grown(cells: Counts, rest: Floats) -> tuple[list[tuple[int, int]], Counts]:
    """Choose the questions that explain most of what is left, one after the other."""
    leaf = np.zeros(len(rest), np.int64)
    questions, weights = [], np.tile(rest, cells.shape[1])
    for _ in range(DEPTH):
        gains = _gains(cells, leaf, weights)
        at, cell = np.unravel_index(int(gains.argmax()), gains.shape)
        questions.append((int(at), int(cell)))
        leaf = 2 * leaf + (cells[:, at] > cell)
    return questions, leaf


def _gains(cells: Counts, leaf: Counts, weights: Floats) -> Floats:
    """Squares explained by a cut of each input after each cell, over all leaves; shape (inputs, CELLS).

    :param weights: what is left of each row, once for every input.
    """
    inputs, leaves = cells.shape[1], int(leaf.max()) + 1
    place = (cells.T + (leaf + leaves * np.arange(inputs)[:, None]) * CELLS).ravel()
    shape, size = (inputs, leaves, CELLS), inputs * leaves * CELLS
    number = np.bincount(place, minlength=size).reshape(shape).cumsum(axis=2)
    sums = np.bincount(place, weights=weights, minlength=size).reshape(shape).cumsum(axis=2)
    all_rows, all_sums = number[:, :, -1:], sums[:, :, -1:]
    explained = sums**2 / (number + RIDGE) + (all_sums - sums) ** 2 / (all_rows - number + RIDGE)
    gains: Floats = explained.sum(axis=1)
    return gains


def _leaves(cells: Counts, questions: Sequence[tuple[int, int]]) -> Counts:
    leaf = np.zeros(len(cells), np.int64)
    for at, cell in questions:
        leaf = 2 * leaf + (cells[:, at] > cell)
    return leaf

"""The regression signature: two versions' losses on the same rows, by slice and by third of the window."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from amends.measures.arrow import Counts, Floats
from amends.measures.performance import Estimate
from amends.measures.slices import CAUTION, FEWEST, Codes, Condition, mean_of

THIRDS = 3
WHOLE = "all rows"


@dataclass(frozen=True, eq=False, slots=True)
class Paired:
    """Rows with the loss of both versions, the third of the window each is in, and cells to slice by.

    ``half``: 0 or 1; slices are chosen on half 0, and what is said of them is measured on half 1.
    """

    before: Floats
    now: Floats
    third: Counts
    half: Counts
    conditions: tuple[Condition, ...]
    codes: Codes


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the table: mean losses and mean of their difference; None where under FEWEST rows are."""

    slice: str
    third: int | None
    rows: int
    before: float | None
    now: float | None
    rise: Estimate | None


def worst_slices(rows: Paired, least: float, most: int) -> list[tuple[int, int]]:
    """Slices in which the loss surely rose most: column and code, worst first, chosen on half 0.

    Of one column at most one is named. Where the loss did not rise by CAUTION standard errors, none is.
    """
    found: list[tuple[float, int, int]] = []
    mine = rows.half == 0
    rise = (rows.now - rows.before)[mine]
    for column, codes in enumerate(rows.codes[:, mine]):
        ranked = []
        for code in range(len(rows.conditions[column].words)):
            inside = rise[codes == code]
            if len(inside) >= max(least, FEWEST):
                risen = mean_of(inside)
                ranked.append((risen.value - CAUTION * risen.error, column, code))
        found += sorted(ranked, reverse=True)[:1]
    return [(column, code) for sure, column, code in sorted(found, reverse=True)[:most] if sure > 0]


def signature(rows: Paired, slices: Sequence[tuple[int, int]]) -> list[Cell]:
    """The table: all rows, then each slice on half 1; each in the whole window and in its thirds."""
    cells = _line(rows, WHOLE, np.ones(len(rows.now), bool))
    for column, code in slices:
        condition = rows.conditions[column]
        inside = (rows.codes[column] == code) & (rows.half == 1)
        cells += _line(rows, f"{condition.column} {condition.words[code]}", inside)
    return cells


def _line(rows: Paired, name: str, inside: npt.NDArray[np.bool_]) -> list[Cell]:
    thirds = [inside & (rows.third == third) for third in range(THIRDS)]
    return [_cell(rows, name, None, inside), *(_cell(rows, name, i, one) for i, one in enumerate(thirds))]


def _cell(rows: Paired, name: str, third: int | None, inside: npt.NDArray[np.bool_]) -> Cell:
    n = int(inside.sum())
    if n < FEWEST:
        return Cell(name, third, 0, None, None, None)
    before, now = rows.before[inside], rows.now[inside]
    return Cell(name, third, n, float(before.mean()), float(now.mean()), mean_of(now - before))

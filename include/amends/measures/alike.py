"""Example rows that name nobody: each stands for at least so many rows that look alike.

A column is shown as a level or as a range of numbers, and only as long as enough rows share all that is shown
(k-anonymity; Sweeney 2002, "k-anonymity: a model for protecting privacy"). The rest is left out.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from amends.measures.arrow import Counts, Floats, level_codes
from amends.measures.cutting import cut_at, edges_of
from amends.measures.leaks import mask_levels

QUARTERS = 4
MASKED = "missing"
DIGITS = 2
"""Significant digits of a range's ends, so that no row's own number is one."""


@dataclass(frozen=True, eq=False, slots=True)
class Shown:
    """A column as it may be shown: code of each row, and what each code is called; None: it is not shown."""

    column: str
    codes: Counts
    words: tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """What is shown of a row, and how many rows are alike in all of it."""

    shown: tuple[tuple[str, str], ...]
    alike: int


def shown_numbers(column: str, values: Floats) -> Shown:
    """A numeric column by rounded quarters of its rows."""
    known = values[np.isfinite(values)]
    edges = np.unique([float(f"{edge:.{DIGITS}g}") for edge in edges_of(known, QUARTERS)])
    codes = np.where(np.isfinite(values), cut_at(edges, values, "right"), len(edges) + 1)
    texts = [f"{edge:g}" for edge in edges]
    inner = [f"from {low} to under {high}" for low, high in pairwise(texts)]
    ends = [f"under {texts[0]}", *inner, f"at least {texts[-1]}"] if texts else ["any"]
    return Shown(column, codes.astype(np.int64), (*ends, MASKED))


def shown_levels(column: str, levels: pa.DictionaryArray) -> Shown | None:
    """A column of levels; None where one of them has the form of personal data."""
    masked = mask_levels(levels)
    if masked is not levels:
        return None
    return Shown(column, level_codes(levels), (*levels.dictionary.to_pylist(), MASKED))


def examples(columns: Sequence[Shown], picked: Counts, least: int, most: int) -> list[Example]:
    """Describe the first rows picked, each pattern once, as far as at least ``least`` rows are alike in it.

    :param columns: what may be shown, the most telling first.
    :param picked: places of the rows to describe, the most telling first.
    """
    found: dict[tuple[tuple[str, str], ...], Example] = {}
    for place in picked:
        one = _described(columns, int(place), least)
        if one.shown:
            found.setdefault(one.shown, one)
        if len(found) == most:
            break
    return list(found.values())


def _described(columns: Sequence[Shown], place: int, least: int) -> Example:
    shown: list[tuple[str, str]] = []
    alike: npt.NDArray[np.bool_] = np.ones(len(columns[0].codes) if columns else 0, bool)
    for column in columns:
        code = int(column.codes[place])
        word, narrowed = column.words[code], alike & (column.codes == code)
        if word is not None and narrowed.sum() >= least:
            shown.append((column.column, word))
            alike = narrowed
    return Example(tuple(shown), int(alike.sum()))

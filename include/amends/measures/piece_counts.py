"""What is kept of a piece of a window: of one column, of several together, by group."""

from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from amends.measures.arrow import Counts, Floats, as_floats, as_moments, as_texts, ends_of
from amends.measures.calendar import Hours
from amends.measures.counting import Key, added
from amends.measures.identities import Keys, hashed
from amends.measures.leaks import LeakProfile
from amends.measures.pieces import Piece
from amends.measures.profiles import CategoricalProfile
from amends.measures.sample import row_keys


@dataclass(frozen=True, eq=False, kw_only=True)
class Joint:
    """What columns of a piece are needed together, and the rows that the sample takes."""

    nulls: dict[str, pa.BooleanArray]
    leaks: dict[str, LeakProfile]
    hours: Hours
    levels: dict[str, pa.DictionaryArray]
    numbers: dict[str, Floats]
    keys: Keys
    drawn: Counts


@dataclass(frozen=True, eq=False, kw_only=True)
class Column:
    """What is kept of one column of a piece beside what its tally took."""

    nulls: int
    hourly: Counts | None = None
    drawn: Any = None
    levels: CategoricalProfile | None = None


@dataclass(frozen=True, eq=False, kw_only=True)
class Groups:
    """Counts and sums by group, and scores by version."""

    table: dict[Key, int]
    sums: dict[Key, Floats]
    scores: dict[str, Counts]
    positives: Counts

    def plus(self, other: "Groups") -> "Groups":
        """Those of both: of other rows of the same piece."""
        return Groups(
            table=added(self.table, other.table), sums=added(self.sums, other.sums),
            scores=added(self.scores, other.scores), positives=self.positives + other.positives,
        )  # fmt: skip


def numbers_of(piece: Piece, name: str) -> Floats:
    """A column as numbers; NaN where there is none."""
    return np.concatenate([as_floats(part)[0] for part in piece.slices(name)])


def identified(piece: Piece, name: str) -> tuple[pa.BooleanArray, Keys, LeakProfile]:
    """Where there is no id, what the ids hash to, and the personal data in them."""
    nulls, hashes, leaks = list[pa.Array](), list[Keys](), list[LeakProfile]()
    for part in piece.slices(name):
        texts = as_texts(part)
        nulls.append(texts.is_null())
        hashes.append(hashed(texts))
        leaks.append(LeakProfile.of(texts))
    return pa.concat_arrays(nulls), np.concatenate(hashes), reduce(LeakProfile.merge, leaks)


def timed(piece: Piece, name: str) -> tuple[pa.Array, Hours, list[str | None]]:
    """When each row was, its hour, and the first and last time. :raises DataError: they are no times."""
    moments = as_moments(piece.column(name), name)
    ends = ends_of(moments)
    spoken = [end.isoformat() for end in ends] if ends else [None, None]
    return moments, Hours.of(moments), [*spoken]


def keyed(hashes: Keys, moments: pa.Array, score: Floats, rows: slice) -> Keys:
    """What some rows are drawn by: see :func:`amends.measures.sample.row_keys`."""
    return row_keys(hashes[rows], moments[rows], score[rows])


def plain(joint: Joint, empty: pa.BooleanArray | pa.ChunkedArray) -> Column:
    """Nulls of a column of which nothing else is kept: how many, and by hour."""
    nulls = int(pc.sum(empty).as_py() or 0)
    return Column(nulls=nulls, hourly=joint.hours.flagged(np.asarray(empty)) if nulls else None)

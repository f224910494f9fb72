"""Counting rows of one batch: by groups, by score, by level."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from amends.measures.arrow import Counts, Floats, level_codes
from amends.measures.profiles import MAX_LEVELS, CategoricalProfile, pack, pack_counts, unpack, unpack_counts

SCORE_BINS = 65_536
"""Equal bins of the score on [0, 1]: AUC from them is within 1e-4 of AUC from the rows."""
MAX_GROUPS = 64
"""Levels of a sensitive attribute, label or version told apart in one batch; the rest are ``(other)``."""
OTHER = "(other)"
NEGATIVE, POSITIVE, PENDING = 0, 1, 2
"""Rows of a score histogram: label 0, label 1, label not there (or neither)."""

Key: TypeAlias = tuple[str | None, ...]
K = TypeVar("K")


def profile_levels(levels: pa.DictionaryArray) -> CategoricalProfile:
    """Count the levels of a column."""
    names, codes = levels.dictionary.to_pylist(), level_codes(levels)
    counts = np.bincount(codes, minlength=len(names) + 1)
    kept = {name: int(n) for name, n in zip(names[:MAX_LEVELS], counts, strict=False)}
    return CategoricalProfile(kept, int(counts[-1]), int(counts[MAX_LEVELS:-1].sum()))


@dataclass(frozen=True, slots=True)
class Grouped:
    """A column as at most MAX_GROUPS levels, ``(other)`` and null: names, and each row's place in them."""

    names: list[str | None]
    codes: npt.NDArray[np.uint8]

    @classmethod
    def of(cls, column: pa.DictionaryArray) -> "Grouped":
        """Keep the most frequent levels."""
        names, codes = column.dictionary.to_pylist(), level_codes(column)
        if len(names) <= MAX_GROUPS:
            return cls([*names, None], codes.astype(np.uint8))
        by_size = np.argsort(-np.bincount(codes, minlength=len(names))[: len(names)], kind="stable")
        place = np.full(len(names) + 1, MAX_GROUPS, np.uint8)
        place[by_size[:MAX_GROUPS]] = np.arange(MAX_GROUPS)
        place[-1] = MAX_GROUPS + 1
        return cls([*(names[i] for i in by_size[:MAX_GROUPS]), OTHER, None], place[codes])

    def part(self, rows: slice) -> "Grouped":
        """Some rows that follow each other."""
        return Grouped(self.names, self.codes[rows])


@dataclass(frozen=True, slots=True)
class Cells:
    """The groups that rows form by several columns jointly: the keys in use, and each row's place in them."""

    keys: list[Key]
    place: Counts

    def table(self) -> dict[Key, int]:
        """Rows by key."""
        counts = np.bincount(self.place, minlength=len(self.keys))
        return dict(zip(self.keys, counts.tolist(), strict=True))


def cells_of(columns: Sequence[Grouped | None], rows: int) -> Cells:
    """Name the groups that rows form by all columns jointly; an absent column is one null level."""
    place, keys = np.zeros(rows, np.int64), list[Key]([()])
    for column in columns:
        names = column.names if column else [None]
        if column:
            place *= len(names)
            place += column.codes
        used, place = _used(place, len(keys) * len(names))
        keys = [(*keys[spot // len(names)], names[spot % len(names)]) for spot in used.tolist()]
    return Cells(keys, place)


def _used(place: Counts, most: int) -> tuple[Counts, Counts]:
    """The numbers in use of 0 to ``most``, rising, and each row's place in them."""
    if most > len(place) + MAX_GROUPS**2:
        used, place = np.unique(place, return_inverse=True)
        return used, place
    there = np.bincount(place, minlength=most) > 0
    return np.flatnonzero(there), (np.cumsum(there) - 1)[place]


def outcomes(label: pa.DictionaryArray, predicted: pa.DictionaryArray, *, binary: bool) -> Counts:
    """Which row of a score histogram each row counts in.

    Binary: by its label. Of several classes: POSITIVE where the predicted class was right, else NEGATIVE.
    """
    if binary:
        known = {"0": NEGATIVE, "1": POSITIVE}
        lookup = [known.get(level, PENDING) for level in label.dictionary.to_pylist()]
        return np.array([*lookup, PENDING])[level_codes(label)]
    names = {name: i for i, name in enumerate(label.dictionary.to_pylist())}
    places = np.array([*(names.get(name, -2) for name in predicted.dictionary.to_pylist()), -3])
    truth, said = level_codes(label), places[level_codes(predicted)]
    found = np.where(truth == said, POSITIVE, NEGATIVE)
    found[(truth == len(names)) | (said == -3)] = PENDING  # noqa: PLR2004 - no prediction
    return found


def histograms(version: Grouped | None, outcome: Counts, score: Floats) -> dict[str, Counts]:
    """Count scores in [0, 1] by model version, outcome and bin; other scores are left out.

    :param outcome: NEGATIVE, POSITIVE or PENDING by row (see :func:`outcomes`).
    :returns: by version (``""``: none recorded) an array of shape (3, SCORE_BINS).
    """
    names, versions = (version.names, version.codes) if version else ([None], np.zeros(len(score), np.uint8))
    with np.errstate(invalid="ignore"):
        good = (score >= 0) & (score <= 1)
    if not good.all():
        score, outcome, versions = score[good], outcome[good], versions[good]
    cells = (score * SCORE_BINS).astype(np.int64)
    np.minimum(cells, SCORE_BINS - 1, out=cells)
    cells += outcome * SCORE_BINS
    found = {}
    for code in np.flatnonzero(np.bincount(versions)).tolist():
        mine = cells if len(names) == 1 else cells[versions == code]
        found[names[code] or ""] = np.bincount(mine, minlength=3 * SCORE_BINS).reshape(3, SCORE_BINS)
    return found


def proportional(counts: Mapping[str | None, int], n: int) -> list[str | None]:
    """Levels repeated n times in all in proportion to their counts, by largest remainder."""
    levels = [level for level, count in counts.items() if count]
    exact = np.array([counts[level] for level in levels], dtype=float) * (n / sum(counts.values()))
    whole = np.floor(exact).astype(int)
    order = np.argsort(-(exact - whole), kind="stable")
    whole[order[: n - whole.sum()]] += 1
    return [level for level, times in zip(levels, whole, strict=True) for _ in range(times)]


def pack_scores(counts: Counts) -> dict[str, Any]:
    """Write a score histogram as JSON; only bins in use are written."""
    used = np.flatnonzero(counts.any(axis=0))
    return {"bins": pack(used, "<u2"), "counts": pack_counts(counts[:, used])}


def unpack_scores(document: Mapping[str, Any]) -> Any:
    """Read a score histogram that :func:`pack_scores` wrote."""
    used = unpack(document["bins"], "<u2")
    counts = np.zeros((3, SCORE_BINS), np.int64)
    counts[:, used] = unpack_counts(document["counts"]).reshape(3, -1)
    return counts


def added(mine: Mapping[K, Any], theirs: Mapping[K, Any]) -> dict[K, Any]:
    """Add two tables of counts up, key by key."""
    return {**theirs, **{key: n + theirs[key] if key in theirs else n for key, n in mine.items()}}


def folded(scores: Mapping[str, Counts], known: Mapping[str, Counts]) -> dict[str, Counts]:
    """Versions past MAX_GROUPS share one histogram: a column of unique texts must not exhaust memory."""
    few: dict[str, Counts] = {}
    for version, counts in scores.items():
        name = version if version in known or len(known) + len(few) < MAX_GROUPS else OTHER
        few[name] = few[name] + counts if name in few else counts
    return few

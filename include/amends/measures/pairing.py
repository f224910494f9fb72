"""The same rows scored by two versions, side by side."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from amends.domain.spec import ModelSpec
from amends.errors import DataError
from amends.measures.arrow import Counts, Floats, as_floats, as_levels, as_texts

MISSING = "(missing)"
MOST_CLASSES = 2000
"""More are no classes but numbers or ids, and would not fit in memory."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Side:
    """One version's scores and decisions (numbers of classes) on the paired rows."""

    score: Floats
    decision: Counts


@dataclass(frozen=True, eq=False, kw_only=True)
class Paired:
    """Labelled rows that both versions scored, in the order of their ids.

    ``rows``: how many. ``groups``: by attribute, the group number of each row and the groups' names.
    ``given``: rows in the files; ``unscored``: rows that the candidate alone left without a usable score.
    ``kept``: which of the aligned rows these are.
    """

    rows: int
    kept: npt.NDArray[np.bool_]
    groups: Mapping[tuple[str, ...], tuple[Counts, tuple[str, ...]]]
    given: int
    unscored: int


@dataclass(frozen=True, eq=False, kw_only=True)
class PairedRows(Paired):
    """Rows of a classification: labels and decisions are the numbers of their classes.

    In a binary task the score is the probability of class 1, of several classes that of the decision.
    """

    label: Counts
    champion: Side
    candidate: Side
    classes: tuple[str, ...] = ("0", "1")


@dataclass(frozen=True, eq=False, kw_only=True)
class PairedErrors(Paired):
    """Rows of a regression: the label, and how far each version's prediction lies under it."""

    label: Floats
    champion: Floats
    candidate: Floats


def align(spec: ModelSpec, champion: pa.Table, candidate: pa.Table) -> tuple[pa.Table, pa.Table]:
    """Bring both versions' rows into the order of their ids.

    :returns: both with the champion's columns; what the candidate's lacks is taken from the champion's.
    :raises DataError: a column is missing, an id is null or repeated, or the rows are not the same.
    """
    c = spec.columns
    _require("champion", champion, c.all)
    _require("candidate", candidate, (c.id, c.score, c.predicted_label, c.label))
    champion, candidate = _sorted("champion", champion, c.id), _sorted("candidate", candidate, c.id)
    _same_rows(champion.column(c.id), candidate.column(c.id))
    columns = {
        name: (candidate if name in candidate.column_names else champion).column(name)
        for name in champion.column_names
    }
    return champion, pa.table(columns)


def pair_rows(spec: ModelSpec, champion: pa.Table, candidate: pa.Table) -> PairedRows:
    """Put two versions' aligned rows (:func:`align`) side by side.

    :raises DataError: their labels differ, or labels and decisions are not 0 and 1.
    """
    label = _label(spec, champion, candidate)
    ours, theirs = _side(spec, "champion", champion), _side(spec, "candidate", candidate)
    kept = np.isfinite(ours.score) & np.isfinite(theirs.score) & np.isfinite(label)
    return PairedRows(
        label=label[kept].astype(np.int64), champion=_only(ours, kept), candidate=_only(theirs, kept),
        **_shared(spec, champion, ours.score, theirs.score, kept),
    )  # fmt: skip


def pair_classes(spec: ModelSpec, champion: pa.Table, candidate: pa.Table) -> PairedRows:
    """Put two versions' aligned rows side by side where there are more classes than two.

    :raises DataError: their labels differ, or there are more classes than can be compared.
    """
    c = spec.columns
    columns = [table.column(name) for table in (champion, candidate) for name in (c.label, c.predicted_label)]
    texts = [np.array(as_texts(column).to_pylist(), dtype=object) for column in columns]
    classes = tuple(sorted({one for text in texts for one in text if one is not None}))
    if len(classes) > MOST_CLASSES:
        raise DataError(
            f"labels and decisions have {len(classes)} classes, more than {MOST_CLASSES} are not compared. "
            "Set task: regression in the spec, or group them."
        )
    place = {name: number for number, name in enumerate(classes)}
    label, decision, again, other = (
        np.array([place.get(one, -1) for one in text], dtype=np.int64) for text in texts
    )
    _refuse_other_labels(c.label, int(((label != again) & (label >= 0) & (again >= 0)).sum()))
    label = np.where(label >= 0, label, again)
    ours, theirs = (
        Side(score=np.where(said >= 0, _shares(table.column(c.score)), np.nan), decision=said)
        for table, said in ((champion, decision), (candidate, other))
    )
    kept = np.isfinite(ours.score) & np.isfinite(theirs.score) & (label >= 0)
    return PairedRows(
        label=label[kept], champion=_only(ours, kept), candidate=_only(theirs, kept), classes=classes,
        **_shared(spec, champion, ours.score, theirs.score, kept),
    )  # fmt: skip


def pair_errors(spec: ModelSpec, champion: pa.Table, candidate: pa.Table) -> PairedErrors:
    """Put two versions' aligned rows of a regression side by side.

    :raises DataError: their labels differ, or a label is no number.
    """
    c = spec.columns
    ours, theirs = (_numbers(table, c.label) for table in (champion, candidate))
    _refuse_other_labels(c.label, int(((ours != theirs) & np.isfinite(ours) & np.isfinite(theirs)).sum()))
    label = np.where(np.isfinite(ours), ours, theirs)
    before, after = (_numbers(table, c.predicted_label) for table in (champion, candidate))
    kept = np.isfinite(before) & np.isfinite(after) & np.isfinite(label)
    return PairedErrors(
        label=label[kept], champion=label[kept] - before[kept], candidate=label[kept] - after[kept],
        **_shared(spec, champion, before, after, kept),
    )  # fmt: skip


def _shared(
    spec: ModelSpec, table: pa.Table, ours: Floats, theirs: Floats, kept: npt.NDArray[np.bool_]
) -> dict[str, Any]:
    """What every task's rows have."""
    return {
        "rows": int(kept.sum()),
        "kept": kept,
        "groups": _groups(table, spec.columns.sensitive, kept),
        "given": len(kept),
        "unscored": int((np.isfinite(ours) & ~np.isfinite(theirs)).sum()),
    }


def _numbers(table: pa.Table, name: str) -> Floats:
    values, unreadable = as_floats(table.column(name))
    if unreadable:
        raise DataError(f"{unreadable} values in column {name!r} are no numbers. A regression needs numbers.")
    return values


def _shares(column: pa.ChunkedArray) -> Floats:
    """Scores; NaN where they are not in [0, 1]."""
    score, _ = as_floats(column)
    with np.errstate(invalid="ignore"):
        return np.where((score >= 0) & (score <= 1), score, np.nan)


def _require(word: str, table: pa.Table, columns: tuple[str, ...]) -> None:
    repeated = [name for name in columns if table.column_names.count(name) > 1]
    if repeated:
        raise DataError(f"the {word}'s rows have column {repeated[0]!r} twice. Keep it once.")
    missing = [name for name in columns if name not in table.column_names]
    if missing:
        raise DataError(
            f"the {word}'s rows lack column {missing[0]!r}. Add it, or correct columns in the spec."
        )


def _sorted(word: str, table: pa.Table, name: str) -> pa.Table:
    ids = table.column(name).cast(pa.string())
    if ids.null_count:
        raise DataError(f"{ids.null_count} of the {word}'s rows have no {name!r}. Give every row its id.")
    distinct = pc.count_distinct(ids).as_py()
    if distinct < len(ids):
        raise DataError(
            f"{len(ids) - distinct} of the {word}'s {len(ids)} rows repeat an id ({name!r}). "
            "Keep each row once."
        )
    table = table.set_column(table.column_names.index(name), name, ids)
    return table.take(pc.sort_indices(ids))


def _same_rows(champion: pa.ChunkedArray, candidate: pa.ChunkedArray) -> None:
    if champion.equals(candidate):
        return
    lost = len(champion) - pc.sum(pc.is_in(champion, value_set=candidate.combine_chunks())).as_py()
    extra = len(candidate) - pc.sum(pc.is_in(candidate, value_set=champion.combine_chunks())).as_py()
    raise DataError(
        f"champion and candidate did not score the same rows: the candidate lacks {lost} of {len(champion)} "
        f"and has {extra} others. Score one set of rows with both versions."
    )


def _label(spec: ModelSpec, champion: pa.Table, candidate: pa.Table) -> Floats:
    name = spec.columns.label
    ours, theirs = (_binary("label", table.column(name), name) for table in (champion, candidate))
    _refuse_other_labels(name, int(((ours != theirs) & np.isfinite(ours) & np.isfinite(theirs)).sum()))
    return np.where(np.isfinite(ours), ours, theirs)


def _refuse_other_labels(name: str, differ: int) -> None:
    if differ:
        raise DataError(
            f"{differ} rows have another {name!r} in the candidate's file than in the champion's. "
            "Score one set of rows with both versions."
        )


def _side(spec: ModelSpec, word: str, table: pa.Table) -> Side:
    c = spec.columns
    score = _shares(table.column(c.score))
    decision = _binary(f"{word}'s decision", table.column(c.predicted_label), c.predicted_label)
    score = np.where(np.isfinite(decision), score, np.nan)
    return Side(score=score, decision=np.where(np.isfinite(decision), decision, 0).astype(np.int64))


def _binary(what: str, column: pa.ChunkedArray, name: str) -> Floats:
    values, unreadable = as_floats(column)
    known = values[np.isfinite(values)]
    if unreadable or not np.isin(known, (0.0, 1.0)).all():
        raise DataError(f"the {what} in column {name!r} is not always 0, 1 or null. Write 0 and 1.")
    return values


def _only(side: Side, kept: npt.NDArray[np.bool_]) -> Side:
    return Side(score=side.score[kept], decision=side.decision[kept])


def _groups(
    table: pa.Table, attributes: tuple[str, ...], kept: npt.NDArray[np.bool_]
) -> dict[tuple[str, ...], tuple[Counts, tuple[str, ...]]]:
    """Number the groups of each attribute, and of all attributes together where there are several."""
    levels = {name: as_levels(table.column(name)).to_pylist() for name in attributes}
    asked = [(name,) for name in attributes] + ([attributes] if len(attributes) > 1 else [])
    found: dict[tuple[str, ...], tuple[Counts, tuple[str, ...]]] = {}
    for names in asked:
        texts = [" & ".join(row) for row in zip(*(_named(levels[name]) for name in names), strict=True)]
        known, numbers = np.unique(np.array(texts, dtype=object)[kept], return_inverse=True)
        found[names] = (numbers.astype(np.int64), tuple(str(one) for one in known))
    return found


def _named(levels: list[str | None]) -> list[str]:
    return [MISSING if level is None else level for level in levels]

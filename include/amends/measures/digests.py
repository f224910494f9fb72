"""The digest of a window: a mergeable record of counts that stands for its rows from here on."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from amends.domain.canonical import digest_of
from amends.domain.spec import ModelSpec
from amends.errors import DataError
from amends.measures.arrow import Counts, as_floats, as_levels, as_texts, span_of
from amends.measures.counting import (
    OTHER,
    Key,
    added,
    folded,
    histograms,
    pack_scores,
    profile_levels,
    proportional,
    tabulate,
    unpack_scores,
)
from amends.measures.leaks import LeakProfile, mask_levels
from amends.measures.profiles import Axis, CategoricalProfile, NumericProfile

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 2
HEAD_ROWS = 65_536
"""Rows from which the reference's grid is fixed."""

Grid: TypeAlias = Mapping[str, Axis]
"""The axis of each numeric column, fixed by the reference."""


@dataclass(frozen=True, eq=False, kw_only=True)
class WindowDigest:
    """All that is kept of a window's rows.

    ``types``: Arrow type of every column there is. ``nulls``: nulls (NaN included) by column of the spec.
    ``labelled``: rows whose label has arrived.
    ``numeric``: numeric features and score (regression: labels, too). ``categorical``: categorical features,
    sensitive attributes and (classification) label and predicted label.
    Levels with personal data are masked there and in the table. ``leaks``: ids and texts by such patterns.
    ``table``: rows by (version, sensitive attributes..., label, predicted label), named by ``dimensions``.
    ``scores``: by model version (``""``: none), counts by label (0, 1, pending) and score bin.
    """

    model: str
    rows: int
    labelled: int
    start: str | None
    end: str | None
    duplicate_ids: int
    types: Mapping[str, str]
    nulls: Mapping[str, int]
    numeric: Mapping[str, NumericProfile]
    categorical: Mapping[str, CategoricalProfile]
    dimensions: tuple[str, ...]
    table: Mapping[Key, int]
    scores: Mapping[str, Counts]
    leaks: Mapping[str, LeakProfile]

    @property
    def grid(self) -> dict[str, Axis]:
        """The axes that another window must share to be compared with this one."""
        return {name: profile.axis for name, profile in self.numeric.items()}

    @property
    def versions(self) -> dict[str, int]:
        """Rows by model version; ``""`` where none is recorded."""
        found: dict[str, int] = {}
        for key, n in self.table.items():
            found[key[0] or ""] = found.get(key[0] or "", 0) + n
        return found

    @property
    def main_version(self) -> str | None:
        """The version that answered most rows; None where none is recorded."""
        version, _ = max(self.versions.items(), key=lambda pair: (pair[1], pair[0]))
        return version or None

    @cached_property
    def digest(self) -> str:
        """Content digest of the canonical document."""
        return digest_of(self.to_document())

    def contingency(self) -> "pd.DataFrame":
        """Rows counted (``count``) by ``dimensions``: version, sensitive attributes, label, prediction."""
        import pandas as pd  # noqa: PLC0415 - half a second that only some callers need

        keys = sorted(self.table, key=_order)
        frame = pd.DataFrame(keys, columns=list(self.dimensions), dtype=object)
        return frame.assign(count=np.array([self.table[key] for key in keys], dtype=np.int64))

    def representative(self, n: int = 10_000) -> "pd.DataFrame":
        """At most n rows whose every single column is distributed as in the window; not jointly."""
        import pandas as pd  # noqa: PLC0415 - as above

        n = min(n, self.rows)
        columns: dict[str, Any] = {}
        for name, numbers in self.numeric.items():
            filled = round(n * numbers.count / self.rows)
            columns[name] = np.full(n, np.nan)
            if filled:
                columns[name][:filled] = numbers.slices(filled)
        for name, levels in self.categorical.items():
            counts: dict[str | None, int] = {OTHER: levels.overflow, None: levels.nulls}
            counts.update(levels.counts)
            columns[name] = proportional(counts, n)
        return pd.DataFrame(columns)

    def merge(self, other: "WindowDigest") -> "WindowDigest":
        """Digest of both windows' rows. :raises DataError: they are not of one model, spec and grid."""
        shapes = [
            (d.model, d.dimensions, set(d.numeric), set(d.categorical), set(d.leaks)) for d in (self, other)
        ]
        if shapes[0] != shapes[1]:
            raise DataError(
                f"digests of {self.model!r} and {other.model!r} differ in shape. Digest them by one spec."
            )
        return WindowDigest(
            model=self.model, rows=self.rows + other.rows, labelled=self.labelled + other.labelled,
            start=min(filter(None, (self.start, other.start)), default=None),
            end=max(filter(None, (self.end, other.end)), default=None),
            duplicate_ids=self.duplicate_ids + other.duplicate_ids,
            types={**other.types, **self.types}, nulls=added(self.nulls, other.nulls),
            numeric={name: one.merge(other.numeric[name]) for name, one in self.numeric.items()},
            categorical={name: one.merge(other.categorical[name]) for name, one in self.categorical.items()},
            dimensions=self.dimensions, table=added(self.table, other.table),
            scores=added(self.scores, folded(other.scores, self.scores)),
            leaks={name: one.merge(other.leaks[name]) for name, one in self.leaks.items()},
        )  # fmt: skip

    def to_document(self) -> dict[str, Any]:
        """Return the digest as JSON: equal counts give equal bytes."""
        return {
            "schema_version": SCHEMA_VERSION, "model": self.model, "rows": self.rows,
            "labelled": self.labelled, "start": self.start, "end": self.end,
            "duplicate_ids": self.duplicate_ids,
            "types": dict(self.types), "nulls": dict(self.nulls),
            "numeric": {name: profile.document() for name, profile in self.numeric.items()},
            "categorical": {name: profile.document() for name, profile in self.categorical.items()},
            "dimensions": list(self.dimensions),
            "table": [[*key, self.table[key]] for key in sorted(self.table, key=_order)],
            "scores": {version: pack_scores(counts) for version, counts in self.scores.items()},
            "leaks": {name: profile.document() for name, profile in self.leaks.items()},
        }  # fmt: skip

    @classmethod
    def from_document(cls, document: Any) -> "WindowDigest":
        """Rebuild a digest from :meth:`to_document`. :raises DataError: it is none, or of another release."""
        if not isinstance(document, Mapping) or document.get("schema_version") != SCHEMA_VERSION:
            raise DataError(f"not a digest of schema_version {SCHEMA_VERSION}. Write one by `amends digest`.")
        plain = ("model", "rows", "labelled", "start", "end", "duplicate_ids", "types", "nulls")
        number, level = NumericProfile.from_document, CategoricalProfile.from_document
        try:
            return cls(
                **{name: document[name] for name in plain},
                numeric={name: number(one) for name, one in document["numeric"].items()},
                categorical={name: level(one) for name, one in document["categorical"].items()},
                dimensions=tuple(document["dimensions"]),
                table={tuple(row[:-1]): row[-1] for row in document["table"]},
                scores={version: unpack_scores(one) for version, one in document["scores"].items()},
                leaks={name: LeakProfile.from_document(one) for name, one in document["leaks"].items()},
            )
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise DataError(
                f"the digest is damaged ({error!r}). Write it again by `amends digest`."
            ) from error


def digest_batches(
    spec: ModelSpec, batches: Iterable[pa.RecordBatch], grid: Grid | None = None
) -> WindowDigest:
    """Reduce a window's rows to their digest, in one pass and bounded memory.

    :param grid: the reference digest's grid; None for the reference itself, whose first rows then fix it.
        A feature that a later window lacks counts as null there; a reference must have every column.
    :raises DataError: a column is missing, a time is no time, or there are no rows.
    """
    fixing = grid is None
    stream: Iterator[_Read] = (
        _complete(spec, batch, reference=fixing) for batch in batches if batch.num_rows
    )
    if grid is None:
        head, stream = _head(stream)
        grid = {name: Axis.around(as_floats(head.column(name))[0]) for name in numeric_columns(spec)}
    ids: list[pa.Array] = []
    total: WindowDigest | None = None
    for batch, types in stream:
        ids.append(batch.column(spec.columns.id).cast(pa.string()))
        part = _digest(spec, batch, types, grid)
        total = part if total is None else total.merge(part)
    if total is None:
        raise DataError(f"the window of {spec.name!r} has no rows. Give a window that has some.")
    distinct = pc.count_distinct(pa.chunked_array(ids)).as_py()
    return replace(total, duplicate_ids=total.rows - total.nulls[spec.columns.id] - distinct)


def require_comparable(spec: ModelSpec, reference: WindowDigest, current: WindowDigest) -> None:
    """Refuse digests of another spec, or on different grids. :raises DataError: they cannot be compared."""
    for name, one in (("reference", reference), ("window", current)):
        read = (one.model, set(one.grid), set(one.leaks))
        if read != (spec.name, set(numeric_columns(spec)), set(scanned_columns(spec))):
            raise DataError(
                f"the {name}'s digest is of {one.model!r} by another spec. Digest it by this one."
            )
    if reference.grid != current.grid:
        raise DataError(
            "the window's digest has another grid. Digest it like the reference (--like REF.digest)."
        )


def numeric_columns(spec: ModelSpec) -> tuple[str, ...]:
    """Columns that are profiled as numbers."""
    c = spec.columns
    extra = (c.label, c.predicted_label) if spec.task == "regression" else ()
    return tuple(dict.fromkeys((*c.numeric, c.score, *extra)))


def categorical_columns(spec: ModelSpec) -> tuple[str, ...]:
    """Columns that are profiled as levels."""
    c = spec.columns
    extra = () if spec.task == "regression" else (c.label, c.predicted_label)
    return tuple(dict.fromkeys((*c.categorical, *c.sensitive, *extra)))


def scanned_columns(spec: ModelSpec) -> tuple[str, ...]:
    """Columns whose every value is searched for personal data, and of which nothing else is kept."""
    return tuple(dict.fromkeys((spec.columns.id, *spec.columns.text)))


_Read: TypeAlias = tuple[pa.RecordBatch, dict[str, str]]


def _complete(spec: ModelSpec, batch: pa.RecordBatch, *, reference: bool) -> _Read:
    """A batch of the spec's columns in order, and the types that were there before it was completed."""
    c, there = spec.columns, batch.schema.names
    twice = sorted({name for name in there if there.count(name) > 1})
    if twice:
        raise DataError(f"the rows have two columns named {twice[0]!r}. Rename one.")
    needed = c.all if reference else tuple(n for n in c.all if n not in {*c.features, *c.sensitive, *c.text})
    missing = [name for name in needed if name not in there]
    if missing:
        raise DataError(
            f"column {missing[0]!r} of spec {spec.name!r} is missing. Add it to the rows or correct the spec."
        )
    null = pa.nulls(batch.num_rows)
    arrays = [batch.column(name) if name in there else null for name in c.all]
    types = {field.name: str(field.type) for field in batch.schema}
    return pa.record_batch(arrays, names=list(c.all)), types


def _head(stream: Iterator[_Read]) -> tuple[pa.Table, Iterator[_Read]]:
    taken: list[_Read] = []
    while sum(batch.num_rows for batch, _ in taken) < HEAD_ROWS and (read := next(stream, None)) is not None:
        taken.append(read)
    if not taken:
        raise DataError("the reference window has no rows. Give a window that has some.")
    return pa.Table.from_batches([batch for batch, _ in taken]).slice(0, HEAD_ROWS), chain(taken, stream)


def _digest(spec: ModelSpec, batch: pa.RecordBatch, types: dict[str, str], grid: Grid) -> WindowDigest:
    c = spec.columns
    named = {"model_version": c.model_version, **{name: name for name in c.sensitive}}
    if spec.task != "regression":
        named |= {"label": c.label, "predicted_label": c.predicted_label}
    wanted = {*categorical_columns(spec), *filter(None, named.values())}
    levels = {name: as_levels(batch.column(name)) for name in c.all if name in wanted}
    levels |= {name: mask_levels(levels[name]) for name in categorical_columns(spec)}
    read = {name: as_floats(batch.column(name)) for name in numeric_columns(spec)}
    numeric = {name: NumericProfile.of(grid[name], *numbers) for name, numbers in read.items()}
    categorical = {name: profile_levels(levels[name]) for name in categorical_columns(spec)}
    nulls = {name: batch.column(name).null_count for name in c.all}
    nulls |= {name: profile.nulls for name, profile in numeric.items()}
    nulls |= {name: levelled.nulls for name, levelled in categorical.items()}
    version = levels[c.model_version] if c.model_version else None
    span = span_of(batch.column(c.timestamp), c.timestamp) or (None, None)
    start, end = (moment.isoformat() if moment else None for moment in span)
    return WindowDigest(
        model=spec.name, rows=batch.num_rows, labelled=batch.num_rows - nulls[c.label], duplicate_ids=0,
        start=start, end=end, types=types, nulls=nulls, numeric=numeric, categorical=categorical,
        dimensions=tuple(named),
        table=tabulate([levels[name] if name else None for name in named.values()], batch.num_rows),
        scores=histograms(version, levels.get(c.label), read[c.score][0]),
        leaks={name: LeakProfile.of(as_texts(batch.column(name))) for name in scanned_columns(spec)},
    )  # fmt: skip


def _order(key: Key) -> list[tuple[bool, str]]:
    return [(part is not None, part or "") for part in key]

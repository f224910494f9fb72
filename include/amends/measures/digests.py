"""The digest of a window: a mergeable record of counts that stands for its rows from here on."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any, TypeAlias

import numpy as np
import pyarrow as pa

from amends.domain.canonical import digest_of_unmade, made
from amends.domain.spec import ModelSpec
from amends.errors import DataError
from amends.measures.arrow import Counts, Floats
from amends.measures.calendar import Calendar
from amends.measures.counting import (
    OTHER,
    Key,
    added,
    folded,
    pack_scores,
    proportional,
    unpack_scores,
)
from amends.measures.leaks import LeakProfile
from amends.measures.profiles import Axis, CategoricalProfile, NumericProfile, pack, unpack
from amends.measures.sample import Sample

if TYPE_CHECKING:
    import pandas as pd

SCHEMA_VERSION = 3
ERROR = "(error)"
"""Name on the grid of a regression's error: label less prediction."""

Grid: TypeAlias = Mapping[str, Axis]
"""The axis of each numeric column, fixed by the reference."""


@dataclass(frozen=True, eq=False, kw_only=True)
class WindowDigest:
    """All that is kept of a window's rows.

    ``types``: Arrow type of every column there is. ``nulls``: nulls (NaN included) by column of the spec.
    ``labelled``: rows whose label has arrived. ``duplicate_ids``: rows less distinct ids; merging adds them
    up, so that an id that stands in both windows is not seen as repeated.
    ``numeric``: numeric features and score (regression: labels, too). ``categorical``: categorical features,
    sensitive attributes and (classification) label and predicted label.
    Levels with personal data are masked there and in the table. ``leaks``: ids and texts by such patterns.
    ``table``: rows by (version, sensitive attributes..., label, predicted label), named by ``dimensions``.
    ``sums``: by the table's keys, sums of what :mod:`amends.measures.sums` names.
    ``scores``: by model version (``""``: none), counts by outcome (0, 1, pending) and score bin; with several
    classes the outcome is whether the predicted class was right.
    ``errors``: regression: label less prediction of the rows that have both; None in classification.
    ``calendar``: rows, each column's nulls and the positive labels by slot of event time.
    ``sample``: some rows with their columns together, drawn by a hash.
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
    sums: Mapping[Key, Floats]
    scores: Mapping[str, Counts]
    leaks: Mapping[str, LeakProfile]
    errors: NumericProfile | None
    calendar: Calendar
    sample: Sample

    @property
    def grid(self) -> dict[str, Axis]:
        """The axes that another window must share to be compared with this one."""
        errors = {ERROR: self.errors.axis} if self.errors else {}
        return {name: profile.axis for name, profile in self.numeric.items()} | errors

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
        return digest_of_unmade(self._document())

    def contingency(self) -> pa.Table:
        """Rows counted (``count``) by ``dimensions``: version, sensitive attributes, label, prediction."""
        keys = sorted(self.table, key=_order)
        columns = {
            name: pa.array([key[i] for key in keys], pa.string()) for i, name in enumerate(self.dimensions)
        }
        return pa.table({**columns, "count": pa.array([self.table[key] for key in keys], pa.int64())})

    def representative(self, n: int = 10_000) -> "pd.DataFrame":
        """At most n rows whose every single column is distributed as in the window; not jointly."""
        import pandas as pd  # noqa: PLC0415 - half a second that only some callers need

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
            sums=added(self.sums, other.sums),
            scores=added(self.scores, folded(other.scores, self.scores)),
            leaks={name: one.merge(other.leaks[name]) for name, one in self.leaks.items()},
            errors=self.errors.merge(other.errors) if self.errors and other.errors else None,
            calendar=self.calendar.merge(other.calendar), sample=self.sample.merge(other.sample),
        )  # fmt: skip

    def to_document(self) -> dict[str, Any]:
        """Return the digest as JSON: equal counts give equal bytes."""
        document: dict[str, Any] = made(self._document())
        return document

    def _document(self) -> dict[str, Any]:
        """The document with what is large still to be made."""
        return {
            "schema_version": SCHEMA_VERSION, "model": self.model, "rows": self.rows,
            "labelled": self.labelled, "start": self.start, "end": self.end,
            "duplicate_ids": self.duplicate_ids,
            "types": dict(self.types), "nulls": dict(self.nulls),
            "numeric": {name: profile.document for name, profile in self.numeric.items()},
            "categorical": {name: profile.document() for name, profile in self.categorical.items()},
            "dimensions": list(self.dimensions),
            "table": [[*key, self.table[key]] for key in sorted(self.table, key=_order)],
            "sums": [[*key, pack(self.sums[key], "<f8")] for key in sorted(self.sums, key=_order)],
            "scores": {version: partial(pack_scores, counts) for version, counts in self.scores.items()},
            "leaks": {name: profile.document() for name, profile in self.leaks.items()},
            "errors": self.errors.document() if self.errors else None,
            "calendar": self.calendar.document(), "sample": self.sample.document,
        }  # fmt: skip

    @classmethod
    def from_document(cls, document: Any) -> "WindowDigest":
        """Rebuild a digest from :meth:`to_document`. :raises DataError: it is none, or of another release."""
        if not isinstance(document, Mapping) or document.get("schema_version") != SCHEMA_VERSION:
            raise DataError(f"not a digest of schema_version {SCHEMA_VERSION}. Write one by `amends digest`.")
        plain = ("model", "rows", "labelled", "start", "end", "duplicate_ids", "types", "nulls")
        number, level = NumericProfile.from_document, CategoricalProfile.from_document
        try:
            if sum(row[-1] for row in document["table"]) != document["rows"]:
                raise ValueError("its table does not add up to its rows")  # noqa: TRY301 - told as all damage is
            return cls(
                **{name: document[name] for name in plain},
                numeric={name: number(one) for name, one in document["numeric"].items()},
                categorical={name: level(one) for name, one in document["categorical"].items()},
                dimensions=tuple(document["dimensions"]),
                table={tuple(row[:-1]): row[-1] for row in document["table"]},
                sums={tuple(row[:-1]): unpack(row[-1], "<f8") for row in document["sums"]},
                scores={version: unpack_scores(one) for version, one in document["scores"].items()},
                leaks={name: LeakProfile.from_document(one) for name, one in document["leaks"].items()},
                errors=number(document["errors"]) if document["errors"] else None,
                calendar=Calendar.from_document(document["calendar"]),
                sample=Sample.from_document(document["sample"]),
            )
        except (KeyError, TypeError, ValueError, IndexError, AttributeError) as error:
            raise DataError(
                f"the digest is damaged ({error!r}). Write it again by `amends digest`."
            ) from error


def require_comparable(spec: ModelSpec, reference: WindowDigest, current: WindowDigest) -> None:
    """Refuse digests of another spec, or on different grids. :raises DataError: they cannot be compared."""
    for name, one in (("reference", reference), ("window", current)):
        read = (one.model, set(one.numeric), set(one.leaks))
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
    latency = (c.latency,) if c.latency else ()
    return tuple(dict.fromkeys((*c.numeric, c.score, *extra, *latency)))


def categorical_columns(spec: ModelSpec) -> tuple[str, ...]:
    """Columns that are profiled as levels."""
    c = spec.columns
    extra = () if spec.task == "regression" else (c.label, c.predicted_label)
    error = (c.error,) if c.error else ()
    return tuple(dict.fromkeys((*c.categorical, *c.sensitive, *extra, *error)))


def scanned_columns(spec: ModelSpec) -> tuple[str, ...]:
    """Columns whose every value is searched for personal data, and of which nothing else is kept."""
    return tuple(dict.fromkeys((spec.columns.id, *spec.columns.text)))


def _order(key: Key) -> list[tuple[bool, str]]:
    return [(part is not None, part or "") for part in key]

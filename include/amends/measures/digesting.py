"""Reading a window's rows once, in bounded memory, into their digest."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from itertools import chain
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from amends.domain.spec import ModelSpec
from amends.errors import DataError
from amends.measures.arrow import Counts, Floats, as_floats, as_levels, as_moments, as_texts
from amends.measures.calendar import POSITIVES, Calendar
from amends.measures.counting import PENDING, POSITIVE, histograms, outcomes, profile_levels, tabulate
from amends.measures.digests import (
    ERROR,
    Grid,
    WindowDigest,
    categorical_columns,
    numeric_columns,
    scanned_columns,
)
from amends.measures.leaks import LeakProfile, mask_levels
from amends.measures.profiles import Axis, NumericProfile
from amends.measures.sample import KEY, Keys, Sample, row_keys, sample_rows, smallest
from amends.measures.sums import sums_by_group

HEAD_ROWS = 65_536
"""Rows from which the reference's grid is fixed."""


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
        grid = _grid(spec, head)
    ids: list[pa.Array] = []
    total: WindowDigest | None = None
    for batch, types in stream:
        ids.append(batch.column(spec.columns.id).cast(pa.string()))
        part = _digest(spec, batch, types, grid, total.sample.bar if total else 2**64 - 1)
        total = part if total is None else total.merge(part)
    if total is None:
        raise DataError(f"the window of {spec.name!r} has no rows. Give a window that has some.")
    distinct = pc.count_distinct(pa.chunked_array(ids)).as_py()
    return replace(total, duplicate_ids=total.rows - total.nulls[spec.columns.id] - distinct)


Levels: TypeAlias = Mapping[str, pa.DictionaryArray]
_Read: TypeAlias = tuple[pa.RecordBatch, dict[str, str]]


def _complete(spec: ModelSpec, batch: pa.RecordBatch, *, reference: bool) -> _Read:
    """A batch of the spec's columns in order, and the types that were there before it was completed."""
    c, there = spec.columns, batch.schema.names
    twice = sorted({name for name in there if there.count(name) > 1})
    if twice:
        raise DataError(f"the rows have two columns named {twice[0]!r}. Rename one.")
    spared = () if reference else (*c.features, *c.sensitive, *c.text, c.latency, c.error)
    missing = [repr(name) for name in c.all if name not in there and name not in spared]
    if missing:
        named = f"column {missing[0]}" if len(missing) == 1 else f"columns {', '.join(missing)}"
        raise DataError(
            f"{named} of spec {spec.name!r} {'is' if len(missing) == 1 else 'are'} missing. "
            f"Add {'it' if len(missing) == 1 else 'them'} to the rows or correct the spec."
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


def _grid(spec: ModelSpec, head: pa.Table) -> dict[str, Axis]:
    read = {name: as_floats(head.column(name))[0] for name in numeric_columns(spec)}
    if spec.task == "regression":
        read[ERROR] = read[spec.columns.label] - read[spec.columns.predicted_label]
    return {name: Axis.around(numbers) for name, numbers in read.items()}


def _digest(
    spec: ModelSpec, batch: pa.RecordBatch, types: dict[str, str], grid: Grid, bar: int
) -> WindowDigest:
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
    moments = as_moments(batch.column(c.timestamp), c.timestamp)
    ends = pc.min_max(moments)
    start, end = (ends[name].as_py().isoformat() if ends[name].is_valid else None for name in ("min", "max"))
    numbers = {name: one[0] for name, one in read.items()}
    keys = row_keys(as_texts(batch.column(c.id)), moments, numbers[c.score])
    flags = _flags(batch, nulls, numbers, levels)
    columns = [levels[name] if name else None for name in named.values()]
    outcome = _outcome(spec, batch.num_rows, levels)
    error = read[c.label][0] - read[c.predicted_label][0] if spec.task == "regression" else None
    return WindowDigest(
        model=spec.name, rows=batch.num_rows, labelled=batch.num_rows - nulls[c.label], duplicate_ids=0,
        start=start, end=end, types=types, nulls=nulls, numeric=numeric, categorical=categorical,
        dimensions=tuple(named),
        table=tabulate(columns, batch.num_rows),
        sums=sums_by_group(columns, _terms(read[c.score][0], error)),
        scores=histograms(levels[c.model_version] if c.model_version else None, outcome, read[c.score][0]),
        leaks={name: LeakProfile.of(as_texts(batch.column(name))) for name in scanned_columns(spec)},
        errors=None if error is None else NumericProfile.of(grid[ERROR], error[np.isfinite(error)]),
        calendar=Calendar.of(moments, flags | {POSITIVES: outcome == POSITIVE}),
        sample=_sample(spec, keys, numbers, levels, bar),
    )  # fmt: skip


def _outcome(spec: ModelSpec, rows: int, levels: Levels) -> Counts:
    c = spec.columns
    if spec.task == "regression":
        return np.full(rows, PENDING)
    binary = spec.task == "binary_classification"
    return outcomes(levels[c.label], levels[c.predicted_label], binary=binary)


def _terms(score: Floats, error: Floats | None) -> Floats:
    """What is summed by group (see :mod:`amends.measures.sums`)."""
    if error is None:
        return np.vstack([score, np.square(score)])
    return np.vstack([error, np.square(error), np.abs(error)])


def _flags(
    batch: pa.RecordBatch, nulls: Mapping[str, int], read: Mapping[str, Floats], levels: Levels
) -> dict[str, Any]:
    """Rows by column in which it is null, as the calendar counts them; None where it never is."""
    flags: dict[str, Any] = {}
    for name in batch.schema.names:
        flags[name] = None
        if nulls[name]:
            column = levels.get(name, batch.column(name))
            empty = np.isnan(read[name]) if name in read else column.is_null()
            flags[name] = np.asarray(empty)
    return flags


def _sample(spec: ModelSpec, keys: Keys, read: Mapping[str, Floats], levels: Levels, bar: int) -> Sample:
    """The batch's part of the window's sample: rows whose key is under the bar."""
    size = sample_rows(len(spec.columns.all))
    low = np.flatnonzero(keys < np.uint64(bar))
    if len(low) > size:
        low = low[np.argsort(keys[low], kind="stable")[:size]]
    columns: dict[str, Any] = {KEY: keys[low]}
    for name in spec.columns.all:
        if name in read:
            columns[name] = read[name][low]
        elif name in levels:
            columns[name] = levels[name].take(pa.array(low)).cast(pa.string())
    return Sample(size, smallest(pa.table(columns), size))

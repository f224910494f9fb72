"""Rows of the prediction log for the few steps that need rows: training, and scoring two versions alike."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from amends.domain.promotion import ModelVersion
from amends.domain.spec import ModelSpec
from amends.domain.window import Window
from amends.errors import DataError
from amends.measures.arrow import as_moments
from amends.measures.digesting import digest_batches
from amends.measures.label_arrival import complete_rows_of
from amends.measures.scoring import rescored

if TYPE_CHECKING:
    from amends.ports import ModelRegistry, WindowSource


def labelled_rows(
    source: "WindowSource", spec: ModelSpec, window: Window | None, *, without: Sequence[Window] = ()
) -> pa.Table:
    """Rows whose label has arrived, oldest first, each id once.

    :param without: windows whose rows are left out, such as those with bad data.
    :raises DataError: there are none.
    """
    rows = _read(source, spec, window)
    if rows is not None:
        rows = rows.filter(pc.is_valid(rows.column(spec.columns.label)))
        for left_out in without:
            rows = rows.filter(pc.invert(_inside(spec, rows, left_out)))
    if rows is None or not rows.num_rows:
        raise _none_labelled(spec, window)
    return _ordered(spec, rows)


def complete_rows(
    source: "WindowSource", spec: ModelSpec, window: Window, *, without: Sequence[Window] = ()
) -> tuple[pa.Table, datetime]:
    """Labelled rows to learn from, as :func:`labelled_rows`, and the moment up to which labels are complete.

    The newest rows are left out where labels are still arriving
    (:func:`~amends.measures.label_arrival.complete_rows_of`); the moment is the window's end where none are.

    :raises DataError: there are none.
    """
    read = _read(source, spec, window)
    if read is None:
        raise _none_labelled(spec, window)
    rows = _ordered(spec, read)
    for left_out in without:
        rows = rows.filter(pc.invert(_inside(spec, rows, left_out)))
    known = pc.is_valid(rows.column(spec.columns.label))
    complete = complete_rows_of(known.to_numpy().astype(bool))
    labelled = rows.slice(0, complete).filter(known.slice(0, complete))
    if not labelled.num_rows:
        raise _none_labelled(spec, window)
    if complete == rows.num_rows:
        return labelled, window.end
    moments = as_moments(rows.column(spec.columns.timestamp), spec.columns.timestamp)
    return labelled, moments[complete].as_py().astimezone(UTC)


def window_rows(source: "WindowSource", spec: ModelSpec, window: Window) -> pa.Table:
    """Rows of a window, labelled or not, oldest first, each id once.

    :raises DataError: there are none.
    """
    rows = _read(source, spec, window)
    if rows is None:
        span = f"{window.start:%Y-%m-%d} to {window.end:%Y-%m-%d}"
        raise DataError(f"model {spec.name!r} has no rows in {span}. Choose a window that has.")
    return _ordered(spec, rows)


def spread_rows(source: "WindowSource", spec: ModelSpec, window: Window, *, of: int, most: int) -> pa.Table:
    """Rows of a window at equal steps, labelled or not, in the source's order; in bounded memory.

    :param of: how many rows the window has; ``most``: how many to keep.
    :raises DataError: there are none.
    """
    step, at, kept = max(-(-of // most), 1), 0, []
    for batch in source.batches(spec, window):
        places = np.arange(-at % step, batch.num_rows, step)
        kept.append(batch.take(pa.array(places)))
        at += batch.num_rows
    if not at:
        raise DataError(f"model {spec.name!r} has no rows in the window. Choose one that has.")
    return pa.Table.from_batches(kept).combine_chunks()


def _none_labelled(spec: ModelSpec, window: Window | None) -> DataError:
    span = f"{window.start:%Y-%m-%d} to {window.end:%Y-%m-%d}" if window else "its whole log"
    return DataError(f"model {spec.name!r} has no labelled rows in {span}. Wait for labels, or widen it.")


def _read(source: "WindowSource", spec: ModelSpec, window: Window | None) -> pa.Table | None:
    batches = [batch for batch in source.batches(spec, window) if batch.num_rows]
    return pa.Table.from_batches(batches).combine_chunks() if batches else None


def _ordered(spec: ModelSpec, rows: pa.Table) -> pa.Table:
    moments = as_moments(rows.column(spec.columns.timestamp), spec.columns.timestamp)
    order = pc.sort_indices(
        pa.table({"at": moments, "id": rows.column(spec.columns.id)}),
        sort_keys=[("at", "ascending"), ("id", "ascending")],
    )
    return _each_once(rows.take(order), spec.columns.id)


def score_both(
    registry: "ModelRegistry",
    spec: ModelSpec,
    rows: pa.Table,
    champion: ModelVersion,
    candidate: ModelVersion,
    *,
    apart: bool = False,
) -> tuple[pa.Table, pa.Table]:
    """Return the same rows as scored by the champion, and as scored by the candidate.

    :param apart: score in the registry's sandbox: one of the two is suspect.
    :raises ArtefactError: an artefact is missing, altered or does not load.
    """
    load = registry.apart if apart else registry.load
    first, second = (rescored(spec, rows, one.version, load(one)) for one in (champion, candidate))
    return first, second


def rows_digest(spec: ModelSpec, rows: pa.Table) -> str:
    """Content digest of rows: that of their window digest."""
    return digest_batches(spec, rows.to_batches()).digest


def _inside(spec: ModelSpec, rows: pa.Table, window: Window) -> pa.Array:
    moments = as_moments(rows.column(spec.columns.timestamp), spec.columns.timestamp)
    start, end = (pa.scalar(one, moments.type) for one in (window.start, window.end))
    return pc.and_(pc.greater_equal(moments, start), pc.less(moments, end))


def _each_once(rows: pa.Table, column: str) -> pa.Table:
    ids = rows.column(column).cast(pa.string()).to_numpy(zero_copy_only=False).astype(str)
    _, first = np.unique(ids, return_index=True)
    return rows.take(pa.array(np.sort(first)))

"""Look at frozen rows: since when a column is not what it was, where a version lost, which rows show it."""

from collections.abc import Collection, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from amends.domain.canonical import strict
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.policy import Policy
from amends.domain.promotion import ModelVersion
from amends.domain.spec import ModelSpec
from amends.domain.window import Window
from amends.errors import DataError
from amends.measures.alike import Shown, examples, shown_levels, shown_numbers
from amends.measures.arrow import Counts, Floats, as_floats, as_levels, as_moments
from amends.measures.leaks import mask_levels
from amends.measures.localise import Cells, Course, Fault, locate
from amends.measures.localise import level_cells as levels_in_time
from amends.measures.localise import numeric_cells as numbers_in_time
from amends.measures.sample import Sample
from amends.measures.signature import THIRDS, Cell, Paired, signature, worst_slices
from amends.measures.slices import FEWEST, level_cells, numeric_cells
from amends.ports import ModelRegistry
from amends.workflow.counterfactuals import some_rows
from amends.workflow.rows import score_both

MOST_FAULTS = 5
MOST_SLICES = 3
MOST_EXAMPLES = 5
MOST_SHOWN = 20
"""Features that an example may show: nobody reads more, and each costs memory for all rows."""
MOST_ROWS = 10_000
"""Labelled rows that both versions score: a slice of a twentieth has 250 in each half."""
CLIP = 0.001
"""As for worst slices: one row adds at most 6.9 nats."""
LOSSES = {"binary_classification": "log_loss", "regression": "absolute_error"}


@dataclass(frozen=True, eq=False, slots=True)
class Marked:
    """A located fault, and the places of the rows that show it."""

    fault: Fault
    rows: Counts

    def document(self) -> dict[str, Any]:
        """Return the fault as JSON."""
        found: dict[str, Any] = strict(asdict(self.fault))
        return {**found, "start": self.fault.start.isoformat(), "end": self.fault.end.isoformat()}

    def finding(self, least: float) -> Finding:
        """The fault as a finding."""
        one = self.fault
        until = "on" if one.goes_on else f"to {one.end:%Y-%m-%d %H:%M}"
        return Finding(
            category=Category.DATA_QUALITY, metric="fault_located", column=one.column, verdict=Verdict.BREACH,
            value=one.changed, threshold=least, n=one.rows,
            reason=f"from {one.start:%Y-%m-%d %H:%M} {until}, {one.changed:.1%} of {one.rows} rows changed",
        )  # fmt: skip


def locate_faults(
    spec: ModelSpec, rows: pa.Table, reference: Sample, least: float, named: Collection[str]
) -> list[Marked]:
    """Find from when to when inputs of which findings speak are not what they were, the surest first.

    Only these: any calendar column, and much that follows one, differs from the reference in some stretch.

    :param least: share of a stretch's rows that has to have changed.
    """
    moments = as_moments(rows.column(spec.columns.timestamp), spec.columns.timestamp)
    course = Course.of(moments)
    known = set(named) & set(reference.rows.column_names)
    columns = [name for name in spec.columns.features if name in known]
    found = []
    for name in columns:
        cells = _cells(spec, name, reference, rows.column(name))
        fault = locate(name, cells, course, least, looks=len(columns))
        if fault is not None:
            found.append(Marked(fault, _showing(cells, course, fault)))
    found.sort(key=lambda one: (-one.fault.evidence, one.fault.column))
    return found[:MOST_FAULTS]


def _cells(spec: ModelSpec, name: str, reference: Sample, column: pa.ChunkedArray) -> Cells:
    if name in spec.columns.numeric:
        return numbers_in_time(reference.numbers(name), as_floats(column)[0])
    before = reference.rows.column(name).combine_chunks()
    return levels_in_time(before, mask_levels(as_levels(column)).cast(pa.string()))


def _showing(cells: Cells, course: Course, fault: Fault) -> Counts:
    """Rows of the stretch that are in the cell which took most."""
    first, last = (int(one.timestamp()) // course.width for one in (fault.start, fault.end))
    slots = course.slots[course.place]
    inside = (slots >= first) & (slots < last)
    if fault.gained in cells.words:
        inside &= cells.now == cells.words.index(fault.gained)
    return np.flatnonzero(inside)


@dataclass(frozen=True, eq=False, slots=True)
class Signed:
    """The regression signature, and the labelled rows whose loss rose most in the worst slice."""

    loss: str
    cells: tuple[Cell, ...]
    columns: tuple[str, ...]
    table: pa.Table
    rows: Counts

    def document(self) -> dict[str, Any]:
        """Return the table as JSON."""
        found: dict[str, Any] = strict({"loss": self.loss, "cells": [asdict(one) for one in self.cells]})
        return found

    def findings(self, confidence: float) -> list[Finding]:
        """The whole window's cells as findings: all rows, then each slice."""
        return [_judged(one, self.loss, confidence) for one in self.cells if one.third is None and one.rise]


def _judged(cell: Cell, loss: str, confidence: float) -> Finding:
    low, high = cell.rise.interval(confidence) if cell.rise else (0.0, 0.0)
    worse = Verdict.BREACH if low > 0 else Verdict.PASS if high <= 0 else Verdict.INCONCLUSIVE
    return Finding(
        category=Category.PERFORMANCE, metric=f"regression_{loss}", verdict=worse, value=cell.now,
        reference_value=cell.before, n=cell.rows, groups=(cell.slice,),
        reason=f"{cell.slice}: {cell.now:.3f} against {cell.before:.3f} of the version before, same rows",
    )  # fmt: skip


def sign(
    registry: ModelRegistry, spec: ModelSpec, policy: Policy, rows: pa.Table,
    *, window: Window, versions: tuple[ModelVersion, ModelVersion],
) -> Signed:  # fmt: skip
    """Score labelled rows with the version before and the failing one; say in which slices and when it lost.

    :param versions: the one before, and the failing one.
    :raises DataError: no label has arrived, or the task has no loss by row.
    :raises ArtefactError: a version does not score the rows.
    """
    if spec.task not in LOSSES:
        raise DataError(f"two versions of a model for {spec.task} are not compared row by row. Use the gate.")
    known = pc.is_valid(rows.column(spec.columns.label))
    rows = some_rows(rows.filter(known), MOST_ROWS)
    if rows.num_rows < FEWEST:
        raise DataError(f"{rows.num_rows} rows of the window have a label: too few to compare versions on.")
    losses = [_losses(spec, one) for one in score_both(registry, spec, rows, *versions, apart=True)]
    usable = np.isfinite(losses[0]) & np.isfinite(losses[1])
    rows = rows.filter(pa.array(usable))
    paired = _paired(spec, rows, window, losses[0][usable], losses[1][usable])
    least = max(policy.limit("slices.min_rows"), policy.limit("slices.min_share") * rows.num_rows / 2)
    slices = worst_slices(paired, least, MOST_SLICES)
    inside = paired.codes[slices[0][0]] == slices[0][1] if slices else np.zeros(rows.num_rows, bool)
    rise = np.where(inside, paired.now - paired.before, -np.inf)
    worst = np.argsort(-rise, kind="stable")[: int(inside.sum())]
    columns = tuple(paired.conditions[column].column for column, _ in slices)
    return Signed(LOSSES[spec.task], tuple(signature(paired, slices)), columns, rows, worst)


def _losses(spec: ModelSpec, rows: pa.Table) -> Floats:
    label, score = (as_floats(rows.column(name))[0] for name in (spec.columns.label, spec.columns.score))
    if spec.task == "regression":
        return np.abs(label - score)
    clipped = np.clip(score, CLIP, 1 - CLIP)
    loss: Floats = np.select([label == 1, label == 0], [-np.log(clipped), -np.log1p(-clipped)], np.nan)
    return loss


def _paired(spec: ModelSpec, rows: pa.Table, window: Window, before: Floats, now: Floats) -> Paired:
    moments = as_moments(rows.column(spec.columns.timestamp), spec.columns.timestamp)
    seconds = moments.cast(pa.int64()).to_numpy(zero_copy_only=False) / 1e6
    since = (seconds - window.start.timestamp()) / (window.end - window.start).total_seconds()
    cells = []
    for name in dict.fromkeys((*spec.columns.features, *spec.columns.sensitive)):
        if name in spec.columns.numeric:
            cells.append(numeric_cells(name, as_floats(rows.column(name))[0], np.zeros(0)))
        else:
            levels = mask_levels(as_levels(rows.column(name))).cast(pa.string())
            cells.append(level_cells(name, pa.chunked_array([levels]), pa.chunked_array([], pa.string())))
    n = rows.num_rows
    return Paired(
        before, now, np.clip((since * THIRDS).astype(np.int64), 0, THIRDS - 1), np.arange(n) % 2,
        tuple(condition for condition, _ in cells),
        np.vstack([codes for _, codes in cells]) if cells else np.zeros((0, n), np.int32),
    )  # fmt: skip


def example_rows(
    spec: ModelSpec, rows: pa.Table, picked: Counts, first: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Describe a handful of rows without id, time, text, personal data or sensitive attribute.

    What is described stands for at least FEWEST of the rows (:mod:`amends.measures.alike`).

    :param first: columns to show before others.
    """
    names = [one for one in spec.columns.features if one not in spec.columns.sensitive]
    names = sorted(names, key=lambda name: name not in first)[:MOST_SHOWN]
    columns = [_shown(spec, name, rows.column(name)) for name in names]
    safe = [one for one in columns if one is not None]
    return [
        {"features": dict(one.shown), "rows_alike": one.alike}
        for one in examples(safe, picked, FEWEST, MOST_EXAMPLES)
    ]


def _shown(spec: ModelSpec, name: str, column: pa.ChunkedArray) -> Shown | None:
    if name in spec.columns.numeric:
        return shown_numbers(name, as_floats(column)[0])
    return shown_levels(name, as_levels(column))

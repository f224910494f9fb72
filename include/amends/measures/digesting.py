"""Reading a window's rows once, in bounded memory, into their digest.

A column is decoded, counted and let go before the next one; two threads share the columns of a piece of the
window. Each tally is added to by one thread at a time and in the order of the rows, so that the digest does
not depend on how the threads ran.
"""

import os
import sys
import threading
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial, reduce
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa

from amends.domain.spec import ModelSpec
from amends.errors import DataError
from amends.measures.arrow import Floats, as_floats, as_levels, as_texts
from amends.measures.calendar import POSITIVES, Calendar
from amends.measures.counting import (
    PENDING,
    POSITIVE,
    Grouped,
    cells_of,
    histograms,
    outcomes,
    profile_levels,
)
from amends.measures.digests import (
    ERROR,
    Grid,
    WindowDigest,
    categorical_columns,
    numeric_columns,
    scanned_columns,
)
from amends.measures.identities import IdTally, present
from amends.measures.leaks import LeakProfile, mask_levels
from amends.measures.piece_counts import Column, Groups, Joint, identified, keyed, numbers_of, plain, timed
from amends.measures.pieces import Piece, Rows, pieces
from amends.measures.profiles import SLICE, NumericTally, bounded
from amends.measures.sample import KEY, Sample, SampleTally
from amends.measures.sums import sums_by_group

THREADS = 2
MANNERS = 5
"""How nice its threads are: they get a quarter of what another process gets that wants the same processor."""
FEW_ROWS = 10_000
"""A piece of fewer rows is not worth a second thread."""

Job: TypeAlias = Callable[[], Any]
Run: TypeAlias = Callable[[list[Job]], list[Any]]


def digest_batches(spec: ModelSpec, batches: Iterable[Rows], grid: Grid | None = None) -> WindowDigest:
    """Reduce a window's rows to their digest, in one pass and bounded memory.

    :param batches: the rows in order, in record batches or whatever gives columns like one.
    :param grid: the reference digest's grid; None for the reference itself, whose first rows then fix it.
        A feature that a later window lacks counts as null there; a reference must have every column.
    :raises DataError: a column is missing, a time is no time, or there are no rows.
    """
    reading = _Reading(spec, grid)
    with ThreadPoolExecutor(THREADS, initializer=_give_way) as pool:

        def shared(jobs: list[Job]) -> list[Any]:
            return list(pool.map(_call, jobs))

        for piece in pieces(spec, batches, reference=grid is None):
            many = piece.rows >= FEW_ROWS
            reading.add(piece, shared if many else _in_turn)
    return reading.digest()


def _give_way() -> None:
    """Let a thread yield to what is started beside the reading, and is waited for."""
    if sys.platform == "linux":  # where a thread has a priority of its own
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), MANNERS)


def _call(job: Job) -> Any:
    return job()


def _in_turn(jobs: list[Job]) -> list[Any]:
    return [job() for job in jobs]


class _Reading:
    """The tallies of a window while its rows are read."""

    def __init__(self, spec: ModelSpec, grid: Grid | None) -> None:
        c = spec.columns
        self._spec, self._regression = spec, spec.task == "regression"
        self._named = {"model_version": c.model_version, **{name: name for name in c.sensitive}}
        if not self._regression:
            self._named |= {"label": c.label, "predicted_label": c.predicted_label}
        self._categorical = frozenset(categorical_columns(spec))
        self._scanned = scanned_columns(spec)
        numeric = (*numeric_columns(spec), *([ERROR] if self._regression else ()))
        self._numeric = {name: NumericTally(grid[name] if grid else None) for name in numeric}
        self._sample, self._ids = SampleTally(len(c.all)), IdTally()
        self._total: WindowDigest | None = None

    def add(self, piece: Piece, run: Run) -> None:
        """Count a piece of the window."""
        c = self._spec.columns
        joint, ends = self._joint(piece, run)
        scanned, early = [*self._scanned], [name for name in c.all if name in joint.levels]
        jobs: list[Job] = [partial(self._leaks, piece, joint, name) for name in scanned]
        rest = run([*jobs, *self._columns(piece, joint, early)])
        leaks = dict(zip(scanned, rest, strict=False))
        found: dict[str, Column] = dict(zip(early, rest[len(scanned) :], strict=True))
        late = [name for name in c.all if name not in found]
        groups, *rest = run([partial(self._groups, joint, piece.rows), *self._columns(piece, joint, late)])
        found |= zip(late, rest, strict=True)
        read = {name: found[name] for name in c.all}
        drawn = {name: one.drawn for name, one in read.items() if one.drawn is not None}
        self._sample.add(pa.table({KEY: joint.keys, **drawn}))
        flagged = {name: one.hourly for name, one in read.items()} | {POSITIVES: groups.positives}
        part = WindowDigest(
            model=self._spec.name, rows=piece.rows, labelled=piece.rows - read[c.label].nulls,
            start=ends[0], end=ends[1], duplicate_ids=0, types=piece.types,
            nulls={name: one.nulls for name, one in read.items()}, numeric={},
            categorical={name: one.levels for name, one in read.items() if one.levels},
            dimensions=tuple(self._named), table=groups.table, sums=groups.sums, scores=groups.scores,
            leaks=leaks, errors=None, calendar=Calendar.of(joint.hours, flagged), sample=Sample.none(),
        )  # fmt: skip
        self._total = part if self._total is None else self._total.merge(part)

    def digest(self) -> WindowDigest:
        """Return the digest of all pieces. :raises DataError: there were none."""
        if self._total is None:
            raise DataError(f"the window of {self._spec.name!r} has no rows. Give a window that has some.")
        numeric = {name: tally.profile() for name, tally in self._numeric.items()}
        return replace(
            self._total, numeric=numeric, errors=numeric.pop(ERROR, None),
            duplicate_ids=self._ids.repeats(), sample=self._sample.sample(),
        )  # fmt: skip

    def _joint(self, piece: Piece, run: Run) -> tuple[Joint, list[str | None]]:
        c = self._spec.columns
        named = [name for name in self._named.values() if name]
        numeric = [c.score, *((c.label, c.predicted_label) if self._regression else ())]
        jobs: list[Job] = [partial(identified, piece, c.id), partial(timed, piece, c.timestamp)]
        jobs += [partial(self._levels, piece, name) for name in named]
        jobs += [partial(numbers_of, piece, name) for name in numeric]
        (unnamed, hashes, leaks), (moments, hours, ends), *rest = run(jobs)
        numbers = dict(zip(numeric, rest[len(named) :], strict=True))
        self._ids.add(present(hashes, unnamed))
        parts = [slice(at, at + SLICE) for at in range(0, piece.rows, SLICE)]
        keys = np.concatenate(
            run([partial(keyed, hashes, moments, numbers[c.score], part) for part in parts])
        )
        drawn = self._sample.drawn(keys)
        joint = Joint(
            nulls={c.id: unnamed, c.timestamp: moments.is_null()}, leaks={c.id: leaks}, hours=hours,
            levels=dict(zip(named, rest, strict=False)), numbers=numbers, keys=keys[drawn], drawn=drawn,
        )  # fmt: skip
        return joint, ends

    def _levels(self, piece: Piece, name: str) -> pa.DictionaryArray:
        levels = as_levels(piece.column(name))
        return mask_levels(levels) if name in self._categorical else levels

    def _leaks(self, piece: Piece, joint: Joint, name: str) -> LeakProfile:
        return joint.leaks.get(name) or LeakProfile.of(as_texts(piece.column(name)))

    def _groups(self, joint: Joint, rows: int) -> Groups:
        groups = {name: Grouped.of(levels) for name, levels in joint.levels.items()}
        parts = (slice(at, at + SLICE) for at in range(0, rows, SLICE))
        found = reduce(Groups.plus, (self._grouped(joint, groups, part) for part in parts))
        joint.levels.clear()  # what was read jointly is needed no more
        joint.numbers.clear()
        return found

    def _grouped(self, joint: Joint, groups: dict[str, Grouped], rows: slice) -> Groups:
        c = self._spec.columns
        score, hours = joint.numbers[c.score][rows], joint.hours.part(rows)
        few = [groups[name].part(rows) if name else None for name in self._named.values()]
        cells = cells_of(few, len(score))
        if self._regression:
            with np.errstate(invalid="ignore", over="ignore"):  # an infinite error counts as none
                error = joint.numbers[c.label][rows] - joint.numbers[c.predicted_label][rows]
            self._numeric[ERROR].add(error[np.isfinite(error)])
            error = bounded(error)
            outcome, terms = np.full(len(error), PENDING), [error, np.square(error), np.abs(error)]
        else:
            binary = self._spec.task == "binary_classification"
            pair = [joint.levels[name].slice(rows.start, len(score)) for name in (c.label, c.predicted_label)]
            outcome = outcomes(*pair, binary=binary)
            summed = bounded(score)
            terms = [summed, np.square(summed)]
        version = groups[c.model_version].part(rows) if c.model_version else None
        return Groups(
            table=cells.table(), sums=sums_by_group(cells, terms),
            scores=histograms(version, outcome, score), positives=hours.flagged(outcome == POSITIVE),
        )  # fmt: skip

    def _columns(self, piece: Piece, joint: Joint, names: list[str]) -> list[Job]:
        return [partial(self._column, piece, joint, name) for name in names]

    def _column(self, piece: Piece, joint: Joint, name: str) -> Column:
        """Count one column; the sample keeps one that is read as numbers and as levels as numbers."""
        if name not in self._numeric:
            if name in self._categorical or name in joint.levels:
                return self._as_levels(piece, joint, name)
            return plain(joint, joint.nulls[name] if name in joint.nulls else piece.column(name).is_null())
        found = self._as_numbers(piece, joint, name)
        if name in self._categorical:
            levelled = self._as_levels(piece, joint, name)
            found = replace(found, nulls=levelled.nulls, levels=levelled.levels)
        return found

    def _as_numbers(self, piece: Piece, joint: Joint, name: str) -> Column:
        nulls, at, hourly, drawn = 0, 0, None, list[Floats]()
        for part in piece.slices(name):
            numbers, unreadable = as_floats(part)
            rows = slice(at, at + len(numbers))
            missing = self._numeric[name].add(numbers, unreadable)
            if missing:
                empty = joint.hours.part(rows).flagged(
                    np.asarray(part.is_null()) if unreadable else np.isnan(numbers)
                )
                nulls, hourly = nulls + missing, empty if hourly is None else hourly + empty
            low, high = np.searchsorted(joint.drawn, (rows.start, rows.stop))
            drawn.append(numbers[joint.drawn[low:high] - at])
            at = rows.stop
        return Column(nulls=nulls, hourly=hourly, drawn=np.concatenate(drawn))

    def _as_levels(self, piece: Piece, joint: Joint, name: str) -> Column:
        levels = joint.levels[name] if name in joint.levels else self._levels(piece, name)
        drawn = levels.take(pa.array(joint.drawn)).cast(pa.string())
        profile = profile_levels(levels) if name in self._categorical else None
        return replace(plain(joint, levels.is_null()), drawn=drawn, levels=profile)

"""Digests add up: in whatever parts and order the rows of a window arrive, they give one digest."""

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from amends.domain.canonical import digest_of
from amends.domain.spec import ModelSpec, spec_from_document
from amends.measures.digesting import digest_batches
from amends.measures.digests import WindowDigest
from amends.measures.sample import KEY, MOST_CELLS, SampleTally
from hypothesis import given, settings
from hypothesis import strategies as st
from prediction_logs import counts, log
from samples import MINIMAL

TASKS = ("binary_classification", "multiclass_classification", "regression")
SPECS = {task: spec_from_document({**MINIMAL, "task": task}, "spec.yaml") for task in TASKS}


def parts(spec: ModelSpec, batch: pa.RecordBatch, cuts: list[int], like: WindowDigest) -> list[WindowDigest]:
    """Digests of the pieces between the cuts."""
    edges = sorted({0, *cuts, batch.num_rows})
    return [digest_batches(spec, [batch.slice(a, b - a)], like.grid) for a, b in pairwise(edges)]


def sums(digest: WindowDigest) -> list[float]:
    """What is added in floating point."""
    profiles = [*digest.numeric.values(), *filter(None, [digest.errors])]
    moments = [number for one in profiles for number in (one.shift, one.square, one.sums.sum())]
    return moments + [float(n) for key in sorted(digest.sums, key=str) for n in digest.sums[key]]


@pytest.mark.parametrize("task", TASKS)
@given(cuts=st.lists(st.integers(1, 399), max_size=4), order=st.randoms(use_true_random=False))
@settings(max_examples=15, deadline=None)
def test_any_parts_in_any_order_give_the_whole(task: str, cuts: list[int], order: Any) -> None:
    """Counts, levels, calendar and sample are equal to the bit; sums to 1e-9 of their size."""
    spec, batch = SPECS[task], log(task, 400, 1)
    whole = digest_batches(spec, [batch])
    pieces = parts(spec, batch, cuts, whole)
    order.shuffle(pieces)
    while len(pieces) > 1:
        spot = order.randrange(len(pieces) - 1)
        pieces[spot : spot + 2] = [pieces[spot].merge(pieces[spot + 1])]
    assert counts(pieces[0]) == counts(whole)
    assert sums(pieces[0]) == pytest.approx(sums(whole), rel=1e-9)


@pytest.mark.parametrize("task", TASKS)
def test_a_digest_survives_being_written(task: str) -> None:
    """What is read back is what was written, to the last bit."""
    digest = digest_batches(SPECS[task], [log(task, 300, 2)])
    assert WindowDigest.from_document(digest.to_document()).to_document() == digest.to_document()
    assert digest.digest == digest_of(json.loads(json.dumps(digest.to_document())))


def test_a_long_window_keeps_a_sample_of_fixed_size() -> None:
    """However many rows, the sample and the calendar stay as small; every row had the same chance."""
    spec, batch = SPECS["binary_classification"], log("binary_classification", 60_000, 3)
    digest = digest_batches(spec, [batch])
    assert digest.sample.rows.num_rows == 20_000
    ages = digest.sample.numbers("age")
    assert np.nanmean(ages) == pytest.approx(np.nanmean(batch.column("age").to_numpy()), abs=0.5)
    assert len(digest.calendar.slots) <= 512
    assert digest.calendar.series("(rows)").sum() == 60_000


@given(
    keys=st.lists(st.integers(0, 60), min_size=1, max_size=80), cuts=st.lists(st.integers(1, 79), max_size=6)
)
@settings(max_examples=200, deadline=None)
def test_a_sample_has_the_smallest_keys_of_all_parts(keys: list[int], cuts: list[int]) -> None:
    """Rows that are left out early are none that the sample would hold; of equal keys the first ones are."""
    columns = MOST_CELLS // 5
    tally, edges = SampleTally(columns), sorted({0, *cuts, len(keys)})
    for a, b in pairwise(edges):
        part = np.array(keys[a:b], np.uint64)
        rows = tally.drawn(part)
        tally.add(pa.table({KEY: part[rows], "row": rows + a}))
    first = sorted(range(len(keys)), key=lambda row: (keys[row], row))[:5]
    assert tally.sample().rows.column("row").to_pylist() == first

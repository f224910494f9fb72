"""The digest pass: the same rows give the same digest, however they are stored, cut and shared by threads."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from amends.adapters import parquet
from amends.adapters.parquet import ParquetWindows
from amends.domain.spec import spec_from_document
from amends.domain.window import Window
from amends.measures import digesting
from amends.measures.arrow import as_levels
from amends.measures.digesting import digest_batches
from amends.measures.identities import IdTally, hashed
from amends.measures.leaks import _FORMS
from amends.measures.personal import personal_data
from amends.workflow.digest import digest_window
from hypothesis import given, settings
from hypothesis import strategies as st
from prediction_logs import counts, log
from samples import MINIMAL

SPEC = spec_from_document(MINIMAL, "spec.yaml")


def stored(folder: Path, rows: int, **options: Any) -> Path:
    """A log as a Parquet file."""
    path = folder / "log.parquet"
    pq.write_table(pa.Table.from_batches([log(SPEC.task, rows, 5)]), path, **options)
    return path


def test_twenty_readings_on_threads_give_one_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whichever thread is faster, the bytes of the digest are the same."""
    monkeypatch.setattr(digesting, "FEW_ROWS", 1)
    source = ParquetWindows(stored(tmp_path, 8_000, row_group_size=1_000))
    monkeypatch.setattr(parquet, "LEAST_ROWS", 1_000)
    assert len({digest_window(SPEC, source, None).digest for _ in range(20)}) == 1


@pytest.mark.parametrize("group", [700, 3_000, 9_000])
@pytest.mark.parametrize("most", [2_000, 1 << 20])
def test_row_groups_of_any_size_give_the_rows_digest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, group: int, most: int
) -> None:
    """Small row groups are put together and large ones cut; what is counted is what the rows hold."""
    monkeypatch.setattr(parquet, "LEAST_ROWS", 1_500)
    monkeypatch.setattr(parquet, "PART_ROWS", most)
    found = digest_window(SPEC, ParquetWindows(stored(tmp_path, 9_000, row_group_size=group)), None)
    assert counts(found) == counts(digest_batches(SPEC, [log(SPEC.task, 9_000, 5)]))


def test_a_window_of_a_file_is_its_rows(tmp_path: Path) -> None:
    """Rows outside a window are left out, whichever way the file is read."""
    path, batch = stored(tmp_path, 5_000), log(SPEC.task, 5_000, 5)
    moments = batch.column("timestamp").to_pylist()
    window = Window("log", sorted(moments)[1_000], sorted(moments)[4_000])
    kept = [i for i, moment in enumerate(moments) if window.start <= moment < window.end]
    found = digest_window(SPEC, ParquetWindows(path), window)
    assert found.rows == len(kept)
    assert counts(found) == counts(digest_batches(SPEC, [batch.take(pa.array(kept))]))


@given(ids=st.lists(st.text(max_size=20), max_size=60))
@settings(max_examples=100, deadline=None)
def test_equal_ids_and_no_others_share_a_hash(ids: list[str]) -> None:
    """Repeats are counted as a set counts them."""
    tally = IdTally()
    tally.add(hashed(pa.array(ids, pa.string())))
    assert tally.repeats() == len(ids) - len(set(ids))


def test_long_ids_differ_in_their_last_letter() -> None:
    """Every byte counts, of short ids and of long ones, and so does the length."""
    ids = [f"{'x' * n}{end}" for n in (0, 7, 8, 9, 255, 256, 257, 3_000) for end in ("a", "b", "a\0", "")]
    assert len(np.unique(hashed(pa.array(ids)))) == len(ids)
    assert hashed(pa.array(ids).slice(5)).tolist() == hashed(pa.array(ids)).tolist()[5:]


def test_more_ids_than_are_kept_are_counted_from_a_share() -> None:
    """Of 200 000 ids of which 50 000 come twice, a sixteenth tells the number to a few per cent."""
    ids = pa.array([str(i) for i in [*range(200_000), *range(50_000)]])
    tally = IdTally(most=20_000)
    for start in range(0, len(ids), 30_000):
        tally.add(hashed(ids.slice(start, 30_000)))
    assert tally.repeats() == pytest.approx(50_000, rel=0.1)


@given(
    text=st.lists(
        st.sampled_from(
            ["ann@mail.org", "4111111111111111", "GB82 WEST 1234 5698 7654 32", "078-05-1120", "8.8.8.118",
             "+44 20 7946 0958", "(415) 555-2671", "call 030 1234567", "x", " ", ".", ",", "-", "é", "1", "@"]
        ),
        max_size=6,
    )
)  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_no_personal_data_is_lost_by_the_quick_look(text: list[str]) -> None:
    """Whatever the search one by one finds in a text, the quick look at the column lets through."""
    said = "".join(text)
    if personal_data(said):
        assert pa.compute.match_substring_regex(pa.array([said]), _FORMS)[0].as_py()


def coded(codes: list[int | None], levels: list[str | None]) -> pa.DictionaryArray:
    return pa.DictionaryArray.from_arrays(pa.array(codes, pa.int8()), pa.array(levels))


@pytest.mark.parametrize(
    ("column", "levels"),
    [
        (pa.array([1, None, 1, 2], pa.int8()), {"1": 2, "2": 1}),
        (pa.array([1.0, float("nan"), 2.5, None]), {"1": 1, "2.5": 1}),
        (pa.array([True, False, None, True]), {"1": 2, "0": 1}),
        (coded([0, 1, None, 2], ["a", "b", "a"]), {"a": 2, "b": 1}),
        (coded([1, 1], ["unused", "b"]), {"b": 2}),
        (coded([0, 1], ["a", None]), {"a": 1}),
        (pa.chunked_array([["a", "b"], ["b", None]]), {"a": 1, "b": 2}),
    ],
)  # fmt: skip
def test_levels_are_read_from_any_type(column: Any, levels: dict[str, int]) -> None:
    """Numbers, booleans, dictionaries with repeats and unused entries: the same texts, each once."""
    found = as_levels(column)
    assert Counter(found.to_pylist()) - Counter({None: 9}) == Counter(levels)
    assert sorted(found.dictionary.to_pylist()) == sorted(levels)

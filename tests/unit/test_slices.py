"""The worst slice is found, named and judged on rows that did not choose it; chance alone names none."""

import time
from typing import Any

import numpy as np
import pandas as pd
import pytest
from amends.adapters.files import load_policy
from amends.domain.findings import Finding, Verdict
from amends.measures.clustering import Fate, fate_of
from amends.measures.slices import MISSING, Rows, level_cells, mean_of, numeric_cells, worst_slice
from amends.workflow.judge_slices import judge_slices
from predictions import BINARY, REGRESSION, SEVERAL, TASKS, digest, predictions, spec_of
from scipy import stats

POLICY = load_policy()


def spoilt(task: str, frame: pd.DataFrame, where: Any) -> pd.DataFrame:
    """The same rows, whose labels in one part have nothing to do with the inputs any more."""
    draw = np.random.default_rng(99)
    label = frame["label"].to_numpy().copy()
    label[where] = draw.permutation(frame["label"].to_numpy())[where]
    return frame.assign(label=label if task == SEVERAL else label.astype(float))


def judged(task: str, window: pd.DataFrame, *, rows: int = 8000, features: int = 3) -> Finding:
    """The finding on the worst slice of a window against a healthy reference."""
    spec = spec_of(task, features)
    reference = digest(spec, predictions(task, 1, rows, features))
    return judge_slices(spec, POLICY, reference, digest(spec, window, reference))


@pytest.mark.parametrize("task", TASKS)
def test_a_level_whose_labels_became_chance_is_named(task: str) -> None:
    """One channel of three went wrong: the finding is about it, in a column and in words."""
    healthy = predictions(task, 2, 8000)
    found = judged(task, spoilt(task, healthy, healthy["channel"] == "phone"))
    assert found.verdict is Verdict.BREACH
    assert "channel" in (found.column if isinstance(found.column, tuple) else (found.column,))
    assert "channel = phone" in found.reason
    assert found.groups == ()


def test_a_fault_where_two_conditions_meet_is_named_by_both() -> None:
    """Only women in the lowest quarter of x1 are judged wrong: neither condition alone says it."""
    healthy = predictions(BINARY, 2, 16_000)
    low = healthy["x1"] < healthy["x1"].quantile(0.25)
    found = judged(BINARY, spoilt(BINARY, healthy, low & (healthy["sex"] == "f")), rows=16_000)
    assert found.verdict is Verdict.BREACH
    assert found.column == ("x1", "sex")
    assert "x1 under -0.6" in found.reason  # the lower quartile of a standard normal is -0.674
    assert "sex = f" in found.reason


def test_the_rise_is_that_of_the_slices_rows() -> None:
    """By hand: the loss of one level rises from 0.2 to 0.7 in both halves, of all else it stays."""
    level = np.tile(["a", "b", "c", "d"], 1000)
    now = np.repeat([0, 1], 2000)
    half = np.tile(np.repeat([0, 1], 4), 500)
    loss = np.where((level == "c") & (now == 1), 0.7, 0.2)
    condition, codes = cells_of(level[:2000], level[2000:])
    found = worst_slice(Rows((condition,), codes[None, :], loss, now, half), 100, 0.05)
    assert found is not None
    assert found.where == (("level", "= c"),)
    assert found.rise.value == pytest.approx(0.5)
    assert found.sizes == (250, 250)


def cells_of(before: Any, after: Any) -> Any:
    """Cells of a column of levels."""
    import pyarrow as pa

    return level_cells("level", *(pa.chunked_array([pa.array(one)]) for one in (before, after)))


def test_numbers_are_cut_at_the_references_quartiles() -> None:
    """Of 1 to 8 the lower quartiles are 2, 4 and 6; a missing number has a cell of its own."""
    condition, codes = numeric_cells("n", np.arange(1.0, 9.0), np.array([1.9, 2.0, 5.0, 99.0, np.nan]))
    said = [condition.words[code] for code in codes[8:]]
    assert said == ["under 2", "from 2 to under 4", "from 4 to under 6", "at least 6", MISSING]


def test_a_level_that_is_new_or_missing_has_its_own_cell() -> None:
    """Cells follow the alphabet, so that the order of rows does not matter."""
    condition, codes = cells_of(["b", None], ["c", "a", "b"])
    assert condition.words == ("= a", "= b", "= c", MISSING)
    assert codes.tolist() == [1, 3, 2, 0, 1]


def test_the_error_of_a_mean_loss_is_scipys() -> None:
    """And one row alone is infinitely unsure."""
    loss = np.random.default_rng(3).gamma(1, 1, 50)
    assert mean_of(loss).error == pytest.approx(stats.sem(loss))
    assert mean_of(loss[:1]).error == np.inf


def test_small_slices_are_never_shown() -> None:
    """A level of ten rows that is all wrong is not named, whatever the policy asks for."""
    policy = POLICY.overridden({"limits": {"slices.min_rows": 1, "slices.min_share": 0}}, "test")
    spec, healthy = spec_of(), predictions(BINARY, 2, 3000)
    window = healthy.assign(channel=healthy["channel"].where(healthy.index >= 10, "kiosk"))
    window = window.assign(label=window["label"].where(window.index >= 10, 1 - window["predicted"]))
    before = predictions(BINARY, 1, 3000)
    before = before.assign(channel=before["channel"].where(before.index >= 10, "kiosk"))
    reference = digest(spec, before)
    found = judge_slices(spec, policy, reference, digest(spec, window, reference))
    assert "kiosk" not in found.reason
    assert (found.n or 0) >= 11


def test_a_window_too_small_to_slice_has_no_data() -> None:
    """150 rows leave no slice of a hundred in each half."""
    found = judged(BINARY, predictions(BINARY, 2, 150), rows=150)
    assert found.verdict is Verdict.NO_DATA
    assert "100 labelled rows" in found.reason


@pytest.mark.parametrize("features", [2, 30])
def test_chance_names_no_slice(features: int) -> None:
    """30 healthy windows of 2 000 rows, in which hundreds of slices are looked at: no breach at all."""
    spec = spec_of(BINARY, features)
    reference = digest(spec, predictions(BINARY, 1, 2000, features))
    windows = (predictions(BINARY, seed, 2000, features) for seed in range(100, 130))
    verdicts = [
        judge_slices(spec, POLICY, reference, digest(spec, window, reference)).verdict for window in windows
    ]
    assert Verdict.BREACH not in verdicts
    assert Verdict.PASS in verdicts


@pytest.mark.parametrize("seed", range(10))
def test_a_large_loss_in_a_fifth_of_the_rows_is_found(seed: int) -> None:
    """At 4 000 rows a channel whose outcomes became chance is a breach, each of ten times."""
    healthy = predictions(BINARY, 200 + seed, 4000)
    found = judged(BINARY, spoilt(BINARY, healthy, healthy["channel"] == "phone"), rows=4000)
    assert found.verdict is Verdict.BREACH


def test_the_rows_of_one_day_are_few_independent_ones() -> None:
    """Outcomes that days share widen the interval by the root of the design effect; shuffled days don't."""
    draw = np.random.default_rng(3)
    frame = predictions(BINARY, 2, 8000).assign(at=pd.date_range("2026-01-01", periods=8000, freq="5min"))
    day = (np.arange(8000) // 288).astype(int)
    stormy = draw.random(28)[day]
    spec = spec_of(BINARY)
    stormed = frame.assign(label=(draw.random(8000) < stormy).astype(float))
    fates = [
        fate_of(digest(spec, one).calendar, spec.columns.label)
        for one in (stormed, stormed.assign(label=draw.permutation(stormed["label"])))
    ]
    wanted = np.var(stormy) / (np.mean(stormy) * (1 - np.mean(stormy)))
    assert fates[0].shared == pytest.approx(wanted, rel=0.1)
    assert fates[0].days == 28
    assert fates[1].shared < 0.005
    assert fates[0].inflation(2800) == pytest.approx(np.sqrt(1 + 99 * fates[0].shared))
    assert fates[0].inflation(10) == 1.0


def test_a_few_bad_days_are_no_bad_slice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Five days of 28 that went wrong for everybody: counted as independent rows, they would be a slice's."""
    spec, minutes = spec_of(BINARY), pd.date_range("2026-01-01", periods=8000, freq="5min")
    healthy, now = (predictions(BINARY, seed, 8000).assign(at=minutes) for seed in (1, 2))
    bad = np.isin(np.arange(8000) // 288, [3, 4, 11, 19, 23])
    reference = digest(spec, healthy)
    window = digest(spec, now.assign(label=now["label"].mask(bad, 1.0)), reference)
    assert judge_slices(spec, POLICY, reference, window).verdict is Verdict.INCONCLUSIVE
    monkeypatch.setattr(Fate, "inflation", lambda *_: 1.0)
    assert judge_slices(spec, POLICY, reference, window).verdict is Verdict.BREACH


def test_a_thousand_columns_take_bounded_time() -> None:
    """Wide windows keep fewer rows, and the search reads a bounded number of cells."""
    spec = spec_of(REGRESSION, 1000)
    reference = digest(spec, predictions(REGRESSION, 1, 2000, 1000))
    window = digest(spec, predictions(REGRESSION, 2, 2000, 1000), reference)
    began = time.process_time()
    judge_slices(spec, POLICY, reference, window)
    assert time.process_time() - began < 10

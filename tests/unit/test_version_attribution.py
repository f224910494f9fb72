"""Registered versions are asked, by permutation, what they lean on."""

import math
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.window import Window
from amends.errors import DataError
from amends.measures.digesting import digest_batches
from amends.measures.permutation import reliance
from amends.workflow.digest import digest_window
from amends.workflow.judge_attribution import judge_versions_attribution
from attributing import NAMES, POLICY, WEIGHTS, inputs, log, spec_with_versions
from fake_registry import FakeRegistry
from fake_source import FakeSource


def test_a_linear_versions_reliance_is_its_squared_weights() -> None:
    """Of independent inputs of one spread the total effect of each is its share of the variance (Jansen)."""
    rows = inputs(1, 20_000)
    said = reliance(lambda frame: frame[list(NAMES)] @ np.array(WEIGHTS), rows, NAMES)
    assert said.shape == (20_000, 4)
    squares = np.square(WEIGHTS)
    assert said.mean(axis=0) == pytest.approx(squares / squares.sum(), abs=0.02)


@pytest.mark.parametrize("said", [math.nan, 0.5])
def test_a_version_without_a_ranking_is_refused(said: float) -> None:
    """Scores that are no numbers, or all alike, say nothing of inputs."""
    with pytest.raises(DataError, match=r"the version gives"):
        reliance(lambda frame: pd.Series(said, index=frame.index), inputs(1, 50), NAMES)


class Linear:
    """A fitted estimator with these weights."""

    def __init__(self, *weights: float) -> None:
        self.weights, self.feature_names_in_ = np.array(weights), np.array(NAMES)

    def predict(self, rows: pd.DataFrame) -> Any:
        """Return a number in (0, 1) by row."""
        return 1 / (1 + np.exp(-rows[list(NAMES)].to_numpy() @ self.weights))


def asked(*versions: Linear, known: int | None = None) -> list[Finding]:
    """Ask two versions, each of which answered a window whose first two inputs are nearly the same."""
    model, registry = spec_with_versions(), FakeRegistry()
    for number, one in enumerate(versions[:known]):
        registry.register("m", one, key=str(number), tags={}, example=pd.DataFrame(), metrics={})
    start, windows, frames = datetime(2026, 1, 1, tzinfo=UTC), [], []
    for number, one in enumerate(versions):
        x = inputs(number + 1)
        x["x1"] = x["x0"] + 0.05 * x["x1"]
        at = start + number * timedelta(days=10)
        frame = log(x).assign(score=one.predict(x), version=str(number + 1))
        frames.append(frame.assign(at=pd.Timestamp(at) + pd.to_timedelta(np.arange(len(x)), unit="min")))
        windows.append(Window("m", at, at + timedelta(days=9)))
    source = FakeSource(pd.concat(frames))
    services: Any = SimpleNamespace(registry=registry, source=source, policy=POLICY)
    before = digest_window(model, source, windows[0])
    now = digest_window(model, source, windows[1], before)
    return judge_versions_attribution(services, model, (windows[0], before), (windows[1], now))


def test_twins_that_replaced_each_other_show_when_the_versions_are_asked() -> None:
    """The logged scores hardly change; the versions say what they lean on."""
    (found,) = asked(Linear(2, 0, 0.7, 0), Linear(0, 2, 0.7, 0))
    assert (found.category, found.metric) == (Category.ATTRIBUTION_SHIFT, "version_attribution_ndcg")
    assert found.verdict is Verdict.BREACH
    assert set(found.column or ()) >= {"x0", "x1"}
    assert found.interval is not None
    assert (
        found.interval[0] <= float(found.value or 0) <= found.interval[1] < POLICY.limit("attribution.ndcg")
    )


def test_a_version_that_leans_on_the_same_inputs_passes() -> None:
    """Other weights of the same order are no shift."""
    (found,) = asked(Linear(2, 0, 0.7, 0), Linear(2.2, 0, 0.6, 0))
    assert found.verdict is Verdict.PASS


def test_a_version_that_is_not_registered_is_no_data() -> None:
    """Nobody can be asked: the reason says who, and nothing is made up."""
    (found,) = asked(Linear(2, 0, 0.7, 0), Linear(0, 2, 0.7, 0), known=1)
    assert found.verdict is Verdict.NO_DATA
    assert "version 2 was not asked" in found.reason


def test_the_same_version_is_not_asked_again() -> None:
    """What moved then are the inputs, and drift speaks of these."""
    model, registry = spec_with_versions(), FakeRegistry()
    services: Any = SimpleNamespace(registry=registry, source=None, policy=POLICY)
    frame = log(inputs(1)).assign(version="1")
    one = digest_batches(model, [pa.RecordBatch.from_pandas(frame, preserve_index=False)])
    window = Window("m", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 9, tzinfo=UTC))
    assert judge_versions_attribution(services, model, (window, one), (window, one)) == []

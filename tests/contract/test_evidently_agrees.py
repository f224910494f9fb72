"""Evidently on a digest's representative rows says what Evidently says on all rows."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from amends.domain.spec import ModelSpec, spec_from_document
from amends.measures.digesting import digest_batches
from amends.measures.digests import WindowDigest
from amends.measures.drift import shift_of

ROWS = 40_000
POINTS = 10_000
TOLERANCE = {"wasserstein": 0.005, "jensenshannon": 0.005, "psi": 0.005}
"""Largest difference of a statistic; Evidently's own thresholds are 0.1. It comes of the slices' means
(1 / POINTS of the rows each) and of rounding to whole rows."""


def spec() -> ModelSpec:
    """Columns of the shapes that real ones have."""
    document = {
        "schema_version": 1, "name": "m", "task": "binary_classification", "importance": "high",
        "owner": "o", "columns": {
            "id": "id", "timestamp": "at", "score": "score", "predicted_label": "predicted",
            "label": "label", "numeric": ["normal", "tail", "zeros", "count"],
            "categorical": ["few", "many"], "sensitive": [],
        },
    }  # fmt: skip
    return spec_from_document(document, "m.yaml")


def rows(seed: int, moved: float) -> pd.DataFrame:
    """A window; ``moved`` shifts every column."""
    draw = np.random.default_rng(seed)
    score = draw.beta(2, 4 - moved, ROWS)
    return pd.DataFrame(
        {
            "id": [f"{seed}-{i}" for i in range(ROWS)],
            "at": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(ROWS), unit="s"),
            "normal": draw.normal(moved, 1, ROWS),
            "tail": draw.lognormal(moved, 1, ROWS),
            "zeros": np.where(draw.random(ROWS) < 0.7 - moved / 2, 0.0, draw.exponential(1 + moved, ROWS)),
            "count": draw.poisson(3 + moved, ROWS).astype(float),
            "few": np.array(["a", "b", "c"])[np.searchsorted([0.5 - moved / 3, 0.8], draw.random(ROWS))],
            "many": [f"z{i}" for i in draw.binomial(60, 0.5 + moved / 20, ROWS)],
            "score": score, "predicted": (score >= 0.5).astype(int),
            "label": (draw.random(ROWS) < score).astype(float),
        }
    )  # fmt: skip


def digests(frames: list[pd.DataFrame]) -> list[WindowDigest]:
    """Digests of two windows on one grid."""
    batches = [[pa.RecordBatch.from_pandas(one, preserve_index=False)] for one in frames]
    reference = digest_batches(spec(), batches[0])
    return [reference, digest_batches(spec(), batches[1], reference.grid)]


def evidently(method: str, columns: list[str], frames: list[pd.DataFrame]) -> dict[str, float]:
    """Evidently's own statistic of each column."""
    from evidently import DataDefinition, Dataset, Report
    from evidently.metrics import ValueDrift

    numeric = [name for name in columns if frames[0][name].dtype.kind == "f"]
    definition = DataDefinition(
        numerical_columns=numeric, categorical_columns=[name for name in columns if name not in numeric]
    )
    data = [Dataset.from_pandas(one[columns], data_definition=definition) for one in frames]
    report = Report([ValueDrift(column=name, method=method) for name in columns])
    found: dict[str, Any] = report.run(data[1], data[0]).dict()
    return {name: float(one["value"]) for name, one in zip(columns, found["metrics"], strict=True)}


METHODS = {
    "wasserstein": ["normal", "tail", "zeros", "count", "score"],
    "jensenshannon": ["few", "many"],
    "psi": ["normal", "few", "many", "score"],
}


@pytest.mark.parametrize("moved", [0.0, 0.3])
@pytest.mark.parametrize("method", METHODS)
def test_a_statistic_on_the_digest_is_the_one_on_the_rows(method: str, moved: float) -> None:
    """Both by Evidently: once on 40 000 rows, once on the 10 000 that stand for them."""
    frames = [rows(1, 0.0), rows(2, moved)]
    few = [one.representative(POINTS) for one in digests(frames)]
    expected = evidently(method, METHODS[method], frames)
    found = evidently(method, METHODS[method], few)
    for name, value in expected.items():
        assert found[name] == pytest.approx(value, abs=TOLERANCE[method]), name
        assert (found[name] > 0.1) == (value > 0.1), name


def test_the_stability_index_of_levels_is_evidentlys_less_chance() -> None:
    """Evidently's index of the same levels, without what two windows differ by chance."""
    frames = [rows(1, 0.0), rows(2, 0.3)]
    expected = evidently("psi", ["few"], frames)["few"] - 2 * (1 / ROWS + 1 / ROWS)
    counts = [one["few"].value_counts().sort_index().to_numpy(dtype=float) for one in frames]
    assert shift_of(*counts).psi == pytest.approx(expected, abs=1e-4)

"""A small lending model for tests: rows with a known truth, scored as a test asks."""

from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
from amends.domain.spec import ModelSpec, spec_from_document
from amends.measures.digesting import digest_batches
from amends.measures.digests import Grid, WindowDigest

DOCUMENT: dict[str, Any] = {
    "schema_version": 1,
    "name": "small_lending",
    "task": "binary_classification",
    "importance": "high",
    "owner": "risk",
    "favourable_label": 1,
    "columns": {
        "id": "id",
        "timestamp": "at",
        "score": "score",
        "predicted_label": "decision",
        "label": "label",
        "numeric": ["income", "miles"],
        "categorical": ["region"],
        "sensitive": ["sex"],
    },
}


def lending_spec(**changes: Any) -> ModelSpec:
    """The spec, with other top-level keys or, by ``columns``, other roles."""
    columns = {**DOCUMENT["columns"], **changes.pop("columns", {})}
    return spec_from_document({**DOCUMENT, **changes, "columns": columns}, "lending.yaml")


def applicants(rows: int, seed: int = 1) -> pd.DataFrame:
    """Draw applicants: ``truth`` is the probability of label 1; sex and region have no part in it."""
    draw = np.random.default_rng(seed)
    income = draw.normal(0, 1, rows)
    truth = sigmoid(1.2 * income + 0.8 * draw.normal(0, 1, rows))
    return pd.DataFrame(
        {
            "id": [f"{seed}-{i:06d}" for i in range(rows)],
            "at": pd.date_range("2026-01-01", periods=rows, freq="min"),
            "income": income,
            "miles": draw.gamma(2, 1.5, rows),
            "region": draw.choice(["north", "south", "west"], rows),
            "sex": draw.choice(["f", "m"], rows),
            "label": (draw.random(rows) < truth).astype(int),
            "truth": truth,
            "noise": draw.normal(0, 1, rows),
        }
    )


def scored(people: pd.DataFrame, score: npt.ArrayLike, threshold: float = 0.5) -> pa.Table:
    """Prediction rows: the people with a score, and the decision at the threshold."""
    bounded = np.clip(np.asarray(score, dtype=float), 0, 1)
    rows = people.drop(columns=["truth", "noise"], errors="ignore").assign(
        score=bounded, decision=(bounded >= threshold).astype(int)
    )
    return pa.Table.from_pandas(rows, preserve_index=False)


def digested(spec: ModelSpec, table: pa.Table, grid: Grid | None = None) -> WindowDigest:
    """Digest of a table."""
    return digest_batches(spec, table.to_batches(), grid)


def logit(share: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Log odds."""
    p = np.asarray(share, dtype=float)
    return np.asarray(np.log(p / (1 - p)))


def sigmoid(odds: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """Probability of log odds."""
    return np.asarray(1 / (1 + np.exp(-np.asarray(odds, dtype=float))))

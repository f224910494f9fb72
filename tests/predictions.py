"""Windows of predictions with a known truth, for each task."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from amends.domain.spec import ModelSpec, spec_from_document
from amends.measures.arrow import Counts, as_levels
from amends.measures.counting import histograms, outcomes
from amends.measures.digesting import digest_batches
from amends.measures.digests import Grid, WindowDigest

BINARY, SEVERAL, REGRESSION = "binary_classification", "multiclass_classification", "regression"
TASKS = (BINARY, SEVERAL, REGRESSION)


def spec_of(task: str = BINARY, features: int = 3, **changes: Any) -> ModelSpec:
    """A model with some numeric features, a channel and a sensitive attribute."""
    document = {
        "schema_version": 1, "name": "scored", "task": task, "importance": "high", "owner": "risk",
        "columns": {
            "id": "id", "timestamp": "at", "model_version": "version", "score": "score",
            "predicted_label": "predicted", "label": "label",
            "numeric": [f"x{i}" for i in range(features)], "categorical": ["channel"], "sensitive": ["sex"],
        },
    }  # fmt: skip
    return spec_from_document({**document, **changes}, "scored.yaml")


def predictions(task: str, seed: int, rows: int, features: int = 3, lost: float = 0.0) -> pd.DataFrame:
    """Draw rows predicted as well as can be; labels of a share ``lost`` are unrelated to the inputs."""
    draw = np.random.default_rng([seed, rows, features])
    inputs = draw.normal(size=(rows, features))
    frame = pd.DataFrame(inputs, columns=[f"x{i}" for i in range(features)]).assign(
        id=[f"{seed}-{i}" for i in range(rows)],
        at=pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(rows), unit="min"),
        version="v1",
        channel=draw.choice(["web", "shop", "phone"], rows, p=[0.5, 0.3, 0.2]),
        sex=draw.choice(["f", "m"], rows),
    )
    unrelated = draw.random(rows) < lost
    return _TASKS[task](
        frame, inputs[:, 0], np.where(unrelated, draw.permutation(inputs[:, 0]), inputs[:, 0]), draw
    )


def digest(spec: ModelSpec, frame: pd.DataFrame, like: WindowDigest | None = None) -> WindowDigest:
    """Digest of the rows, on another digest's grid."""
    grid: Grid | None = like.grid if like else None
    return digest_batches(spec, pa.Table.from_pandas(frame, preserve_index=False).to_batches(), grid)


def counted(score: Any, label: Any) -> Counts:
    """Score histogram of rows that have one version."""
    levels = as_levels(pa.array(label))
    return histograms(None, outcomes(levels, levels, binary=True), score)[""]


def _binary(frame: pd.DataFrame, seen: Any, true: Any, draw: np.random.Generator) -> pd.DataFrame:
    score, truth = (1 / (1 + np.exp(-2 * x)) for x in (seen, true))
    label = (draw.random(len(frame)) < truth).astype(float)
    return frame.assign(score=score, predicted=(score >= 0.5).astype(int), label=label)


def _several(frame: pd.DataFrame, seen: Any, true: Any, draw: np.random.Generator) -> pd.DataFrame:
    said, truth = (np.exp(np.column_stack([2 * x, -2 * x, 0 * x])) for x in (seen, true))
    said, truth = (odds / odds.sum(axis=1, keepdims=True) for odds in (said, truth))
    names = np.array(["high", "low", "middle"])
    label = names[(draw.random(len(frame))[:, None] > truth.cumsum(axis=1)).sum(axis=1).clip(0, 2)]
    return frame.assign(score=said.max(axis=1), predicted=names[said.argmax(axis=1)], label=label)


def _regression(frame: pd.DataFrame, seen: Any, true: Any, draw: np.random.Generator) -> pd.DataFrame:
    label = 100 + 30 * true + 10 * draw.standard_t(5, len(frame))
    return frame.assign(score=100 + 30 * seen, predicted=100 + 30 * seen, label=label)


_TASKS = {BINARY: _binary, SEVERAL: _several, REGRESSION: _regression}

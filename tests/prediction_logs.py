"""Prediction logs of every task, and what of their digests is equal to the bit however they are cut."""

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
from amends.measures.digests import WindowDigest


def log(task: str, rows: int, seed: int) -> pa.RecordBatch:
    """A prediction log with nulls and NaN, over some weeks."""
    draw = np.random.default_rng([seed, rows])
    start = datetime(2026, 1, 1, tzinfo=UTC)
    label: Any = draw.normal(10, 2, rows) if task == "regression" else draw.integers(0, 2, rows).astype(str)
    return pa.record_batch(
        {
            "row_id": [f"{seed}-{i}" for i in range(rows)],
            "timestamp": [start + timedelta(minutes=int(m)) for m in draw.integers(0, 40_000, rows)],
            "prediction": draw.uniform(0, 1, rows),
            "predicted_label": draw.permutation(label),
            "label": pa.array(label, mask=draw.uniform(size=rows) < 0.2),
            "age": np.where(draw.uniform(size=rows) < 0.1, np.nan, draw.integers(18, 90, rows)),
            "occupation": draw.choice(["a", "b", "c"], rows),
            "sex": draw.choice(["F", "M"], rows),
        }
    )


def counts(digest: WindowDigest) -> dict[str, Any]:
    """The document without what is added in floating point."""
    document = digest.to_document()
    for one in (*document["numeric"].values(), *filter(None, [document["errors"]])):
        for name in ("shift", "square", "sums"):
            one.pop(name)
    return {name: part for name, part in document.items() if name != "sums"}

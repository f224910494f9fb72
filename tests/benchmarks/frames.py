"""Made-up prediction logs for the benchmarks: 30 features, score, label, three sensitive attributes."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

NUMERIC = [f"n{i:02d}" for i in range(20)]
CATEGORICAL = [f"c{i:02d}" for i in range(10)]
SENSITIVE = ["sex", "age_group", "region"]
CHUNK = 500_000


def spec() -> dict[str, object]:
    """The model spec of the logs."""
    return {
        "schema_version": 1,
        "name": "bench",
        "task": "binary_classification",
        "importance": "medium",
        "owner": "bench",
        "favourable_label": 1,
        "columns": {
            "id": "row_id",
            "timestamp": "at",
            "score": "score",
            "predicted_label": "predicted",
            "label": "label",
            "numeric": NUMERIC,
            "categorical": CATEGORICAL,
            "sensitive": SENSITIVE,
        },
    }


def write(path: Path, rows: int, seed: int) -> None:
    """Write a log of that many rows as Parquet, piece by piece."""
    writer = None
    for start in range(0, rows, CHUNK):
        table = _piece(start, min(CHUNK, rows - start), seed)
        writer = writer or pq.ParquetWriter(path, table.schema)
        writer.write_table(table)
    if writer:
        writer.close()


def _piece(start: int, n: int, seed: int) -> pa.Table:
    draw = np.random.default_rng([seed, start])
    columns: dict[str, object] = {
        "row_id": pa.array([f"{seed}-{start + i}" for i in range(n)]),
        "at": pa.array(
            np.datetime64("2026-01-01", "us") + np.arange(start, start + n).astype("timedelta64[s]")
        ),
    }
    for i, name in enumerate(NUMERIC):
        columns[name] = draw.normal(i, 1 + i / 10, n) if i % 2 else draw.lognormal(0, 1, n)
    for i, name in enumerate(CATEGORICAL):
        columns[name] = np.array([f"level{k}" for k in range(5 + i)])[draw.integers(0, 5 + i, n)]
    for name, levels in zip(SENSITIVE, (2, 3, 4), strict=True):
        columns[name] = np.array([f"{name}{k}" for k in range(levels)])[draw.integers(0, levels, n)]
    score = draw.beta(2, 2, n)
    columns |= {
        "score": score,
        "predicted": (score >= 0.5).astype("int8"),
        "label": (draw.uniform(size=n) < score).astype("int8"),
    }
    return pa.table(columns)

"""A made-up service whose columns have units, codes, gaps at night and a weekly rhythm; with known faults."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from amends.adapters.files import load_policy
from amends.domain.spec import spec_from_document
from amends.measures.digesting import digest_batches
from amends.measures.digests import WindowDigest
from amends.measures.quality import quality_checks
from amends.measures.quality_record import LIMITS, Check

POLICY = load_policy()
QUALITY = {name: POLICY.limit(f"quality.{name}") for name in LIMITS}
SPEC = spec_from_document(
    {
        "schema_version": 1,
        "name": "weather",
        "task": "binary_classification",
        "importance": "medium",
        "owner": "ops",
        "columns": {
            "id": "id",
            "timestamp": "at",
            "score": "score",
            "predicted_label": "decision",
            "label": "label",
            "numeric": ["celsius", "seconds", "share", "price", "wind", "sparse"],
            "categorical": ["station", "grade"],
            "sensitive": ["district"],
        },
    },
    "weather.yaml",
)
COLUMN_WINDOWS = 8
"""Features of a window."""
Change = Callable[[pd.DataFrame], pd.DataFrame]


def readings(seed: int, rows: int = 4000, days: int = 14, season: float = 0.0) -> pd.DataFrame:
    """Draw rows: three quarters by day, null at night now and then; ``season`` moves what seasons move."""
    draw = np.random.default_rng(seed)
    hour = np.where(draw.random(rows) < 0.75, draw.integers(8, 20, rows), draw.integers(0, 24, rows))
    second = draw.integers(0, days, rows) * 86_400 + hour * 3_600 + draw.integers(0, 3_600, rows)
    second = np.sort(second)
    night = (second // 3600) % 24 < 6
    score = draw.beta(2, 3, rows)
    return pd.DataFrame(
        {
            "id": [f"{seed}-{i}" for i in range(rows)],
            "at": pd.Timestamp("2026-03-02") + pd.to_timedelta(second, unit="s"),
            "celsius": draw.normal(12 + 3 * season, 7, rows),
            "seconds": draw.gamma(2, 40 * (1 + 0.2 * season), rows),
            "share": draw.beta(2 + season, 5, rows),
            "price": draw.lognormal(3 + 0.2 * season, 0.8, rows).round(2),
            "wind": draw.poisson(6 + season, rows),
            "sparse": np.where(night & (draw.random(rows) < 0.6), np.nan, draw.normal(0, 1, rows)),
            "station": draw.choice(["North Hill", "Zürich", "01", "pier-4"], rows),
            "grade": draw.choice(["A", "B", "C"], rows, p=[0.6 - 0.1 * season, 0.3 + 0.1 * season, 0.1]),
            "district": draw.choice(["x", "y"], rows),
            "score": score,
            "decision": (score >= 0.5).astype(int),
            "label": (draw.random(rows) < score).astype(float),
        }
    )


def digested(frame: pd.DataFrame, like: WindowDigest | None = None) -> WindowDigest:
    """Digest of rows, on the grid of another digest."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    return digest_batches(SPEC, table.to_batches(), like.grid if like else None)


REFERENCE = digested(readings(1, rows=6000))


def checks(frame: pd.DataFrame, reference: WindowDigest = REFERENCE) -> list[Check]:
    """Every check of a window against the reference."""
    return quality_checks(SPEC, reference, digested(frame, reference), QUALITY)


def broken(found: list[Check]) -> set[tuple[str, Any]]:
    """Metric and column of what the rows prove to be beyond a limit."""
    return {
        (one.metric, one.column) for one in found if not one.blind and not one.low <= one.proven <= one.high
    }

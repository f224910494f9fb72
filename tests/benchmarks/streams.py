"""Prediction logs with a known truth: windows in which nothing is wrong, to plant effects in."""

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa
from amends.domain.spec import ModelSpec, spec_from_document
from amends.measures.digesting import digest_batches
from amends.measures.digests import WindowDigest

SPREAD = 1.5
"""Standard deviation of the true log-odds: AUC 0.81, half of the rows positive."""
DAY = 86_400
GROWN = 50
"""Windows after which a volume that grew stays: five times the reference's is called out, rightly."""
SHAPES = ("normal", "heavy", "count", "level")


@dataclass(frozen=True)
class Stream:
    """A model's traffic. ``groups``: of each sensitive attribute. ``rows``: of each window.

    ``run``: windows that a reference serves.
    """

    name: str
    groups: tuple[int, ...] = (2,)
    features: int = 10
    rows: int = 2000
    reference_rows: int = 10_000
    windows: int = 50
    run: int = 20
    base: float = 0.0
    weekly: float = 0.0
    growth: float = 0.0
    wander: float = 0.0
    pending: float = 0.0
    levels: int = 6

    @property
    def numeric(self) -> list[str]:
        """Numeric features."""
        return [f"n{i}" for i in range(self.features) if SHAPES[i % 4] != "level"]

    @property
    def categorical(self) -> list[str]:
        """Categorical features."""
        return [f"c{i}" for i in range(self.features) if SHAPES[i % 4] == "level"]

    @property
    def sensitive(self) -> list[str]:
        """Sensitive attributes."""
        return [f"group{i}" for i in range(len(self.groups))]

    def spec(self) -> ModelSpec:
        """The model's spec."""
        columns = {
            "id": "id", "timestamp": "at", "score": "score", "predicted_label": "predicted", "label": "label",
            "numeric": self.numeric, "categorical": self.categorical, "sensitive": self.sensitive,
        }  # fmt: skip
        return spec_from_document(
            {
                "schema_version": 1, "name": "stream", "task": "binary_classification", "importance": "high",
                "owner": "bench", "favourable_label": 1, "columns": columns,
            },
            self.name,
        )  # fmt: skip

    def at(self, window: int, seed: int) -> "Rows":
        """Rows of a window; window 0 is the reference."""
        draw = np.random.default_rng([seed, window])
        n = self.reference_rows if window == 0 else round(self.rows * (1 + self.growth) ** min(window, GROWN))
        days = (-self.reference_rows / self.rows, 0.0) if window == 0 else (window - 1.0, float(window))
        when = np.sort(draw.uniform(*days, n))
        season = self.weekly * np.sin(2 * np.pi * when / 7)
        season = season + (self._wandering(window, seed) if window else 0.0)
        odds = draw.normal(self.base, SPREAD, n)
        columns = dict(_features(self, draw, odds + season, season))
        for name, groups in zip(self.sensitive, self.groups, strict=True):
            columns[name] = np.array([f"g{i}" for i in range(groups)])[draw.integers(0, groups, n)]
        rows = Rows(columns, odds, odds, when, draw)
        rows.wait(self.pending if window else 0.0)
        return rows

    def _wandering(self, window: int, seed: int) -> float:
        """A mean that moves a little from window to window and comes back: an autocorrelation of 0.8."""
        steps, at = np.random.default_rng([seed, 0, 1]).normal(0, self.wander, window), 0.0
        for step in steps:
            at = 0.8 * at + 0.6 * step
        return at


class Rows:
    """Columns by name, the log-odds that are true and those that the model says."""

    def __init__(self, columns: dict[str, Any], true: Any, said: Any, when: Any, draw: Any) -> None:
        self.columns, self.true, self.said, self.when, self.draw = columns, true, said, when, draw
        self.label = (draw.random(len(true)) < sigmoid(true)).astype(float)

    def wait(self, share: float) -> None:
        """Labels that have not arrived: the later a row, the likelier; on average a share of them."""
        if share:
            age = np.linspace(0, 2 * share, len(self.label))
            self.label[self.draw.random(len(self.label)) < age] = np.nan

    def table(self, name: str) -> pa.Table:
        """The rows as a service logs them; ``name`` makes ids unique."""
        score = sigmoid(self.said)
        label = pa.array(self.label, from_pandas=True).cast(pa.int8())
        at = (np.datetime64("2026-03-02", "us").astype(np.int64) + self.when * DAY * 1e6).astype(
            "datetime64[us]"
        )
        return pa.table(
            {
                "id": pa.array([f"{name}-{i}" for i in range(len(score))]),
                "at": pa.array(at), "score": score,
                "predicted": (score >= 0.5).astype(np.int8), "label": label,
                **{name: pa.array(one, from_pandas=True) for name, one in self.columns.items()},
            }
        )  # fmt: skip


def digest(spec: ModelSpec, table: pa.Table, like: WindowDigest | None = None) -> WindowDigest:
    """Digest a window."""
    return digest_batches(spec, table.combine_chunks().to_batches(), like.grid if like else None)


def sigmoid(odds: Any) -> Any:
    """Log-odds as a probability."""
    return 1 / (1 + np.exp(-odds))


def _features(stream: Stream, draw: Any, odds: Any, season: Any) -> Any:
    """Features of four shapes, which all know something of the outcome."""
    for i in range(stream.features):
        latent = 0.4 * odds / SPREAD + 0.9 * draw.normal(0, 1, len(odds)) + season
        match SHAPES[i % 4]:
            case "normal":
                yield f"n{i}", 50 + 10 * latent
            case "heavy":
                yield f"n{i}", np.exp(4 + latent)
            case "count":
                yield f"n{i}", draw.poisson(np.exp(1 + 0.3 * latent)).astype(np.int64)
            case _:
                edges = np.linspace(-1.5, 1.5, stream.levels - 1)
                yield (
                    f"c{i}",
                    np.array([f"l{k}" for k in range(stream.levels)])[np.searchsorted(edges, latent)],
                )


HEALTHY = [
    Stream("1 feature, 2 groups, 500 rows", (2,), 1, 500, windows=100),
    Stream("10 features, 5 groups, 500 rows", (5,), 10, 500, windows=100),
    Stream("10 features, 20 groups, 2 000 rows", (20,), 10, 2000, windows=60),
    Stream("30 features, 10 groups, 2 000 rows", (10,), 30, 2000, windows=60),
    Stream("30 features, 3 attributes of 2, 3 and 4 groups, 10 000 rows", (2, 3, 4), 30, 10_000, windows=30),
    Stream("100 features, 20 groups, 10 000 rows", (20,), 100, 10_000, windows=20),
    Stream("1 000 features, 2 groups, 2 000 rows", (2,), 1000, 2000, 4000, windows=10),
    Stream("30 features, 20 groups, 100 000 rows", (20,), 30, 100_000, 100_000, windows=10),
    Stream("one positive in 30, 5 groups, 5 000 rows", (5,), 10, 5000, 20_000, windows=50, base=-4.5),
    Stream("columns of 60 levels, 2 000 rows", (2,), 12, 2000, windows=50, levels=60),
    Stream("weekday cycles, windows of a day", (2,), 10, 1500, 42_000, windows=56, weekly=0.15),
    Stream("volume grows by 3 % a window", (2,), 10, 800, 8000, windows=50, run=80, growth=0.03),
    Stream("labels late: a third not there", (5,), 10, 3000, windows=50, pending=0.35),
    Stream("means wander by 0.1 deviations", (3,), 10, 2000, windows=60, wander=0.1),
]
"""Traffic in which nothing is wrong."""

STEADY = Stream("steady", (2,), 8, 5000, 20_000)
SMALL = replace(STEADY, name="small", rows=1000)

"""Logs of a logistic model whose inputs have known weights."""

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from amends.adapters.files import load_policy
from amends.domain.findings import Category, Finding
from amends.domain.spec import ModelSpec
from amends.measures.digesting import digest_batches
from amends.workflow.judge_attribution import disbelieved, judge_attribution
from samples import with_inputs

POLICY = load_policy()
WEIGHTS = (2.0, 0.3, 0.3, 0.0)
SWAPPED = (0.3, 2.0, 0.3, 0.0)
NAMES = tuple(f"x{i}" for i in range(len(WEIGHTS)))


def spec(numeric: tuple[str, ...] = NAMES, levels: tuple[str, ...] = ()) -> ModelSpec:
    """A model with these inputs."""
    return with_inputs(numeric, levels)


def spec_with_versions() -> ModelSpec:
    """The model whose log says which version answered."""
    return replace(spec(), columns=replace(spec().columns, model_version="version"))


def inputs(seed: int, n: int = 3000, together: float = 0.0) -> pd.DataFrame:
    """Normal inputs, which share a part."""
    draw = np.random.default_rng(seed)
    shared = math.sqrt(together) * draw.normal(size=(n, 1))
    return pd.DataFrame(math.sqrt(1 - together) * draw.normal(size=(n, len(NAMES))) + shared, columns=NAMES)


def log(x: pd.DataFrame, weights: tuple[float, ...] = WEIGHTS, **columns: Any) -> pd.DataFrame:
    """The log of a logistic model with these weights."""
    score = 1 / (1 + np.exp(-x[list(NAMES)].to_numpy() @ np.array(weights)))
    frame = x.assign(
        id=[f"r{i}" for i in range(len(x))],
        at=pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(len(x)), unit="min"),
        score=score, label=np.nan,
    )  # fmt: skip
    return frame.assign(**columns).assign(predicted=lambda f: (f["score"] >= 0.5).astype(int))


def judged(
    before: pd.DataFrame, now: pd.DataFrame, model: ModelSpec | None = None,
    broken: Mapping[str, str] | None = None,
) -> Finding:  # fmt: skip
    """Return the one finding on attribution."""
    model = model or spec()
    batches = [[pa.RecordBatch.from_pandas(one, preserve_index=False)] for one in (before, now)]
    reference = digest_batches(model, batches[0])
    current = digest_batches(model, batches[1], reference.grid)
    found = judge_attribution(model, POLICY, reference, current)
    (found,) = disbelieved(model, POLICY, found, broken or {})
    assert (found.category, found.metric) == (Category.ATTRIBUTION_SHIFT, "attribution_ndcg")
    return found

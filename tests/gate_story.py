"""Two versions of a lending model before the gate."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from amends.adapters.files import load_policy
from amends.domain.findings import Finding
from amends.domain.validation import Validation
from amends.workflow.gate import gate
from fake_quality import FakeQuality
from lending import digested, lending_spec, logit, sigmoid

SPEC = lending_spec()
POLICY = load_policy()


def judge(champion: pa.Table, candidate: pa.Table, *, spec: Any = SPEC, quality: Any = None) -> Validation:
    """Run the gate with a clean quality gate and the champion's rows as reference."""
    return gate(
        spec, POLICY, quality or FakeQuality(),
        reference=digested(spec, champion), champion=champion, candidate=candidate,
    )  # fmt: skip


def noisy(people: pd.DataFrame, size: float, seed: int = 7) -> Any:
    """The truth seen through noise on the log odds: a larger size is a worse model."""
    return sigmoid(logit(people["truth"]) + size * np.random.default_rng(seed).normal(0, 1, len(people)))


def shifted(people: pd.DataFrame, group: str, by: float, scores: Any = None) -> Any:
    """Scores of one group moved by ``by``."""
    base = people["truth"] if scores is None else scores
    return np.where(people["sex"] == group, base + by, base)


def found(verdict: Validation, metric: str, attribute: Any = None) -> Finding:
    """The one finding of a metric."""
    (one,) = (f for f in verdict.findings if f.metric == metric and f.attribute == attribute)
    return one

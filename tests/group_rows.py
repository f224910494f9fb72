"""Windows of decisions about people, made from counts, so that every rate is known by hand."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from amends.adapters.fairlearn_metrics import FairlearnMetrics
from amends.adapters.files import load_policy
from amends.domain.findings import Finding
from amends.domain.spec import ModelSpec, spec_from_document
from amends.measures.digesting import digest_batches
from amends.workflow.judge_fairness import judge_fairness

POLICY = load_policy()


def spec(*attributes: str, **changes: Any) -> ModelSpec:
    """A lending model with some sensitive attributes."""
    document = {
        "schema_version": 1, "name": "lending", "task": "binary_classification", "importance": "high",
        "owner": "risk", "favourable_label": 1,
        "columns": {
            "id": "id", "timestamp": "at", "score": "score", "predicted_label": "decision", "label": "label",
            "sensitive": list(attributes),
        },
    }  # fmt: skip
    return spec_from_document({**document, **changes}, "lending.yaml")


def people(counts: Mapping[tuple[str | None, ...], Sequence[int]], *attributes: str) -> pd.DataFrame:
    """Rows of each group: (found, missed) positives, then (wrongly, rightly) decided negatives.

    Scores are 0.75 where selected and 0.25 elsewhere.
    """
    parts = []
    for group, cells in counts.items():
        for (label, decision), n in zip(((1, 1), (1, 0), (0, 1), (0, 0)), cells, strict=True):
            named = dict(zip(attributes, group, strict=True))
            parts.append(pd.DataFrame({"label": [float(label)] * n, "decision": decision, **named}))
    rows = pd.concat(parts, ignore_index=True)
    return rows.assign(
        id=[f"r{i}" for i in range(len(rows))],
        at=pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(len(rows)), unit="s"),
        score=0.25 + 0.5 * rows["decision"],
    )


def judged(model: ModelSpec, before: pd.DataFrame, now: pd.DataFrame, **limits: float) -> list[Finding]:
    """What is said of a window against a reference; ``limits`` replace the default policy's."""
    changes = {"limits": {f"fairness.{name}": value for name, value in limits.items()}} if limits else {}
    tables = [pa.Table.from_pandas(one, preserve_index=False).to_batches() for one in (before, now)]
    reference = digest_batches(model, tables[0])
    current = digest_batches(model, tables[1], reference.grid)
    policy = POLICY.overridden(changes, "test")
    return judge_fairness(model, policy, reference, current, FairlearnMetrics())


def one(findings: Sequence[Finding], metric: str, attribute: Any = "sex") -> Finding:
    """The finding on one number of one attribute."""
    found = [each for each in findings if each.metric == metric and each.attribute == attribute]
    assert len(found) == 1, [each.metric for each in findings]
    return found[0]

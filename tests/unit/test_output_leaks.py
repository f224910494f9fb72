"""Personal data in what a model answers: found in predicted labels, labels and error messages, never kept."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from amends.adapters.files import load_policy
from amends.domain.canonical import canonical_json
from amends.domain.spec import spec_from_document
from amends.measures.digesting import digest_batches
from amends.workflow.judge_leaks import judge_leaks
from samples import MINIMAL

POLICY = load_policy()
CANARY = "canary.person@example.com"
SPEC = spec_from_document(
    {
        **MINIMAL,
        "task": "multiclass_classification",
        "columns": {
            "id": "id", "timestamp": "at", "score": "score", "predicted_label": "answer", "label": "label",
            "numeric": ["x"], "categorical": [], "sensitive": [], "error": "error",
        },
    },
    "desk.yaml",
)  # fmt: skip


def answers(seed: int, rows: int = 2000) -> pd.DataFrame:
    """Tickets that a model sorts into three queues."""
    draw = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "id": [f"{seed}-{i}" for i in range(rows)],
            "at": pd.Timestamp("2026-03-02") + pd.to_timedelta(np.arange(rows), unit="min"),
            "score": draw.beta(3, 2, rows),
            "answer": draw.choice(["billing", "returns", "other"], rows),
            "label": draw.choice(["billing", "returns", "other"], rows),
            "error": np.where(draw.random(rows) < 0.05, "time out", None),
            "x": draw.normal(0, 1, rows),
        }
    )


def digested(frame: pd.DataFrame, like: Any = None) -> Any:
    """Digest of rows."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    return digest_batches(SPEC, table.to_batches(), like.grid if like else None)


@pytest.mark.parametrize("column", ["answer", "label", "error"])
def test_an_address_in_an_output_is_found_and_not_kept(column: str) -> None:
    """A twentieth of a column's values are addresses that are new: one breach, which names the column."""
    before, frame = digested(answers(1)), answers(2)
    frame[column] = frame[column].where(np.arange(len(frame)) % 20 != 0, CANARY)
    now = digested(frame, before)
    found = judge_leaks(SPEC, POLICY, before, now)
    assert {(one.column, one.metric) for one in found if one.is_breach} == {(column, "email_address_change")}
    assert CANARY.encode() not in canonical_json(now.to_document())
    assert CANARY not in str([one.document() for one in found])


def test_plain_answers_leak_nothing() -> None:
    """Queue names and error words in both windows: no breach in 100 windows."""
    before = digested(answers(1))
    for seed in range(2, 102):
        found = judge_leaks(SPEC, POLICY, before, digested(answers(seed, 500), before))
        assert not [one for one in found if one.is_breach]

"""Findings on drift: every column gets its verdict, its interval and its reason, whatever it holds."""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from amends.adapters.files import load_policy
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.spec import ModelSpec
from amends.measures.digesting import digest_batches
from amends.workflow.judge_drift import judge_drift
from samples import with_inputs
from scipy import stats

POLICY = load_policy()


def spec(numeric: tuple[str, ...] = ("x", "y"), levels: tuple[str, ...] = ("z",)) -> ModelSpec:
    """A model with two numeric inputs and one of levels."""
    return with_inputs(numeric, levels)


def rows(seed: int, n: int = 1000) -> pd.DataFrame:
    """Rows whose score follows x and, a little, y."""
    draw = np.random.default_rng(seed)
    x, y = draw.normal(size=n), draw.normal(size=n)
    score = 1 / (1 + np.exp(-2 * x - 0.3 * y))
    return pd.DataFrame(
        {
            "id": [f"{seed}-{i}" for i in range(n)],
            "at": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(n), unit="min"),
            "x": x, "y": y, "z": draw.choice(["a", "b", "c"], n),
            "score": score, "predicted": (score >= 0.5).astype(int),
            "label": (draw.random(n) < score).astype(float),
        }
    )  # fmt: skip


def judged(before: pd.DataFrame, now: pd.DataFrame, **broken: str) -> dict[str, Finding]:
    """Findings on the drift of two frames, by column; the gravest of a column."""
    model = spec()
    batches = [[pa.RecordBatch.from_pandas(one, preserve_index=False)] for one in (before, now)]
    reference = digest_batches(model, batches[0])
    current = digest_batches(model, batches[1], reference.grid)
    found: dict[str, Finding] = {}
    for one in judge_drift(model, POLICY, reference, current, broken):
        assert isinstance(one.column, str)
        if one.column not in found or one.is_breach:
            found[one.column] = one
    return found


DEGENERATE: dict[str, tuple[Any, Any, Verdict, str]] = {
    "empty in the window": (None, np.nan, Verdict.BREACH, "it is empty in the window"),
    "empty in the reference": (np.nan, None, Verdict.BREACH, "it is empty in the reference"),
    "empty in both": (np.nan, np.nan, Verdict.NO_DATA, "it is empty in both windows"),
    "constant in the window": (None, 0.25, Verdict.BREACH, "it is constant in the window"),
    "constant in the reference": (0.25, None, Verdict.BREACH, "it is constant in the reference"),
    "constant in both": (0.25, 0.25, Verdict.PASS, "it is constant in both windows"),
    "two constants": (0.25, 0.75, Verdict.BREACH, "it is constant in both windows"),
    "constant, then empty": (0.25, np.nan, Verdict.BREACH, "it is empty in the window"),
}


@pytest.mark.parametrize("name", DEGENERATE)
@pytest.mark.parametrize("column", ["y", "z"])
def test_an_empty_or_constant_column_gets_a_verdict_with_its_reason(name: str, column: str) -> None:
    """Whatever one window lacks, the other columns are judged and the reason says what is odd."""
    before, now, verdict, said = DEGENERATE[name]
    frames = []
    for seed, value in ((1, before), (2, now)):
        frame = rows(seed)
        if value is not None:
            text = None if np.isnan(value) else str(value)
            frame = frame.assign(**{column: value if column == "y" else pd.Series([text] * len(frame))})
        frames.append(frame)
    found = judged(*frames)
    assert (found[column].verdict, found["x"].verdict) == (verdict, Verdict.PASS), found[column]
    assert said in found[column].reason


def test_every_statistic_has_an_interval_that_holds_it() -> None:
    """Each judged column's value lies in its interval, moved or not."""
    found = judged(rows(1), rows(2).assign(x=lambda f: f["x"] + 1))
    for one in found.values():
        assert one.value is not None
        assert one.interval is not None
        assert one.interval[0] <= one.value <= one.interval[1]
    assert found["x"].verdict is Verdict.BREACH


def test_a_body_that_slid_breaches_by_its_share_although_the_index_does_not() -> None:
    """0.46 of a deviation: one finding says what passed, a second one what did not."""
    found = judged(rows(1, 20_000), rows(2, 20_000).assign(y=lambda f: f["y"] + 0.46))["y"]
    assert (found.metric, found.verdict) == ("share_crossed", Verdict.BREACH)
    assert found.value == pytest.approx(2 * stats.norm.cdf(0.23) - 1, abs=0.02)


def test_the_reason_says_what_a_column_means_to_the_scores() -> None:
    """The first input carries nearly all of the score, the third nothing."""
    moved = rows(2).assign(x=lambda f: f["x"] + 1, z="a")
    found = judged(rows(1), moved)
    assert "% of what scores follow, input 1 of 3" in found["x"].reason
    assert "(0% of what scores follow" in found["z"].reason


def test_labels_that_have_not_arrived_are_no_drift_of_the_label() -> None:
    """Half of the labels pending: those there are judged; none there: no data."""
    half = rows(2).assign(label=lambda f: f["label"].where(f.index % 2 == 0))
    assert judged(rows(1), half)["label"].verdict is Verdict.PASS
    none = rows(2).assign(label=np.nan)
    assert judged(rows(1), none)["label"].verdict is Verdict.NO_DATA


def test_few_rows_and_columns_that_are_not_believed_are_inconclusive() -> None:
    """A hundred rows tell nothing; a column that the gate refused is not judged."""
    few = judged(rows(1), rows(2, 100).assign(x=5.0))
    assert {one.verdict for one in few.values()} == {Verdict.INCONCLUSIVE}
    found = judged(rows(1), rows(2).assign(x=5.0), x="unit")
    assert found["x"].verdict is Verdict.INCONCLUSIVE
    assert found["x"].value is None


def test_a_shifted_score_is_prediction_drift_and_a_shifted_label_is_label_drift() -> None:
    """Each by its own category, whatever the inputs do."""
    found = judged(rows(1), rows(2).assign(score=lambda f: f["score"] ** 4, label=1.0))
    assert found["score"].category is Category.PREDICTION_DRIFT
    assert found["label"].category is Category.LABEL_DRIFT
    assert {found[name].verdict for name in ("score", "label")} == {Verdict.BREACH}
    assert {found[name].verdict for name in ("x", "y", "z")} == {Verdict.PASS}


def test_decisions_that_moved_while_scores_did_not_are_prediction_drift() -> None:
    """Another threshold: every score is as before, and twice as many are refused."""
    found = judged(rows(1), rows(2).assign(predicted=lambda f: (f["score"] >= 0.8).astype(int)))
    assert found["score"].verdict is Verdict.PASS
    assert (found["predicted"].category, found["predicted"].verdict) == (
        Category.PREDICTION_DRIFT,
        Verdict.BREACH,
    )

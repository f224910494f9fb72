"""One fault is planted in healthy rows: the call names it, its columns only, and the playbook that fits."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from amends.adapters.fairlearn_metrics import FairlearnMetrics
from amends.adapters.files import load_policy
from amends.adapters.great_expectations import GreatExpectationsGate
from amends.domain.assessment import Assessment
from amends.domain.spec import spec_from_document
from amends.measures.digesting import digest_batches
from amends.workflow.assess import assess
from samples import MINIMAL

POLICY = load_policy()
GATE = GreatExpectationsGate(POLICY)
SPEC = spec_from_document(
    {
        **MINIMAL,
        "favourable_label": 1,
        "columns": {
            "id": "id", "timestamp": "at", "model_version": "version", "score": "score",
            "predicted_label": "decision", "label": "label",
            "numeric": ["amount", "balance", "age", "visits"],
            "categorical": ["channel", "tier"], "sensitive": ["sex"],
        },
    },
    "shop.yaml",
)  # fmt: skip
Change = Callable[[pd.DataFrame], pd.DataFrame]


def customers(seed: int, rows: int = 6000) -> pd.DataFrame:
    """Rows whose score is the true chance of the label; sex has no part in it."""
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "id": [f"{seed}-{i}" for i in range(rows)],
            "at": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(rows) + seed * rows, unit="min"),
            "version": "v1",
            "amount": draw.lognormal(4, 1, rows),
            "balance": draw.normal(500, 400, rows),
            "age": draw.integers(18, 90, rows),
            "visits": draw.poisson(2.5, rows),
            "channel": draw.choice(["web", "shop", "phone"], rows, p=[0.5, 0.3, 0.2]),
            "tier": draw.choice(["gold", "iron", "none"], rows, p=[0.1, 0.2, 0.7]),
            "sex": draw.choice(["f", "m"], rows),
        }
    )
    odds = 1.2 * (np.log(frame["amount"]) - 4) - 0.4 * (frame["visits"] - 2.5) + frame["balance"] / 500 - 1.5
    chance = 1 / (1 + np.exp(-odds))
    return frame.assign(score=chance, label=(draw.random(rows) < chance).astype(float)).pipe(decided)


def decided(frame: pd.DataFrame) -> pd.DataFrame:
    """The same rows with decisions by their scores."""
    return frame.assign(decision=(frame["score"] >= 0.5).astype(int))


REFERENCE = digest_batches(SPEC, pa.Table.from_pandas(customers(1), preserve_index=False).to_batches())


def judge(change: Change, seed: int = 2) -> Assessment:
    """What is said of a healthy window with a change in it."""
    table = pa.Table.from_pandas(change(customers(seed)), preserve_index=False)
    current = digest_batches(SPEC, table.to_batches(), REFERENCE.grid)
    return assess(SPEC, POLICY, REFERENCE, current, quality=GATE, fairness=FairlearnMetrics())


def breached(found: Assessment, *categories: str) -> set[tuple[str, Any]]:
    """Metric and column of the breaches of some categories."""
    return {(f.metric, f.column) for f in found.findings if f.is_breach and f.category in categories}


def chance(seed: int, rows: int, share: float) -> Any:
    """A mask of a random share of rows."""
    return np.random.default_rng(seed).random(rows) < share


BROKEN: dict[str, tuple[Change, set[str]]] = {
    "sign turned": (lambda f: f.assign(balance=-f["balance"]), {"balance"}),
    "logarithms instead of values": (lambda f: f.assign(amount=np.log1p(f["amount"])), {"amount"}),
    "standardised twice": (
        lambda f: f.assign(balance=(f["balance"] - f["balance"].mean()) / f["balance"].std()), {"balance"},
    ),
    "two numbers swapped": (
        lambda f: f.assign(amount=f["balance"], balance=f["amount"]), {"amount", "balance"},
    ),
    "two categories swapped": (
        lambda f: f.assign(channel=f["tier"], tier=f["channel"]), {"channel", "tier"},
    ),
    "stuck for half of the window": (
        lambda f: f.assign(amount=f["amount"].where(f.index < 3000, 61.5)), {"amount"},
    ),
    "a fifth filled with the median": (
        lambda f: f.assign(age=f["age"].mask(chance(3, len(f), 0.2), 53)), {"age"},
    ),
    "zeros inside the range": (
        lambda f: f.assign(balance=f["balance"].mask(chance(3, len(f), 0.1), 0.0)), {"balance"},
    ),
    "a count divided": (lambda f: f.assign(visits=f["visits"] / 1.609344), {"visits"}),
    "a count that is stuck": (lambda f: f.assign(visits=2), {"visits"}),
    "a category that is stuck": (lambda f: f.assign(channel="web"), {"channel"}),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_column_is_named_and_masked(name: str) -> None:
    """Data quality names the broken columns, nothing else is called drifted, and no model is fitted to it."""
    change, columns = BROKEN[name]
    found = judge(change)
    assert {column for _, column in breached(found, "data_quality")} == columns
    assert breached(found, "data_drift") == set()
    assert found.incident is not None
    assert found.incident.playbook in {"mask", "quarantine"}


@pytest.mark.parametrize("name", [name for name in BROKEN if "swapped" in name])
def test_swapped_columns_are_called_swapped(name: str) -> None:
    """Each of the two looks like the other, and that is what is said."""
    change, columns = BROKEN[name]
    assert {("swapped", column) for column in columns} <= breached(judge(change), "data_quality")


OUTPUTS: dict[str, tuple[Change, tuple[str, str]]] = {
    "one score for all": (lambda f: f.assign(score=0.5).pipe(decided), ("distinct_values", "score")),
    "decisions by another threshold": (
        lambda f: f.assign(decision=(f["score"] >= 0.8).astype(int)), ("decision_mismatch", "decision"),
    ),
    "the clock's default": (lambda f: f.assign(at=pd.Timestamp("1970-01-01")), ("default_time", "at")),
}  # fmt: skip


@pytest.mark.parametrize("name", OUTPUTS)
def test_what_the_service_gets_wrong_is_kept_out(name: str) -> None:
    """A fault of score, decision or time is a fault of the batch: it is quarantined."""
    change, expected = OUTPUTS[name]
    found = judge(change)
    assert expected in breached(found, "data_quality")
    assert found.incident is not None
    assert found.incident.playbook == "quarantine"


def rejoined(frame: pd.DataFrame, share: float) -> pd.DataFrame:
    """The same rows, a share of which got each other's labels."""
    some = np.flatnonzero(chance(8, len(frame), share))
    labels = frame["label"].to_numpy(copy=True)
    labels[some] = labels[np.random.default_rng(9).permutation(some)]
    return frame.assign(label=labels)


LABELS: dict[str, tuple[Change, str]] = {
    "labels of other rows": (
        lambda f: f.assign(label=np.random.default_rng(6).permutation(f["label"])), "labels_unlinked",
    ),
    "0 and 1 changed places": (lambda f: f.assign(label=1 - f["label"]), "labels_turned"),
    "a third of the negatives turned": (
        lambda f: f.assign(label=f["label"].mask(chance(4, len(f), 0.33), 1.0)), "recording_loss",
    ),
    "half of the labels of other rows": (lambda f: rejoined(f, 0.5), "labels_diluted"),
    "a third of the labels of other rows": (lambda f: rejoined(f, 0.33), "labels_diluted"),
    "a fifth of the labels turned": (
        lambda f: f.assign(label=(f["label"] - chance(4, len(f), 0.2)).abs()), "labels_diluted",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", LABELS)
def test_labels_that_nothing_explains_are_not_believed(name: str) -> None:
    """Inputs and scores are as before and labels as a faulty feed makes them: no model learns from them."""
    change, metric = LABELS[name]
    found = judge(change)
    assert (metric, "label") in breached(found, "label_quality")
    assert found.incident is not None
    assert found.incident.playbook == "quarantine"


def shifted(frame: pd.DataFrame, by: float) -> Any:
    """The frame's scores, moved in log-odds."""
    score = frame["score"].clip(1e-6, 1 - 1e-6)
    return 1 / (1 + np.exp(-(np.log(score / (1 - score)) + by)))


def tempered(frame: pd.DataFrame, slope: float) -> Any:
    """The frame's scores, with their log-odds made smaller."""
    score = frame["score"].clip(1e-6, 1 - 1e-6)
    return 1 / (1 + np.exp(-slope * np.log(score / (1 - score))))


def relabelled(frame: pd.DataFrame, truth: Any, seed: int = 5) -> pd.DataFrame:
    """The same rows in a world where labels have another chance."""
    return frame.assign(label=(np.random.default_rng(seed).random(len(frame)) < truth).astype(float))


WORLD: dict[str, tuple[Change, set[str]]] = {
    "outcomes more likely throughout": (lambda f: relabelled(f, shifted(f, 1.2)), {"recalibrate"}),
    "outcomes that follow everything by less": (
        lambda f: relabelled(f, tempered(f, 0.35)), {"retrain", "recalibrate"},
    ),
    "outcomes that follow balances no more": (
        lambda f: relabelled(f, 1 / (1 + np.exp(-1.2 * (np.log(f["amount"]) - 4)))), {"retrain"},
    ),
    "amounts that mean the opposite": (
        lambda f: relabelled(f, f["score"].where(f["amount"] < 55, 1 - f["score"])), {"retrain"},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", WORLD)
@pytest.mark.parametrize("seed", [2, 3, 4])
def test_a_world_that_changed_is_no_fault_of_the_labels(name: str, seed: int) -> None:
    """True labels of another relation or level are believed: the model is mended, not the labels."""
    change, playbooks = WORLD[name]
    found = judge(change, seed)
    assert breached(found, "label_quality", "data_quality") == set()
    assert found.incident is not None
    assert found.incident.playbook in playbooks


def test_a_version_whose_scores_are_off_is_rolled_back_from_beside_a_good_one() -> None:
    """It ranks as well as before, so only its calibration tells, and the other version's holds."""

    def half(frame: pd.DataFrame) -> pd.DataFrame:
        new = frame.index % 5 < 2
        score = np.where(new, shifted(frame, 1.8), frame["score"])
        return frame.assign(version=np.where(new, "v2", "v1"), score=score).pipe(decided)

    found = judge(half)
    assert found.incident is not None
    assert found.incident.playbook == "rollback"


def test_a_gap_that_closes_is_no_growth() -> None:
    """A group that was behind has caught up: nothing got worse, whichever group is now ahead by chance."""
    behind = customers(1)
    behind["score"] = np.where(behind["sex"] == "f", shifted(behind, -0.35), behind["score"])
    before = digest_batches(SPEC, pa.Table.from_pandas(decided(behind), preserve_index=False).to_batches())
    for seed in range(2, 8):
        table = pa.Table.from_pandas(customers(seed), preserve_index=False)
        found = assess(SPEC, POLICY, before, digest_batches(SPEC, table.to_batches(), before.grid),
                       quality=GATE, fairness=FairlearnMetrics())  # fmt: skip
        assert breached(found, "fairness") == set()


@pytest.mark.parametrize("seed", range(20, 40))
def test_healthy_windows_stay_quiet(seed: int) -> None:
    """Other rows of the same population open no incident."""
    assert judge(lambda f: f, seed).incident is None

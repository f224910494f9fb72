"""What is wrong with a window is found, named, and answered by the playbook that fits."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from amends.adapters.fairlearn_metrics import FairlearnMetrics
from amends.adapters.files import load_policy
from amends.domain.assessment import Assessment
from amends.domain.canonical import canonical_json
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.spec import ModelSpec, spec_from_document
from amends.errors import DataError
from amends.measures.digesting import digest_batches
from amends.measures.digests import WindowDigest
from amends.workflow.assess import assess

POLICY = load_policy()
Change = Callable[[pd.DataFrame, np.random.Generator], pd.DataFrame]


class Believing:
    """A quality gate that finds what it was told to find."""

    def __init__(self, *findings: Finding) -> None:
        self.findings = findings

    def check(self, spec: ModelSpec, reference: WindowDigest, current: WindowDigest) -> Sequence[Finding]:
        """The findings."""
        assert reference.grid == current.grid, spec.name
        return self.findings


def spec(**changes: Any) -> ModelSpec:
    """A lending model with two sensitive attributes that it does not see."""
    document = {
        "schema_version": 1, "name": "lending", "task": "binary_classification", "importance": "high",
        "owner": "risk", "favourable_label": 1,
        "columns": {
            "id": "id", "timestamp": "at", "model_version": "version", "score": "score",
            "predicted_label": "predicted", "label": "label", "numeric": ["income", "debt"],
            "categorical": ["region"], "sensitive": ["sex", "age"],
        },
    }  # fmt: skip
    return spec_from_document({**document, **changes}, "lending.yaml")


SPEC = spec()


def people(seed: int, n: int = 4000) -> pd.DataFrame:
    """Rows whose score is the true chance of the label, the same for every group."""
    draw = np.random.default_rng(seed)
    income, debt = draw.normal(0, 1, n), draw.normal(0, 1, n)
    chance = 1 / (1 + np.exp(-(1.2 * income - 0.8 * debt)))
    return pd.DataFrame(
        {
            "id": [f"{seed}-{i}" for i in range(n)],
            "at": pd.Timestamp("2026-01-01") + pd.to_timedelta(np.arange(n), unit="min"),
            "version": "v1",
            "income": income,
            "debt": debt,
            "region": draw.choice(["north", "south", "west"], n),
            "sex": draw.choice(["f", "m"], n),
            "age": draw.choice(["young", "middle", "old"], n, p=[0.3, 0.5, 0.2]),
            "score": chance,
            "label": (draw.random(n) < chance).astype(float),
        }
    )


def same(frame: pd.DataFrame, _draw: np.random.Generator) -> pd.DataFrame:
    """Nothing is wrong."""
    return frame


def judge(
    change: Change = same, *, seed: int = 2, n: int = 4000, gate: Believing | None = None,
    before: Change = same, model: ModelSpec = SPEC,
) -> Assessment:  # fmt: skip
    """Assess a changed window against a healthy reference."""
    frames = [
        one(people(s, n), np.random.default_rng(s)) for one, s in ((before, 100 + seed), (change, seed))
    ]
    batches = [
        [
            pa.RecordBatch.from_pandas(
                one.assign(predicted=(one["score"] >= 0.5).astype(int)), preserve_index=False
            )
        ]
        for one in frames
    ]
    reference = digest_batches(model, batches[0])
    current = digest_batches(model, batches[1], reference.grid)
    return assess(model, POLICY, reference, current, quality=gate or Believing(), fairness=FairlearnMetrics())


def breached(found: Assessment) -> set[str]:
    """Categories that breached."""
    return {str(finding.category) for finding in found.findings if finding.is_breach}


def answer(found: Assessment) -> tuple[str, ...]:
    """The playbooks called for."""
    return found.incident.playbooks if found.incident else ()


@pytest.mark.parametrize("seed", range(25))
@pytest.mark.parametrize("n", [300, 3000])
def test_healthy_windows_stay_quiet(seed: int, n: int) -> None:
    """Two windows of one population open no incident, large or small."""
    found = judge(seed=seed, n=n)
    assert found.incident is None, found.incident


def moved_income(frame: pd.DataFrame, draw: np.random.Generator) -> pd.DataFrame:
    """Incomes rise by a deviation; the score knows and is still right."""
    income = frame["income"] + 1
    chance = 1 / (1 + np.exp(-(1.2 * income - 0.8 * frame["debt"])))
    label = (draw.random(len(frame)) < chance).astype(float)
    return frame.assign(income=income, score=chance, label=label)


def test_drift_that_does_not_hurt_is_observed() -> None:
    """The population moved, the model holds: nothing is retrained."""
    found = judge(moved_income)
    drifted = [f.column for f in found.findings if f.category is Category.DATA_DRIFT and f.is_breach]
    assert drifted == ["income"]
    assert "performance" not in breached(found)
    assert answer(found) == ("observe",)


def test_drift_without_labels_asks_people() -> None:
    """No label says yet whether it hurts: it is revalidated, and performance is said to be pending."""
    found = judge(lambda f, d: moved_income(f, d).assign(label=np.nan))
    assert answer(found)[0] == "revalidate"
    pending = {f.verdict for f in found.findings if f.category is Category.PERFORMANCE}
    assert pending == {Verdict.NO_DATA}


def broken_relation(frame: pd.DataFrame, draw: np.random.Generator) -> pd.DataFrame:
    """Half of the outcomes have nothing to do with the score any more."""
    lost = draw.random(len(frame)) < 0.5
    return frame.assign(label=frame["label"].mask(lost, draw.integers(0, 2, len(frame)).astype(float)))


def test_a_lost_relation_is_retrained() -> None:
    """Same inputs, same version, worse ranking: what was learned no longer holds."""
    found = judge(broken_relation)
    assert found.incident is not None
    assert found.incident.category == "performance"
    assert found.incident.severity == "SEV2"
    assert found.incident.playbook == "retrain"


def test_drift_that_hurts_is_retrained() -> None:
    """The population moved and the model lost."""
    found = judge(lambda f, d: broken_relation(f.assign(debt=f["debt"] * 3), d))
    assert {"data_drift", "performance"} <= breached(found)
    assert answer(found)[0] == "retrain"


def test_a_new_version_that_is_worse_is_rolled_back_first() -> None:
    """The inputs are as before, the version is not: back to the one that was right."""
    found = judge(lambda f, d: broken_relation(f, d).assign(version="v2"))
    assert answer(found)[:2] == ("rollback", "retrain")


def test_a_version_known_from_the_reference_is_not_rolled_back() -> None:
    """It was judged there; what changed is the world."""
    assert "rollback" not in answer(judge(broken_relation))


def test_a_bad_version_does_not_hide_behind_a_good_one() -> None:
    """A third of the window is answered by a bad new version; the window as a whole nearly holds."""

    def mixed(frame: pd.DataFrame, draw: np.random.Generator) -> pd.DataFrame:
        new = np.arange(len(frame)) % 3 == 0
        bad = broken_relation(frame, draw)
        return frame.assign(label=frame["label"].mask(new, bad["label"]), version=np.where(new, "v2", "v1"))

    found = judge(mixed, n=9000)
    named = {f.groups for f in found.findings if f.category is Category.PERFORMANCE and f.is_breach}
    assert ("v2",) in named
    assert ("v1",) not in named
    assert answer(found)[0] == "rollback"


def test_a_bad_version_is_rolled_back_although_inputs_drift() -> None:
    """The version beside it meets the same drift and holds: the drift is not what broke it."""

    def mixed(frame: pd.DataFrame, draw: np.random.Generator) -> pd.DataFrame:
        moved, new = moved_income(frame, draw), np.arange(len(frame)) % 2 == 0
        bad = broken_relation(moved, draw)
        return moved.assign(label=moved["label"].mask(new, bad["label"]), version=np.where(new, "v2", "v1"))

    found = judge(mixed, n=9000)
    assert {"data_drift", "performance"} <= breached(found)
    assert answer(found)[0] == "rollback"


def test_scores_that_moved_together_are_recalibrated() -> None:
    """Every score is pushed up, the order stays: no new fit is needed."""
    found = judge(lambda f, _d: f.assign(score=f["score"] ** 0.4))
    assert "calibration_drift" in breached(found)
    assert answer(found)[0] == "recalibrate"


def unfair(frame: pd.DataFrame, _draw: np.random.Generator) -> pd.DataFrame:
    """Women are scored far below their chance."""
    return frame.assign(score=frame["score"].where(frame["sex"] != "f", frame["score"] * 0.6))


def test_a_standing_gap_is_mitigated_and_named() -> None:
    """The same gap in reference and window breaches as it stands, and not as a change."""
    found = judge(unfair, before=unfair)
    metrics = {f.metric for f in found.findings if f.is_breach and f.attribute == "sex"}
    assert "selection_rate_ratio" in metrics
    assert not {metric for metric in metrics if metric.endswith("_change")}
    assert answer(found)[0] == "mitigate_bias"
    first = next(f for f in found.findings if f.metric == "selection_rate_ratio" and f.attribute == "sex")
    assert first.groups == ("f", "m")


def test_a_gap_that_a_new_version_brings_is_rolled_back() -> None:
    """Fair before, unfair since the version changed."""
    found = judge(lambda f, d: unfair(f, d).assign(version="v2"))
    assert any(f.metric.endswith("_change") and f.is_breach for f in found.findings)
    assert answer(found)[:2] == ("rollback", "retrain")


def test_no_decision_about_a_person_is_no_question_of_fairness() -> None:
    """Where favourable_label is null, nothing of the kind is raised."""
    found = judge(unfair, model=spec(favourable_label=None))
    assert not [f for f in found.findings if f.category is Category.FAIRNESS]


def test_selection_is_the_favourable_decision() -> None:
    """Where 0 is the good outcome, a group that is flagged less is selected more."""
    found = judge(unfair, model=spec(favourable_label=0))
    ratio = next(f for f in found.findings if f.metric == "selection_rate_ratio" and f.attribute == "sex")
    assert ratio.groups == ("m", "f")


def test_broken_columns_are_masked_and_never_trained_on() -> None:
    """What the gate does not believe is masked; the loss and the drift that follow ask for no retrain."""
    broken = Finding(
        category=Category.DATA_QUALITY,
        metric="unit_factor",
        verdict=Verdict.BREACH,
        reason="x1000",
        column="income",
    )
    found = judge(
        lambda f, d: broken_relation(f.assign(income=f["income"] * 1000), d), gate=Believing(broken)
    )
    assert answer(found)[0] == "mask"
    assert not {"retrain", "recalibrate", "rollback"} & set(answer(found))
    drift = next(f for f in found.findings if f.category is Category.DATA_DRIFT and f.column == "income")
    assert drift.verdict is Verdict.INCONCLUSIVE


@pytest.mark.parametrize("columns", [(None,), ("id",), ("income", "debt")])
def test_a_batch_that_is_bad_as_a_whole_is_quarantined(columns: tuple[str | None, ...]) -> None:
    """Too few rows, doubled ids, or most inputs broken: there is nothing to mask."""
    findings = [
        Finding(category=Category.DATA_QUALITY, metric="m", verdict=Verdict.BREACH, reason="r", column=column)
        for column in columns
    ]
    assert answer(judge(gate=Believing(*findings))) == ("quarantine",)


def test_labels_that_are_words_are_a_failure_of_the_monitor() -> None:
    """Labels that cannot be counted never read as healthy."""
    found = judge(lambda f, _d: f.assign(label=f["label"].map({0.0: "no", 1.0: "yes"})))
    assert found.incident is not None
    assert found.incident.category == "monitor_failure"


def test_an_assessment_is_the_same_to_the_byte() -> None:
    """Same rows, same policy: the same document."""
    assert canonical_json(judge(unfair).document()) == canonical_json(judge(unfair).document())


def test_digests_on_different_grids_are_not_compared() -> None:
    """Counts on different axes mean different things."""
    batch = pa.RecordBatch.from_pandas(people(1).assign(predicted=1), preserve_index=False)
    other = pa.RecordBatch.from_pandas(people(2).assign(predicted=1), preserve_index=False)
    with pytest.raises(DataError, match="another grid"):
        assess(
            SPEC, POLICY, digest_batches(SPEC, [batch]), digest_batches(SPEC, [other]),
            quality=Believing(), fairness=FairlearnMetrics(),
        )  # fmt: skip

"""What the scores follow: a swap is found, a population that moved or a recalibration is none."""

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from amends.adapters.files import load_policy
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.spec import ModelSpec, spec_from_document
from amends.domain.window import Window
from amends.errors import DataError
from amends.measures.attribution import ndcg, shares_of
from amends.measures.digesting import digest_batches
from amends.measures.permutation import reliance
from amends.workflow.assess import digest_window
from amends.workflow.judge_attribution import judge_attribution, judge_versions_attribution
from fake_registry import FakeRegistry
from fake_source import FakeSource

POLICY = load_policy()
WEIGHTS = (2.0, 0.3, 0.3, 0.0)
SWAPPED = (0.3, 2.0, 0.3, 0.0)
NAMES = tuple(f"x{i}" for i in range(len(WEIGHTS)))


def spec(numeric: tuple[str, ...] = NAMES, levels: tuple[str, ...] = ()) -> ModelSpec:
    """A model with these inputs."""
    document = {
        "schema_version": 1, "name": "m", "task": "binary_classification", "importance": "high",
        "owner": "o", "columns": {
            "id": "id", "timestamp": "at", "score": "score", "predicted_label": "predicted",
            "label": "label", "numeric": list(numeric), "categorical": list(levels), "sensitive": [],
        },
    }  # fmt: skip
    return spec_from_document(document, "m.yaml")


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
    (found,) = judge_attribution(model, POLICY, reference, current, broken or {})
    assert (found.category, found.metric) == (Category.ATTRIBUTION_SHIFT, "attribution_ndcg")
    return found


def test_the_agreement_of_ranks_is_scikit_learns() -> None:
    """Holds of the reference are the gains, those of now the order; ties share their discounts."""
    from sklearn.metrics import ndcg_score

    draw = np.random.default_rng(1)
    gains, now = draw.random((50, 8)), np.round(draw.random((50, 8)), 1)
    expected = [ndcg_score([gain], [order]) for gain, order in zip(gains, now, strict=True)]
    assert ndcg(gains, now) == pytest.approx(expected)


def test_two_inputs_that_change_places_are_judged_as_by_hand() -> None:
    """60 and 40 keep 0.913, 90 and 10 keep 0.693: gains over log2(1 + rank), by pocket calculator."""
    assert ndcg(np.array([[0.6, 0.4]]), np.array([[0.4, 0.6]]))[0] == pytest.approx(0.9134, abs=1e-4)
    assert ndcg(np.array([[0.9, 0.1]]), np.array([[0.1, 0.9]]))[0] == pytest.approx(0.6934, abs=1e-4)
    assert ndcg(np.array([[0.9, 0.1]]), np.array([[0.0, 0.0]]))[0] == 0


def test_an_inputs_share_is_its_part_of_the_variance() -> None:
    """A score of 2 a + b of equal variances: a explains four fifths of it, and the shares show it."""
    x = inputs(1, 20_000)
    frame = log(x, score=2 * x["x0"] + x["x1"])
    reference = digest_batches(spec(), [pa.RecordBatch.from_pandas(frame, preserve_index=False)])
    shares = shares_of(reference.sample, NAMES, "score")
    assert shares["x0"] == pytest.approx(0.8, abs=0.04)  # ten slices and ranks lose a little
    assert shares["x2"] == shares["x3"] == 0
    assert sum(shares.values()) == pytest.approx(1)


@pytest.mark.parametrize("seed", range(20))
def test_a_swap_of_what_the_model_leans_on_is_a_breach(seed: int) -> None:
    """The first input's weight goes to the second, and both are named."""
    found = judged(log(inputs(seed)), log(inputs(100 + seed), SWAPPED))
    assert found.verdict is Verdict.BREACH, found
    assert found.column is not None
    assert set(found.column[:2]) == {"x0", "x1"}
    assert found.value is not None
    assert found.interval is not None
    assert found.interval[0] <= found.value <= found.interval[1] < 0.9


Windows = Callable[[int], tuple[pd.DataFrame, pd.DataFrame]]
QUIET: dict[str, Windows] = {
    "drawn again": lambda s: (log(inputs(s)), log(inputs(100 + s))),
    "drawn again, inputs go together": lambda s: (log(inputs(s, together=0.6)),
                                                  log(inputs(100 + s, together=0.6))),
    "few rows": lambda s: (log(inputs(s, 600)), log(inputs(100 + s, 600))),
    "one input moved by a deviation": lambda s: (
        log(inputs(s)), log(inputs(100 + s).assign(x0=lambda f: f["x0"] + 1))
    ),
    "one input is half as wide": lambda s: (
        log(inputs(s)), log(inputs(100 + s).assign(x0=lambda f: f["x0"] / 2))
    ),
    "an unimportant input is five times as wide": lambda s: (
        log(inputs(s)), log(inputs(100 + s).assign(x1=lambda f: f["x1"] * 5))
    ),
    "all inputs moved": lambda s: (log(inputs(s)), log(inputs(100 + s).add([0.7, -0.7, 0.7, -0.7]))),
    "recalibrated": lambda s: (
        log(inputs(s)), log(inputs(100 + s)).assign(score=lambda f: 0.2 + 0.6 * f["score"] ** 3)
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", QUIET)
def test_a_population_that_moved_is_not_a_model_that_changed(name: str) -> None:
    """The same weights in both windows: no breach in 15 windows, whatever the rows do."""
    verdicts = [judged(*QUIET[name](seed)).verdict for seed in range(15)]
    assert Verdict.BREACH not in verdicts
    assert verdicts.count(Verdict.PASS) >= 8


def test_scores_that_follow_nothing_any_more_are_a_breach() -> None:
    """A server that answers at random: no order is left."""
    random = np.random.default_rng(9).random(3000)
    found = judged(log(inputs(1)), log(inputs(2), score=random))
    assert (found.verdict, found.value) == (Verdict.BREACH, 0.0)


def test_levels_are_inputs_like_numbers() -> None:
    """The scores followed a category, and now follow a number."""
    model = spec(levels=("region",))
    frames = []
    for seed, of_region, of_x in ((1, 2.0, 0.2), (2, 0.2, 2.0)):
        region = np.random.default_rng(seed).integers(0, 4, 3000)
        x = inputs(seed).assign(region=np.array(["n", "e", "s", "w"])[region])
        frames.append(log(x, score=of_region * region + of_x * x["x0"]))
    found = judged(*frames, model=model)
    assert found.verdict is Verdict.BREACH
    assert found.column is not None
    assert set(found.column[:2]) == {"region", "x0"}
    assert judged(frames[0], frames[0], model=model).verdict is Verdict.PASS


UNJUDGED: dict[str, tuple[Windows, Verdict, str]] = {
    "few rows": (lambda s: (log(inputs(s, 300)), log(inputs(s + 1, 300), SWAPPED)),
                 Verdict.INCONCLUSIVE, "fewer than 500"),
    "no input explains the score": (
        lambda s: (log(inputs(s), score=np.random.default_rng(5).random(3000)), log(inputs(s + 1))),
        Verdict.INCONCLUSIVE, "no input explains more than"),
    "constant score": (lambda s: (log(inputs(s)), log(inputs(s + 1), score=0.5)),
                       Verdict.NO_DATA, "no two values that differ"),
    "no score": (lambda s: (log(inputs(s)), log(inputs(s + 1), score=np.nan)),
                 Verdict.NO_DATA, "no two values that differ"),
    "the important input is out of all reach": (
        lambda s: (log(inputs(s)), log(inputs(s + 1)).assign(x0=np.nan)),
        Verdict.INCONCLUSIVE, "no values in common"),
}  # fmt: skip


@pytest.mark.parametrize("name", UNJUDGED)
def test_what_cannot_be_told_is_said(name: str) -> None:
    """No ranking or nothing to compare it with: no breach and no pass, with the reason."""
    window, verdict, said = UNJUDGED[name]
    found = judged(*window(1))
    assert (found.verdict, found.value) == (verdict, None), found
    assert said in found.reason


def test_one_input_has_no_ranks() -> None:
    """With a single input there is nothing to change places with."""
    assert judged(log(inputs(1)), log(inputs(2)), spec(("x0",))).verdict is Verdict.NO_DATA


def test_scores_that_follow_a_broken_column_are_not_judged() -> None:
    """What the gate does not believe explains the swap."""
    found = judged(log(inputs(1)), log(inputs(2), SWAPPED), broken={"x0": "unit"})
    assert found.verdict is Verdict.INCONCLUSIVE
    assert "x0 is not believed (unit)" in found.reason


def test_a_linear_versions_reliance_is_its_squared_weights() -> None:
    """Of independent inputs of one spread the total effect of each is its share of the variance (Jansen)."""
    rows = inputs(1, 20_000)
    said = reliance(lambda frame: frame[list(NAMES)] @ np.array(WEIGHTS), rows, NAMES)
    assert said.shape == (20_000, 4)
    squares = np.square(WEIGHTS)
    assert said.mean(axis=0) == pytest.approx(squares / squares.sum(), abs=0.02)


@pytest.mark.parametrize("said", [math.nan, 0.5])
def test_a_version_without_a_ranking_is_refused(said: float) -> None:
    """Scores that are no numbers, or all alike, say nothing of inputs."""
    with pytest.raises(DataError, match=r"the version gives"):
        reliance(lambda frame: pd.Series(said, index=frame.index), inputs(1, 50), NAMES)


class Linear:
    """A fitted estimator with these weights."""

    def __init__(self, *weights: float) -> None:
        self.weights, self.feature_names_in_ = np.array(weights), np.array(NAMES)

    def predict(self, rows: pd.DataFrame) -> Any:
        """Return a number in (0, 1) by row."""
        return 1 / (1 + np.exp(-rows[list(NAMES)].to_numpy() @ self.weights))


def asked(*versions: Linear, known: int | None = None) -> list[Finding]:
    """Ask two versions, each of which answered a window whose first two inputs are nearly the same."""
    model, registry = spec_with_versions(), FakeRegistry()
    for number, one in enumerate(versions[:known]):
        registry.register("m", one, key=str(number), tags={}, example=pd.DataFrame(), metrics={})
    start, windows, frames = datetime(2026, 1, 1, tzinfo=UTC), [], []
    for number, one in enumerate(versions):
        x = inputs(number + 1)
        x["x1"] = x["x0"] + 0.05 * x["x1"]
        at = start + number * timedelta(days=10)
        frame = log(x).assign(score=one.predict(x), version=str(number + 1))
        frames.append(frame.assign(at=pd.Timestamp(at) + pd.to_timedelta(np.arange(len(x)), unit="min")))
        windows.append(Window("m", at, at + timedelta(days=9)))
    source = FakeSource(pd.concat(frames))
    services: Any = SimpleNamespace(registry=registry, source=source, policy=POLICY)
    before = digest_window(model, source, windows[0])
    now = digest_window(model, source, windows[1], before)
    return judge_versions_attribution(services, model, (windows[0], before), (windows[1], now))


def test_twins_that_replaced_each_other_show_when_the_versions_are_asked() -> None:
    """The logged scores hardly change; the versions say what they lean on."""
    (found,) = asked(Linear(2, 0, 0.7, 0), Linear(0, 2, 0.7, 0))
    assert (found.category, found.metric) == (Category.ATTRIBUTION_SHIFT, "version_attribution_ndcg")
    assert found.verdict is Verdict.BREACH
    assert set(found.column or ()) >= {"x0", "x1"}
    assert found.interval is not None
    assert (
        found.interval[0] <= float(found.value or 0) <= found.interval[1] < POLICY.limit("attribution.ndcg")
    )


def test_a_version_that_leans_on_the_same_inputs_passes() -> None:
    """Other weights of the same order are no shift."""
    (found,) = asked(Linear(2, 0, 0.7, 0), Linear(2.2, 0, 0.6, 0))
    assert found.verdict is Verdict.PASS


def test_a_version_that_is_not_registered_is_no_data() -> None:
    """Nobody can be asked: the reason says who, and nothing is made up."""
    (found,) = asked(Linear(2, 0, 0.7, 0), Linear(0, 2, 0.7, 0), known=1)
    assert found.verdict is Verdict.NO_DATA
    assert "version 2 was not asked" in found.reason


def test_the_same_version_is_not_asked_again() -> None:
    """What moved then are the inputs, and drift speaks of these."""
    model, registry = spec_with_versions(), FakeRegistry()
    services: Any = SimpleNamespace(registry=registry, source=None, policy=POLICY)
    frame = log(inputs(1)).assign(version="1")
    one = digest_batches(model, [pa.RecordBatch.from_pandas(frame, preserve_index=False)])
    window = Window("m", datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 9, tzinfo=UTC))
    assert judge_versions_attribution(services, model, (window, one), (window, one)) == []


def test_the_same_windows_give_the_same_bytes() -> None:
    """Draws are seeded: two runs agree to the last digit."""
    twice = [judged(log(inputs(1)), log(inputs(2), SWAPPED)).document() for _ in range(2)]
    assert twice[0] == twice[1]


def test_a_regression_is_judged_like_a_classifier() -> None:
    """Its score is an amount with a heavy tail; ranks do not mind."""
    document = {
        "schema_version": 1, "name": "m", "task": "regression", "importance": "high", "owner": "o",
        "columns": {
            "id": "id", "timestamp": "at", "score": "amount", "predicted_label": "amount",
            "label": "label", "numeric": list(NAMES), "categorical": [], "sensitive": [],
        },
    }  # fmt: skip
    model = spec_from_document(document, "m.yaml")
    amounts = [
        log(x).assign(amount=np.exp(3 * x @ np.array(weights)), label=1.5)
        for x, weights in ((inputs(1), WEIGHTS), (inputs(2), WEIGHTS), (inputs(3), SWAPPED))
    ]
    assert judged(amounts[0], amounts[1], model).verdict is Verdict.PASS
    assert judged(amounts[0], amounts[2], model).verdict is Verdict.BREACH

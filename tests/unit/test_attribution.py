"""What the scores follow: a swap is found, a population that moved or a recalibration is none."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from amends.domain.findings import Verdict
from amends.domain.spec import spec_from_document
from amends.measures.attribution import ndcg, shares_of
from amends.measures.digesting import digest_batches
from attributing import NAMES, SWAPPED, WEIGHTS, inputs, judged, log, spec


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

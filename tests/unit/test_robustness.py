"""Perturbed rows and what versions make of them; areas and losses against scikit-learn and a bootstrap."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from amends.errors import Unavailable
from amends.measures.membership import membership, row_loss, small_groups
from amends.measures.robustness import (
    answers,
    auc_contrast,
    emptied,
    mean_contrast,
    noisy,
    outlying,
    pushed,
    unseen,
)

ROWS = pd.DataFrame(
    {
        "income": np.random.default_rng(1).normal(10, 2, 4000),
        "late": np.random.default_rng(2).integers(0, 3, 4000),
        "region": np.random.default_rng(3).choice(["north", "south"], 4000),
    }
)


def drawn(rows: int, seed: int) -> tuple[Any, Any, Any]:
    """Labels, and two scores that rank them more and less well."""
    draw = np.random.default_rng(seed)
    label = (draw.random(rows) < 0.4).astype(np.int64)
    return label, label + draw.normal(0, 1, rows), label + draw.normal(0, 2, rows).round(1)


def test_areas_and_their_differences_are_those_of_scikit_learn() -> None:
    """One area, and the difference of two on the same rows, ties included."""
    from sklearn.metrics import roc_auc_score

    label, good, bad = drawn(500, 1)
    areas = [roc_auc_score(label, score) for score in (good, bad)]
    assert auc_contrast(label, [(1.0, bad)]).value == pytest.approx(areas[1])
    assert auc_contrast(label, [(1.0, good), (-1.0, bad)]).value == pytest.approx(areas[0] - areas[1])


def test_the_error_of_a_difference_is_what_a_bootstrap_finds() -> None:
    """DeLong's standard error agrees with 400 resamples within a tenth; of a score with itself it is 0."""
    from sklearn.metrics import roc_auc_score

    label, good, bad = drawn(400, 2)
    draw = np.random.default_rng(5)
    found = []
    for _ in range(400):
        pick = draw.integers(0, 400, 400)
        found.append(
            roc_auc_score(label[pick], good[pick]) - roc_auc_score(label[pick], bad[pick])
        )  # fmt: skip
    assert auc_contrast(label, [(1.0, good), (-1.0, bad)]).error == pytest.approx(np.std(found), rel=0.12)
    assert auc_contrast(label, [(1.0, good), (-1.0, good)]).error == 0.0


def test_one_class_has_no_area() -> None:
    """A number that does not exist is NaN with an endless error, never a value."""
    alone = auc_contrast(np.ones(50, np.int64), [(1.0, np.linspace(0, 1, 50))])
    assert np.isnan(alone.value)
    assert np.isinf(alone.error)
    assert np.isinf(mean_contrast(np.zeros(1)).error)
    assert np.isnan(mean_contrast(np.zeros(0)).value)


def test_a_mean_has_the_error_of_scipy() -> None:
    """Standard error of the mean."""
    from scipy.stats import sem

    values = np.random.default_rng(1).normal(3, 2, 77)
    assert mean_contrast(values).value == pytest.approx(values.mean())
    assert mean_contrast(values).error == pytest.approx(sem(values))


def test_noise_is_a_share_of_the_spread_and_leaves_whole_numbers_whole() -> None:
    """A twentieth of two is a tenth; counts of 0 to 2 stay what they are under it; levels are not touched."""
    found = noisy(ROWS, ["income", "late"], 0.05, seed=1)
    assert (found["income"] - ROWS["income"]).std() == pytest.approx(0.1, rel=0.05)
    assert (found["late"] == ROWS["late"]).mean() > 0.99
    assert found["region"].equals(ROWS["region"])
    assert noisy(ROWS, ["income"], 0.05, seed=1)["income"].equals(found["income"])


def test_gaps_and_outliers_come_at_their_share() -> None:
    """A tenth of each column, each by itself; all of it where all was asked for."""
    gaps = emptied(ROWS, ["income", "region"], 0.1, seed=1)
    assert gaps[["income", "region"]].isna().mean().tolist() == pytest.approx([0.1, 0.1], abs=0.02)
    assert (gaps["income"].isna() & gaps["region"].isna()).mean() == pytest.approx(0.01, abs=0.006)
    assert emptied(ROWS, ["late"], 1.0, seed=1)["late"].isna().all()
    far = outlying(ROWS, {"income": (-50.0, 99.0)}, 0.1, seed=1)["income"]
    assert far.isin([-50.0, 99.0]).mean() == pytest.approx(0.1, abs=0.02)
    assert (pushed(ROWS, "income", 7.0)["income"] == 7.0).all()


def test_an_unseen_level_is_of_the_columns_own_kind() -> None:
    """A text where there are texts, one more than the largest where there are numbers."""
    assert not set(unseen(ROWS, "region")["region"]) & {"north", "south"}
    assert set(unseen(ROWS, "late")["late"]) == {3.0}


@pytest.mark.parametrize(
    "score",
    [
        lambda rows: 1 / 0 if rows else 0,
        lambda rows: np.full(len(rows), np.nan),
        lambda rows: np.full(len(rows), 1.5),
        lambda rows: np.full(len(rows), -np.inf),
        lambda rows: np.ones(len(rows) + 1) / 2,
        lambda rows: ["a"] * len(rows),
    ],
)
def test_whatever_is_no_score_is_no_answer(score: Any) -> None:
    """An exception, NaN, a value outside [0, 1], too many of them or texts: NaN, never a pass."""
    assert np.isnan(answers(score, ROWS)).all()


def test_a_service_that_is_down_is_no_property_of_a_version() -> None:
    """It leaves as what it is, so that the step is tried again."""

    def down(_: Any) -> Any:
        raise Unavailable("MLflow does not answer. Start it.")

    with pytest.raises(Unavailable):
        answers(down, ROWS)


def test_the_loss_of_rows_is_that_of_scikit_learn() -> None:
    """Its mean is the log-loss."""
    from sklearn.metrics import log_loss

    label = np.array([0, 1, 1, 0])
    score = np.array([0.2, 0.9, 0.4, 0.6])
    assert row_loss(score, label).mean() == pytest.approx(log_loss(label, score))


def test_membership_by_hand() -> None:
    """Training losses 1 and 2, held out 1.5 and 3: of four pairs three go the right way.

    Against another version with losses 2 everywhere it is smaller by 1 and 0, and by 0.5 and -1: three.
    """
    found = membership(
        (np.array([1.0, 2.0]), np.array([2.0, 2.0])), (np.array([1.5, 3.0]), np.array([2.0, 2.0]))
    )
    assert found.told.value == pytest.approx(0.75)
    assert found.beyond.value == pytest.approx(0.75)
    assert found.gap == pytest.approx(0.75)
    assert found.excess == pytest.approx(0.75)
    assert found.rows == (2, 2)


def test_a_tree_grown_to_the_end_gives_itself_away_and_a_line_does_not() -> None:
    """With a quarter of labels noise, scikit-learn's forest tells its rows at over 0.8, a line at 0.5."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression

    draw = np.random.default_rng(1)
    inputs = draw.normal(0, 1, (2000, 5))
    label = (draw.random(2000) < np.where(inputs[:, 0] > 0, 0.75, 0.25)).astype(np.int64)
    forest = RandomForestClassifier(30, random_state=0).fit(inputs[:1000], label[:1000])
    line = LogisticRegression().fit(inputs[:1000], label[:1000])
    losses = {
        one: [row_loss(model.predict_proba(inputs[part])[:, 1], label[part])
              for part in (slice(0, 1000), slice(1000, 2000))]
        for one, model in (("forest", forest), ("line", line))
    }  # fmt: skip

    def told(mine: str, other: str) -> Any:
        pairs = [(losses[mine][i], losses[other][i]) for i in (0, 1)]
        return membership(pairs[0], pairs[1])

    assert told("forest", "line").told.value > 0.8
    assert told("forest", "line").beyond.value > 0.8
    assert told("line", "forest").told.value == pytest.approx(0.5, abs=0.04)


def test_small_groups_are_counted() -> None:
    """Groups of 1 to 10 count, an empty one and one of 11 do not."""
    assert small_groups({"a": 0, "b": 1, "c": 10, "d": 11}, 11) == 2

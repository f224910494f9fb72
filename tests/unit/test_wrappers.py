"""What wraps a parent: arithmetic by hand on a parent whose scores are known."""

import math

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from amends.errors import DataError
from amends.measures.masking import centre_of
from amends.measures.scoring import scorer_of
from amends.measures.wrappers import GroupShifted, Masked, Recalibrated


class Parent:
    """Scores with its first input, and keeps what it was given."""

    feature_names_in_ = np.array(["a", "b", "c"])
    classes_ = np.array([0, 1])

    def predict_proba(self, rows: pd.DataFrame) -> np.ndarray:
        """Probabilities of both classes."""
        self.given = rows
        return np.column_stack([1 - rows["a"], rows["a"]])


class Guess:
    """Guesses a tenth of b."""

    def predict(self, rows: pd.DataFrame) -> np.ndarray:
        """Guess."""
        return rows["b"].to_numpy() / 10


ROWS = pd.DataFrame(
    {"a": [0.2, 0.5, 0.8], "b": [1.0, 2.0, 3.0], "c": ["x", "y", None], "sex": ["f", "m", "n"]}
)


def test_recalibrated_scores_are_the_map_of_the_parents() -> None:
    """Odds times e: 1/4 becomes e/4, by hand; both columns of probabilities and the classes follow."""
    wrapped = Recalibrated(Parent(), "shift", np.array([1.0, 1.0]), np.empty(0))
    odds = np.array([0.25, 1.0, 4.0]) * math.e

    assert scorer_of(wrapped)(ROWS).to_numpy() == pytest.approx(odds / (1 + odds))
    assert wrapped.predict_proba(ROWS).sum(axis=1) == pytest.approx(1)
    assert list(wrapped.predict(ROWS)) == [0, 1, 1]
    steps = Recalibrated(Parent(), "isotonic", np.array([0.2, 0.8]), np.array([0.0, 1.0]))
    assert scorer_of(steps)(ROWS).to_numpy() == pytest.approx([0.0, 0.5, 1.0])


def test_a_masked_input_is_replaced_and_need_not_be_there() -> None:
    """The parent gets the fill whatever the row says, in the order of columns that it knows."""
    parent = Parent()
    wrapped = Masked(parent, {"a": 0.3, "c": None}, {})

    assert wrapped.feature_names_in_ == ["b"]
    assert list(scorer_of(wrapped)(ROWS.drop(columns=["a", "c"]))) == pytest.approx([0.3] * 3)
    assert list(parent.given.columns) == ["a", "b", "c"]
    assert parent.given["c"].isna().all()
    assert scorer_of(Masked(parent, {"a": math.nan}, {}))(ROWS).isna().all()


def test_a_masked_input_may_be_guessed_from_the_others() -> None:
    """The guess sees no masked column."""
    parent = Parent()
    wrapped = Masked(parent, {"a": math.nan, "c": "x"}, {"a": Guess()})

    assert list(scorer_of(wrapped)(ROWS)) == pytest.approx([0.1, 0.2, 0.3])
    assert set(parent.given["c"]) == {"x"}


def test_group_thresholds_need_the_attribute_and_say_so() -> None:
    """A group that is not named is left alone; without the column there is no score."""
    wrapped = GroupShifted(Parent(), "sex", {"f": math.log(4), "m": 0.0})

    assert wrapped.feature_names_in_ == ["a", "b", "c", "sex"]
    assert list(scorer_of(wrapped)(ROWS)) == pytest.approx([0.5, 0.5, 0.8])
    with pytest.raises(DataError, match="lack column 'sex'"):
        scorer_of(wrapped)(ROWS.drop(columns="sex"))


def test_wrappers_wrap_wrappers() -> None:
    """A masked version can be recalibrated: each asks the one inside."""
    wrapped = Recalibrated(
        Masked(Parent(), {"a": 0.5}, {}), "shift", np.array([math.log(3), 1.0]), np.empty(0)
    )

    assert wrapped.feature_names_in_ == ["b", "c"]
    assert list(scorer_of(wrapped)(ROWS)) == pytest.approx([0.75] * 3)


def test_the_centre_is_the_median_or_the_commonest_level() -> None:
    """Nulls and numbers that are not finite do not count; of equally common levels the first by name."""
    numbers, levels = (
        pa.chunked_array([[1.0, math.inf, 9.0, None, 2.0]]),
        pa.chunked_array([["b", "a", None]]),
    )

    assert centre_of(numbers, "a", numeric=True) == 2.0
    assert centre_of(levels, "c", numeric=False) == "a"
    for numeric in (True, False):
        with pytest.raises(DataError, match="no value in the reference"):
            centre_of(pa.chunked_array([pa.nulls(3)]), "a", numeric=numeric)

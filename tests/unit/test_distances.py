"""Distances from profiles against scipy's on the rows."""

from collections import Counter

import numpy as np
import pytest
from amends.errors import DataError
from amends.measures.distances import jensen_shannon, wasserstein
from amends.measures.profiles import BINS, Axis, CategoricalProfile, NumericProfile
from hypothesis import example, given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import wasserstein_distance

SHAPES = {
    "normal": lambda draw, n: draw.normal(3, 2, n),
    "lognormal": lambda draw, n: draw.lognormal(0, 2, n),
    "cauchy": lambda draw, n: draw.standard_cauchy(n),
    "whole numbers": lambda draw, n: draw.integers(0, 12, n).astype(float),
    "large offset": lambda draw, n: 1e9 + draw.normal(0, 1, n),
    "two atoms": lambda draw, n: draw.choice([-1e6, 1e-6], n),
    "constant": lambda draw, n: np.full(n, 7.0),  # noqa: ARG005 - one form for all
}


def profiles(was: np.ndarray, now: np.ndarray) -> list[NumericProfile]:
    axis = Axis.around(was)
    return [NumericProfile.of(axis, numbers) for numbers in (was, now)]


@pytest.mark.parametrize("before", SHAPES)
@pytest.mark.parametrize("after", SHAPES)
def test_scipys_distance_lies_within_the_bounds(before: str, after: str) -> None:
    """Whatever the two shapes, the bounds hold what scipy computes from the rows."""
    draw = np.random.default_rng(len(before) * 100 + len(after))
    was, now = SHAPES[before](draw, 3_000), SHAPES[after](draw, 2_000)
    truth = wasserstein_distance(was, now)
    bounds = wasserstein(*profiles(was, now))
    assert bounds is not None
    assert bounds.low <= truth * (1 + 1e-12) + 1e-300
    assert truth * (1 - 1e-12) <= bounds.high


@pytest.mark.parametrize("shape", ["normal", "whole numbers"])
def test_the_bounds_are_as_close_as_promised(shape: str) -> None:
    """Of two windows of one distribution, which cross most, the width is under 8 / BINS deviations."""
    draw = np.random.default_rng(5)
    was, now = SHAPES[shape](draw, 50_000), SHAPES[shape](draw, 50_000)
    bounds = wasserstein(*profiles(was, now))
    assert bounds is not None
    assert bounds.high - bounds.low < 8 / BINS * was.std()
    assert bounds.low <= bounds.middle <= bounds.high


@given(
    was=st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=30),
    now=st.lists(st.floats(-1e12, 1e12), min_size=1, max_size=30),
)
@example(was=[5e-324], now=[0.0])
@settings(max_examples=200, deadline=None)
def test_the_bounds_hold_for_any_numbers(was: list[float], now: list[float]) -> None:
    """Few rows of any size: scipy's distance lies within the bounds, up to its own rounding."""
    truth = wasserstein_distance(was, now)
    bounds = wasserstein(*profiles(np.array(was), np.array(now)))
    assert bounds is not None
    rounding = max(1e-14 * max(map(abs, [*was, *now])), np.finfo(float).tiny)  # below it there are no digits
    assert bounds.low - rounding <= truth <= bounds.high + rounding


def test_a_shift_that_never_crosses_is_exact() -> None:
    """Moved by five deviations, the distance is the difference of the means, to rounding."""
    draw = np.random.default_rng(9)
    was = draw.uniform(0, 1, 1_000)
    bounds = wasserstein(*profiles(was, was + 5))
    assert bounds is not None
    assert bounds.low == pytest.approx(5, abs=1e-7)
    assert bounds.high == pytest.approx(5, abs=1e-7)


def test_no_values_give_no_distance() -> None:
    """Nothing is not near to anything."""
    empty, some = profiles(np.array([np.nan]), np.array([1.0]))
    assert wasserstein(empty, some) is None
    assert wasserstein(some, empty) is None
    assert jensen_shannon(CategoricalProfile({}, 3), CategoricalProfile({"a": 1}, 0)) is None


def test_other_axes_are_refused() -> None:
    """Counts on two grids cannot be compared bin by bin."""
    one, other = (NumericProfile.of(Axis(mean, 1.0), np.ones(3)) for mean in (0.0, 1.0))
    with pytest.raises(DataError, match="different grids"):
        wasserstein(one, other)


@given(
    was=st.dictionaries(st.sampled_from("abcdefg"), st.integers(1, 1000), min_size=1),
    now=st.dictionaries(st.sampled_from("abcdefg"), st.integers(1, 1000), min_size=1),
)
@settings(max_examples=100, deadline=None)
def test_levels_are_as_far_apart_as_scipy_says(was: Counter[str], now: Counter[str]) -> None:
    """Jensen-Shannon of two columns' levels, with levels that one of them lacks."""
    p, q = ([one.get(level, 0) for level in "abcdefg"] for one in (was, now))
    assert jensen_shannon(CategoricalProfile(was, 0), CategoricalProfile(now, 5)) == pytest.approx(
        jensenshannon(p, q), abs=1e-7
    )

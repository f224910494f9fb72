"""Numbers cut at quantiles: as numpy finds them, number by number."""

from typing import Literal

import numpy as np
import pytest
from amends.measures.cutting import FEW, cut_at, edges_of

SIDES: tuple[Literal["left", "right"], ...] = ("left", "right")


def numbers(kind: str) -> np.ndarray:
    """Numbers with ties, heavy tails or none at all."""
    rng = np.random.default_rng(7)
    return {
        "smooth": rng.normal(size=5000),
        "tied": rng.integers(0, 4, 5000).astype(float),
        "heavy": rng.standard_cauchy(5000),
        "constant": np.full(50, -0.0),
        "one": np.array([3.5]),
        "none": np.zeros(0),
    }[kind]


@pytest.mark.parametrize("kind", ["smooth", "tied", "heavy", "constant", "one"])
@pytest.mark.parametrize("slices", [2, 10, FEW + 50])
@pytest.mark.parametrize("method", ["linear", "lower"])
def test_edges_are_numpys_quantiles(kind: str, slices: int, method: Literal["linear", "lower"]) -> None:
    """Sorting first changes no edge."""
    found = edges_of(numbers(kind), slices, method=method)
    shares = np.arange(1, slices) / slices
    np.testing.assert_allclose(
        found, np.unique(np.quantile(numbers(kind), shares, method=method)), atol=1e-12
    )
    assert (np.diff(found) > 0).all()


@pytest.mark.parametrize("kind", ["smooth", "tied", "heavy", "constant", "one", "none"])
@pytest.mark.parametrize("slices", [2, 10, FEW + 50])
@pytest.mark.parametrize("side", SIDES)
def test_slices_are_those_of_a_search(kind: str, slices: int, side: Literal["left", "right"]) -> None:
    """Few edges are compared, many are searched: the slices are the same, at infinity, too."""
    edges = edges_of(numbers("smooth"), slices)
    sought = np.concatenate([numbers(kind), edges, [np.inf, -np.inf]])
    found = cut_at(edges, sought, side)
    assert found.dtype == np.int64
    np.testing.assert_array_equal(found, np.searchsorted(edges, sought, side=side))


def test_no_number_has_no_edge() -> None:
    """A column that is empty is one slice."""
    assert len(edges_of(numbers("none"), 10)) == 0
    assert cut_at(np.zeros(0), numbers("one"), "left").tolist() == [0]

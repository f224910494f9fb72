"""Where labels thin out at the end of a log."""

import numpy as np
import pytest
from amends.measures.label_arrival import complete_rows_of

N = 5000


def labels(share: float, tail: int, tail_share: float, seed: int = 1) -> np.ndarray:
    """Whether labels arrived: at one share, and at another in the last rows."""
    draw = np.random.default_rng(seed).random(N)
    return draw < np.where(np.arange(N) < N - tail, share, tail_share)


@pytest.mark.parametrize("share", [1.0, 0.5, 0.1])
@pytest.mark.parametrize("seed", range(5))
def test_steady_labels_are_all_kept(share: float, seed: int) -> None:
    """Ten in a hundred are as complete as all of them, as long as it stays so."""
    assert complete_rows_of(labels(share, 0, 0, seed)) == N


@pytest.mark.parametrize(("share", "tail_share"), [(1.0, 0.0), (1.0, 0.5), (0.5, 0.1)])
def test_a_thin_tail_is_cut_to_the_slice(share: float, tail_share: float) -> None:
    """Slices have 100 of 5 000 rows: the last thousand goes, and no row before it."""
    assert complete_rows_of(labels(share, 1000, tail_share)) == N - 1000


def test_a_gap_in_the_middle_is_no_tail() -> None:
    """Labels that were never delivered for some past days are missing and not late."""
    known = np.ones(N, dtype=bool)
    known[2000:2500] = False

    assert complete_rows_of(known) == N


def test_few_rows_and_none() -> None:
    """One row is a slice; nothing is nothing."""
    assert complete_rows_of(np.ones(3, dtype=bool)) == 3
    assert complete_rows_of(np.zeros(0, dtype=bool)) == 0
    assert complete_rows_of(np.zeros(10, dtype=bool)) == 10

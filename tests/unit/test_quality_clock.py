"""A clock that was turned is told from traffic that moved, and by how much."""

from collections import Counter

import numpy as np
import pytest
from amends.measures.profiles import Axis, CategoricalProfile, NumericProfile
from amends.measures.quality_clock import clock_check
from amends.measures.quality_record import Check
from weather import QUALITY

DAY = np.array([2, 1, 1, 1, 1, 2, 4, 7, 8, 7, 6, 6, 7, 7, 6, 6, 7, 9, 9, 7, 5, 4, 3, 2], dtype=float)
NIGHT_OUT = DAY + np.where(np.arange(24) >= 20, 6.0, 0.0)
WEEK = np.array([15, 15, 15, 15, 16, 14, 10], dtype=float)


def drawn(weights: np.ndarray, rows: int, seed: int, turn: int = 0, first: int = 0) -> np.ndarray:
    """Values of a clock by how common each is, turned, and counted from ``first``."""
    draw = np.random.default_rng(seed)
    values = draw.choice(len(weights), rows, p=weights / weights.sum())
    return ((values + turn) % len(weights) + first).astype(float)


def checked(before: np.ndarray, now: np.ndarray) -> Check | None:
    """The check of two windows of a numeric column; None where it is no clock."""
    axis = Axis.around(before)
    pair = (NumericProfile.of(axis, one) for one in (before, now))
    return next(clock_check("hour", *pair, QUALITY), None)


def levelled(values: list[str]) -> CategoricalProfile:
    """Profile of levels."""
    return CategoricalProfile(Counter(values), 0)


def is_broken(found: Check | None) -> bool:
    """Whether the rows prove the turn."""
    return found is not None and found.proven > found.high


@pytest.mark.parametrize("turn", [-8, -5, -4, 2, 3, 5, 6, 12])
def test_a_clock_in_another_zone_is_named_with_its_hours(turn: int) -> None:
    """All hours moved by a constant, round midnight: the turn is told with its sign."""
    found = checked(drawn(DAY, 6000, 1), drawn(DAY, 3000, 2, turn))
    assert is_broken(found)
    assert found is not None
    assert f"{turn:+d} hours" in found.note


def test_days_counted_from_another_day_are_named() -> None:
    """Sunday is 0 where Monday was, or days run from 1 to 7: the week turned by a day."""
    for turn, first in ((1, 0), (0, 1)):
        found = checked(drawn(WEEK * [1, 1, 1, 1, 1, 0.3, 0.3], 6000, 1),
                        drawn(WEEK * [1, 1, 1, 1, 1, 0.3, 0.3], 4000, 2, turn, first))  # fmt: skip
        assert is_broken(found)
        assert found is not None
        assert "+1 days" in found.note


def test_an_hour_may_be_summer_time() -> None:
    """A turn of one hour is told and not proven."""
    found = checked(drawn(DAY, 60_000, 1), drawn(DAY, 60_000, 2, 1))
    assert not is_broken(found)
    sharp = np.where(np.arange(24) == 8, 60.0, 1.0) + np.where(np.arange(24) == 17, 30.0, 0.0)
    found = checked(drawn(sharp, 6000, 1), drawn(sharp, 6000, 2, 1))
    assert found is not None
    assert found.value > found.high
    assert not is_broken(found)


@pytest.mark.parametrize("seed", range(20))
def test_traffic_that_moved_is_no_turn(seed: int) -> None:
    """The same days, later evenings, and office hours only: no turn is named."""
    before = drawn(DAY, 6000, 1)
    office = np.where((np.arange(24) > 7) & (np.arange(24) < 18), DAY, 0.0)
    for weights in (DAY, NIGHT_OUT, office):
        assert not is_broken(checked(before, drawn(weights, 2000, 100 + seed)))


def test_months_that_follow_are_no_turn() -> None:
    """A quarter of the year has no clock to turn, and fractions have none either."""
    assert checked(np.repeat([4.0, 5.0, 6.0], 500), np.repeat([7.0, 8.0, 9.0], 500)) is None
    assert checked(np.linspace(0, 23, 1000), np.linspace(0, 23, 1000)) is None


def test_hours_written_as_levels_are_read() -> None:
    """Categories 0 to 23 are a clock, too; words are none."""
    before, now = (
        levelled([str(int(one)) for one in drawn(DAY, 5000, seed, turn)]) for seed, turn in ((1, 0), (2, 5))
    )
    assert is_broken(next(clock_check("hour", before, now, QUALITY)))
    assert not list(clock_check("hour", levelled(["a", "b"] * 500), now, QUALITY))

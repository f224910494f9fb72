"""Values filled in, rounded or rescaled, levels that come and go, nulls that wander: which are faults."""

from collections import Counter
from typing import Any

import numpy as np
import pandas as pd
import pytest
from amends.measures.profiles import Axis, CategoricalProfile, NumericProfile
from amends.measures.quality_columns import unit_factor
from amends.measures.quality_filled import filled_checks
from amends.measures.quality_levels import level_checks
from amends.measures.quality_placeholders import is_chosen, placeholder_checks
from amends.measures.quality_record import Check
from amends.measures.quality_shapes import shape_checks
from weather import QUALITY, broken, checks, digested, readings


def profiled(*windows: Any) -> list[NumericProfile]:
    """Profiles of a reference and a window, on one axis."""
    axis = Axis.around(np.asarray(windows[0], dtype=float))
    return [NumericProfile.of(axis, np.asarray(one, dtype=float)) for one in windows]


def levels(counts: dict[str, int]) -> CategoricalProfile:
    """Profile of levels."""
    return CategoricalProfile(counts, 0)


def metrics(found: Any) -> set[str]:
    """Metrics that are proven to be broken."""
    return {metric for metric, _ in broken(list(found))}


# --- placeholders


@pytest.mark.parametrize("value", [0, -1, 99, -99, 999, 9999, -999, 88, 32767, -2147483648, 1900, 1e6])
def test_values_that_somebody_would_fill_in_are_known(value: float) -> None:
    """Signs for nothing and ends of types are chosen, whatever the column."""
    assert is_chosen(value, profiled(np.linspace(20, 30, 500))[0])


@pytest.mark.parametrize("value", [47.2, 12345, -37, 1999, 365, 121])
def test_other_values_are_not(value: float) -> None:
    """A year, a price or a reading is no sign for nothing."""
    assert not is_chosen(value, profiled(np.linspace(20, 30, 500))[0])


def test_the_columns_own_middle_is_imputed() -> None:
    """Mean and median are what programs fill in."""
    column = profiled(np.random.default_rng(1).lognormal(3, 1, 1000))[0]
    assert is_chosen(column.mean or 0.0, column)
    assert is_chosen(column.quantile(0.5) or 0.0, column)


@pytest.mark.parametrize(("value", "proven"), [(999.0, True), (-999.0, True), (431.7, False)])
def test_only_a_value_to_choose_is_a_proven_placeholder(value: float, proven: bool) -> None:
    """A lone value far out may be a new tariff; it is told and not proven."""
    draw = np.random.default_rng(2)
    pair = profiled(
        draw.normal(50, 10, 3000), np.where(np.arange(2000) % 25 == 0, value, 50 + np.arange(2000) % 40)
    )
    found = list(placeholder_checks("amount", *pair, QUALITY))
    assert found[0].value > found[0].high
    assert metrics(found) == ({"placeholder_share"} if proven else set())


@pytest.mark.parametrize(
    ("value", "share", "proven"), [(0.0, 0.08, True), (41.37, 0.08, False), (41.37, 0.3, True)]
)
def test_a_value_nobody_would_fill_in_has_to_be_commoner(value: float, share: float, proven: bool) -> None:
    """A new price is no fault; a feed that is stuck fills more of the column."""
    draw = np.random.default_rng(3)
    now = draw.lognormal(3.5, 1, 4000)
    now[: int(share * 4000)] = value
    found = shape_checks("price", *profiled(draw.lognormal(3.5, 1, 6000), now), QUALITY)
    assert ("repeated_value_share" in metrics(found)) is proven


# --- rounding


def test_lost_digits_are_a_fault_where_they_counted() -> None:
    """Carats without their fractions say little; amounts without their cents say all they said."""
    draw = np.random.default_rng(4)
    carats, amounts = draw.gamma(3, 0.25, 5000).round(2), draw.gamma(3, 250, 5000).round(2)
    assert "rounded_share" in metrics(shape_checks("carat", *profiled(carats, carats.round()), QUALITY))
    assert metrics(shape_checks("amount", *profiled(amounts, amounts.round()), QUALITY)) == set()
    assert metrics(shape_checks("carat", *profiled(carats, carats[:2000]), QUALITY)) == set()


# --- scales


def test_a_scale_that_changed_in_another_season_is_named() -> None:
    """Fahrenheit of September, Celsius of November: beyond the old range, near the old values' Celsius."""
    old = np.sort(np.random.default_rng(5).normal(68, 8, 100))
    new = (np.sort(np.random.default_rng(6).normal(53, 9, 100)) - 32) / 1.8
    _, said = unit_factor(old, new, QUALITY, rows=(5000, 5000))
    assert "Fahrenheit to Celsius" in said
    assert "season" in said


def test_a_cold_season_is_no_other_scale() -> None:
    """Winter after summer, in one scale, stays what it is, even beyond the old range."""
    old = np.sort(np.random.default_rng(5).normal(75, 5, 100))
    for drop in (10, 25, 40):
        new = np.sort(np.random.default_rng(6).normal(75 - drop, 8, 100))
        assert "scale" not in unit_factor(old, new, QUALITY, rows=(5000, 5000))[1]


# --- levels


def shops(first: int, last: int, rows: int = 6000) -> dict[str, int]:
    """Rows by shop, the first ones larger."""
    weight = 1 / np.arange(1, last - first + 1)
    return {f"shop-{first + i}": int(rows * w) for i, w in enumerate(weight / weight.sum())}


def test_shops_that_open_and_close_are_no_fault() -> None:
    """Of 120 shops a dozen are new, together a tenth of the rows: told, not proven."""
    before = shops(0, 120)
    now = {name: n for name, n in before.items() if name not in {f"shop-{i}" for i in range(60, 72)}}
    now |= {f"new-{i}": 60 for i in range(12)}
    found = list(level_checks("shop", levels(before), levels(now), QUALITY))
    assert metrics(found) == set()
    assert any(one.metric == "unseen_level_share" and one.value > one.high for one in found)


def test_one_new_level_that_takes_over_is_one() -> None:
    """A shop in ten that is now called otherwise, and a coding that is new throughout, are faults."""
    before = shops(0, 120)
    renamed = {("ACME" if name == "shop-0" else name): n for name, n in before.items()}
    recoded = {f"{i:03d}-x": n for i, n in enumerate(before.values())}
    few = {"a": 500, "b": 400, **{f"new-{i}": 40 for i in range(4)}}
    for known, now in ((before, renamed), (before, recoded), ({"a": 600, "b": 400}, few)):
        assert "unseen_level_share" in metrics(level_checks("shop", levels(known), levels(now), QUALITY))


def test_levels_cut_short_are_said_to_be() -> None:
    """Names cut to eight letters are new levels, few rows each; it is said what they are."""
    names = ("Carolina", "Dakota", "Virginia")
    states = [f"{one}-{name}" for one in ("North", "South", "West") for name in names]
    before = dict.fromkeys(states, 90) | {f"S{i}": 100 for i in range(60)}
    now = Counter({state[:8]: 90 for state in states}) + Counter({f"S{i}": 100 for i in range(60)})
    found = list(level_checks("state", levels(before), levels(dict(now)), QUALITY))
    assert "unseen_level_share" in metrics(found)
    assert any("cut off" in one.note for one in found)


def words(before: dict[str, int], now: dict[str, int]) -> set[str]:
    """What is broken of two windows' levels."""
    return metrics(level_checks("race", levels(before), levels(now), QUALITY))


def test_more_of_a_word_for_nothing_is_more_nulls() -> None:
    """Unknown was a fifth and is half; none is an answer, and a point more of unknown is life."""
    assert words({"Unknown": 200, "a": 800}, {"Unknown": 500, "a": 500}) == {"null_word_share"}
    assert words({"none": 200, "a": 800}, {"none": 500, "a": 500}) == set()
    assert words({"Unknown": 200, "a": 800}, {"Unknown": 210, "a": 790}) == set()


# --- nulls that wander


def sparse(seed: int, shares: list[float]) -> pd.DataFrame:
    """Readings whose column is empty to a share that goes from day to day."""
    frame = readings(seed)
    day = (frame["at"] - frame["at"].min()).dt.days.clip(0, len(shares) - 1)
    gone = np.random.default_rng(seed).random(len(frame)) < np.take(shares, day)
    return frame.assign(celsius=frame["celsius"].mask(gone))


def test_nulls_that_always_came_and_went_are_no_rise() -> None:
    """Days of 5 to 45 % nulls explain a window of 35 %; steady days of 20 % do not."""
    draw = np.random.default_rng(7)
    wandering, steady = list(draw.uniform(0.05, 0.45, 14)), [0.22] * 14
    now = sparse(3, [0.33] * 14)

    def found(shares: list[float]) -> list[Check]:
        return checks(now, digested(sparse(2, shares)))

    assert ("null_increase", "celsius") not in broken(found(wandering))
    assert ("null_increase", "celsius") in broken(found(steady))


# --- nulls that were filled in, ranges that were cut off


def test_nulls_that_became_one_value_are_named() -> None:
    """A tenth was null and is 0 now: nothing is missing, and nothing is known either."""
    draw = np.random.default_rng(8)
    before, now = (np.where(draw.random(4000) < 0.1, np.nan, draw.integers(1, 13, 4000)) for _ in range(2))
    found = filled_checks("bracket", *profiled(before, np.nan_to_num(now)), QUALITY)
    assert metrics(found) == {"nulls_filled_share"}
    better = np.where(np.isnan(now), draw.integers(1, 13, 4000), now)
    for window in (now, better):
        assert metrics(filled_checks("bracket", *profiled(before, window), QUALITY)) == set()


def test_a_range_that_was_cut_off_is_named() -> None:
    """Weeks of work end at 40, and all who worked more lie there; ending there by itself is no heap."""
    draw = np.random.default_rng(9)
    weeks = np.where(draw.random(5000) < 0.4, 52, draw.integers(0, 53, 5000))
    for window, wanted in (
        (weeks.clip(max=40), {"capped_share"}),
        (weeks[weeks <= 40], set()),
        (weeks, set()),
    ):
        assert metrics(filled_checks("weeks", *profiled(weeks, window), QUALITY)) == wanted
    debts = draw.gamma(2, 8, 5000)
    assert metrics(filled_checks("debt", *profiled(debts, debts.clip(min=4)), QUALITY)) == {"capped_share"}


def test_more_of_a_sign_that_was_always_there_is_named() -> None:
    """99999 stood in two rows of a thousand and stands in thirty; 100 000 may become commoner."""
    draw = np.random.default_rng(10)
    for sign, wanted in ((99999.0, {"placeholder_share"}), (100000.0, set())):
        before, now = (
            np.where(draw.random(5000) < share, sign, draw.gamma(1, 4000, 5000).clip(max=60000))
            for share in (0.002, 0.03)
        )
        assert metrics(placeholder_checks("dividends", *profiled(before, now), QUALITY)) == wanted


def test_a_mean_that_fills_whole_numbers_is_named() -> None:
    """Ages of which a seventh are 35.49, commoner than no age ever was, though not three times."""
    draw = np.random.default_rng(11)
    likely = np.linspace(2, 0.1, 39)
    before, now = (draw.choice(np.arange(21, 60), 5000, p=likely / likely.sum()) for _ in range(2))
    filled = np.where(draw.random(5000) < 0.14, before.mean().round(2), now)
    assert "repeated_value_share" in metrics(shape_checks("age", *profiled(before, filled), QUALITY))


def test_a_weekday_that_the_reference_lacks_is_no_default() -> None:
    """A reference of six days of the week, and Monday, which is 0, in the window."""
    draw = np.random.default_rng(12)
    days = draw.integers(1, 7, 4000), draw.integers(0, 7, 3000)
    assert metrics(shape_checks("weekday", *profiled(*days), QUALITY)) == set()

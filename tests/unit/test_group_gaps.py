"""Gaps between groups and their intervals are those of papers, of scipy and of a count by hand."""

import time

import numpy as np
import pytest
from amends.measures.groups import GroupMeasure, differences, means, ratios, rises, shares
from amends.measures.proportions import mover, newcombe, wilson_bounds
from scipy import stats

Z95 = 1.959964


def measure(*pairs: tuple[int, int]) -> GroupMeasure:
    """Shares of groups a, b, c..., given as hits and rows."""
    hits, rows = np.array([one[0] for one in pairs], float), np.array([one[1] for one in pairs])
    return shares([chr(ord("a") + i) for i in range(len(pairs))], hits, rows)


NEWCOMBE = [
    (56, 70, 48, 80, 0.0524, 0.3339), (9, 10, 3, 10, 0.1705, 0.8090), (6, 7, 2, 7, 0.0582, 0.8062),
    (5, 56, 0, 29, -0.0381, 0.1926), (0, 10, 0, 20, -0.1611, 0.2775), (0, 10, 0, 10, -0.2775, 0.2775),
    (10, 10, 0, 20, 0.6791, 1.0), (10, 10, 0, 10, 0.6075, 1.0),
]  # fmt: skip


@pytest.mark.parametrize("example", NEWCOMBE)
def test_newcombes_table_is_met(example: tuple[int, int, int, int, float, float]) -> None:
    """The eight published examples, method 10 (Newcombe 1998, Statistics in Medicine 17, table II)."""
    a, m, b, n, low, high = example
    assert newcombe(a, m, b, n, Z95) == pytest.approx((low, high), abs=5e-5)
    gaps = differences(measure((b, n), (a, m)), Z95)
    assert (gaps.lower[0], gaps.upper[0]) == pytest.approx((low, high), abs=5e-5)
    assert gaps.value[0] == pytest.approx(a / m - b / n)


def test_wilsons_bounds_are_scipys() -> None:
    """Each share by itself, at the ends and between."""
    hits, rows = np.array([0, 3, 50, 99, 100]), np.array([100, 40, 100, 100, 100])
    low, high = wilson_bounds(hits.astype(float), rows.astype(float), stats.norm.isf(0.005))
    for i, (k, n) in enumerate(zip(hits, rows, strict=True)):
        expected = stats.binomtest(int(k), int(n)).proportion_ci(0.99, method="wilson")
        assert (low[i], high[i]) == pytest.approx((expected.low, expected.high))


def test_the_interval_of_a_ratio_is_katzs() -> None:
    """As scipy computes Katz et al. (1978), for the lower share over the higher one."""
    gaps = ratios(measure((60, 250), (30, 200)), Z95)
    expected = stats.contingency.relative_risk(30, 200, 60, 250).confidence_interval(0.95)
    assert (gaps.low[0], gaps.high[0]) == (1, 0)
    assert gaps.value[0] == pytest.approx(0.15 / 0.24)
    assert (gaps.lower[0], gaps.upper[0]) == pytest.approx((expected.low, expected.high))


def test_a_ratio_without_a_hit_has_an_interval_and_no_number_where_neither_has_one() -> None:
    """0 of 100 against 50 of 100 is 0 with half a row added to each cell; 0 against 0 is no number."""
    gaps = ratios(measure((0, 100), (50, 100)), Z95)
    assert gaps.value[0] == 0
    half = Z95 * np.sqrt(1 / 0.5 - 1 / 101 + 1 / 50.5 - 1 / 101)
    assert gaps.upper[0] == pytest.approx(0.5 / 50.5 * np.exp(half))
    assert np.isnan(ratios(measure((0, 100), (0, 100)), Z95).value[0])


def test_the_growth_of_a_gap_is_recovered_from_both_windows() -> None:
    """By hand: gaps 0.3 and 0.1, each with its Newcombe interval, combined as Zou and Donner (2008) do."""
    before, now = measure((40, 100), (50, 100)), measure((30, 100), (60, 100))
    grown, was = rises(before, now, Z95)
    after, earlier = newcombe(60, 100, 30, 100, Z95), newcombe(50, 100, 40, 100, Z95)
    assert was[0] == pytest.approx(0.1)
    assert grown.value[0] == pytest.approx(0.2)
    assert grown.lower[0] == pytest.approx(0.2 - np.hypot(0.3 - after[0], earlier[1] - 0.1))
    assert grown.upper[0] == pytest.approx(0.2 + np.hypot(after[1] - 0.3, 0.1 - earlier[0]))


def test_a_gap_keeps_its_direction_when_it_turns() -> None:
    """The group that is behind now was ahead: the gap went from -0.2 to 0.1, a growth of 0.3."""
    grown, was = rises(measure((60, 100), (40, 100)), measure((40, 100), (50, 100)), Z95)
    assert was[0] == pytest.approx(-0.2)
    assert grown.value[0] == pytest.approx(0.3)


def test_means_have_students_interval() -> None:
    """As scipy gives it from the rows, for the mean and for its standard error."""
    rows = np.random.default_rng(5).normal(3, 2, 60)
    one = means(["a"], np.array([60]), np.array([rows.sum()]), np.array([np.square(rows).sum()]))
    low, high = one.bounds(Z95)
    expected = stats.t.interval(0.95, 59, loc=rows.mean(), scale=stats.sem(rows))
    assert (low[0], high[0]) == pytest.approx(expected, rel=1e-6)


def test_two_equal_intervals_combine_by_the_root_of_two() -> None:
    """By hand: half-widths of 0.1 each make one of 0.1 * sqrt(2)."""
    ends = np.array([0.4]), np.array([0.6])
    low, high = mover(np.array([0.5]), ends, np.array([0.5]), ends)
    assert (low[0], high[0]) == pytest.approx((-0.1 * np.sqrt(2), 0.1 * np.sqrt(2)))


def test_every_pair_is_looked_at_and_the_lower_group_comes_first() -> None:
    """Three groups make three pairs; ties keep the order of the names."""
    gaps = differences(measure((50, 100), (20, 100), (50, 100)), Z95)
    assert sorted(zip(gaps.low.tolist(), gaps.high.tolist(), strict=True)) == [(0, 2), (1, 0), (1, 2)]


def test_a_bootstrap_of_the_table_gives_the_same_intervals_within_a_second() -> None:
    """1 000 multinomial resamples of two groups of half a million rows: ends within 8 % of the width."""
    draw, rows = np.random.default_rng(9), 500_000
    began = time.perf_counter()
    drawn = [draw.binomial(rows, share, 1000) / rows for share in (0.30, 0.32)]
    low, high = np.percentile(drawn[1] - drawn[0], [2.5, 97.5])
    gaps = differences(measure((150_000, rows), (160_000, rows)), Z95)
    assert time.perf_counter() - began < 1
    width = high - low
    assert gaps.lower[0] == pytest.approx(low, abs=0.08 * width)
    assert gaps.upper[0] == pytest.approx(high, abs=0.08 * width)


def test_the_largest_groups_are_kept_in_the_order_of_their_names() -> None:
    """By hand: of 10, 40, 20 and 40 rows the three largest are b, c and d."""
    few = measure((1, 10), (2, 40), (3, 20), (4, 40)).largest(3)
    assert (few.names, few.rows.tolist()) == (("b", "c", "d"), [40, 20, 40])

"""Drift of one column and of many: sizes and intervals against other implementations, quiet, and found."""

import math
from functools import cache
from typing import Any

import numpy as np
import pytest
from amends.adapters.files import load_policy
from amends.measures.drift import categorical_shift, discoveries, numeric_shift, shift_of
from amends.measures.profiles import MAX_LEVELS, Axis, CategoricalProfile, NumericProfile
from scipy import stats

POLICY = load_policy()
PSI, CROSSED = POLICY.limit("drift.psi"), POLICY.limit("drift.share_crossed")
RATE = POLICY.limit("drift.false_discovery_rate")
NORMAL = stats.norm.ppf((np.arange(2000) + 0.5) / 2000)


def profile(numbers: np.ndarray, axis: Axis | None = None) -> NumericProfile:
    """A column's profile; without an axis, on its own."""
    return NumericProfile.of(axis or Axis.around(numbers), numbers)


def shift(reference: np.ndarray, current: np.ndarray) -> Any:
    """Move between two columns of numbers, on the reference's grid."""
    before = profile(reference)
    return numeric_shift(before, profile(current, before.axis))


def breaches(one: Any, *, stands: bool = True) -> bool:
    """Whether a move is large enough and real."""
    return stands and (one.psi > PSI or one.crossed.value > CROSSED)


@pytest.mark.parametrize("draw_shape", ["normal", "lognormal", "zeros", "counts"])
def test_the_share_that_crossed_is_scipys_distance_less_chance(draw_shape: str) -> None:
    """Kolmogorov-Smirnov on the rows; chance comes off in squares, which a large move hardly feels."""
    draw = np.random.default_rng(3)
    make = {
        "normal": lambda n, by: draw.normal(by, 1, n),
        "lognormal": lambda n, by: draw.lognormal(by, 2, n),
        "zeros": lambda n, by: np.where(draw.random(n) < 0.6 - by / 2, 0.0, draw.normal(9, 1, n)),
        "counts": lambda n, by: draw.poisson(2 + 2 * by, n).astype(float),
    }[draw_shape]
    before, now = make(3000, 0.0), make(2000, 0.5)
    distance = stats.ks_2samp(before, now).statistic
    share = np.mean(np.concatenate([before, now]) <= stats.ks_2samp(before, now).statistic_location)
    expected = math.sqrt(distance**2 - share * (1 - share) * (1 / 3000 + 1 / 2000))
    found = shift(before, now).crossed
    assert found.value == pytest.approx(expected, abs=2e-3)
    assert found.low < distance < found.high


def test_the_share_that_changed_level_is_half_the_sum_of_differences() -> None:
    """By hand: from halves to 30 and 70 in a hundred, a fifth of the rows changed level, less chance."""
    found = shift_of(np.array([5000.0, 5000.0]), np.array([3000.0, 7000.0])).crossed
    chance = 0.4 * 0.6 * (2 / 10_000)
    assert found.value == pytest.approx(math.sqrt(0.2**2 - chance))
    low, high = found.low, found.high
    error = math.sqrt(0.25 / 10_000 + 0.21 / 10_000)
    assert (high - low) / 2 == pytest.approx(1.96 * error, rel=1e-3)


def test_the_index_of_a_normal_shift_is_its_closed_form() -> None:
    """By hand: ten equal slices of N(0, 1) against N(d, 1), cell by cell from the normal distribution."""
    edges = stats.norm.ppf(np.linspace(0, 1, 11))
    draw = np.random.default_rng(5)
    for d in (0.25, 0.5, 1.0):
        q = np.diff(stats.norm.cdf(edges - d))
        expected = float(((q - 0.1) * np.log(q / 0.1)).sum())
        found = shift(draw.normal(0, 1, 200_000), draw.normal(d, 1, 200_000))
        assert found.psi == pytest.approx(expected, rel=0.03)
        assert found.interval[0] < expected < found.interval[1]


@pytest.mark.parametrize(("n", "d"), [(300, 0.0), (300, 0.6), (2000, 0.3), (2000, 1.0)])
def test_the_interval_holds_the_true_index_in_most_draws(n: int, d: float) -> None:
    """The truth from the normal distribution lies in at least 90 of 100 intervals of 95 %."""
    cells = np.diff(stats.norm.cdf(stats.norm.ppf(np.linspace(0, 1, 11)) - d))
    truth = float(((cells - 0.1) * np.log(cells / 0.1)).sum())
    draw, held = np.random.default_rng(11), 0
    for _ in range(300):
        counts = draw.multinomial(n, np.full(10, 0.1)), draw.multinomial(n, cells)
        low, high = shift_of(*(one.astype(float) for one in counts)).interval
        held += low <= truth <= high
    assert held >= 270


def test_the_p_value_of_numbers_is_the_better_of_two_of_scipys() -> None:
    """Chi-square on slices and Kolmogorov-Smirnov; the smaller, doubled, is never under either alone."""
    draw = np.random.default_rng(8)
    before, now = draw.normal(0, 1, 400), draw.normal(0.2, 1, 400)
    distance = stats.ks_2samp(before, now).statistic
    smirnov = stats.kstwobign.sf(math.sqrt(200) * distance)
    edges = np.quantile(before, np.linspace(0, 1, 11)[1:-1])
    table = [np.bincount(np.searchsorted(edges, one), minlength=10) for one in (before, now)]
    squares = stats.chi2_contingency(table, correction=False).pvalue
    assert shift(before, now).p == pytest.approx(2 * min(smirnov, squares), rel=0.25)


def test_half_a_deviation_is_found_in_nine_of_ten_windows() -> None:
    """One of 30 columns of 1000 rows moves by half a deviation; the index alone finds it in four of ten."""
    draw, found, by_index = np.random.default_rng(21), 0, 0
    for _ in range(100):
        moved = shift(draw.normal(0, 1, 1000), draw.normal(0.5, 1, 1000))
        still = draw.uniform(size=29).tolist()
        found += breaches(moved, stands=discoveries([moved.p, *still], RATE)[0])
        by_index += moved.psi > PSI
    assert found >= 90
    assert by_index < 60


@cache
def still_windows(n: int, columns: int) -> tuple[int, int]:
    """Windows of 200 in which a column breaches although nothing moved, and columns over a size limit."""
    alarms = over = 0
    for seed in range(200):
        draw = np.random.default_rng(seed)
        shifts = []
        for i in range(columns):
            if i % 3 == 0:
                shifts.append(shift(draw.normal(0, 1, n), draw.normal(0, 1, n)))
            elif i % 3 == 1:
                heavy = [np.where(draw.random(n) < 0.4, 0.0, draw.lognormal(0, 2, n)) for _ in range(2)]
                shifts.append(shift(*heavy))
            else:
                chances = draw.dirichlet(np.full(3 + 4 * i, 0.5))
                pair = [draw.multinomial(n, chances).astype(float) for _ in range(2)]
                shifts.append(shift_of(*pair))
        stands = discoveries([one.p for one in shifts], RATE)
        alarms += any(breaches(one, stands=s) for one, s in zip(shifts, stands, strict=True))
        over += sum(breaches(one) for one in shifts)
    return alarms, over


@pytest.mark.parametrize("n", [200, 1000])
def test_two_hundred_windows_without_a_change_stay_quiet(n: int) -> None:
    """30 columns - normal, half zeros with a heavy tail, up to 120 levels: at most 1 alarm in 100 windows."""
    alarms, over = still_windows(n, 30)
    assert alarms <= 2
    assert over <= 200 * 30 * (0.02 if n == 200 else 0.001)


def test_the_plain_rule_alarms_in_most_windows_where_nothing_changed() -> None:
    """The plain rule - Kolmogorov-Smirnov p under 0.05 in any of 30 columns - alarms in most windows."""
    draw, alarms = np.random.default_rng(2), 0
    for _ in range(50):
        alarms += any(
            stats.ks_2samp(draw.normal(size=500), draw.normal(size=500)).pvalue < 0.05 for _ in range(30)
        )
    assert alarms > 25


def test_a_huge_window_with_a_trifling_shift_passes() -> None:
    """Ten million rows make two hundredths of a deviation significant; its size decides."""
    cells = np.diff(stats.norm.cdf(stats.norm.ppf(np.linspace(0, 1, 11)) - 0.02))
    found = shift_of(np.full(10, 1e6), np.round(cells * 1e7))
    assert found.p < 1e-100
    assert not breaches(found)


def test_a_heavy_tail_does_not_hide_a_move_that_its_deviation_swallows() -> None:
    """Half of the rows move, yet scipy's Wasserstein distance is under a tenth of a deviation."""
    draw = np.random.default_rng(4)
    before = np.append(draw.normal(0, 1, 5000), 1e6)
    now = np.append(draw.normal(2, 1, 5000), 1e6)
    assert stats.wasserstein_distance(before, now) / before.std() < 0.1
    assert breaches(shift(before, now))


def test_one_absurd_row_of_the_reference_hides_nothing() -> None:
    """The axis is that of the other rows: a column that is a hundred times larger is seen all the same."""
    draw = np.random.default_rng(5)
    was = np.append(draw.normal(10, 2, 6000), 1e13)
    axis = Axis.around(was)
    before, now = NumericProfile.of(axis, was), NumericProfile.of(axis, draw.normal(1000, 200, 2000))
    assert axis.sd == pytest.approx(2, rel=0.1)
    assert numeric_shift(before, now).psi > 1


def test_one_absurd_row_is_no_drift() -> None:
    """A single 1e12 moves the mean by millions, and no other row."""
    draw = np.random.default_rng(4)
    found = shift(draw.normal(0, 1, 5000), np.append(draw.normal(0, 1, 4999), 1e12))
    assert not breaches(found)
    assert found.psi < 0.01


def test_amounts_beside_a_heap_of_zeros_are_compared_among_themselves() -> None:
    """Nine in ten rows are zero in both windows; what the others hold is ten times as much."""
    draw = np.random.default_rng(4)
    zeros, amounts = np.zeros(9000), draw.lognormal(0, 0.5, 1000)
    found = shift(np.append(zeros, amounts), np.append(zeros, 10 * draw.lognormal(0, 0.5, 1000)))
    assert found.psi > PSI


def test_a_pair_is_compared_once_and_another_anew() -> None:
    """Who asks again for the same two profiles is given the same answer; any other pair gets its own."""
    before = profile(NORMAL)
    other, now = (profile(NORMAL + 1, before.axis) for _ in range(2))
    assert numeric_shift(before, now) is numeric_shift(before, now)
    assert numeric_shift(other, now).psi == 0 < numeric_shift(before, now).psi


def test_two_constants_that_share_a_bin_are_told_apart() -> None:
    """A constant column has no deviation to scale by: 1e-9 and 2e-9 are other values all the same."""
    before, now = np.full(500, 1e-9), np.full(500, 2e-9)
    assert shift(before, now).psi > PSI
    assert shift(before, before.copy()).psi == 0


def test_levels_past_the_last_that_is_counted_do_not_look_like_drift() -> None:
    """Two windows count other thousands of the same 15 000 equal levels; the rest is in overflow."""
    draw = np.random.default_rng(6)
    pair = []
    for _ in range(2):
        counts = draw.multinomial(1_500_000, np.full(15_000, 1 / 15_000))
        kept = draw.permutation(15_000)[:MAX_LEVELS]
        known = {f"z{i}": int(counts[i]) for i in kept}
        pair.append(CategoricalProfile(known, 0, int(counts.sum()) - sum(known.values())))
    found = categorical_shift(*pair)
    assert not breaches(found)
    assert found.p > 1e-4


def test_ids_as_levels_are_no_drift() -> None:
    """Every level is rare: there is nothing to compare, and nothing is claimed."""
    pair = [CategoricalProfile({f"{w}{i}": 1 for i in range(2000)}, 0) for w in "ab"]
    assert categorical_shift(*pair).psi == 0

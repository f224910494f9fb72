"""Sequential comparison on streams whose truth is known: how often it is wrong, and how soon it is right."""

import math

import numpy as np
import numpy.typing as npt
import pytest
from amends.errors import DataError
from amends.measures.sequential import Sequence, paired, randomised, randomised_sum, running_mean, widening

STREAMS, LOOKS, BATCH = 1000, 20, 100
ALPHA, MARGIN = 0.01, 0.02
Floats = npt.NDArray[np.float64]


def begun(alpha: float = ALPHA, low: float = -1.0, high: float = 1.0) -> Sequence:
    """A sequence that has seen nothing."""
    return Sequence(alpha=alpha, low=low, high=high)


def brier_differences(draw: np.random.Generator, rows: int, harm: float) -> Floats:
    """Paired differences of Brier scores whose mean over the population is exactly ``harm``.

    The champion says p, the truth; the challenger says p + e with e = +-sqrt(harm + s) or +-sqrt(harm - s):
    E[(p + e - y)^2 - (p - y)^2] = e^2, since E[y] = p.
    """
    p = draw.uniform(0.3, 0.7, rows)
    error = math.sqrt(harm) * draw.choice([-1.0, 1.0], rows)
    y = (draw.random(rows) < p).astype(float)
    return paired((p + error - y) ** 2, (p - y) ** 2)


def no_difference(draw: np.random.Generator, rows: int) -> Floats:
    """Differences of two models that are equally good and often disagree: symmetric about 0."""
    return np.asarray(draw.choice([-0.3, -0.05, 0.05, 0.3], rows))


def ever(stream: Floats, margin: float, start: Sequence) -> tuple[bool, bool]:
    """Whether a stream, looked at after every batch, was ever aborted by the sequence, and by a z-test."""
    sequence, aborted, naive = start, False, False
    for look in range(1, len(stream) // BATCH + 1):
        sequence = sequence.seen(stream[(look - 1) * BATCH : look * BATCH])
        aborted |= sequence.lower > margin
        so_far = stream[: look * BATCH]
        naive |= (so_far.mean() - margin) / (so_far.std(ddof=1) / math.sqrt(len(so_far))) > 2.326
    return aborted, naive


def test_streams_without_a_difference_are_hardly_ever_aborted_and_a_repeated_z_test_aborts_many() -> None:
    """Of 1000 streams without a difference, looked at 20 times against 0, at most 1 % are aborted."""
    draw = np.random.default_rng(20261125)
    ends = [ever(no_difference(draw, LOOKS * BATCH), 0.0, begun()) for _ in range(STREAMS)]
    assert sum(aborted for aborted, _ in ends) <= ALPHA * STREAMS
    assert sum(naive for _, naive in ends) > 4 * ALPHA * STREAMS, "the test must be able to fail"


def test_streams_exactly_at_the_margin_are_hardly_ever_aborted() -> None:
    """A challenger that is worse by just the margin, the hardest case of those allowed, goes on."""
    draw = np.random.default_rng(1)
    ends = [ever(brier_differences(draw, LOOKS * BATCH, MARGIN), MARGIN, begun())[0] for _ in range(STREAMS)]
    assert sum(ends) <= ALPHA * STREAMS


def test_a_planted_harm_is_aborted_within_three_thousand_rows() -> None:
    """A Brier score that is worse by 0.06 with a margin of 0.02: at least 95 % are aborted by 3000 rows."""
    draw = np.random.default_rng(2)
    ends = [ever(brier_differences(draw, 3000, 0.06), MARGIN, begun())[0] for _ in range(200)]
    assert sum(ends) >= 0.95 * 200


def test_a_challenger_as_good_is_shown_to_be_within_the_margin() -> None:
    """Two models with the same truth and small disagreements: the upper bound falls under the margin."""
    draw = np.random.default_rng(3)
    ends = [begun().seen(draw.uniform(-0.2, 0.2, 3000)).upper < MARGIN for _ in range(200)]
    assert sum(ends) >= 0.95 * 200


def test_both_bounds_hold_for_single_yes_or_no_values() -> None:
    """The rate of a rare event stays within the bounds at every look in at least 98 % of streams."""
    draw = np.random.default_rng(4)
    wrong = 0
    for _ in range(STREAMS):
        looks = begun(low=0.0).seen([])
        inside = True
        for _ in range(LOOKS):
            looks = looks.seen(draw.random(BATCH) < 0.03)
            inside &= looks.lower <= 0.03 <= looks.upper
        wrong += not inside
    assert wrong <= 2 * ALPHA * STREAMS


def test_a_randomised_comparison_is_not_fooled_by_rows_that_change_over_time() -> None:
    """Where every row gets harder with time and the challenger is no worse, at most 1 % are aborted."""
    draw, share, wrong = np.random.default_rng(5), 0.1, 0
    for _ in range(300):
        loss = np.linspace(0.05, 0.5, 4000) * draw.uniform(0, 2, 4000)
        z = draw.random(4000) < share
        values = randomised(loss, z, share, running_mean(loss, 0, 0.0))
        wrong += ever(values, 0.0, begun(low=-1 / share, high=1 / share))[0]
    assert wrong <= ALPHA * 300


def test_a_canary_that_does_harm_is_aborted() -> None:
    """Losses of 0.2 become 0.45 on a fifth of the rows: aborted by 4000 rows in at least 95 %."""
    draw, share, found = np.random.default_rng(6), 0.2, 0
    for _ in range(200):
        z = draw.random(4000) < share
        loss = np.clip(np.where(z, 0.45, 0.2) + draw.uniform(-0.2, 0.2, 4000), 0, 1)
        values = randomised(loss, z, share, running_mean(loss, 0, 0.0))
        found += ever(values, MARGIN, begun(low=-1 / share, high=1 / share))[0]
    assert found >= 0.95 * 200


def test_a_randomised_value_has_the_difference_as_its_mean() -> None:
    """By hand: outcomes 0.8 (challenger) and 0.3, share 1/4, centre 0.5: 1.2 / 4 + 3/4 * 0.2667 = 0.5."""
    challenger, champion = randomised([0.8, 0.3], [True, False], 0.25, 0.5)
    assert (challenger, champion) == pytest.approx((1.2, 0.2 / 0.75))
    assert 0.25 * challenger + 0.75 * champion == pytest.approx(0.8 - 0.3)


def test_rows_in_pieces_and_at_once_come_to_the_same() -> None:
    """The state after three pieces equals the state after one, and survives JSON."""
    values = np.random.default_rng(7).uniform(-1, 1, 1000)
    whole = begun().seen(values)
    pieces = begun()
    for piece in (values[:1], values[1:400], values[400:]):
        pieces = Sequence.from_document(pieces.seen(piece).document())
    assert pieces.rows == whole.rows
    assert (pieces.lower, pieces.upper) == pytest.approx((whole.lower, whole.upper), abs=1e-12)


def test_the_formula_is_the_papers_row_by_row() -> None:
    """A plain loop over theorem 2 of Waudby-Smith and Ramdas gives the same bounds."""
    x = np.random.default_rng(8).beta(2, 5, 300)
    mean, variance, sums = 0.5, 0.25, [0.0, 0.0, 0.0]
    for i, value in enumerate(x, start=1):
        bet = min(0.75, math.sqrt(2 * math.log(1 / ALPHA) / (variance * i * math.log(1 + i))))
        v = 4 * (value - mean) ** 2
        psi = (-math.log(1 - bet) - bet) / 4
        sums = [sums[0] + bet, sums[1] + bet * value, sums[2] + v * psi]
        mean = (0.5 + x[:i].sum()) / (i + 1)
        means = [(0.5 + x[:j].sum()) / (j + 1) for j in range(1, i + 1)]
        variance = (0.25 + sum((x[:i] - np.array(means)) ** 2)) / (i + 1)
    width = (math.log(1 / ALPHA) + sums[2]) / sums[0]
    found = begun(low=0.0).seen(x)
    assert (found.lower, found.upper) == pytest.approx((sums[1] / sums[0] - width, sums[1] / sums[0] + width))


def test_before_the_first_row_nothing_is_known() -> None:
    """The bounds are the range, and there is no mean."""
    assert (begun().lower, begun().upper, begun().mean) == (-1.0, 1.0, None)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1.5, -1.01])
def test_a_value_that_is_none_is_refused(bad: float) -> None:
    """A NaN would make every bound a NaN, and no NaN exceeds a margin: it is refused instead."""
    with pytest.raises(DataError, match="a value to compare is"):
        begun().seen([0.0, bad])


def test_a_gap_has_widened_by_what_its_sizes_say() -> None:
    """With both gaps known exactly, the bound is |h| - |g|, whatever their signs."""
    for g, h in np.random.default_rng(9).uniform(-1, 1, (200, 2)):
        assert widening((h - g, h - g), (h + g, h + g)) == pytest.approx(abs(h) - abs(g))


def test_a_gap_has_widened_at_least_by_its_bound() -> None:
    """For any bounds around two gaps the bound is never over |h| - |g|."""
    draw = np.random.default_rng(10)
    for _ in range(500):
        g, h = draw.uniform(-1, 1, 2)
        around = [(one - draw.uniform(0, 0.5), one + draw.uniform(0, 0.5)) for one in (h - g, h + g)]
        assert widening(around[0], around[1]) <= abs(h) - abs(g) + 1e-12


def test_a_randomised_sum_has_the_sum_as_its_mean() -> None:
    """By hand, as above: 0.25 * challenger + 0.75 * champion = 0.8 + 0.3."""
    challenger, champion = randomised_sum([0.8, 0.3], [True, False], 0.25, 0.5)
    assert 0.25 * challenger + 0.75 * champion == pytest.approx(0.8 + 0.3)

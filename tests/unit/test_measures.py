"""Every number agrees with another implementation, a paper's formula or a count by hand."""

import math

import numpy as np
import pyarrow as pa
import pytest
from amends.measures import performance
from amends.measures.arrow import as_levels
from amends.measures.calibration import calibration_error, calibration_slope
from amends.measures.counting import histograms, outcomes, proportional
from amends.measures.drift import categorical_shift, discoveries, numeric_shift, shift_of
from amends.measures.profiles import BINS, Axis, CategoricalProfile, NumericProfile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

DRAW = np.random.default_rng(7)
SCORE = DRAW.beta(2, 3, 4000)
LABEL = (DRAW.random(4000) < SCORE).astype(int)


def counted(score: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Score histogram of rows that have one version."""
    levels = as_levels(pa.array(label))
    return histograms(None, outcomes(levels, levels, binary=True), score)[""]


COUNTS = counted(SCORE, LABEL)


def test_auc_is_that_of_scikit_learn_within_its_bins() -> None:
    """65 536 bins leave AUC within 1e-4 of the rows'."""
    from sklearn.metrics import roc_auc_score

    assert performance.auc(COUNTS).value == pytest.approx(roc_auc_score(LABEL, SCORE), abs=1e-4)


def test_the_error_of_auc_is_delongs() -> None:
    """Placement values compared pair by pair give the variance of DeLong et al. (1988), equation 2."""
    score, label = np.round(SCORE[:400], 2), LABEL[:400]
    pos, neg = score[label == 1], score[label == 0]
    wins = (pos[:, None] > neg[None, :]) + 0.5 * (pos[:, None] == neg[None, :])
    expected = math.sqrt(wins.mean(1).var(ddof=1) / len(pos) + wins.mean(0).var(ddof=1) / len(neg))
    assert performance.auc(counted(score, label)).error == pytest.approx(expected, rel=1e-9)


def test_brier_score_and_log_loss_are_those_of_scikit_learn() -> None:
    """The middle of a bin stands for its scores within 1 / 131 072."""
    from sklearn.metrics import brier_score_loss, log_loss

    assert performance.brier_score(COUNTS).value == pytest.approx(brier_score_loss(LABEL, SCORE), abs=2e-5)
    assert performance.log_loss(COUNTS).value == pytest.approx(log_loss(LABEL, SCORE), abs=1e-4)


def test_the_error_of_a_mean_is_scipys() -> None:
    """Calibration in the large is a mean of residuals, with the standard error of a mean."""
    residual = performance.residual(COUNTS)
    assert residual.value == pytest.approx(np.mean(LABEL - SCORE), abs=1e-5)
    assert residual.error == pytest.approx(stats.sem(LABEL - SCORE), rel=1e-4)


def test_the_calibration_slope_is_a_logistic_regression() -> None:
    """Cox's slope is scikit-learn's unpenalised coefficient on the logit of the score."""
    from sklearn.linear_model import LogisticRegression

    sharp = SCORE**2 / (SCORE**2 + (1 - SCORE) ** 2)
    logit = np.log(sharp / (1 - sharp)).reshape(-1, 1)
    expected = LogisticRegression(C=np.inf, tol=1e-10).fit(logit, LABEL).coef_[0, 0]
    slope = calibration_slope(counted(sharp, LABEL))
    assert slope is not None
    assert slope.value == pytest.approx(expected, abs=1e-3)
    assert slope.value == pytest.approx(0.5, abs=0.06)  # squaring the odds doubles the logit


def test_separated_classes_have_no_calibration_slope() -> None:
    """A perfect ranking has no finite maximum of the likelihood, and that is said."""
    assert calibration_slope(counted(np.array([0.1, 0.2, 0.8, 0.9]), np.array([0, 0, 1, 1]))) is None


def test_the_calibration_error_of_a_score_that_is_off_by_a_tenth_is_a_tenth() -> None:
    """By hand: labels follow the score plus 0.1, so every group is off by 0.1, without chance."""
    score = np.repeat(np.linspace(0.05, 0.85, 9), 1000)
    label = np.concatenate([np.arange(1000) < 1000 * (p + 0.1) for p in np.linspace(0.05, 0.85, 9)]).astype(
        int
    )
    true = np.concatenate([np.arange(1000) < 1000 * p for p in np.linspace(0.05, 0.85, 9)]).astype(int)
    before, now, p = calibration_error(counted(score, true), counted(score, label))
    assert before.value == pytest.approx(0.0, abs=1e-3)
    assert now.value == pytest.approx(0.1, abs=1e-3)
    assert p < 1e-6


def test_the_stability_index_is_the_sum_by_hand() -> None:
    """Halves against a quarter and three quarters: 0.25 ln 1.5 - 0.25 ln 0.5, less one cell of chance."""
    expected = 0.25 * math.log(1.5) - 0.25 * math.log(0.5) - (1 / 1000 + 1 / 1000)
    assert shift_of(np.array([500.0, 500.0]), np.array([250.0, 750.0])).psi == pytest.approx(expected)


def test_the_p_value_of_a_shift_is_scipys() -> None:
    """Chi-square on the two rows of counts, without continuity correction."""
    table = np.array([[40.0, 60.0, 100.0], [55.0, 45.0, 100.0]])
    expected = stats.chi2_contingency(table, correction=False).pvalue
    assert shift_of(*table).p == pytest.approx(expected)


def test_no_shift_stays_small_at_any_size() -> None:
    """Corrected for chance, the index of equal distributions does not grow as windows get small."""
    indices = []
    for n in (200, 2000):
        for _ in range(50):
            axis = Axis(0.0, 1.0)
            pair = [NumericProfile.of(axis, DRAW.normal(size=n)) for _ in range(2)]
            indices.append(numeric_shift(*pair).psi)
    assert np.mean(indices) < 0.02
    assert max(indices) < 0.25


def test_a_shift_of_one_deviation_is_large() -> None:
    """A normal column moved by its deviation has a stability index near 1 (its closed form is exactly 1)."""
    pair = [NumericProfile.of(Axis(0.0, 1.0), DRAW.normal(mean, 1, 20_000)) for mean in (0, 1)]
    assert numeric_shift(*pair).psi == pytest.approx(0.93, abs=0.1)  # ten slices lose a little of it


def test_a_constant_column_that_moves_is_seen_on_both_sides() -> None:
    """One value in the reference has a slice of its own: what lies beside it is another."""
    constant = NumericProfile.of(Axis(5.0, 1.0), np.full(500, 5.0))
    for value in (4.0, 6.0):
        assert numeric_shift(constant, NumericProfile.of(Axis(5.0, 1.0), np.full(500, value))).psi > 1


def test_nulls_are_a_value_that_can_shift() -> None:
    """A column that is half empty all of a sudden has shifted."""
    whole = NumericProfile.of(Axis(0.0, 1.0), DRAW.normal(size=1000))
    holed = NumericProfile.of(Axis(0.0, 1.0), np.where(np.arange(1000) % 2, DRAW.normal(size=1000), np.nan))
    assert numeric_shift(whole, holed).psi > 1


def test_many_rare_levels_are_no_shift() -> None:
    """260 zones drawn from one distribution do not look as if they had moved."""
    chances = DRAW.dirichlet(np.full(260, 0.3))
    pair = [
        CategoricalProfile({f"z{i}": int(n) for i, n in enumerate(DRAW.multinomial(5000, chances))}, 0)
        for _ in range(2)
    ]
    shift = categorical_shift(*pair)
    assert shift.psi < 0.05
    assert shift.p > 1e-4


def test_discoveries_are_those_of_scipy() -> None:
    """Benjamini and Hochberg: a test stands where scipy's adjusted p value is at most the rate."""
    p = [0.001, 0.008, 0.039, 0.041, 0.042, 0.06, 0.074, 0.205, 0.212, 0.216]
    expected = [bool(q <= 0.05) for q in stats.false_discovery_control(p)]
    assert discoveries(p, 0.05) == expected
    assert expected == [True, True, *[False] * 8]  # the example of the 1995 paper's kind
    assert discoveries([], 0.05) == []


def test_more_comparisons_need_wider_intervals() -> None:
    """Bonferroni by hand: with 6 comparisons 1 % becomes a sixth of 1 %, half on each side."""
    assert performance.two_sided(0.99, 6) == pytest.approx(stats.norm.isf(0.01 / 6 / 2))


def test_slices_of_a_column_stand_for_it() -> None:
    """Means of quantile slices of a heavy-tailed column: mean exact, quantiles and spread near numpy's."""
    numbers = DRAW.lognormal(0, 1.5, 50_000)
    profile = NumericProfile.of(Axis.around(numbers), numbers)
    slices = profile.slices(10_000)
    assert slices.mean() == pytest.approx(numbers.mean())
    assert np.quantile(slices, [0.1, 0.5, 0.9]) == pytest.approx(
        np.quantile(numbers, [0.1, 0.5, 0.9]), rel=0.01
    )
    assert profile.mean == pytest.approx(numbers.mean())
    assert profile.sd == pytest.approx(numbers.std())
    assert stats.wasserstein_distance(slices, numbers) < numbers.std() / 100


def test_levels_are_repeated_by_largest_remainder() -> None:
    """Hamilton's method by hand: quotas 4.29, 2.86, 2.86 of 10 seats give 4, 3, 3."""
    assert proportional({"a": 3, "b": 2, "c": 2}, 10) == ["a"] * 4 + ["b"] * 3 + ["c"] * 3


@given(
    numbers=st.lists(
        st.floats(-1e16, 1e16)
        | st.floats(-3, 3)
        | st.sampled_from([4094.0, 4096.0, 8190.0, 8192.0, 1e9, 1e70]),
        min_size=1,
    ),
    missing=st.integers(0, 3),
)
@settings(max_examples=200, deadline=None)
def test_every_number_is_in_the_bin_of_its_axis(numbers: list[float], missing: int) -> None:
    """Bins by the axis's formula in plain numbers, the far end included; NaN is in none."""
    wanted = np.zeros(BINS, int)
    for number in numbers:
        wanted[min(int((number / (1.0 + abs(number)) + 1) * (BINS / 2)), BINS - 1)] += 1
    found = NumericProfile.of(Axis(0.0, 1.0), np.array(numbers + [math.nan] * missing))
    np.testing.assert_array_equal(found.counts, wanted)
    assert (found.count, found.nulls) == (len(numbers), missing)
    assert (found.minimum, found.maximum) == (min(numbers), max(numbers))

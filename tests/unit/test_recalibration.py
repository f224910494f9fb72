"""Maps from scores to shares, against scikit-learn and by hand."""

import numpy as np
import pytest
from amends.measures.recalibration import (
    LEAST_ISOTONIC,
    choose_map,
    fit_map,
    log_loss,
    log_odds,
    share_of,
)

RNG = np.random.default_rng(5)
SCORES = RNG.uniform(0.02, 0.98, 4000)


def outcomes(intercept: float, slope: float, scores: np.ndarray = SCORES) -> np.ndarray:
    """Labels that follow a line on the log odds."""
    rng = np.random.default_rng(6)
    return (rng.random(len(scores)) < share_of(intercept + slope * log_odds(scores))).astype(int)


def test_platts_line_is_scikit_learns_unpenalised_regression() -> None:
    """Newton's method finds the same intercept and slope as another implementation."""
    from sklearn.linear_model import LogisticRegression

    labels = outcomes(0.7, 1.6)
    fitted = fit_map("platt", SCORES, labels)
    theirs = LogisticRegression(C=np.inf, tol=1e-10).fit(log_odds(SCORES)[:, None], labels)

    assert fitted is not None
    assert fitted.x[0] == pytest.approx(float(theirs.intercept_[0]), abs=1e-4)
    assert fitted.x[1] == pytest.approx(float(theirs.coef_[0, 0]), abs=1e-4)


def test_extreme_scores_have_their_line_too() -> None:
    """Where a whole step of Newton's method jumps over the maximum and back, the maximum is still found."""
    from sklearn.linear_model import LogisticRegression

    scores = share_of(np.random.default_rng(9).normal(0, 5, 3000))
    labels = outcomes(1.9, 0.66, scores)
    fitted = fit_map("platt", scores, labels)
    theirs = LogisticRegression(C=np.inf, tol=1e-10).fit(log_odds(scores)[:, None], labels)

    assert fitted is not None
    assert fitted.x[0] == pytest.approx(float(theirs.intercept_[0]), abs=1e-4)
    assert fitted.x[1] == pytest.approx(float(theirs.coef_[0, 0]), abs=1e-4)


def test_a_shift_makes_the_mean_score_the_base_rate() -> None:
    """The intercept's likelihood equation: sum of scores equals number of positives; the slope stays 1."""
    labels = outcomes(1.2, 1.0)
    fitted = fit_map("shift", SCORES, labels)

    assert fitted is not None
    assert fitted.apply(SCORES).sum() == pytest.approx(labels.sum(), abs=1e-6)
    assert fitted.x[1] == 1.0
    assert fitted.x[0] == pytest.approx(1.2, abs=0.15)


def test_isotonic_steps_are_scikit_learns() -> None:
    """Between the steps of one class, which are drawn in from certainty, the values are the same."""
    from sklearn.isotonic import IsotonicRegression

    labels = outcomes(0.5, 2.0)
    fitted = fit_map("isotonic", SCORES, labels)
    theirs = IsotonicRegression(out_of_bounds="clip").fit(SCORES, labels).predict(SCORES)
    assert fitted is not None
    ours = fitted.apply(SCORES)
    inside = (theirs > 0) & (theirs < 1)

    assert inside.mean() > 0.8
    assert np.abs(ours - theirs)[inside].max() < 1e-9
    assert 0 < ours.min() < ours.max() < 1
    assert (np.diff(ours[np.argsort(SCORES)]) >= 0).all()


def test_isotonic_is_not_fitted_to_few_rows() -> None:
    """Steps overfit where a line does not."""
    few = SCORES[: LEAST_ISOTONIC - 1]

    assert fit_map("isotonic", few, outcomes(0, 1, few)) is None
    assert fit_map("platt", few, outcomes(0, 1, few)) is not None


def test_a_map_never_turns_the_order_round() -> None:
    """Scores that fall where outcomes rise are no matter of scale: no line is given."""
    assert fit_map("platt", SCORES, 1 - outcomes(0.0, 1.0)) is None


def test_classes_that_do_not_overlap_have_no_line() -> None:
    """The steeper the better, without end: no slope is made up."""
    assert fit_map("platt", SCORES, (SCORES > 0.5).astype(int)) is None


@pytest.mark.parametrize("labels", [np.zeros(2000, int), np.ones(2000, int)])
def test_one_class_gives_no_map(labels: np.ndarray) -> None:
    """Without both outcomes there is nothing to fit; the scores stay what they are."""
    assert all(fit_map(kind, SCORES[:2000], labels) is None for kind in ("shift", "platt", "isotonic"))


def test_log_loss_is_scikit_learns() -> None:
    """The same number from another implementation, and finite where a certain score is wrong."""
    from sklearn.metrics import log_loss as theirs

    labels = outcomes(0.0, 1.0)
    assert log_loss(SCORES, labels) == pytest.approx(theirs(labels, SCORES))
    assert log_loss(np.array([0.0, 1.0]), np.array([1, 0])) == pytest.approx(-np.log(1e-6), rel=1e-4)


@pytest.mark.parametrize(
    ("intercept", "slope", "kinds"),
    [(0.0, 1.0, {"unchanged"}), (1.5, 1.0, {"shift", "platt"}), (0.0, 3.0, {"platt"})],
)
def test_the_kind_that_fits_is_chosen(intercept: float, slope: float, kinds: set[str]) -> None:
    """Calibrated scores stay, a moved base rate asks for a shift, timid scores for a slope."""
    scores = np.random.default_rng(8).uniform(0.05, 0.95, 20_000)
    found = choose_map(scores, outcomes(intercept, slope, scores))

    assert found.chosen.kind in kinds
    assert found.rows == 5000
    assert found.log_loss[found.chosen.kind] == min(found.log_loss.values())


def test_a_moved_threshold_is_told() -> None:
    """Odds multiplied by e: what decided at 0.5 decided at 1 / (1 + e) before."""
    labels = outcomes(1.0, 1.0)
    fitted = fit_map("shift", SCORES, labels)
    assert fitted is not None
    before = fitted.threshold_before(0.5)

    assert before == pytest.approx(1 / (1 + np.exp(float(fitted.x[0]))))
    assert fitted.apply(np.array([before]))[0] == pytest.approx(0.5)
    flat = fit_map("isotonic", SCORES, labels)
    assert flat is not None
    assert flat.threshold_before(0.5) is None


def test_scores_of_zero_and_one_stay_finite() -> None:
    """A parent that is certain does not break the map."""
    certain = np.where(RNG.random(2000) < 0.5, 0.0, 1.0)
    labels = np.where(RNG.random(2000) < 0.9, certain, 1 - certain).astype(int)
    found = choose_map(certain, labels)

    assert np.isfinite(found.chosen.apply(certain)).all()
    assert found.chosen.kind != "unchanged"

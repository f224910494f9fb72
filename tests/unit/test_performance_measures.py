"""Numbers of performance agree with scikit-learn, scipy, published tables, or a count by hand."""

import numpy as np
import pytest
from amends.measures import confusion, performance, regression
from amends.measures.calibration import calibration_error, calibration_intercept, calibration_slope
from amends.measures.confusion import Confusion
from predictions import counted
from scipy.optimize import brentq

DRAW = np.random.default_rng(11)
NAMES = np.array(["ant", "bee", "cow"])
TRUTH = NAMES[DRAW.choice(3, 900, p=[0.6, 0.3, 0.1])]
SAID = np.where(DRAW.random(900) < 0.7, TRUTH, NAMES[DRAW.choice(3, 900)])


def tabulated(label: np.ndarray, predicted: np.ndarray, version: str | None = None) -> dict:
    """A digest's table of these rows, with one sensitive attribute that is always the same."""
    cells, counts = np.unique(np.column_stack([label, predicted]).astype(str), axis=0, return_counts=True)
    return {(version, "f", *map(str, cell)): int(n) for cell, n in zip(cells, counts, strict=True)}


BY_HAND = Confusion.of(
    {(None, "0", "0"): 50, (None, "0", "1"): 10, (None, "1", "0"): 5, (None, "1", "1"): 35}
)


def test_delongs_error_is_that_of_a_published_example() -> None:
    """Hanley and McNeil's 109 CT images: Stata's roctab gives area 0.8932 and DeLong's error 0.0307."""
    ratings = np.array([0.1, 0.3, 0.5, 0.7, 0.9])
    score = np.concatenate([np.repeat(ratings, [33, 6, 6, 11, 2]), np.repeat(ratings, [3, 2, 2, 11, 33])])
    area = performance.auc(counted(score, np.repeat([0, 1], [58, 51])))
    assert area.value == pytest.approx(0.8932, abs=5e-5)
    assert area.error == pytest.approx(0.0307, abs=5e-5)
    assert area.interval(0.95) == pytest.approx((0.8330, 0.9534), abs=1e-4)


def test_the_decisions_of_a_small_table_are_those_by_hand() -> None:
    """Of 100 rows 85 are right; of 45 called 1 there are 35 right, of 40 that are 1 there are 35 found."""
    found = {name: getattr(confusion, name)(BY_HAND).value
             for name in ("accuracy", "balanced_accuracy", "precision", "recall", "f1")}  # fmt: skip
    assert found == pytest.approx(
        {"accuracy": 0.85, "balanced_accuracy": (50 / 60 + 35 / 40) / 2, "precision": 35 / 45,
         "recall": 35 / 40, "f1": 70 / 85}
    )  # fmt: skip


def test_decisions_of_two_classes_are_scikit_learns() -> None:
    """Accuracy, balanced accuracy, precision, recall and F1 of 500 drawn rows."""
    from sklearn import metrics

    label, predicted = DRAW.integers(0, 2, 500), DRAW.integers(0, 2, 500)
    table = Confusion.of(tabulated(label, predicted))
    for mine, theirs in (
        (confusion.accuracy, metrics.accuracy_score),
        (confusion.balanced_accuracy, metrics.balanced_accuracy_score),
        (confusion.precision, metrics.precision_score),
        (confusion.recall, metrics.recall_score),
        (confusion.f1, metrics.f1_score),
    ):
        assert mine(table).value == pytest.approx(theirs(label, predicted)), mine.__name__


def test_decisions_of_several_classes_are_scikit_learns() -> None:
    """Accuracy, balanced accuracy and macro F1 of three classes of unequal size."""
    from sklearn import metrics

    table = Confusion.of(tabulated(TRUTH, SAID))
    assert confusion.accuracy(table).value == pytest.approx(metrics.accuracy_score(TRUTH, SAID))
    assert confusion.balanced_accuracy(table).value == pytest.approx(
        metrics.balanced_accuracy_score(TRUTH, SAID)
    )
    assert confusion.macro_f1(table).value == pytest.approx(metrics.f1_score(TRUTH, SAID, average="macro"))


def test_a_class_that_is_only_ever_predicted_counts_in_macro_f1_and_not_in_balanced_accuracy() -> None:
    """By hand: 8 of 10 rows of a are right and two called b: F1 is (16/18 + 0) / 2, balanced accuracy 0.8."""
    table = Confusion.of({(None, "a", "a"): 8, (None, "a", "b"): 2})
    assert confusion.macro_f1(table).value == pytest.approx(16 / 18 / 2)
    assert confusion.balanced_accuracy(table).value == pytest.approx(0.8)


@pytest.mark.parametrize("name", ["balanced_accuracy", "macro_f1", "f1"])
def test_errors_of_decisions_are_those_of_a_bootstrap(name: str) -> None:
    """4 000 multinomial draws of the table spread as the stated standard error says."""
    table = BY_HAND if name == "f1" else Confusion.of(tabulated(TRUTH, SAID))
    size = len(table.classes)
    draws = DRAW.multinomial(table.rows, table.counts.ravel() / table.rows, size=4000)
    values = [
        getattr(confusion, name)(Confusion(table.classes, one.reshape(size, size).astype(float))).value
        for one in draws
    ]
    assert getattr(confusion, name)(table).error == pytest.approx(np.std(values), rel=0.1)


def test_a_share_without_rows_is_no_number() -> None:
    """Nothing was called 1 and nothing was 1: there is no precision, no recall and no F1."""
    table = Confusion.of({(None, "0", "0"): 12})
    assert [confusion.precision(table), confusion.recall(table), confusion.f1(table)] == [None] * 3


def test_rows_of_one_version_are_counted_alone() -> None:
    """Rows without a label or a prediction, and of other versions, have no part in a version's table."""
    table = {("a", "0", "0"): 3, ("b", "0", "1"): 5, ("a", None, "1"): 7, (None, "1", "1"): 2}
    assert [Confusion.of(table, version).rows for version in (None, "a", "b", "")] == [10, 3, 5, 2]


def test_the_calibration_intercept_solves_its_likelihood_equation() -> None:
    """At the intercept the expected positives are the positives: scipy's root of that equation."""
    score = DRAW.beta(2, 5, 3000)
    logit = np.log(score / (1 - score))
    label = (DRAW.random(3000) < 1 / (1 + np.exp(-(logit + 0.8)))).astype(int)
    expected = brentq(lambda a: (1 / (1 + np.exp(-(logit + a)))).sum() - label.sum(), -3, 3)
    fitted = calibration_intercept(counted(score, label))
    assert fitted is not None
    assert fitted.value == pytest.approx(expected, abs=1e-3)
    assert abs(fitted.value - 0.8) < 4 * fitted.error  # labels were drawn with 0.8
    assert calibration_intercept(counted(score, np.zeros(3000, int))) is None


def test_scores_in_tenths_up_to_one_have_a_calibration_slope() -> None:
    """A score of 1 has a huge logit, and whole Newton steps swing between two slopes for ever."""
    from sklearn.linear_model import LogisticRegression

    score = np.repeat(np.arange(1, 11) / 10, 300)
    label = (DRAW.random(3000) < 0.2 + 0.5 * score).astype(int)
    logit = np.log((score * 65_536 - (score == 1) + 0.5) / (65_536 - score * 65_536 + (score == 1) - 0.5))
    expected = LogisticRegression(C=np.inf, tol=1e-10).fit(logit.reshape(-1, 1), label).coef_[0, 0]
    slope = calibration_slope(counted(score, label))
    assert slope is not None
    assert slope.value == pytest.approx(expected, abs=1e-3)


def test_the_calibration_error_is_that_of_scikit_learns_curve() -> None:
    """On ten groups of equal size it is the mean distance of the curve from the diagonal."""
    from sklearn.calibration import calibration_curve

    score = DRAW.beta(2, 2, 20_000)
    label = (DRAW.random(20_000) < score**2).astype(int)
    true, said = calibration_curve(label, score, n_bins=10, strategy="quantile")
    counts = counted(score, label)
    found, again, p = calibration_error(counts, counts)
    assert found.value == pytest.approx(np.abs(true - said).mean(), abs=1e-3)
    assert found == again
    assert p == pytest.approx(1.0)


def test_errors_of_a_regression_are_scikit_learns() -> None:
    """Mean absolute error, root mean squared error, R squared; bias is numpy's mean."""
    from sklearn import metrics

    label = DRAW.normal(50, 10, 3000)
    error = DRAW.standard_t(6, 3000) + 0.3
    predicted = label - error
    sums = regression.ErrorSums.of(
        np.array([len(part), part.sum(), (part**2).sum(), np.abs(part).sum()])
        for part in (error[:1000], error[1000:])
    )
    assert regression.bias(sums).value == pytest.approx(error.mean())
    mae, rmse = regression.mean_absolute_error(sums), regression.root_mean_squared_error(sums, error)
    assert mae.value == pytest.approx(metrics.mean_absolute_error(label, predicted))
    assert rmse.value == pytest.approx(metrics.root_mean_squared_error(label, predicted))
    r2 = regression.explained_share(sums, label, error, float(label.var()))
    assert r2 is not None
    assert r2.value == pytest.approx(metrics.r2_score(label, predicted))
    picks = DRAW.integers(0, 3000, (1500, 3000))
    drawn = error[picks]
    assert mae.error == pytest.approx(np.abs(drawn).mean(axis=1).std(), rel=0.1)
    assert rmse.error == pytest.approx(np.sqrt((drawn**2).mean(axis=1)).std(), rel=0.1)
    spread = 1 - (drawn**2).mean(axis=1) / label[picks].var(axis=1)
    assert r2.error == pytest.approx(spread.std(), rel=0.1)


def test_labels_that_do_not_vary_explain_nothing() -> None:
    """R squared divides by their variance, so there is none."""
    sums = regression.ErrorSums(3, 3.0, 3.0, 3.0)
    assert regression.explained_share(sums, np.ones(3), np.ones(3), 0.0) is None

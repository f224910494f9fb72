"""Models of several classes and regressions score, and are masked."""

import numpy as np
import pytest
from amends.measures.scoring import rescored, scorer_of
from amends.measures.wrappers import Masked
from amends.workflow.remedy import holdout_metrics
from gate_tasks import ERRORS, SEVERAL, decided, odds, predicted, prices, several


def test_a_model_of_several_classes_scores_and_is_masked() -> None:
    """An estimator answers with its likeliest class and that one's share; a mask around it does, too."""
    from sklearn.linear_model import LogisticRegression

    frame = several(2000)
    rows = decided(frame, odds(frame))
    inputs = frame[["x", "u"]].assign(far=(frame["x"].abs() > 0.25).astype(float))
    fitted = LogisticRegression().fit(inputs, frame["label"])
    answered = rescored(SEVERAL, rows.append_column("u", [frame["u"]]).append_column("far", [inputs["far"]]),
                        "2", scorer_of(fitted))  # fmt: skip
    assert answered.column("decision").to_pylist() == list(fitted.predict(inputs))
    assert np.allclose(answered.column("score"), fitted.predict_proba(inputs).max(axis=1))

    mask = Masked(fitted, {"u": 0.0}, {})
    given = inputs.drop(columns="u")
    assert list(scorer_of(mask)(given)["decision"]) == list(fitted.predict(inputs.assign(u=0.0)))
    measured = holdout_metrics(SEVERAL, fitted, answered)
    assert measured["holdout_accuracy"] == pytest.approx(fitted.score(inputs, frame["label"]))


def test_a_regression_scores_and_is_masked() -> None:
    """A mask around a regression predicts; it has no probabilities to give."""
    from sklearn.linear_model import LinearRegression
    from sklearn.metrics import mean_absolute_error

    frame = prices(2000)
    fitted = LinearRegression().fit(frame[["x", "u"]], frame["label"])
    mask = Masked(fitted, {"u": 0.0}, {})
    said = scorer_of(mask)(frame[["x"]])
    assert list(said) == list(fitted.predict(frame[["x", "u"]].assign(u=0.0)))
    rows = predicted(frame, said).append_column("u", [frame["u"]])
    measured = holdout_metrics(ERRORS, mask, rows)
    assert measured["holdout_mean_absolute_error"] == pytest.approx(mean_absolute_error(frame["label"], said))

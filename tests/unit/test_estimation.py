"""Performance without labels: the estimate is NannyML's, near the truth, and honest about what it assumes."""

import numpy as np
import pandas as pd
import pytest
from amends.adapters.files import load_policy
from amends.domain.decision import decide
from amends.domain.findings import Category, Finding, Verdict
from amends.measures import estimation
from amends.workflow.judge_performance import judge_performance
from predictions import BINARY, REGRESSION, SEVERAL, TASKS, counted, digest, predictions, spec_of

POLICY = load_policy()
NANNYML = {  # nannyml 0.13.1: CBPE fitted on rows(1, 20000, 0), one chunk of rows(seed, 10000, shift)
    (2, 0.0): {"roc_auc": 0.793519, "accuracy": 0.710704},
    (3, 0.8): {"roc_auc": 0.799572, "accuracy": 0.735109},
    (4, -1.2): {"roc_auc": 0.805378, "accuracy": 0.826994},
}
"""Recorded with pandas 2.3.3, numpy 2.4.6 and scikit-learn 1.9.1; NannyML is no dependency of ours."""


def rows(seed: int, n: int, shift: float) -> tuple[np.ndarray, np.ndarray]:
    """Scores that rank by one of two causes and are too extreme, and labels; NannyML was given the same."""
    draw = np.random.default_rng(seed)
    x, z = draw.normal(shift, 1, n), draw.normal(0, 1, n)
    true = 1 / (1 + np.exp(-(1.5 * x + 0.8 * z - 0.3)))
    return 1 / (1 + np.exp(-2.2 * x)), (draw.random(n) < true).astype(int)


REFERENCE = rows(1, 20_000, 0.0)
BEFORE = counted(*REFERENCE)


@pytest.mark.parametrize("seen", NANNYML)
def test_the_estimate_is_nannymls(seen: tuple[int, float]) -> None:
    """AUC and accuracy of a window without labels, unmoved and moved both ways."""
    from sklearn.metrics import roc_auc_score

    score, label = rows(seen[0], 10_000, seen[1])
    window = counted(score, label)
    expected = estimation.expected_scores(estimation.calibration_curve(BEFORE), window)
    auc = estimation.estimated_auc(expected, BEFORE)
    accuracy = estimation.estimated_accuracy(expected, BEFORE, 0.5)
    assert auc.value == pytest.approx(NANNYML[seen]["roc_auc"], abs=5e-4)
    assert accuracy.value == pytest.approx(NANNYML[seen]["accuracy"], abs=5e-4)
    low, high = auc.interval(0.99)
    assert low < roc_auc_score(label, score) < high


def test_the_calibration_curve_is_scikit_learns_isotonic_regression() -> None:
    """Fitted on the rows themselves; bins join scores that differ by less than 1 / 65 536."""
    from sklearn.isotonic import IsotonicRegression

    theirs = IsotonicRegression(out_of_bounds="clip").fit(*REFERENCE)
    grid = np.linspace(0.02, 0.98, 97)
    mine = estimation.calibration_curve(BEFORE)[(grid * 65_536).astype(int)]
    assert mine == pytest.approx(theirs.predict(grid), abs=0.01)


def test_scores_beyond_the_labelled_ones_are_unsupported() -> None:
    """By hand: a quarter of the window lies above every score that had a label."""
    before = counted(np.linspace(0.2, 0.6, 400), np.tile([0, 1], 200))
    window = counted(np.repeat([0.3, 0.4, 0.5, 0.9], 50), np.zeros(200, int))
    assert estimation.unsupported_share(before, window) == pytest.approx(0.25)


def judged(task: str, window: pd.DataFrame, before: pd.DataFrame | None = None) -> dict[str, Finding]:
    """Findings by metric on a window against 4 000 reference rows."""
    spec = spec_of(task)
    reference = digest(spec, predictions(task, 1, 4000) if before is None else before)
    found = judge_performance(spec, POLICY, reference, digest(spec, window, reference))
    return {one.metric: one for one in found}


def unlabelled(task: str, seed: int = 2, n: int = 3000) -> pd.DataFrame:
    """A healthy window whose labels have not arrived."""
    return predictions(task, seed, n).assign(label=None)


@pytest.mark.parametrize("task", TASKS)
def test_pending_labels_leave_performance_unjudged(task: str) -> None:
    """Every finding of performance is no_data: nothing reads as fine, and nothing is raised."""
    found = judged(task, unlabelled(task)).values()
    verdicts = {one.verdict for one in found if one.category is Category.PERFORMANCE}
    assert verdicts == {Verdict.NO_DATA}
    assert not [one for one in found if one.is_breach]


@pytest.mark.parametrize("task", [BINARY, SEVERAL])
def test_an_estimate_is_marked_and_says_what_it_assumes(task: str) -> None:
    """Its own category, the word, the assumption and an interval."""
    one = judged(task, unlabelled(task))["estimated_accuracy"]
    assert one.category is Category.PERFORMANCE_ESTIMATED
    assert one.verdict is Verdict.PASS
    assert "estimated without labels" in one.reason
    assert "only inputs moved" in one.reason
    assert one.interval is not None
    assert one.interval[0] < one.value < one.interval[1]


def test_errors_of_a_regression_are_not_estimated() -> None:
    """A predicted number does not say how sure it is."""
    assert judged(REGRESSION, unlabelled(REGRESSION))["estimated_accuracy"].verdict is Verdict.NO_DATA


@pytest.mark.parametrize("task", [BINARY, SEVERAL])
def test_labels_replace_the_estimate(task: str) -> None:
    """Once they are there nothing estimated is said any more; of a tenth of them it still is."""
    whole = predictions(task, 2, 3000)
    assert not [name for name in judged(task, whole) if name.startswith("estimated")]
    tenth = whole.assign(label=whole["label"].where(whole.index % 10 == 0))
    found = judged(task, tenth)
    assert found["estimated_accuracy"].verdict is Verdict.PASS
    assert found["worst_slice_log_loss" if task == BINARY else "accuracy"].verdict is Verdict.INCONCLUSIVE


def test_inputs_that_got_much_harder_breach_the_estimate() -> None:
    """All rows lie near the threshold: scores foretell a ranking hardly better than a coin."""
    window = unlabelled(BINARY)
    hard = 1 / (1 + np.exp(-0.4 * window["x0"]))
    found = judged(BINARY, window.assign(score=hard, predicted=(hard >= 0.5).astype(int)))
    assert found["estimated_auc"].verdict is Verdict.BREACH
    assert found["auc"].verdict is Verdict.NO_DATA


def test_an_estimate_that_breaches_asks_people_to_look_and_for_nothing_more() -> None:
    """No labels, much harder inputs: the call is revalidate, and the incident is of the estimate."""
    window = unlabelled(BINARY)
    hard = 1 / (1 + np.exp(-0.4 * window["x0"]))
    found = judged(BINARY, window.assign(score=hard, predicted=(hard >= 0.5).astype(int)))
    call = decide(list(found.values()), importance="critical", policy=POLICY)
    assert call is not None
    assert (call.category, call.playbooks) == ("performance_estimated", ("revalidate",))


def test_a_new_version_is_not_estimated_by_the_old_ones_calibration() -> None:
    """What its scores mean has never been seen."""
    found = judged(BINARY, unlabelled(BINARY).assign(version="v2"))
    assert found["estimated_auc"].verdict is Verdict.INCONCLUSIVE
    assert "new since then" in found["estimated_auc"].reason


def test_a_reference_without_labels_teaches_nothing() -> None:
    """Neither performance nor an estimate is judged."""
    found = judged(BINARY, unlabelled(BINARY), before=unlabelled(BINARY, 1))
    assert {one.verdict for one in found.values()} == {Verdict.NO_DATA}


@pytest.mark.parametrize("seed", range(40))
def test_estimates_of_healthy_windows_stay_quiet_and_near_the_truth(seed: int) -> None:
    """40 windows of 300 to 3 000 rows: no breach, and the interval holds the AUC that labels give later."""
    from sklearn.metrics import roc_auc_score

    n = 300 if seed % 2 else 3000
    later = predictions(BINARY, 50 + seed, n)
    found = judged(BINARY, later.assign(label=None))
    assert not [one for one in found.values() if one.is_breach]
    low, high = found["estimated_auc"].interval or (0, 0)
    assert low < roc_auc_score(later["label"], later["score"]) < high

"""Every task is judged with intervals, as a change and as it stands, by window and by version."""

import numpy as np
import pandas as pd
import pytest
from amends.adapters.files import load_policy
from amends.domain.findings import Category, Finding, Verdict
from amends.measures.digests import WindowDigest
from amends.workflow.judge_performance import judge_performance
from predictions import BINARY, REGRESSION, SEVERAL, TASKS, digest, predictions, spec_of

POLICY = load_policy()
METRICS = {
    BINARY: {
        "auc", "auc_floor", "brier_score", "log_loss", "accuracy", "balanced_accuracy", "precision", "recall",
        "f1", "worst_slice_log_loss", "calibration_in_the_large", "calibration_slope",
        "calibration_intercept", "expected_calibration_error",
    },
    SEVERAL: {
        "accuracy", "balanced_accuracy", "macro_f1", "worst_slice_error_rate", "calibration_in_the_large",
        "calibration_slope", "calibration_intercept", "expected_calibration_error",
    },
    REGRESSION: {
        "mean_absolute_error", "root_mean_squared_error", "r2", "bias", "worst_slice_absolute_error",
    },
}  # fmt: skip


def referenced(task: str = BINARY, rows: int = 4000) -> WindowDigest:
    """A healthy reference."""
    return digest(spec_of(task), predictions(task, 1, rows))


REFERENCE = {task: referenced(task) for task in TASKS}


def judged(task: str, window: pd.DataFrame, **limits: float) -> list[Finding]:
    """Findings on a window against 4 000 healthy rows, under the default policy but for some limits."""
    spec, policy = spec_of(task), POLICY
    if limits:
        policy = POLICY.overridden({"limits": {f"performance.{n}": v for n, v in limits.items()}}, "test")
    return judge_performance(spec, policy, REFERENCE[task], digest(spec, window, REFERENCE[task]))


def breaches(found: list[Finding]) -> set[str]:
    """Metrics of the breaches that are about the window as a whole."""
    return {one.metric for one in found if one.is_breach and not one.groups}


def only(found: list[Finding], metric: str, *groups: str) -> Finding:
    """The one finding on a metric, of the window or of a version."""
    (one,) = [one for one in found if one.metric == metric and one.groups == groups]
    return one


@pytest.mark.parametrize("task", TASKS)
def test_each_number_has_an_interval_around_it(task: str) -> None:
    """All that is measured of a healthy window passes, with value, reference, interval and rows."""
    found = judged(task, predictions(task, 2, 4000))
    assert {one.metric for one in found} == METRICS[task]
    for one in found:
        assert one.verdict is Verdict.PASS, one.reason
        assert one.value is not None
        assert one.reference_value is not None
        assert one.interval is not None
        assert one.interval[0] < one.value < one.interval[1]
        assert one.n is not None


@pytest.mark.parametrize("task", TASKS)
def test_a_lost_relation_is_a_breach_of_performance(task: str) -> None:
    """Labels of a third of the rows became chance: each task's first number says so."""
    first = {BINARY: "auc", SEVERAL: "accuracy", REGRESSION: "mean_absolute_error"}[task]
    found = judged(task, predictions(task, 2, 4000, lost=0.33))
    assert first in breaches(found)
    assert only(found, first).category is Category.PERFORMANCE


def test_the_change_of_a_regressions_error_is_in_the_references_errors() -> None:
    """By hand: a second error of the same size at right angles makes sqrt(2) of the first, 41 % more."""
    window = predictions(REGRESSION, 2, 4000)
    draw = np.random.default_rng(5)
    window = window.assign(label=window["label"] + 10 * draw.standard_t(5, 4000))
    one = only(judged(REGRESSION, window), "root_mean_squared_error")
    assert one.verdict is Verdict.BREACH
    assert one.value is not None
    assert one.reference_value is not None
    assert one.value / one.reference_value == pytest.approx(2**0.5, rel=0.06)
    assert one.threshold == pytest.approx(0.3 * one.reference_value)


def test_a_regression_in_another_unit_is_judged_alike() -> None:
    """Labels and predictions in cents instead of euros: the same verdicts."""
    spec = spec_of(REGRESSION)

    def cents(frame: pd.DataFrame) -> pd.DataFrame:
        return frame.assign(**{name: frame[name] * 100 for name in ("label", "predicted", "score")})

    for lost in (0.0, 0.15, 0.33):
        before, now = predictions(REGRESSION, 1, 2000), predictions(REGRESSION, 2, 2000, lost=lost)
        verdicts = []
        for one, other in ((before, now), (cents(before), cents(now))):
            reference = digest(spec, one)
            found = judge_performance(spec, POLICY, reference, digest(spec, other, reference))
            # the slice is sought in halves that are drawn by rows' scores, so other units draw other halves
            verdicts.append([(f.metric, f.verdict) for f in found if "slice" not in f.metric])
        assert verdicts[0] == verdicts[1]


def test_predictions_that_moved_to_one_side_are_miscalibrated() -> None:
    """A constant is added to every label: bias is a matter of calibration, named apart from the error."""
    window = predictions(REGRESSION, 2, 4000)
    one = only(judged(REGRESSION, window.assign(label=window["label"] + 4)), "bias")
    assert (one.category, one.verdict) == (Category.CALIBRATION_DRIFT, Verdict.BREACH)
    assert one.value == pytest.approx(4, abs=1)


def test_labels_that_spread_less_are_no_loss() -> None:
    """Quiet weather: R squared falls to a third, errors are what they were, and nothing is raised."""
    window = predictions(REGRESSION, 2, 4000)
    calm = window["predicted"] - (window["predicted"] - 100) * 0.8
    label = window["label"] - window["predicted"] + calm
    found = judged(REGRESSION, window.assign(label=label, predicted=calm, score=calm))
    assert breaches(found) == set()
    assert only(found, "r2").verdict is Verdict.INCONCLUSIVE
    assert "labels spread less" in only(found, "r2").reason


def test_a_regression_without_numbers_is_a_failure_of_the_monitor() -> None:
    """Labels that are words never read as healthy."""
    window = predictions(REGRESSION, 2, 1000).assign(label="many")
    found = judged(REGRESSION, window)
    assert only(found, "mean_absolute_error").verdict is Verdict.ERROR


def test_a_class_that_is_no_longer_found_shows_in_balanced_accuracy() -> None:
    """Of three classes one is never predicted any more: balanced accuracy and macro F1 breach."""
    window = predictions(SEVERAL, 2, 4000)
    lost = window["predicted"].where(window["predicted"] != "low", "middle")
    assert {"balanced_accuracy", "macro_f1"} <= breaches(judged(SEVERAL, window.assign(predicted=lost)))


def test_confidence_that_is_too_high_is_miscalibrated() -> None:
    """Several classes: the score is the confidence, and right or wrong its outcome."""
    window = predictions(SEVERAL, 2, 4000)
    sure = window.assign(score=1 - (1 - window["score"]) * 0.4)
    found = breaches(judged(SEVERAL, sure))
    assert {"calibration_in_the_large", "expected_calibration_error"} <= found
    assert not found & {"accuracy", "balanced_accuracy", "macro_f1"}


def test_a_class_of_one_row_gives_no_number_and_no_pass() -> None:
    """Under a policy that asks for no class size, AUC's error divides by zero: that is inconclusive."""
    window = predictions(BINARY, 2, 1000)
    found = judged(BINARY, window.assign(label=(window.index == 3).astype(float)), min_class=0)
    assert {only(found, name).verdict for name in ("auc", "auc_floor")} == {Verdict.INCONCLUSIVE}
    assert only(found, "auc").value is None


def halved(frame: pd.DataFrame) -> pd.DataFrame:
    """Half of the positives are not there: the base rate falls and the model is as good as it was."""
    draw = np.random.default_rng(8)
    return frame[(frame["label"] != 1) | (draw.random(len(frame)) < 0.5)].reset_index(drop=True)


def test_precision_falls_with_the_base_rate_and_is_no_breach_by_itself() -> None:
    """It is shown with its interval; a policy that sets a limit for it makes it one."""
    window = halved(predictions(BINARY, 2, 4000))
    shown = only(judged(BINARY, window), "precision")
    assert shown.verdict is Verdict.PASS
    assert shown.value is not None
    assert shown.reference_value is not None
    assert shown.value < shown.reference_value - 0.08
    assert only(judged(BINARY, window, precision_drop=0.05), "precision").verdict is Verdict.BREACH


def test_a_ranking_surely_worse_than_a_coin_breaches_as_it_stands() -> None:
    """Even where the reference was no better; without a floor in the policy it is not raised."""
    spec = spec_of()
    turned = [predictions(BINARY, seed, 3000) for seed in (1, 2)]
    turned = [one.assign(label=1 - one["label"]) for one in turned]
    reference = digest(spec, turned[0])
    for floor, expected in ((0.5, {"auc_floor"}), (0.0, set())):
        policy = POLICY.overridden({"limits": {"performance.auc_floor": floor}}, "test")
        found = judge_performance(spec, policy, reference, digest(spec, turned[1], reference))
        assert breaches(found) == expected


def test_a_coin_is_not_called_worse_than_a_coin() -> None:
    """An interval across the floor is inconclusive at most."""
    window = predictions(BINARY, 2, 4000, lost=1.0)
    assert not only(judged(BINARY, window), "auc_floor").is_breach


def test_a_floor_of_a_spec_is_asked_for() -> None:
    """A team that needs a recall of 0.95 is told that it has less, though nothing changed."""
    found = judged(BINARY, predictions(BINARY, 2, 4000), recall_floor=0.95)
    assert breaches(found) == {"recall_floor"}


def mixed(task: str, seed: int = 2, rows: int = 6000, lost: float = 0.0) -> pd.DataFrame:
    """A window that two versions serve in turn; the second one's labels may be unrelated to its inputs."""
    good, bad = predictions(task, seed, rows), predictions(task, seed, rows, lost=lost)
    new = good.index % 3 == 0
    label = good["label"].where(~new, bad["label"])
    return good.assign(label=label, version=np.where(new, "v2", "v1"))


@pytest.mark.parametrize(
    ("task", "metric"), [(BINARY, "auc"), (SEVERAL, "accuracy"), (REGRESSION, "mean_absolute_error")]
)
def test_a_bad_version_is_named_beside_a_good_one(task: str, metric: str) -> None:
    """The second version lost; the first one holds."""
    found = judged(task, mixed(task, lost=0.6))
    assert only(found, metric, "v2").verdict is Verdict.BREACH
    assert only(found, metric, "v1").verdict is Verdict.PASS


@pytest.mark.parametrize(
    ("task", "metric"), [(BINARY, "auc"), (SEVERAL, "accuracy"), (REGRESSION, "mean_absolute_error")]
)
def test_a_version_whose_labels_are_late_waits_for_them(task: str, metric: str) -> None:
    """A tenth of the second version's labels is there, over 200 rows: too small a share to stand for it."""
    window = mixed(task, rows=9000)
    late = (window["version"] == "v2") & (window.index % 10 != 0)
    found = judged(task, window.assign(label=window["label"].mask(late)))
    assert only(found, metric).verdict is Verdict.PASS
    assert only(found, metric, "v1").verdict is Verdict.PASS
    waiting = only(found, metric, "v2")
    assert waiting.verdict is Verdict.INCONCLUSIVE
    assert "300 of 3000 rows of version v2 have a label" in waiting.reason


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize(("kept", "verdict"), [(0.0, Verdict.NO_DATA), (0.2, Verdict.INCONCLUSIVE)])
def test_labels_of_a_small_part_of_the_window_judge_nothing(task: str, kept: float, verdict: Verdict) -> None:
    """No label, or a fifth of them: nothing of performance reads as fine."""
    window = predictions(task, 2, 3000)
    part = window.assign(label=window["label"].where(window.index < kept * 3000))
    found = judged(task, part)
    assert {one.verdict for one in found if one.category is Category.PERFORMANCE} == {verdict}


def test_labels_of_half_the_window_judge_it() -> None:
    """Enough rows and a fair share of them: a healthy half passes, a bad one does not."""
    for lost, expected in ((0.0, set()), (0.5, {"auc"})):
        window = predictions(BINARY, 2, 4000, lost=lost)
        found = judged(BINARY, window.assign(label=window["label"].where(window.index % 2 == 0)))
        assert breaches(found) >= expected
        assert bool(breaches(found)) is bool(expected)


@pytest.mark.parametrize("task", TASKS)
def test_windows_in_which_nothing_changed_are_quiet(task: str) -> None:
    """Over 200 seeds, of 400 or of 2 000 rows, at most two windows breach in anything at all."""
    loud = []
    for seed in range(1000, 1200):
        found = judged(task, predictions(task, seed, 400 if seed % 2 else 2000))
        loud += [(seed, breaches(found))] if breaches(found) else []
    assert len(loud) <= 2, loud


def test_a_loss_of_five_points_of_auc_is_found() -> None:
    """At 2 000 rows, of 100 windows whose AUC is 0.05 lower at least 90 breach by their AUC."""
    found, drops = 0, []
    for seed in range(2000, 2100):
        one = only(judged(BINARY, predictions(BINARY, seed, 2000, lost=0.155)), "auc")
        drops.append((one.reference_value or 0) - (one.value or 0))
        found += one.is_breach
    assert np.mean(drops) == pytest.approx(0.05, abs=0.005)
    assert found >= 90

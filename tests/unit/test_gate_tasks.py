"""The gate for several classes and for regression: candidates good and bad in known ways."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from amends.adapters.files import load_policy
from amends.domain.findings import Finding, Verdict
from amends.domain.spec import ModelSpec, spec_from_document
from amends.domain.validation import Validation
from amends.errors import DataError
from amends.measures.scoring import rescored, scorer_of
from amends.measures.wrappers import Masked
from amends.workflow.gate import gate
from amends.workflow.remedy import holdout_metrics
from lending import DOCUMENT, digested

POLICY = load_policy()
CLASSES = np.array(["high", "low", "mid", "rare"])
COLUMNS = {**DOCUMENT["columns"], "numeric": ["x"], "categorical": []}
SEVERAL = spec_from_document(
    {**DOCUMENT, "task": "multiclass_classification", "favourable_label": "high", "columns": COLUMNS}, "m"
)
ERRORS = spec_from_document(
    {**DOCUMENT, "task": "regression", "favourable_label": None, "columns": COLUMNS}, "r"
)
Rows = pd.DataFrame
Make = Callable[[Rows], Any]


class Quality:
    """A quality gate that finds nothing."""

    def check(self, *_: Any) -> tuple[()]:
        """Nothing."""
        return ()


def drawn(rows: int, seed: int = 1) -> tuple[Rows, np.random.Generator]:
    """Rows with an input and a group that has no part in anything."""
    rng = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "id": [f"{i:06d}" for i in range(rows)],
            "at": pd.date_range("2026-01-01", periods=rows, freq="min"),
            "x": rng.normal(0, 1, rows), "sex": rng.choice(["f", "m"], rows), "u": rng.normal(0, 1, rows),
        }
    )  # fmt: skip
    return frame, rng


def several(rows: int) -> Rows:
    """Four classes, one of them rare, by the log odds that ``odds`` gives; labels drawn from those."""
    frame, rng = drawn(rows)
    shares = softmax(odds(frame))
    frame["label"] = CLASSES[(shares.cumsum(axis=1) < rng.random((rows, 1))).sum(axis=1)]
    return frame


def odds(frame: Rows) -> Any:
    """Log odds of the classes, as the world has them."""
    x = frame["x"].to_numpy()
    return np.column_stack([3 * x, -3 * x, 1 + 0 * x, np.where(np.abs(x) < 0.25, 2.5, -3)])


def softmax(numbers: Any) -> Any:
    """Shares that sum to 1."""
    raised = np.exp(numbers - numbers.max(axis=1, keepdims=True))
    return raised / raised.sum(axis=1, keepdims=True)


def decided(frame: Rows, numbers: Any) -> pa.Table:
    """Rows with the likeliest class and its share."""
    shares = softmax(np.asarray(numbers, dtype=float))
    scores = np.where(np.isfinite(shares).all(axis=1), shares.max(axis=1), np.nan)
    rows = frame.drop(columns="u").assign(score=scores, decision=CLASSES[shares.argmax(axis=1)])
    return pa.Table.from_pandas(rows, preserve_index=False)


def noisy(frame: Rows, size: float, seed: int = 7) -> Any:
    """The truth seen through noise, with the timidity that noise asks for."""
    noise = np.random.default_rng(seed).normal(0, size, (len(frame), 4))
    return (odds(frame) + noise) / (1 + size / 3)


def without(frame: Rows, name: str) -> Any:
    """The truth, but one class is never decided."""
    return np.where(name == CLASSES, -20.0, odds(frame))


def downgraded(frame: Rows, group: str, by: float) -> Any:
    """The truth, but a group's odds of the favourable class are lower."""
    return odds(frame) - by * np.outer(frame["sex"] == group, CLASSES == "high")


GOOD_CLASSES: dict[str, tuple[Make, Make]] = {
    "an equal candidate": (odds, odds),
    "a candidate that differs by a hair": (odds, lambda f: noisy(f, 0.05)),
    "a better candidate": (lambda f: noisy(f, 2.0), odds),
    "a candidate that takes a gap away": (lambda f: downgraded(f, "f", 3), odds),
    "a candidate that finds a class again": (lambda f: without(f, "rare"), odds),
    "a candidate that is less sure where the champion was too sure": (lambda f: 4 * odds(f), odds),
}
BAD_CLASSES: dict[str, tuple[Make, Make, str]] = {
    "noise in every decision": (odds, lambda f: noisy(f, 3.0), "accuracy_change"),
    "random decisions": (
        odds, lambda f: np.random.default_rng(3).normal(0, 1, (len(f), 4)), "balanced_accuracy_change",
    ),
    "one answer for all": (odds, lambda f: odds(f) * 0 + [0, 0, 1, 0], "macro_f1_change"),
    "a rare class given up": (odds, lambda f: without(f, "rare"), "class_f1_change"),
    "too sure of itself": (odds, lambda f: 6 * odds(f), "calibration_error_change"),
    "classes mixed up": (odds, lambda f: odds(f)[:, [1, 0, 2, 3]], "accuracy"),
    "a new gap in favourable decisions": (odds, lambda f: downgraded(f, "f", 3), "selection_rate_ratio"),
    "one group scored at random": (
        odds,
        lambda f: np.where((f["sex"] == "f").to_numpy()[:, None], noisy(f, 12.0), odds(f)),
        "true_positive_rate_difference",
    ),
    "holes": (
        odds, lambda f: np.where((np.arange(len(f)) % 50 == 0)[:, None], np.nan, odds(f)),
        "candidate_unscored_share",
    ),
    "a gap that stands": (
        lambda f: downgraded(f, "f", 3), lambda f: downgraded(f, "f", 3), "selection_rate_ratio",
    ),
}  # fmt: skip


def prices(rows: int) -> Rows:
    """A label in thousands, with noise that no model explains."""
    frame, rng = drawn(rows)
    return frame.assign(label=50_000 + 10_000 * frame["x"] + rng.normal(0, 4000, rows))


def truth(frame: Rows) -> Any:
    """The best prediction there is."""
    return 50_000 + 10_000 * frame["x"].to_numpy()


def predicted(frame: Rows, numbers: Any) -> pa.Table:
    """Rows with a prediction."""
    said = np.asarray(numbers, dtype=float)
    return pa.Table.from_pandas(frame.drop(columns="u").assign(score=said, decision=said))


def off(frame: Rows, size: float, seed: int = 7) -> Any:
    """The truth with errors of a model's own."""
    return truth(frame) + np.random.default_rng(seed).normal(0, size, len(frame))


def off_for(frame: Rows, group: str, by: float) -> Any:
    """The truth, but too low for a group."""
    return truth(frame) - by * (frame["sex"] == group).to_numpy()


GOOD_ERRORS: dict[str, tuple[Make, Make]] = {
    "an equal candidate": (truth, truth),
    "a candidate that differs by a hair": (truth, lambda f: off(f, 150)),
    "a better candidate": (lambda f: off(f, 3000), truth),
    "a candidate that takes a bias away": (lambda f: truth(f) + 3000, truth),
    "a candidate that takes a gap away": (lambda f: off_for(f, "f", 3000), truth),
    "a candidate without the champion's outliers": (
        lambda f: np.where(f.index % 50, truth(f), 3 * truth(f)), truth,
    ),
}  # fmt: skip
BAD_ERRORS: dict[str, tuple[Make, Make, str]] = {
    "larger errors": (truth, lambda f: off(f, 3000), "mean_absolute_error_change"),
    "the mean for everybody": (truth, lambda f: np.full(len(f), f["label"].mean()), "r2_change"),
    "predictions in another unit": (truth, lambda f: truth(f) / 1000, "r2"),
    "too high for everybody": (truth, lambda f: truth(f) + 2500, "bias"),
    "too low for a group": (truth, lambda f: off_for(f, "f", 3000), "mean_error_difference"),
    "a few wild predictions": (
        truth, lambda f: np.where(f.index % 100, truth(f), 3 * truth(f)), "root_mean_squared_error_change",
    ),
    "further off for a group": (
        truth, lambda f: np.where(f["sex"] == "f", off(f, 5000), truth(f)),
        "mean_absolute_error_difference_change",
    ),
    "everybody's prediction is somebody else's": (
        truth, lambda f: np.random.default_rng(2).permutation(truth(f)), "r2",
    ),
    "the wrong sign": (truth, lambda f: 100_000 - truth(f), "r2"),
    "holes": (
        truth, lambda f: np.where(f.index % 50, truth(f), np.nan), "candidate_unscored_share",
    ),
    "a gap that stands": (
        lambda f: off_for(f, "f", 4000), lambda f: off_for(f, "f", 4000), "mean_error_difference",
    ),
    "a model for another year": (truth, lambda f: 1.1 * truth(f), "mean_absolute_error_change"),
}  # fmt: skip
TASKS: dict[str, Any] = {
    "several": (SEVERAL, several, decided, GOOD_CLASSES, BAD_CLASSES),
    "errors": (ERRORS, prices, predicted, GOOD_ERRORS, BAD_ERRORS),
}
GOOD = [(task, name) for task in TASKS for name in TASKS[task][3]]
BAD = [(task, name) for task in TASKS for name in TASKS[task][4]]


def judge(spec: ModelSpec, champion: pa.Table, candidate: pa.Table) -> Validation:
    """Run the gate with the champion's rows as reference."""
    return gate(
        spec, POLICY, Quality(), reference=digested(spec, champion), champion=champion, candidate=candidate
    )


def judged(task: str, champion: Make, candidate: Make, rows: int = 6000) -> tuple[Validation, pa.Table]:
    """Judge a candidate of a task; also its rows."""
    spec, draw, table, *_ = TASKS[task]
    frame = draw(rows)
    scored = table(frame, candidate(frame))
    return judge(spec, table(frame, champion(frame)), scored), scored


def found(verdict: Validation, metric: str, attribute: Any = None) -> Finding:
    """The one finding of a metric."""
    (one,) = (f for f in verdict.findings if f.metric == metric and f.attribute == attribute)
    return one


@pytest.mark.parametrize(("task", "name"), GOOD)
def test_a_good_candidate_is_blessed(task: str, name: str) -> None:
    """Candidates that an expert would pass are blessed."""
    verdict, _ = judged(task, *TASKS[task][3][name])
    assert verdict.blessed, verdict.reasons


@pytest.mark.parametrize(("task", "name"), BAD)
def test_a_bad_candidate_is_not_blessed(task: str, name: str) -> None:
    """Candidates that an expert would send back are refused, on a proven breach of the right measure."""
    champion, candidate, metric = TASKS[task][4][name]
    verdict, _ = judged(task, champion, candidate)
    assert not verdict.blessed
    breached = {one.metric for one in verdict.findings if one.is_breach}
    assert metric in breached or f"{metric}_change" in breached, (breached, verdict.reasons)


def test_the_table_is_large_enough_to_mean_something() -> None:
    """Thirty-four candidates, good or bad in a known way, of both tasks."""
    assert (len(GOOD), len(BAD)) == (12, 22)


@pytest.mark.parametrize("task", TASKS)
def test_measures_agree_with_scikit_learn(task: str) -> None:
    """Every measure of champion and candidate is that of another implementation."""
    from sklearn import metrics

    champion, candidate = (TASKS[task][4][next(iter(TASKS[task][4]))])[:2]
    spec, draw, table, *_ = TASKS[task]
    frame = draw(3000)
    tables = table(frame, champion(frame)), table(frame, candidate(frame))
    verdict = judge(spec, *tables)
    y, before, after = (tables[i].column(name).to_pandas() for i, name in
                        ((0, "label"), (0, "decision"), (1, "decision")))  # fmt: skip
    expected: dict[str, Callable[[Any, Any], float]] = {
        "accuracy": metrics.accuracy_score,
        "balanced_accuracy": metrics.balanced_accuracy_score,
        "macro_f1": lambda a, b: float(metrics.f1_score(a, b, average="macro")),
    }
    if task == "errors":
        expected = {
            "mean_absolute_error": metrics.mean_absolute_error,
            "root_mean_squared_error": metrics.root_mean_squared_error,
            "r2": metrics.r2_score,
            "bias": lambda a, b: abs(float((a - b).mean())) / metrics.mean_absolute_error(y, before),
        }
    for name, oracle in expected.items():
        one = found(verdict, f"{name}_change")
        assert one.reference_value == pytest.approx(oracle(y, before), abs=1e-9, rel=1e-9)
        assert one.value == pytest.approx(oracle(y, after), abs=1e-9, rel=1e-9)


def test_an_error_is_judged_in_multiples_of_the_champions_and_told_in_the_labels_unit() -> None:
    """The limit is a twentieth above the champion's mean absolute error, whatever the unit is."""
    verdict, _ = judged("errors", *BAD_ERRORS["larger errors"][:2])
    one = found(verdict, "mean_absolute_error_change")
    assert one.reference_value is not None
    assert one.threshold == pytest.approx(1.05 * one.reference_value)
    assert one.reason.endswith("in multiples of the champion's")
    assert one.value is not None
    assert one.interval is not None
    assert one.interval[0] < one.value < one.interval[1]


def test_gaps_between_groups_agree_with_a_table_by_hand() -> None:
    """Several classes: the ratio of favourable shares; regression: means over the champion's deviation."""
    verdict, rows = judged("several", *BAD_CLASSES["a new gap in favourable decisions"][:2])
    frame = rows.to_pandas()
    shares = (frame["decision"] == "high").groupby(frame["sex"]).mean()
    one = found(verdict, "selection_rate_ratio", "sex")
    assert one.value == pytest.approx(shares.min() / shares.max())
    assert one.groups == ("f", "m")

    verdict, rows = judged("errors", *BAD_ERRORS["too low for a group"][:2])
    frame = rows.to_pandas()
    means = (frame["label"] - frame["decision"]).groupby(frame["sex"]).mean()
    spread = np.std(frame["label"] - truth(frame))
    assert found(verdict, "mean_error_difference", "sex").value == pytest.approx(
        (means.max() - means.min()) / spread
    )


@pytest.mark.parametrize("task", TASKS)
def test_the_unit_of_labels_and_the_names_of_classes_do_not_matter(task: str) -> None:
    """A price in cents, or classes that are numbers, bless and refuse the same."""
    spec, draw, table, good, bad = TASKS[task]
    frame = draw(4000)
    for champion, candidate, *_ in (*good.values(), *list(bad.values())[:4]):
        plain = [table(frame, champion(frame)), table(frame, candidate(frame))]
        other = [pa.Table.from_pandas(renamed(task, one.to_pandas())) for one in plain]
        again = spec
        if task == "several":
            document = {**spec.document, "favourable_label": 0}
            again = spec_from_document(document, "m")
        assert judge(again, *other).blessed == judge(spec, *plain).blessed


def renamed(task: str, frame: Rows) -> Rows:
    """The same rows in another unit, or with numbers for classes."""
    if task == "errors":
        return frame.assign(**{name: frame[name] * 100 for name in ("label", "decision", "score")})
    numbers = {name: number for number, name in enumerate(CLASSES)}
    return frame.assign(**{name: frame[name].map(numbers) for name in ("label", "decision")})


@pytest.mark.parametrize("task", TASKS)
def test_too_little_evidence_is_no_blessing_and_says_how_much_would_do(task: str) -> None:
    """Sixty rows bless nobody; three hundred with noise say how many would tell."""
    equal = next(iter(TASKS[task][3].values()))
    verdict, _ = judged(task, *equal, rows=60)
    assert not verdict.blessed
    assert any("200 rows would do" in reason for reason in verdict.reasons)

    pair: dict[str, tuple[Make, Make]] = {
        "several": (lambda f: noisy(f, 1.0, 3), lambda f: noisy(f, 1.0, 4)),
        "errors": (lambda f: off(f, 2000, 3), lambda f: off(f, 2000, 4)),
    }
    verdict, _ = judged(task, *pair[task], rows=300)
    assert not verdict.blessed
    assert any("rows do not tell, about" in reason for reason in verdict.reasons)


@pytest.mark.parametrize("task", TASKS)
def test_the_same_rows_give_the_same_bytes(task: str) -> None:
    """Two runs agree to the last byte, whatever the order of the candidate's rows."""
    spec, draw, table, good, _ = TASKS[task]
    frame = draw(1500)
    champion, candidate = (table(frame, one(frame)) for one in good["a better candidate"])
    turned = candidate.take(list(range(1499, -1, -1)))
    assert judge(spec, champion, candidate).document() == judge(spec, champion, turned).document()


@pytest.mark.parametrize("task", TASKS)
def test_rows_that_do_not_fit_are_refused(task: str) -> None:
    """Another label in the candidate's file is no comparison."""
    spec, draw, table, good, _ = TASKS[task]
    frame = draw(300)
    champion = table(frame, good["an equal candidate"][0](frame))
    turned = champion.set_column(
        champion.column_names.index("label"), "label", [champion.column("label").to_pylist()[::-1]]
    )
    with pytest.raises(DataError, match="have another 'label'"):
        judge(spec, champion, turned)


def test_ids_in_the_place_of_classes_are_refused() -> None:
    """A label of its own for each of 3000 rows is no class: said in one line, with the way out."""
    frame = several(3000).assign(label=[f"c{i}" for i in range(3000)])
    with pytest.raises(DataError, match="more than 2000 are not compared"):
        judge(SEVERAL, decided(frame, odds(frame)), decided(frame, odds(frame)))


def test_a_label_that_is_no_number_is_refused() -> None:
    """A regression on texts is bad input, said in one line."""
    frame = prices(300).assign(label="a lot")
    with pytest.raises(DataError, match="'label' are no numbers"):
        judge(ERRORS, predicted(frame, truth(frame)), predicted(frame, truth(frame)))


def test_a_perfect_champion_is_still_compared() -> None:
    """Errors of 0 have no multiples: the same again is no worse, anything else cannot be blessed."""
    frame = prices(1000)
    perfect = predicted(frame, frame["label"])
    assert judge(ERRORS, perfect, perfect).blessed
    assert not judge(ERRORS, perfect, predicted(frame, truth(frame))).blessed


def test_labels_that_do_not_vary_have_no_explained_share() -> None:
    """R squared of a constant label is no number, and no number is no blessing."""
    frame = prices(1000).assign(label=1.0)
    verdict = judge(ERRORS, predicted(frame, np.ones(1000)), predicted(frame, np.ones(1000)))
    assert found(verdict, "r2_change").verdict is Verdict.INCONCLUSIVE
    assert not verdict.blessed


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

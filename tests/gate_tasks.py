"""Candidates of several classes and of regressions, good and bad, beside their champions."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from amends.adapters.files import load_policy
from amends.domain.findings import Finding
from amends.domain.spec import ModelSpec, spec_from_document
from amends.domain.validation import Validation
from amends.workflow.gate import gate
from fake_quality import FakeQuality
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
        spec,
        POLICY,
        FakeQuality(),
        reference=digested(spec, champion),
        champion=champion,
        candidate=candidate,
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

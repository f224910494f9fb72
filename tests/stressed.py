"""Candidates that are good or bad in a known way, for the stress test: plain objects, no library."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from amends.domain.findings import Finding
from amends.domain.promotion import ModelVersion
from amends.domain.validation import STRESS
from amends.ports import Services
from amends.workflow.rows import labelled_rows
from amends.workflow.stress import Stress, stress
from remedy_story import REFERENCE, SPEC, WINDOW, logs, parent, people, reference_of, services

Scores = npt.NDArray[np.float64]
FAR = 9
"""No number of the log is as large."""
INPUTS = ("income", "rent", "hours", "region")


class Model:
    """Looks like a fitted classifier; scores by a function of its inputs."""

    classes_ = (0, 1)

    def __init__(self, score: Callable[[pd.DataFrame], Any], inputs: Sequence[str] = INPUTS) -> None:
        self.score, self.feature_names_in_ = score, list(inputs)

    def predict_proba(self, rows: pd.DataFrame) -> Scores:
        """Probability of both classes."""
        score = np.asarray(self.score(rows), dtype=np.float64)
        return np.column_stack([1 - score, score])


class Fitted(Model):
    """Says its parameters, as estimators do: two of a kind were fitted alike."""

    def __init__(self, score: Callable[[pd.DataFrame], Any], depth: int) -> None:
        super().__init__(score)
        self.depth = depth

    def get_params(self) -> dict[str, int]:
        """What it was fitted with."""
        return {"depth": self.depth}


def shares(odds: Any) -> Scores:
    """Probability of log odds."""
    return np.asarray(1 / (1 + np.exp(-np.clip(np.asarray(odds, dtype=np.float64), -30, 30))))


def truth(rows: pd.DataFrame) -> Scores:
    """The log odds that the credit rows were drawn from; what is missing or far out counts as 0."""
    income, hours = (rows[name].astype(float) for name in ("income", "hours"))
    income, hours = (one.where(one.abs() < FAR, 0.0) for one in (income, hours))
    return np.asarray(1.5 * income + 0.8 * hours - 0.6 + 0.3 * (rows["region"] == "north"))


def sound(rows: pd.DataFrame) -> Scores:
    """What a careful team would serve."""
    return shares(truth(rows))


def refuses_nulls(rows: pd.DataFrame) -> Scores:
    """Raise on a missing income, as many estimators do."""
    if rows["income"].isna().any():
        raise ValueError("Input X contains NaN.")
    return sound(rows)


def silent_on_nulls(rows: pd.DataFrame) -> Scores:
    """Answer NaN where hours are missing."""
    return np.where(rows["hours"].isna(), np.nan, sound(rows))


def silent_on_unseen(rows: pd.DataFrame) -> Scores:
    """Answer NaN for a region that was not there in training."""
    return np.where(rows["region"].isin(["north", "south"]) | rows["region"].isna(), sound(rows), np.nan)


def refuses_unseen(rows: pd.DataFrame) -> Scores:
    """Raise on a region that was not there in training."""
    return np.asarray([{"north": 1, "south": 1, None: 1}[one] for one in rows["region"]]) * sound(rows)


def beyond_one(rows: pd.DataFrame) -> Scores:
    """Scores that leave [0, 1] where income does its range."""
    return sound(rows) + (rows["income"].abs() > 8)


def jumpy(rows: pd.DataFrame) -> Scores:
    """Hang on the third digit of income beside the truth: half of all scores turn on noise."""
    digit = (rows["income"].fillna(0) * 1000).round() % 2
    return shares(truth(rows) + 3 * digit - 1.5)


def breaks_on_gaps(rows: pd.DataFrame) -> Scores:
    """Turn the order around in each row where anything is missing."""
    gap = rows[list(INPUTS)].isna().any(axis=1)
    return np.where(gap, 1 - sound(rows), sound(rows))


def breaks_far_out(rows: pd.DataFrame) -> Scores:
    """Turn the order around in each row that holds a number far out."""
    far = (rows[["income", "rent", "hours"]].abs() > FAR).any(axis=1)
    return np.where(far, shares(-6 * truth(rows)), sound(rows))


def remembering(learnt: pd.DataFrame, label: str) -> Callable[[pd.DataFrame], Scores]:
    """Give each training row its own outcome, found by its income, and everybody else the truth."""
    known = dict(zip(learnt["income"], learnt[label], strict=True))

    def score(rows: pd.DataFrame) -> Scores:
        held = rows["income"].map(known).astype(float)
        return np.where(held.isna(), sound(rows), 0.02 + 0.96 * held.fillna(0.0))

    return score


def by_sex(rows: pd.DataFrame) -> Scores:
    """Read the sex, and little else."""
    return shares(4 * (rows["sex"] == "m") - 2 + 0.02 * truth(rows))


class Ticking:
    """A clock that stands still but for what a scoring function adds to it."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        """Read the clock."""
        return self.now

    def slow(self, seconds: float) -> Callable[[pd.DataFrame], Scores]:
        """A sound score that takes so many seconds for each 1 000 rows."""

        def score(rows: pd.DataFrame) -> Scores:
            self.now += seconds * len(rows) / 1000
            return sound(rows)

        return score


@dataclass
class World:
    """A log and a registry with a champion; candidates are added as a test wants them."""

    given: Services

    @classmethod
    def of(cls, champion: Any = None, log: pd.DataFrame | None = None) -> "World":
        """A world whose champion is sound unless another is given."""
        rows = logs("healthy") if log is None else log
        return cls(services(rows, model=champion or Model(sound)))

    def version(self, model: Any, **tags: str) -> ModelVersion:
        """Register a candidate."""
        return self.given.registry.register(
            SPEC.name, model, key=f"c{id(model)}", tags=tags, example=people(REFERENCE, 1), metrics={}
        )

    def stressed(self, model: Any, *, tags: Any = None, **asked: Any) -> Stress:
        """Stress a candidate on the window; it says that it was trained on the reference."""
        spec = asked.pop("spec", SPEC)
        rows = labelled_rows(self.given.source, spec, WINDOW)
        return stress(
            self.given, spec, self.version(model, **(tags or {})), parent(self.given), rows,
            reference=reference_of(self.given, spec), **{"trained": REFERENCE, **asked},
        )  # fmt: skip


def found(outcome: Stress, metric: str) -> Finding:
    """The first finding of a metric."""
    return next(one for one in outcome.findings if one.metric == STRESS + metric)


def breaches(outcome: Stress) -> set[str]:
    """Metrics that were breached."""
    return {one.metric.removeprefix(STRESS) for one in outcome.findings if one.is_breach}

"""A small credit model, its log, and ways to spoil it: what remedies are tried on without a service."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
from amends.adapters.fairlearn_mitigation import FairlearnMitigator
from amends.adapters.files import load_policy
from amends.adapters.imputation import TreeImputer
from amends.adapters.training import FunctionTrainer
from amends.domain.events import EventKind, NewEvent
from amends.domain.promotion import ModelVersion, Move
from amends.domain.spec import ModelSpec, spec_from_document
from amends.domain.window import Window
from amends.measures.digesting import digest_batches
from amends.ports import ModelRegistry, Services
from amends.workflow.promote import promote
from amends.workflow.remedies.mask import mask
from amends.workflow.remedies.mitigate_bias import mitigate_bias
from amends.workflow.remedies.recalibrate import recalibrate
from amends.workflow.remedies.retrain import retrain
from amends.workflow.remedy import Candidate
from fake_quality import FakeQuality
from fake_registry import FakeRegistry
from fake_source import FakeSource
from fakes import FakeLedger

START = datetime(2026, 1, 1, tzinfo=UTC)
REFERENCE = Window("credit", START, START + timedelta(days=40))
WINDOW = Window("credit", REFERENCE.end, REFERENCE.end + timedelta(days=20))
ROWS = {REFERENCE: 4000, WINDOW: 3000}
DOCUMENT: dict[str, Any] = {
        "schema_version": 1, "name": "credit", "task": "binary_classification", "importance": "high",
        "owner": "risk", "favourable_label": 1, "consumers": ["pricing", "letters"],
        "columns": {
            "id": "id", "timestamp": "at", "model_version": "version", "score": "score",
            "predicted_label": "decision", "label": "repaid", "numeric": ["income", "rent", "hours"],
            "categorical": ["region"], "sensitive": ["sex"],
        },
        "training": {"function": "remedy_story:train"},
}  # fmt: skip
SPEC = spec_from_document(DOCUMENT, "credit.yaml")
EXPIRES = WINDOW.end + timedelta(days=30)
NO_GROUPS = replace(SPEC, favourable_label=None)
"""The model as if its decisions were about no person: groups are not compared."""
NEVER: Any = None


def people(window: Window, seed: int, *, base: float = 0.0) -> pd.DataFrame:
    """Rows of a window; rent follows income, hours follow sex; ``base`` moves the log odds of everybody."""
    rng, n = np.random.default_rng(seed), ROWS[window]
    sex = rng.choice(["f", "m"], n)
    income = rng.normal(0, 1, n)
    rent = 2 * income + rng.normal(0, 0.3, n)
    hours = rng.normal(0, 1, n) + 1.2 * (sex == "m")
    region = rng.choice(["north", "south"], n)
    odds = 1.5 * income + 0.8 * hours - 0.6 + 0.3 * (region == "north") + base
    step = (window.end - window.start) / n
    return pd.DataFrame(
        {
            "id": [f"{seed}-{i}" for i in range(n)], "at": [window.start + i * step for i in range(n)],
            "version": "1", "score": 0.5, "decision": 1, "income": income, "rent": rent, "hours": hours,
            "region": region, "sex": sex,
            "repaid": (rng.random(n) < 1 / (1 + np.exp(-odds))).astype(int),
        }
    )  # fmt: skip


def train(rows: pd.DataFrame, spec: ModelSpec) -> Any:
    """Fit a logistic regression on the spec's features."""
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    columns = ColumnTransformer(
        [("numeric", StandardScaler(), list(spec.columns.numeric)),
         ("levels", OneHotEncoder(handle_unknown="ignore"), list(spec.columns.categorical))]
    )  # fmt: skip
    pipeline = Pipeline([("columns", columns), ("model", LogisticRegression())])
    return pipeline.fit(rows[list(spec.columns.features)], rows[spec.columns.label])


def train_with_sex(rows: pd.DataFrame, spec: ModelSpec) -> Any:
    """Fit with the sensitive attribute among the inputs, against the rules of the house."""
    from sklearn.linear_model import LogisticRegression

    inputs = rows[[*spec.columns.numeric, "sex"]].assign(sex=(rows["sex"] == "m").astype(float))
    return LogisticRegression().fit(inputs, rows[spec.columns.label])


def train_on_income_anyway(rows: pd.DataFrame, spec: ModelSpec) -> Any:
    """Fit on fixed columns, whatever the spec says."""
    from sklearn.linear_model import LogisticRegression

    rows = rows.assign(income=rows.get("income", 0.0))
    return LogisticRegression().fit(rows[["income", "hours"]], rows[spec.columns.label])


def train_neighbours(rows: pd.DataFrame, spec: ModelSpec) -> Any:
    """Fit an estimator that takes no sample weights."""
    from sklearn.neighbors import KNeighborsClassifier

    return KNeighborsClassifier().fit(rows[list(spec.columns.numeric)], rows[spec.columns.label])


def healthy() -> pd.DataFrame:
    """The log when nothing is wrong."""
    return pd.concat([people(REFERENCE, 1), people(WINDOW, 2)], ignore_index=True)


def shifted() -> pd.DataFrame:
    """The log when more people repay than before: ranking holds, scores are too low."""
    return pd.concat([people(REFERENCE, 1), people(WINDOW, 2, base=1.5)], ignore_index=True)


def turned() -> pd.DataFrame:
    """The log when who repays is no longer who it was: income counts against, hours for more."""
    log = healthy()
    odds = -1.5 * log["income"] + 1.2 * log["hours"] - 0.6
    lately = (np.random.default_rng(3).random(len(log)) < 1 / (1 + np.exp(-odds))).astype(int)
    return log.assign(repaid=log["repaid"].where(log["at"] < WINDOW.start, lately))


def broken() -> pd.DataFrame:
    """The log when income arrives in thousandths."""
    log = healthy()
    return log.assign(income=log["income"].where(log["at"] < WINDOW.start, log["income"] * 1000))


def services(log: pd.DataFrame, registry: ModelRegistry | None = None, model: Any = None) -> Services:
    """Ports over a log, with a model (one fitted on healthy reference rows) as version 1."""
    registry = FakeRegistry() if registry is None else registry
    rows = people(REFERENCE, 1)
    model = train(rows, SPEC) if model is None else model
    registry.register(SPEC.name, model, key="release 1", tags={}, example=rows.head(), metrics={})
    return Services(
        ledger=FakeLedger(), registry=registry, source=FakeSource(log), quality=FakeQuality(), fairness=NEVER,
        reporter=NEVER, trainer=FunctionTrainer(), imputer=TreeImputer(), mitigator=FairlearnMitigator(),
        policy=load_policy(None),
    )  # fmt: skip


def parent(given: Services) -> ModelVersion:
    """The version that serves."""
    return given.registry.version(SPEC.name, "1")


def held_out(log: pd.DataFrame, window: Window) -> pd.DataFrame:
    """Rows of a window."""
    return log[(log["at"] >= window.start) & (log["at"] < window.end)]


def recalibrated(given: Services, **changes: Any) -> Candidate:
    """Recalibrate for incident i-1 on the window."""
    asked: dict[str, Any] = {"incident": "i-1", "parent": parent(given), "window": WINDOW, **changes}
    return recalibrate(given, asked.pop("spec", SPEC), **asked)


def masked(given: Services, **changes: Any) -> Candidate:
    """Mask income for incident i-1."""
    asked: dict[str, Any] = {
        "incident": "i-1", "parent": parent(given), "columns": ["income"], "reference": REFERENCE,
        "window": WINDOW, "expires": EXPIRES, **changes,
    }  # fmt: skip
    return mask(given, TreeImputer(), SPEC, **asked)


def mitigated(given: Services, **changes: Any) -> Candidate:
    """Mitigate the gap between the sexes for incident i-1."""
    asked: dict[str, Any] = {
        "incident": "i-1", "until": WINDOW.end, "parent": parent(given), "attribute": "sex", **changes,
    }  # fmt: skip
    return mitigate_bias(given, FairlearnMitigator(), asked.pop("spec", SPEC), **asked)


def retrained(given: Services, **changes: Any) -> Candidate:
    """Retrain for incident i-1 after the window."""
    asked: dict[str, Any] = {"incident": "i-1", "until": WINDOW.end, "parent": parent(given), **changes}
    return retrain(given, asked.pop("spec", SPEC), **asked)


@cache
def logs(name: str) -> pd.DataFrame:
    """One of the story's logs, made once."""
    return {"healthy": healthy, "shifted": shifted, "broken": broken}[name]()


def scores(given: Services, candidate: Candidate, rows: pd.DataFrame) -> "pd.Series[float]":
    """Scores of rows by a candidate's version."""
    return given.registry.load(candidate.version)(rows)


def opened(given: Services) -> None:
    """Open incident i-1."""
    call = {"severity": "SEV2", "category": "data_quality", "categories": ["data_quality"]}
    event = NewEvent(
        kind=EventKind.INCIDENT_OPENED, key="open", model=SPEC.name, incident="i-1", payload={"call": call}
    )
    with given.ledger.transaction(SPEC.name) as ledger:
        ledger.append(event)


def serving(given: Services, version: str = "1") -> None:
    """Put a version on record as champion."""
    one = given.registry.version(SPEC.name, version)
    epoch = given.ledger.champion(SPEC.name)
    move = Move(
        key=f"serve {version}", model=SPEC.name, version=version, digest=one.digest,
        seen_epoch=epoch.epoch if epoch else 0, reason="promotion" if epoch else "bootstrap",
    )  # fmt: skip
    promote(given.ledger, given.registry, move)


def reference_of(given: Services, spec: ModelSpec = SPEC) -> Any:
    """Digest of the reference rows."""
    return digest_batches(spec, given.source.batches(spec, REFERENCE))

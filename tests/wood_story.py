"""Trees: a model that tells of what kind they are, and one that tells how high, for tests of remedies."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pandas as pd
from amends.adapters.files import load_policy
from amends.adapters.imputation import TreeImputer
from amends.adapters.training import FunctionTrainer
from amends.domain.spec import ModelSpec, spec_from_document
from amends.domain.window import Window
from amends.measures.digesting import digest_batches
from amends.ports import Services
from amends.workflow.remedies.compete import aim_of, compete
from amends.workflow.remedy import Candidate
from fake_quality import FakeQuality
from fake_registry import FakeRegistry
from fake_source import FakeSource
from fakes import FakeLedger

START = datetime(2026, 1, 1, tzinfo=UTC)
REFERENCE = Window("wood", START, START + timedelta(days=30))
WINDOW = Window("wood", REFERENCE.end, REFERENCE.end + timedelta(days=20))
ROWS = 3000
KINDS = np.array(["birch", "elm", "oak"])
NEVER: Any = None
TASKS = ("multiclass_classification", "regression")


def spec_of(task: str) -> ModelSpec:
    """A model of trees: what kind they are, or how high."""
    document = {
        "schema_version": 1, "name": "wood", "task": task, "importance": "high", "owner": "forest",
        "columns": {
            "id": "id", "timestamp": "at", "model_version": "version", "score": "score",
            "predicted_label": "said", "label": "label", "numeric": ["girth", "age", "soil"],
            "categorical": [], "sensitive": [],
        },
        "training": {"function": "wood_story:fit"},
    }  # fmt: skip
    return spec_from_document(document, "wood.yaml")


def fit(rows: pd.DataFrame, spec: ModelSpec) -> Any:
    """Fit a linear model of the task."""
    from sklearn.linear_model import LinearRegression, LogisticRegression

    model = LinearRegression() if spec.task == "regression" else LogisticRegression()
    return model.fit(rows[list(spec.columns.features)], rows[spec.columns.label])


def trees(window: Window, task: str, seed: int, turned: bool = False) -> pd.DataFrame:
    """Trees of a window; ``turned``: what girth means has changed."""
    rng = np.random.default_rng(seed)
    age, soil = rng.normal(0, 1, (2, ROWS))
    girth = age + rng.normal(0, 0.3, ROWS)
    pull = 2 * (-girth if turned else girth) + soil
    numbers = 20 + 4 * pull + rng.normal(0, 1, ROWS)
    kinds = KINDS[np.digitize(pull + rng.logistic(0, 0.3, ROWS), [-1, 1])]
    label, said = (numbers, 20.0) if task == "regression" else (kinds, "elm")
    step = (window.end - window.start) / ROWS
    return pd.DataFrame(
        {
            "id": [f"{seed}-{i}" for i in range(ROWS)], "at": [window.start + i * step for i in range(ROWS)],
            "version": "1", "score": 20.0 if task == "regression" else 0.5, "said": said, "label": label,
            "girth": girth, "age": age, "soil": soil,
        }
    )  # fmt: skip


@dataclass
class Wood:
    """A model fitted on the reference, and the log with the window after it."""

    spec: ModelSpec
    services: Services

    @classmethod
    def of(cls, task: str, *, turned: bool = False, broken: bool = False) -> "Wood":
        """Make it."""
        spec, before, now = spec_of(task), trees(REFERENCE, task, 1), trees(WINDOW, task, 2, turned)
        registry = FakeRegistry()
        registry.register("wood", fit(before, spec), key="1", tags={}, example=before.head(), metrics={})
        if broken:
            now = now.assign(girth=now["girth"] * 1000)
        services = Services(
            ledger=FakeLedger(), registry=registry, source=FakeSource(pd.concat([before, now])),
            quality=FakeQuality(), fairness=NEVER, reporter=NEVER, trainer=FunctionTrainer(),
            imputer=TreeImputer(), mitigator=NEVER, policy=load_policy(),
        )  # fmt: skip
        return cls(spec, services)

    def judged(self, *made: Candidate, category: str) -> Any:
        """What the gate says of candidates beside version 1."""
        return compete(
            self.services, self.spec, {one.method: lambda one=one: one for one in made},  # type: ignore[misc]
            champion=self.services.registry.version("wood", "1"), window=WINDOW,
            reference=digest_batches(self.spec, self.services.source.batches(self.spec, REFERENCE)),
            aim=aim_of(self.spec, category),
        )  # fmt: skip

    @property
    def asked(self) -> dict[str, Any]:
        """What every remedy is given."""
        return {"incident": "i-1", "parent": self.services.registry.version("wood", "1")}

"""Real incident cases, read where they are: rows as a prediction log, models as their authors fit them."""

import json
import os
from dataclasses import dataclass, replace
from datetime import UTC, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from amends.adapters.fairlearn_mitigation import FairlearnMitigator
from amends.adapters.files import load_policy
from amends.adapters.imputation import TreeImputer
from amends.adapters.training import FunctionTrainer
from amends.domain.promotion import ModelVersion
from amends.domain.spec import ModelSpec, Training, spec_from_document
from amends.domain.window import Window
from amends.ports import Services
from fake_registry import FakeRegistry
from fake_source import FakeSource
from fakes import FakeLedger

CASES = Path(os.environ.get("AMENDS_CASES", Path(__file__).parents[1] / "../shared/data/cases"))
real = (
    pytest.mark.cases,
    pytest.mark.skipif(not CASES.is_dir(), reason=f"no real cases in {CASES.name}: set AMENDS_CASES"),
)
FITS: dict[str, dict[str, Any]] = {
    # the settings that each case.json states
    "elec2_market_opening": {
        "max_iter": 60, "learning_rate": 0.05, "min_samples_leaf": 100, "max_leaf_nodes": 8,
    },
    "bike_2012_recalibrate": {"max_iter": 200, "learning_rate": 0.05, "min_samples_leaf": 30},
    "taxi_unit_error": {"max_iter": 200, "learning_rate": 0.05, "min_samples_leaf": 50},
    "adult_sex_selection_rate": {"max_iter": 150, "learning_rate": 0.08, "min_samples_leaf": 40},
}  # fmt: skip


@dataclass(frozen=True, eq=False)
class Case:
    """A case's rows and spec, and the ports over them with its model registered as version 1."""

    spec: ModelSpec
    reference: pd.DataFrame
    current: pd.DataFrame
    services: Services

    @property
    def parent(self) -> ModelVersion:
        """The model that was serving."""
        return self.services.registry.version(self.spec.name, "1")

    @property
    def window(self) -> Window:
        """The span of the incident."""
        return span(self.spec, self.current)


def train(rows: pd.DataFrame, spec: ModelSpec) -> Any:
    """Fit the case's model on the spec's features: the training function that its spec names."""
    from sklearn.compose import ColumnTransformer
    from sklearn.ensemble import HistGradientBoostingClassifier
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OrdinalEncoder
    from threadpoolctl import threadpool_limits

    nan = float("nan")
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=nan, encoded_missing_value=nan)
    columns = ColumnTransformer(
        [("numeric", "passthrough", list(spec.columns.numeric)),
         ("levels", codes, list(spec.columns.categorical))]
    )  # fmt: skip
    model = HistGradientBoostingClassifier(early_stopping=False, random_state=20240607, **FITS[spec.name])
    with threadpool_limits(limits=1):
        return Pipeline([("columns", columns), ("model", model)]).fit(
            rows[list(spec.columns.features)], rows[spec.columns.label].astype(int)
        )


@cache
def _read(name: str) -> tuple[ModelSpec, dict[str, pd.DataFrame], Any]:
    case = json.loads((CASES / name / "case.json").read_text())
    roles = dict(case["columns"])
    columns = {
        "numeric": roles.pop("features_numeric"), "categorical": roles.pop("features_categorical"), **roles,
    }  # fmt: skip
    document = {
        "schema_version": 1, "name": name, "task": "binary_classification", "importance": "high",
        "owner": "cases", "columns": columns, "decision_threshold": case["decision_threshold"],
        "favourable_label": case["favourable_label"], "training": {"function": "cases:train"},
    }  # fmt: skip
    spec = replace(spec_from_document(document, name), training=Training(function="cases:train"))
    frames = {part: _plain(spec, name, part) for part in ("train", "reference", "current")}
    return spec, frames, train(frames["train"], spec)


def _plain(spec: ModelSpec, name: str, part: str) -> pd.DataFrame:
    """Rows with the types that a log in Postgres gives: zoned times, floats, texts with None."""
    rows = pd.read_parquet(CASES / name / f"{part}.parquet")
    texts = {
        column: rows[column].astype(object).where(rows[column].notna(), None)
        for column in (*spec.columns.categorical, *spec.columns.sensitive)
    }
    moment = {spec.columns.timestamp: rows[spec.columns.timestamp].dt.tz_localize(UTC)}
    return rows.assign(**texts, **moment).astype(dict.fromkeys(spec.columns.numeric, float))


def case(name: str) -> Case:
    """A case with ports of its own."""
    spec, frames, model = _read(name)
    registry = FakeRegistry()
    registry.register(spec.name, model, key="release 1", tags={}, example=frames["train"], metrics={})
    log = pd.concat([frames["reference"], frames["current"]], ignore_index=True)
    never: Any = None
    services = Services(
        ledger=FakeLedger(), registry=registry, source=FakeSource(log), quality=never, fairness=never,
        reporter=never, trainer=FunctionTrainer(), imputer=TreeImputer(), mitigator=FairlearnMitigator(),
        policy=load_policy(None),
    )  # fmt: skip
    return Case(spec, frames["reference"], frames["current"], services)


def span(spec: ModelSpec, rows: pd.DataFrame) -> Window:
    """The window that holds all rows."""
    at = rows[spec.columns.timestamp]
    return Window(spec.name, at.min().to_pydatetime(), at.max().to_pydatetime() + timedelta(seconds=1))


def held_out(one: Case, window: Window) -> pd.DataFrame:
    """The log's rows of a window."""
    at = one.services.source.rows[one.spec.columns.timestamp]  # type: ignore[attr-defined]
    return one.services.source.rows[(at >= window.start) & (at < window.end)]  # type: ignore[attr-defined]

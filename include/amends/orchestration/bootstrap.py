"""Builds the ports that the workflow's verbs need, from Airflow connections and the environment."""

import os
from functools import cache
from typing import TYPE_CHECKING

from amends.errors import SpecError, Unavailable
from amends.orchestration.settings import LEDGER_CONNECTION, dsn_of

if TYPE_CHECKING:
    from amends.domain.spec import ModelSpec
    from amends.ports import Ledger, ModelRegistry, Services, WindowSource


@cache
def ledger() -> "Ledger":
    """Open the ledger behind connection ``amends_db``; it connects at first use."""
    from airflow.sdk import BaseHook

    from amends.adapters.postgres import PostgresLedger

    return PostgresLedger(dsn_of(BaseHook.get_connection(LEDGER_CONNECTION)))


def services(spec: "ModelSpec") -> "Services":
    """Bundle the ports for one model. Nothing is connected before it is used."""
    from amends.adapters.evidently import EvidentlyReporter
    from amends.adapters.fairlearn_metrics import FairlearnMetrics
    from amends.adapters.fairlearn_mitigation import FairlearnMitigator
    from amends.adapters.files import load_policy
    from amends.adapters.great_expectations import GreatExpectationsGate
    from amends.adapters.imputation import TreeImputer
    from amends.adapters.training import FunctionTrainer
    from amends.measures.trial_rows import shadow_spec
    from amends.ports import Services

    written = os.environ.get("AMENDS_POLICY"), os.environ.get("AMENDS_PLAYBOOKS")
    policy = load_policy(*written).overridden(spec.policy, f"model {spec.name!r}")
    return Services(
        ledger=ledger(),
        registry=_registry(),
        source=_source(spec),
        quality=GreatExpectationsGate(policy),
        fairness=FairlearnMetrics(),
        reporter=EvidentlyReporter(),
        trainer=FunctionTrainer(),
        imputer=TreeImputer(),
        mitigator=FairlearnMitigator(),
        policy=policy,
        shadow=_source(shadow_spec(spec)),
    )


def _registry() -> "ModelRegistry":
    from amends.adapters.mlflow_registry import MlflowRegistry

    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if not uri:
        raise Unavailable("MLFLOW_TRACKING_URI is not set, so no registry is known. Set it to your server.")
    return MlflowRegistry(uri)


def _source(spec: "ModelSpec") -> "WindowSource":
    if spec.source is None:
        raise SpecError(f"model {spec.name!r} has no source section, so there are no rows to watch. Add it.")
    if spec.source.kind == "parquet":
        from amends.adapters.parquet import ParquetWindows

        return ParquetWindows(str(spec.source.path))
    from airflow.sdk import BaseHook

    from amends.adapters.postgres_quality import CountingPostgresWindows

    return CountingPostgresWindows(dsn_of(BaseHook.get_connection(str(spec.source.connection))))

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
    from amends.adapters.bundle import bundle
    from amends.adapters.files import load_policy
    from amends.measures.trial_rows import shadow_spec

    written = os.environ.get("AMENDS_POLICY"), os.environ.get("AMENDS_PLAYBOOKS")
    policy = load_policy(*written).overridden(spec.policy, f"model {spec.name!r}")
    return bundle(
        policy,
        ledger=ledger(),
        registry=_registry(),
        source=_source(spec),
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

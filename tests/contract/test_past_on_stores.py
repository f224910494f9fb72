"""The regression suite on a real ledger and a real registry: PostgreSQL's frozen rows, MLflow's versions."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from amends.adapters.mlflow_registry import MlflowRegistry
from amends.adapters.postgres import PostgresLedger
from amends.domain.events import EventKind, NewEvent
from amends.domain.findings import Category, Finding, Verdict
from amends.workflow.freeze import freeze
from amends.workflow.past_incidents import replay_incidents
from mlflow_store import new_store, quiet
from remedy_story import REFERENCE, SPEC, WINDOW, healthy, people, services, train

pytestmark = list(quiet)
INCIDENT = f"{SPEC.name}-20260302-0a1b2c3d"
GAP = Finding(
    category=Category.FAIRNESS, metric="selection_rate_ratio", attribute="sex", verdict=Verdict.BREACH,
    reason="said then", value=0.5, threshold=0.8,
)  # fmt: skip
CALL = {
    "category": "fairness", "categories": ["fairness"], "severity": "SEV2", "playbook": "mitigate_bias",
    "playbooks": ["mitigate_bias"], "because": ["rule"],
}  # fmt: skip


def test_a_version_in_a_store_is_replayed_on_rows_in_a_ledger(
    fresh_dsn: Callable[[], str], tmp_path: Path
) -> None:
    """Hours follow sex: the version that reads them repeats the gap of the incident, one without does not."""
    blind: Any = train(people(REFERENCE, 1).assign(hours=0.0), SPEC)
    registry = MlflowRegistry(new_store(tmp_path))
    given = replace(services(healthy(), registry), ledger=PostgresLedger(fresh_dsn()))
    example = people(REFERENCE, 1).head()
    registry.register(SPEC.name, blind, key="blind", tags={}, example=example, metrics={})
    document = {"findings": [GAP.document()], "incident": CALL}
    payload = {
        "window": WINDOW.document(), "call": CALL,
        "assessment": given.ledger.put_evidence("assessment", document),
    }  # fmt: skip
    kind = EventKind.INCIDENT_OPENED
    with given.ledger.transaction(SPEC.name) as ledger:
        ledger.append(NewEvent(kind=kind, key="opened", model=SPEC.name, incident=INCIDENT, payload=payload))
    freeze(given, SPEC, INCIDENT)

    said = {}
    for number in ("1", "2"):
        found = replay_incidents(given, SPEC, registry.version(SPEC.name, number))
        said[number] = {one.metric: one for one in found}
        assert all(INCIDENT in one.reason and one.n == 3000 for one in found)
    gap = "selection_rate_ratio_again"
    assert said["1"][gap].verdict is Verdict.BREACH
    assert said["2"][gap].verdict is Verdict.PASS
    assert said["1"]["unusable_scores_again"].verdict is Verdict.PASS

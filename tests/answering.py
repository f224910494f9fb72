"""A model whose second version fails, its log, and its open incident: what tests of a response begin with."""

from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pytest
from amends.adapters.files import load_policy
from amends.domain.promotion import Move
from amends.domain.spec import spec_from_document
from amends.domain.window import Window
from amends.ports import Services
from amends.workflow import opening
from amends.workflow.promote import promote
from fake_registry import FakeRegistry
from fake_source import FakeSource
from fakes import FakeLedger
from samples import FULL

SPEC = spec_from_document({**FULL, "name": "lending"}, "lending.yaml")
WINDOW = Window("lending", datetime(2026, 2, 15, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC))
CALL = {
    "category": "performance",
    "categories": ["performance", "fairness"],
    "severity": "SEV2",
    "playbook": "rollback",
    "playbooks": ["rollback", "retrain"],
    "because": ["rule bad release"],
}


LOG = pd.DataFrame(
    {name: ["a", "b", "c"] for name in SPEC.columns.all}
    | {SPEC.columns.timestamp: pd.date_range("2026-02-20", periods=3, tz="UTC"), SPEC.columns.score: 0.5}
)


class Even:
    """A model that gives every row the same score."""

    def predict(self, rows: pd.DataFrame) -> list[float]:
        """One half a row."""
        return [0.5] * len(rows)


@pytest.fixture
def services() -> Services:
    """Versions 1 (approved) and 2 (champion) of a model, on fakes."""
    ledger, registry = FakeLedger(), FakeRegistry()
    for number in ("1", "2"):
        version = registry.register("lending", Even(), key=number, tags={}, example=None, metrics={})
        epoch = int(number) - 1
        promote(
            ledger,
            registry,
            Move(
                key=f"release:{number}",
                model="lending",
                version=version.version,
                digest=version.digest,
                seen_epoch=epoch,
                reason="bootstrap",
            ),
        )
    nothing: Any = None
    return Services(
        ledger=ledger,
        registry=registry,
        source=FakeSource(LOG),
        quality=nothing,
        fairness=nothing,
        reporter=nothing,
        trainer=nothing,
        imputer=nothing,
        mitigator=nothing,
        policy=load_policy(None),
    )


def opened(services: Services, call: dict[str, Any] | None = None) -> str:
    """Open the incident of an assessed window."""
    document = {"incident": call or CALL, "policy": {"digest": "sha256:p"}, "findings": []}
    evidence = services.ledger.put_evidence("assessment", document)
    incident = opening.open_incident(services, SPEC, WINDOW, evidence)
    assert incident is not None
    return incident

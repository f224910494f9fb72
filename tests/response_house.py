"""What the response DAG is run on: a failing model's incident, with stand-ins for every service."""

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pandas as pd
import pytest
from amends.domain.events import EventKind, NewEvent
from amends.domain.promotion import Move
from amends.domain.spec import ModelSpec
from amends.domain.window import Window
from dag_people import from_database
from fake_registry import FakeRegistry
from fake_source import FakeSource
from fakes import FakeClock, FakeLedger

MODEL = "lending"
WINDOW = Window(MODEL, datetime(2026, 7, 1, tzinfo=UTC), datetime(2026, 7, 15, tzinfo=UTC))
INCIDENT = "lending-20260715-0a1b2c3d"
CALL = {
    "category": "performance", "categories": ["performance"], "severity": "SEV2",
    "playbook": "rollback", "playbooks": ["rollback", "retrain"], "because": ["{{ 7*7 }} rule"],
}  # fmt: skip


def two_rows() -> pd.DataFrame:
    """Rows of the window, for the evidence."""
    from amends.orchestration.settings import read_shelf

    columns = read_shelf().spec(MODEL).columns
    return pd.DataFrame({name: ["a", "b"] for name in columns.all} | {columns.timestamp: [WINDOW.start] * 2})


class House:
    """A model with two approved versions, the second in production and failing, and its open incident."""

    def __init__(self) -> None:
        from amends.adapters.files import load_policy
        from amends.ports import Services

        clock = FakeClock()
        self.ledger = FakeLedger(clock=clock.now)
        self.registry = FakeRegistry()
        unused: Any = SimpleNamespace()
        self.services = Services(
            ledger=self.ledger, registry=self.registry, source=FakeSource(two_rows()), quality=unused,
            fairness=unused, reporter=unused, trainer=unused, imputer=unused, mitigator=unused,
            policy=load_policy(None),
        )  # fmt: skip
        for key in ("first", "second"):
            self.move(self.version(key), key)
        self.open_incident()

    def version(self, key: str) -> Any:
        """Register a version."""
        model: Any = SimpleNamespace(predict=lambda rows: [0.5] * len(rows))
        return self.registry.register(MODEL, model, key=key, tags={}, example=None, metrics={})

    def move(self, version: Any, key: str) -> None:
        """Make an approved version the champion."""
        with self.ledger.transaction(MODEL) as transaction:
            transaction.append(
                NewEvent(
                    kind=EventKind.VERSION_APPROVED, key=f"approved:{key}", model=MODEL,
                    payload={"version": version.version, "digest": version.digest},
                )
            )  # fmt: skip
            champion = transaction.champion()
            transaction.move_champion(
                Move(
                    key=key, model=MODEL, version=version.version, digest=version.digest,
                    seen_epoch=champion.epoch if champion else 0, reason="bootstrap",
                )
            )  # fmt: skip
        self.registry.point_champion(MODEL, version.version)

    def open_incident(self) -> None:
        """Open the incident as a monitor does."""
        payload = {"window": WINDOW.document(), "assessment": "sha256:" + "1" * 64, "call": CALL}
        with self.ledger.transaction(MODEL) as transaction:
            transaction.append(
                NewEvent(
                    kind=EventKind.INCIDENT_OPENED,
                    key="opened",
                    model=MODEL,
                    incident=INCIDENT,
                    payload=payload,
                )
            )
            transaction.announce("incident", INCIDENT, {"incident": INCIDENT})

    def kinds(self) -> list[str]:
        """What the incident's events say, in order."""
        return [str(event.kind) for event in self.ledger.events(incident=INCIDENT)]

    def last(self, kind: EventKind) -> dict[str, Any]:
        """Facts of the last event of a kind."""
        return self.ledger.events(incident=INCIDENT, kinds=[kind])[-1].payload


@pytest.fixture
def house(airflow_db: None, monkeypatch: pytest.MonkeyPatch) -> House:  # noqa: ARG001  # a fixture by name
    """The stand-ins, in the place of Postgres, MLflow and Airflow's API."""
    from amends.orchestration import response, verbs

    made = House()
    # Airflow's in-process runner pauses a second each time it waits for a task
    pause = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: pause(min(seconds, 0.05)))
    monkeypatch.setattr(response, "ledger", lambda: made.ledger)
    monkeypatch.setattr(response, "services", lambda _: made.services)
    monkeypatch.setattr(response, "read_answers", from_database)
    monkeypatch.setattr(verbs.remediate, "reproduce", reproduced)
    monkeypatch.setitem(verbs.steps.HOUSE, "train", trains(lambda *_: retrained(made)))
    monkeypatch.setattr(verbs.remediate, "validate", lambda *_: validated(made, blessed=True))
    return made


def reproduced(services: Any, spec: ModelSpec, incident: str) -> dict[str, Any]:
    """Stand in for scoring two versions on the frozen rows."""
    with services.ledger.transaction(spec.name) as transaction:
        transaction.append(
            NewEvent(kind=EventKind.REPRODUCED, key="reproduced", model=MODEL, incident=incident,
                     payload={"result": "confirmed", "regression": False, "reason": "worse", "rows": 900,
                              "failing": "2", "previous": "1"})
        )  # fmt: skip
    return {"result": "confirmed"}


def trains(run: Callable[..., Any]) -> Any:
    """Stand in for the step that trains."""
    from amends.workflow.candidates import withdraw
    from amends.workflow.playbooks import StepKind

    return StepKind(does="Train.", way_back="withdrawn", run=run, undo=withdraw)


def retrained(house: House) -> dict[str, Any]:
    """Stand in for training: register a third version."""
    version = house.version("third")
    payload = {
        "version": version.version, "digest": version.digest, "parent": "2", "rows": 900, "method": "retrain",
    }  # fmt: skip
    append(house, EventKind.CANDIDATE_REGISTERED, payload)
    return payload


def validated(house: House, *, blessed: bool) -> dict[str, Any]:
    """Stand in for the gate: record what it says of the third version."""
    candidate = house.registry.versions(MODEL)[0]
    champion = house.ledger.champion(MODEL)
    assert champion is not None
    finding = {
        "metric": "auc", "attribute": None, "column": None, "value": 0.81, "reference_value": 0.78,
        "threshold": 0.7, "verdict": "pass",
    }  # fmt: skip
    payload = {
        "candidate": {"version": candidate.version, "digest": candidate.digest},
        "champion": {"version": champion.version, "digest": champion.digest, "epoch": champion.epoch},
        "blessed": blessed,
        "reasons": ["auc 0.81"],
        "validation": house.ledger.put_evidence("validation", {"findings": [finding], "blessed": blessed}),
    }
    append(house, EventKind.CANDIDATE_VALIDATED, payload)
    return {"blessed": blessed}


def append(house: House, kind: EventKind, payload: Mapping[str, Any]) -> None:
    """Append one event to the incident."""
    with house.ledger.transaction(MODEL) as transaction:
        transaction.append(
            NewEvent(kind=kind, key=str(kind), model=MODEL, incident=INCIDENT, payload=payload)
        )


def run(bag: Any, **conf: Any) -> Any:
    """Run the response as the hand-over does."""
    dag = bag.dags["respond_to_incident"]
    # every field is given: what a run in this process was told stays the DAG's default for the next
    return dag.test(run_conf={"incident": INCIDENT, "action": "as decided", "dry_run": False, **conf})


def states(done: Any) -> dict[str, str]:
    """How each task ended."""
    return {one.task_id: str(one.state) for one in done.get_task_instances()}

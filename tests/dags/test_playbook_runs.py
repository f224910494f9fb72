"""Every playbook from decision to approval, and back again: Airflow, MLflow and PostgreSQL as they are.

Airflow runs the response DAG in this process; rows are Parquet files, versions live in an MLflow store,
events in PostgreSQL. Between the trigger form and the champion's alias nothing is a stand-in but the people.
"""

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from amends.adapters.mlflow_registry import MlflowRegistry
from amends.adapters.parquet import ParquetWindows
from amends.adapters.postgres import PostgresLedger
from amends.domain.events import EventKind, NewEvent
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.promotion import Move
from amends.domain.spec import ModelSpec, spec_from_document
from amends.workflow.promote import promote
from dag_people import approval, from_database, people
from mlflow_store import new_store, quiet
from own_playbook import acme, decided_by_own_policy
from remedy_story import DOCUMENT, REFERENCE, WINDOW, broken, healthy, services, shifted, train, turned
from remedy_story import people as applicants

__all__ = ["acme", "people"]  # fixtures by name
pytestmark = [*quiet, pytest.mark.usefixtures("one_thread")]
INCIDENT = "credit-20260302-0a1b2c3d"
CALL = {
    "category": "performance", "categories": ["performance"], "severity": "SEV3", "playbook": "retrain",
    "playbooks": ["retrain"], "because": ["rule of the test"],
}  # fmt: skip
FINDINGS = [
    Finding(
        category=Category.DATA_QUALITY,
        metric="unit_factor",
        column="income",
        verdict=Verdict.BREACH,
        reason="x1000",
    ),
    Finding(
        category=Category.FAIRNESS,
        metric="selection_rate_ratio",
        attribute="sex",
        verdict=Verdict.BREACH,
        reason="0.6",
    ),
]
LENIENT = {
    "gate.balanced_accuracy_drop": 0.2, "gate.calibration_error_rise": 0.1, "gate.auc_drop": 0.1,
    "gate.brier_rise": 0.05, "gate.calibration_error": 0.2, "mitigation.balanced_accuracy_price": 0.2,
}  # fmt: skip
"""Some hundreds of rows prove no small margins; what the gate asks for by default is tested by itself."""
LOGS = {"mask": broken, "quarantine": broken, "recalibrate": shifted, "retrain": turned}


@pytest.fixture(scope="module")
def stocked_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An MLflow store with the two releases; each bank has a copy of its own, since storing takes seconds."""
    folder = tmp_path_factory.mktemp("mlflow")
    registry, rows = MlflowRegistry(new_store(folder)), applicants(REFERENCE, 1)
    spec = spec_from_document(DOCUMENT, "credit.yaml")
    for key in ("release 1", "release 2"):
        registry.register("credit", train(rows, spec), key=key, tags={}, example=rows.head(), metrics={})
    return folder / "mlflow.db"


class Bank:
    """The credit model with two approved versions, the second serving, and an open incident."""

    def __init__(self, folder: Path, store: Path, dsn: str, name: str) -> None:
        log = LOGS.get(name, healthy)()
        log.to_parquet(folder / "log.parquet")
        document = {
            **DOCUMENT,
            "favourable_label": 1 if name == "mitigate_bias" else None,
            "policy": {"limits": LENIENT},
            "source": {"kind": "parquet", "path": str(folder / "log.parquet")},
            "windows": {
                "reference": {"start": REFERENCE.start.isoformat(), "end": REFERENCE.end.isoformat()},
                "length_days": 20,
            },
        }
        (folder / "models").mkdir()
        (folder / "models" / "credit.yaml").write_text(yaml.safe_dump(document))
        self.spec: ModelSpec = spec_from_document(document, "credit.yaml")
        self.ledger = PostgresLedger(dsn)
        self.registry = MlflowRegistry(f"sqlite:///{shutil.copy(store, folder / 'mlflow.db')}")
        self.services = replace(
            services(log, self.registry), ledger=self.ledger, source=ParquetWindows(folder / "log.parquet")
        )
        for epoch, number in enumerate(("1", "2")):
            version = self.registry.version("credit", number)
            promote(self.ledger, self.registry, Move(
                key=f"release:{number}", model="credit", version=number, digest=version.digest,
                seen_epoch=epoch, reason="bootstrap",
            ))  # fmt: skip
        findings = {"findings": [one.document() for one in FINDINGS], "incident": CALL}
        assessment = self.ledger.put_evidence("assessment", findings)
        facts = {"window": WINDOW.document(), "assessment": assessment, "call": CALL}
        with self.ledger.transaction("credit") as transaction:
            transaction.append(
                NewEvent(
                    kind=EventKind.INCIDENT_OPENED,
                    key="opened",
                    model="credit",
                    incident=INCIDENT,
                    payload=facts,
                )
            )

    def kinds(self) -> list[str]:
        """What the incident's events say, in order."""
        return [str(event.kind) for event in self.ledger.events(incident=INCIDENT)]

    def facts(self, kind: EventKind) -> list[dict[str, Any]]:
        """Facts of all the incident's events of a kind."""
        return [event.payload for event in self.ledger.events(incident=INCIDENT, kinds=[kind])]


@pytest.fixture
def bank(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bank:
    """The bank on the log that a playbook is for."""
    import time

    from amends.orchestration import response

    request.getfixturevalue("airflow_db")
    store, fresh_dsn = (request.getfixturevalue(name) for name in ("stocked_store", "fresh_dsn"))
    made = Bank(tmp_path, store, fresh_dsn(), request.param)
    pause = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: pause(min(seconds, 0.05)))
    monkeypatch.setenv("AMENDS_SPECS", str(tmp_path / "models"))
    monkeypatch.setattr(response, "ledger", lambda: made.ledger)
    monkeypatch.setattr(response, "services", lambda _: made.services)
    monkeypatch.setattr(response, "read_answers", from_database)
    if request.param != "rollback":  # one of them scores in the sandbox; each child costs seconds
        monkeypatch.setattr(MlflowRegistry, "apart", MlflowRegistry.load)
    return made


def run(bag: Any, action: str) -> Any:
    """Run the response as an operator who chose an action."""
    conf = {"incident": INCIDENT, "dry_run": False, "action": action}
    return bag.dags["respond_to_incident"].test(run_conf=conf)


def for_each(*names: str) -> Any:
    """The bank of each playbook, under its name."""
    return pytest.mark.parametrize(("bank", "name"), [(one, one) for one in names], indirect=["bank"])


@for_each("retrain", "recalibrate", "mask", "mitigate_bias")
def test_a_remedy_is_built_judged_approved_and_promoted(bag: Any, bank: Bank, name: str, people: Any) -> None:
    """From the decision to a version with lineage that people let into production, without a line of code."""
    people(approval)
    done = run(bag, name)
    assert done.state == "success"
    judged = bank.facts(EventKind.CANDIDATE_VALIDATED)[-1]
    assert judged["blessed"], judged["reasons"]
    serving = bank.registry.version("credit", str(bank.registry.aliased("credit")))
    assert serving.version == judged["candidate"]["version"]
    assert serving.tag("amends.incident") == INCIDENT
    assert serving.tag("amends.parent") == "2"
    assert serving.tag("amends.data").startswith("sha256:")
    assert {one["role"] for one in bank.facts(EventKind.APPROVAL_ANSWERED)} == {"data-science", "product"}
    assert bank.ledger.verify().intact


@for_each("mask")
def test_remedies_of_one_playbook_compete(bag: Any, bank: Bank, name: str, people: Any) -> None:
    """The mask and the model without the column are both built; the gate names the better one."""
    people(lambda role: {**approval(role), "chosen": ["Reject"]})
    assert run(bag, name).state == "success"
    made = {one["method"]: one["version"] for one in bank.facts(EventKind.CANDIDATE_REGISTERED)}
    assert set(made) == {"mask", "retrain_without"}
    judged = bank.facts(EventKind.CANDIDATE_VALIDATED)[-1]
    ranked = [judged["candidate"]["method"], *(one["method"] for one in judged["others"])]
    assert set(ranked) == set(made)
    assert bank.registry.aliased("credit") == "2"


@for_each("rollback")
def test_a_rollback_returns_to_the_version_before(bag: Any, bank: Bank, name: str) -> None:
    """Production is back on version 1 without a question to anybody; why is asked in the sandbox, in full."""
    assert run(bag, name).state == "success"
    assert bank.registry.aliased("credit") == "1"
    assert bank.facts(EventKind.CONTAINED)[0]["to"] == "1"
    assert "incident_closed" not in bank.kinds()
    [diagnosed] = bank.facts(EventKind.DIAGNOSED)
    assert bank.ledger.evidence(diagnosed["evidence"])["unanswered"] == {}


@for_each("quarantine")
def test_a_quarantine_marks_the_rows_and_tells_the_consumers(bag: Any, bank: Bank, name: str) -> None:
    """Nothing is learnt from the window, each consumer has a notice, and a person goes on."""
    assert run(bag, name).state == "success"
    assert bank.facts(EventKind.WINDOW_QUARANTINED)[0]["window"] == WINDOW.document()
    told = {row.payload["consumer"] for row in bank.ledger.pending("consumer_notice", "credit")}
    assert told == {"pricing", "letters"}
    assert "handed_to_people" in bank.kinds()


@for_each("revalidate")
def test_a_revalidation_judges_the_serving_version_and_asks_people(bag: Any, bank: Bank, name: str) -> None:
    """The gate's word on version 2 is on record; nothing in production moved."""
    assert run(bag, name).state == "success"
    assert bank.facts(EventKind.REVALIDATED)[0]["champion"] == "2"
    assert "handed_to_people" in bank.kinds()
    assert bank.registry.aliased("credit") == "2"


@for_each("observe")
def test_an_observation_closes_what_asks_for_nothing(bag: Any, bank: Bank, name: str) -> None:
    """The incident is on record and closed; nothing moved."""
    assert run(bag, name).state == "success"
    assert "incident_closed" in bank.kinds()
    assert bank.registry.aliased("credit") == "2"


BACK = {
    "retrain": ("train", "candidate_withdrawn"),
    "recalibrate": ("recalibrate", "candidate_withdrawn"),
    "mask": ("train_without", "candidate_withdrawn"),
    "mitigate_bias": ("mitigate", "candidate_withdrawn"),
    "quarantine": ("hand_to_people", "window_released"),
    "revalidate": ("hand_to_people", "step_taken_back"),
    "observe": ("watch_on", "step_taken_back"),
    "rollback": ("hand_to_people", "step_taken_back"),
}
"""Playbook to its last step, and the event that shows that its inverse ran."""


@for_each(*BACK)
def test_a_playbook_that_misses_its_goal_is_taken_back(
    bag: Any, bank: Bank, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last criterion fails: each step is undone, nobody is asked, production stays, a person goes on."""
    from amends.orchestration import verbs

    last, undone = BACK[name]
    if name == "rollback":  # where policy does not authorise it at once, the playbook itself runs
        policy = bank.services.policy.overridden({"containment": []}, "the test")
        bank.services = replace(bank.services, policy=policy)
    monkeypatch.setitem(
        verbs.steps.HOUSE,
        last,
        replace(verbs.steps.HOUSE[last], unmet=lambda _: "the test says it was missed"),
    )
    assert run(bag, name).state == "success"
    ended = bank.facts(EventKind.PLAYBOOK_FAILED)[0]
    done = [one["step"] for one in bank.facts(EventKind.STEP_DONE)]
    assert ended["reason"] == "the test says it was missed"
    assert ended["taken_back"] == list(reversed(done))
    assert undone in bank.kinds()
    assert not bank.facts(EventKind.APPROVAL_REQUESTED)
    assert bank.registry.aliased("credit") == "2"
    assert "narrated" in bank.kinds()


@for_each("retrain")
def test_a_teams_own_playbook_runs_without_a_line_of_dag_code(bank: Bank, name: str, acme: Any) -> None:
    """Two files in a team's folders: the branch is there, its step runs once, its facts are on record."""
    del name  # it chooses the bank's log
    bag, said = acme()
    assert run(bag, "warn_desk").state == "success"
    done = {one["step"]: one["facts"] for one in bank.facts(EventKind.STEP_DONE)}
    assert said == ["north"]
    assert done["warn"] == {"told": "north", "model": "credit"}
    assert bank.facts(EventKind.HANDED_TO_PEOPLE)[0]["playbooks"] == ["warn_desk"]
    assert bank.registry.aliased("credit") == "2"


@pytest.fixture
def warned(acme: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Let the incident be called as a rule of the team's own policy says; what parses the DAG folder."""
    monkeypatch.setitem(CALL, "playbooks", decided_by_own_policy(tmp_path))
    return acme


@for_each("retrain")
def test_a_playbook_that_a_teams_policy_names_is_taken_back(
    warned: Any, bank: Bank, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It runs as decided; where the last criterion fails, its own way back is taken, its owner goes on."""
    from amends.orchestration import verbs

    del name  # it chooses the bank's log
    missed = replace(verbs.steps.HOUSE["hand_to_people"], unmet=lambda _: "nobody answers")
    monkeypatch.setitem(verbs.steps.HOUSE, "hand_to_people", missed)
    bag, said = warned()
    assert bank.facts(EventKind.INCIDENT_OPENED)[0]["call"]["playbooks"] == ["warn_desk"]
    assert run(bag, "as decided").state == "success"
    ended = bank.facts(EventKind.PLAYBOOK_FAILED)[0]
    assert said == ["north", "north: the model decides again"]
    assert (ended["owner"], ended["taken_back"]) == ("credit-desk", ["hand_to_people", "warn"])

"""The response DAG, run by Airflow in this process on stand-ins, with people who answer."""

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
from dag_people import BY_HAND, approval, from_database, people
from fake_registry import FakeRegistry
from fake_source import FakeSource
from fakes import FakeClock, FakeLedger

__all__ = ["people"]  # a fixture by name
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
    from amends.orchestration import response

    made = House()
    # Airflow's in-process runner pauses a second each time it waits for a task
    pause = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: pause(min(seconds, 0.05)))
    monkeypatch.setattr(response, "ledger", lambda: made.ledger)
    monkeypatch.setattr(response, "services", lambda _: made.services)
    monkeypatch.setattr(response, "read_answers", from_database)
    monkeypatch.setattr(response.remediate, "reproduce", reproduced)
    monkeypatch.setitem(response.HOUSE, "train", trains(lambda *_: retrained(made)))
    monkeypatch.setattr(response.remediate, "validate", lambda *_: validated(made, blessed=True))
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


def test_three_approvals_promote(bag: Any, house: House, people: Any) -> None:
    """Rolled back at once, retrained, validated, approved by three people, promoted, told."""
    shown = people(approval)
    done = run(bag)
    assert done.state == "success", states(done)
    assert house.registry.aliased(MODEL) == "3"
    beside = {"promotion_intended", "promotion_completed", "diagnosed"}
    acts = [kind for kind in house.kinds() if kind not in beside]
    assert "diagnosed" in house.kinds()
    assert acts == [
        "incident_opened", "evidence_frozen", "decision_made", "champion_moved", "contained", "reproduced",
        "candidate_registered", "step_done", "candidate_validated", "approval_requested",
        "approval_answered", "approval_answered", "approval_answered", "champion_moved", "narrated",
    ]  # fmt: skip
    assert "{{" not in shown[0]
    assert "7*7" in shown[0]
    assert "evidence:sha256:" in shown[0]


def test_one_rejection_promotes_nothing(bag: Any, house: House, people: Any) -> None:
    """A no is no failure: the run is green, the champion stays, the refusal is on record."""
    people(lambda role: {**approval(role), "chosen": ["Reject"]} if role == "legal" else approval(role))
    done = run(bag)
    assert done.state == "success", states(done)
    assert house.registry.aliased(MODEL) == "1"
    assert "lena rejected" in str(house.last(EventKind.PROMOTION_REFUSED)["reasons"])


def test_a_task_set_to_success_by_hand_promotes_nothing(bag: Any, house: House, people: Any) -> None:
    """Airflow lets the promotion's task run; the promotion reads Airflow's record, refuses and shows red."""
    people(lambda role: BY_HAND if role == "legal" else approval(role))
    done = run(bag)
    assert states(done)["sign_off.approve_legal"] == "success"
    assert states(done)["promotion.promote"] == "failed"
    assert done.state == "failed"
    assert house.registry.aliased(MODEL) == "1"
    assert "set by hand" in str(house.last(EventKind.PROMOTION_REFUSED)["reasons"])


def test_the_operator_who_steered_the_change_does_not_approve_it(
    bag: Any, house: House, people: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever triggered the run by hand is an author of the change; their approval does not count."""
    from amends.orchestration import response

    monkeypatch.setattr(response, "author", lambda _: "dana")
    people(approval)
    done = run(bag)
    assert done.state == "success", states(done)
    assert house.registry.aliased(MODEL) == "1"
    assert "dana is an author" in str(house.last(EventKind.PROMOTION_REFUSED)["reasons"])


def test_an_unblessed_candidate_is_shown_to_nobody(
    bag: Any, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is asked to approve what validation did not bless."""
    from amends.orchestration import response

    monkeypatch.setattr(response.remediate, "validate", lambda *_: validated(house, blessed=False))
    done = run(bag)
    assert done.state == "success", states(done)
    assert states(done)["sign_off.approve_legal"] == "skipped"
    assert "approval_requested" not in house.kinds()
    assert house.registry.aliased(MODEL) == "1"


def test_a_rehearsal_alters_nothing(bag: Any, house: House) -> None:
    """A dry run says the plan and moves nothing."""
    done = run(bag, dry_run=True)
    assert done.state == "success", states(done)
    assert house.kinds() == ["incident_opened", "rehearsed", "narrated"]
    assert house.registry.aliased(MODEL) == "2"


def test_what_is_only_observed_is_closed(bag: Any, house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """An incident that asks for nothing is closed at the end, so that it takes in no later one."""
    monkeypatch.setitem(CALL, "playbooks", ["observe"])
    monkeypatch.setattr("amends.orchestration.response.remediate.validate", lambda *_: {})
    house.ledger.state = type(house.ledger.state)()
    for version in reversed(house.registry.versions(MODEL)):
        house.move(version, f"again {version.version}")
    house.open_incident()
    done = run(bag)
    assert done.state == "success", states(done)
    assert house.kinds()[-3:] == ["incident_closed", "step_done", "narrated"]
    assert house.registry.aliased(MODEL) == "2"


def test_a_failing_step_is_told_and_shows_red(
    bag: Any, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed step leaves its reason in the ledger, the story is told, the run is red."""
    from airflow.sdk.exceptions import AirflowFailException
    from amends.orchestration import response

    def broken(*_: Any) -> None:
        raise AirflowFailException("the disk is on fire")

    monkeypatch.setitem(response.HOUSE, "train", trains(broken))
    monkeypatch.setattr(response.remediate, "validate", lambda *_: {})
    done = run(bag)
    assert done.state == "failed"
    assert states(done)["narrate"] == "success"
    facts = house.last(EventKind.STEP_FAILED)
    assert facts["step"] == "remedy.retrain.train"
    assert facts["reason"].startswith("AirflowFailException")
    assert "fire" not in facts["reason"], "a vendor's words may quote rows"
    assert "promotion_intended" not in house.kinds()[-3:]


def test_a_failed_diagnosis_is_told_and_stops_no_remedy(
    bag: Any, house: House, monkeypatch: pytest.MonkeyPatch, people: Any
) -> None:
    """The candidate is built, approved and promoted all the same; the run shows red and says why."""
    from airflow.sdk.exceptions import AirflowFailException
    from amends.orchestration import response

    def broken(*_: Any) -> None:
        raise AirflowFailException("no answer")

    monkeypatch.setattr(response, "diagnose_incident", broken)
    people(approval)
    done = run(bag)
    assert done.state == "failed"
    assert house.registry.aliased(MODEL) == "3"
    assert house.last(EventKind.STEP_FAILED)["step"] == "remedy.diagnose"


def test_a_playbook_that_reaches_nothing_goes_to_people(
    bag: Any, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Too few rows are no failure: the run is green, nobody is asked, and a person goes on."""
    from amends.errors import DataError
    from amends.orchestration import response

    def too_few(*_: Any) -> None:
        raise DataError("12 labelled rows are too few. Wait for labels.")

    monkeypatch.setitem(response.HOUSE, "train", trains(too_few))
    monkeypatch.setattr(response.remediate, "validate", lambda *_: {})
    done = run(bag)
    assert done.state == "success", states(done)
    assert states(done)["sign_off.approve_legal"] == "skipped"
    assert house.kinds()[-3:] == ["playbook_failed", "handed_to_people", "narrated"]
    assert "12 labelled rows" in house.last(EventKind.PLAYBOOK_FAILED)["reason"]


def test_a_step_whose_worker_was_killed_is_told(house: House) -> None:
    """A killed worker runs no callback; the story finds the step among the run's states, once."""
    from amends.orchestration import response

    ti: Any = SimpleNamespace(
        dag_id="respond_to_incident",
        run_id="run",
        xcom_pull=lambda **_: INCIDENT,
        get_task_states=lambda **_: {
            "run": {"remedy.retrain.train": "failed", "validation.validate": "skipped"}
        },
    )
    for _ in range(2):
        response.tell(ti, SimpleNamespace(conf={}))
    failed = [event.payload for event in house.ledger.events(kinds=[EventKind.STEP_FAILED])]
    assert failed == [{"step": "remedy.retrain.train", "reason": "it ended without giving a reason"}]


@pytest.mark.parametrize(
    ("run_type", "user", "said"),
    [
        ("manual", "operator", "operator"),
        ("manual", None, "unknown person"),
        ("operator_triggered", "operator", "amends"),
    ],
)
def test_only_a_run_by_hand_has_a_person_as_author(run_type: str, user: str | None, said: str) -> None:
    """The hand-over's run is nobody's change, whoever woke the hand-over; a run by hand is its person's."""
    from amends.orchestration import response

    assert response.author(SimpleNamespace(run_type=run_type, triggering_user_name=user)) == said


def form(**changes: Any) -> dict[str, Any]:
    """What the trigger form sends."""
    return {
        "model": None, "incident": None, "action": "as decided", "dry_run": True, "reason": "", **changes,
    }  # fmt: skip


def by_hand() -> Any:
    """A run that the operator triggered."""
    return SimpleNamespace(
        run_id="manual__1", run_type="manual", triggering_user_name="operator", run_after=WINDOW.end
    )


def test_an_invented_incident_is_refused(house: House) -> None:
    """A conf with an id that is not in the ledger starts nothing."""
    from amends.errors import LedgerError
    from amends.orchestration import response

    before = house.ledger.events()
    with pytest.raises(LedgerError, match="not in the ledger"):
        response.resolve_incident(form(incident="lending-20990101-deadbeef"), by_hand())
    assert house.ledger.events() == before


def test_a_form_without_model_and_incident_says_what_to_give(house: House) -> None:
    """One line with the way out."""
    from amends.errors import BadInput
    from amends.orchestration import response

    assert house.ledger.events()
    with pytest.raises(BadInput, match="Trigger again with one of them"):
        response.resolve_incident(form(), by_hand())


def test_a_model_alone_means_its_open_incident(house: House) -> None:
    """The form without an incident answers the model's open one."""
    from amends.orchestration import response

    assert house.ledger.events()
    assert response.resolve_incident(form(model=MODEL), by_hand()) == INCIDENT


def test_a_rehearsal_opens_no_incident(house: House) -> None:
    """Without an open incident a rehearsal is refused, and a real request opens one in this run."""
    from amends.errors import BadInput
    from amends.orchestration import response

    append(house, EventKind.INCIDENT_CLOSED, {"reason": "done"})
    with pytest.raises(BadInput, match="untick dry_run"):
        response.resolve_incident(form(model=MODEL), by_hand())
    opened = response.resolve_incident(form(model=MODEL, dry_run=False, reason="Odd scores."), by_hand())
    assert house.ledger.events(incident=opened)[0].actor == "operator"
    assert [row.key for row in house.ledger.pending("incident")] == [INCIDENT]

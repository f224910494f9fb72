"""What the response DAG does when a step fails, reaches nothing or is killed."""

from types import SimpleNamespace
from typing import Any

import pytest
from amends.domain.events import EventKind
from dag_people import approval, people
from response_house import INCIDENT, MODEL, House, house, run, states, trains

__all__ = ["house", "people"]  # fixtures by name


def test_a_failing_step_is_told_and_shows_red(
    bag: Any, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A failed step leaves its reason in the ledger, the story is told, the run is red."""
    from airflow.sdk.exceptions import AirflowFailException
    from amends.orchestration import verbs

    def broken(*_: Any) -> None:
        raise AirflowFailException("the disk is on fire")

    monkeypatch.setitem(verbs.steps.HOUSE, "train", trains(broken))
    monkeypatch.setattr(verbs.remediate, "validate", lambda *_: {})
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
    from amends.orchestration import verbs

    def broken(*_: Any) -> None:
        raise AirflowFailException("no answer")

    monkeypatch.setattr(verbs.diagnose, "diagnose", broken)
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
    from amends.orchestration import verbs

    def too_few(*_: Any) -> None:
        raise DataError("12 labelled rows are too few. Wait for labels.")

    monkeypatch.setitem(verbs.steps.HOUSE, "train", trains(too_few))
    monkeypatch.setattr(verbs.remediate, "validate", lambda *_: {})
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

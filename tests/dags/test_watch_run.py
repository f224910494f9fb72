"""The watch's DAG, run by Airflow in this process: a running trial is looked at and ended."""

import time
from typing import Any

import pytest
from amends.workflow.trial_start import start
from trial_story import INCIDENT, SPEC, Lender


@pytest.fixture
def lender(airflow_db: None, monkeypatch: pytest.MonkeyPatch) -> Lender:  # noqa: ARG001  # a fixture by name
    """A lender in the place of Postgres and MLflow, whose bad candidate is tried in the shadow."""
    from amends.orchestration import monitoring

    made = Lender().opens("2")
    pause = time.sleep
    monkeypatch.setattr(time, "sleep", lambda seconds: pause(min(seconds, 0.05)))
    monkeypatch.setattr(monitoring, "desk", lambda _: (made.services, SPEC))
    start(made.services, SPEC, INCIDENT, "shadow", actor="ada")
    made.serves(0)
    return made


def test_the_watch_aborts_a_bad_challenger_by_itself(bag: Any, lender: Lender) -> None:
    """Nobody is asked: the run ends the trial, the champion stays, and the next run finds nothing to do."""
    for _ in range(2):
        done = bag.dags["watch_promotions"].test()
        states = {one.task_id: str(one.state) for one in done.get_task_instances()}
        assert states == {"watch_lending": "success", "look_at_trial_lending": "success"}
    ended = [event for event in lender.trials() if event.kind == "trial_ended"]
    assert [(one.actor, one.payload["outcome"]) for one in ended] == [("amends", "aborted")]
    champion = lender.ledger.champion(SPEC.name)
    assert champion is not None
    assert (champion.version, lender.registry.aliased(SPEC.name)) == ("1", "1")

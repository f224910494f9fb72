"""What the watch's tasks hand on to Airflow."""

import pytest
from amends.orchestration import monitoring
from amends.workflow.trial_start import start
from trial_story import INCIDENT, SPEC, Lender


def test_the_watch_says_how_a_trial_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing without a trial, nothing while it goes on, then its outcome: small enough for XCom."""
    lender = Lender().opens("2")
    monkeypatch.setattr(monitoring, "desk", lambda _: (lender.services, SPEC))
    assert monitoring.look_at_trial("lending") is None
    start(lender.services, SPEC, INCIDENT, "shadow", actor="ada")
    assert monitoring.look_at_trial("lending") is None
    lender.serves(0)
    assert monitoring.look_at_trial("lending") == "aborted"
    assert monitoring.look_at_trial("lending") is None

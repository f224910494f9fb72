"""What counts as an answer in Airflow's own record."""

import copy
from datetime import timedelta
from typing import Any

import pytest
from amends.domain.approval import Answer
from amends.errors import Unavailable

DIGEST = "sha256:" + "a" * 64
RECORD: dict[str, Any] = {
    "body": f"### What happened\n...\n- `evidence:{DIGEST}`",
    "assigned_users": [{"id": "role:legal", "name": "legal"}],
    "created_at": "2026-03-01T10:00:00Z",
    "response_received": True,
    "responded_at": "2026-03-01T10:30:00Z",
    "responded_by_user": {"id": "4", "name": "lena"},
    "chosen_options": ["Approve"],
    "params_input": {"rationale": "Checked against the credit act."},
}


def answer(**changes: Any) -> Answer:
    """The answer in the record, with changes."""
    from amends.orchestration.api import answer_of

    return answer_of("legal", {**copy.deepcopy(RECORD), **changes}, within=timedelta(hours=4))


def test_an_answer_is_read_as_it_was_given() -> None:
    """Person, choice, rationale, time, evidence and assignee come from the record."""
    assert answer() == Answer(
        role="legal",
        person="lena",
        choice="Approve",
        rationale="Checked against the credit act.",
        answered_at="2026-03-01T10:30:00Z",
        evidence=DIGEST,
        assignees=("role:legal",),
    )


def test_a_task_set_to_success_by_hand_has_no_answer() -> None:
    """Airflow then says that no response was received; whatever else the record holds does not count."""
    by_hand = answer(response_received=False)
    assert (by_hand.person, by_hand.choice) == (None, None)


def test_no_record_is_no_answer() -> None:
    """A role that was never asked has no choice."""
    from amends.orchestration.api import answer_of

    assert answer_of("legal", None).choice is None


def test_a_time_out_has_a_choice_but_no_person() -> None:
    """The default stands as the choice; nobody gave it."""
    timed_out = answer(responded_by_user=None, chosen_options=["Reject"])
    assert (timed_out.person, timed_out.choice) == (None, "Reject")


def test_a_late_approval_is_no_approval() -> None:
    """Airflow takes an answer after the time-out; we do not."""
    late = answer(responded_at="2026-03-01T14:05:00Z")
    assert (late.person, late.choice) == (None, "Reject")


def test_a_second_evidence_line_makes_the_evidence_unknown() -> None:
    """A body that names two digests (one smuggled in by data) names none."""
    twice = answer(body=RECORD["body"] + " evidence:sha256:" + "b" * 64)
    assert twice.evidence is None


@pytest.mark.parametrize("choices", [[], ["Approve", "Reject"], None])
def test_only_one_choice_is_a_choice(choices: list[str] | None) -> None:
    """Neither none nor both is an answer."""
    assert answer(chosen_options=choices).choice is None


@pytest.mark.parametrize("given", [{}, None, {"rationale": None}, {"other": "x"}])
def test_a_missing_rationale_is_empty(given: dict[str, Any] | None) -> None:
    """Airflow does not check what a form sends, so nothing is taken for granted."""
    assert answer(params_input=given).rationale == ""


def test_an_api_that_is_away_is_said_in_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    """What, where and the way out, without the password."""
    from airflow.sdk import BaseHook
    from amends.orchestration.api import read_answers

    class Connection:
        conn_type, schema, host, port = "http", "", "127.0.0.1", 9
        login, password = "amends_service", "s3cret"

    monkeypatch.setattr(BaseHook, "get_connection", lambda _: Connection())
    with pytest.raises(Unavailable) as caught:
        read_answers("respond_to_incident", "run", {"legal": "sign_off.approve_legal"})
    message = str(caught.value)
    assert "http://127.0.0.1:9" in message
    assert "airflow_api" in message
    assert "s3cret" not in message
    assert "\n" not in message

"""The response DAG, run by Airflow in this process on stand-ins, with people who answer."""

from typing import Any

import pytest
from amends.domain.events import EventKind
from dag_people import BY_HAND, approval, people
from response_house import CALL, MODEL, House, house, run, states, validated

__all__ = ["house", "people"]  # fixtures by name


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
    from amends.orchestration import verbs

    monkeypatch.setattr(verbs.remediate, "validate", lambda *_: validated(house, blessed=False))
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
    monkeypatch.setattr("amends.workflow.remediate.validate", lambda *_: {})
    house.ledger.state = type(house.ledger.state)()
    for version in reversed(house.registry.versions(MODEL)):
        house.move(version, f"again {version.version}")
    house.open_incident()
    done = run(bag)
    assert done.state == "success", states(done)
    assert house.kinds()[-3:] == ["incident_closed", "step_done", "narrated"]
    assert house.registry.aliased(MODEL) == "2"

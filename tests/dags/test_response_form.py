"""What a person's form starts, and in whose name."""

from types import SimpleNamespace
from typing import Any

import pytest
from amends.domain.events import EventKind
from response_house import INCIDENT, MODEL, WINDOW, House, append, house

__all__ = ["house"]  # a fixture by name


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

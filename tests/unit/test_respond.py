"""An incident is found, planned for and contained, on a ledger and a registry in memory."""

from datetime import UTC, datetime
from typing import Any

import pytest
from amends.adapters.files import load_policy
from amends.domain.events import EventKind
from amends.domain.incident import call_from_document
from amends.domain.promotion import Move
from amends.domain.response import plan_response
from amends.domain.spec import spec_from_document
from amends.domain.window import Window
from amends.errors import LedgerError, SpecError
from amends.ports import Services
from amends.workflow import freeze, opening, respond
from amends.workflow.promote import promote
from answering import CALL, SPEC, WINDOW, opened, services
from samples import FULL

__all__ = ["services"]  # a fixture by name


@pytest.mark.parametrize(
    ("chosen", "contain", "run"),
    [
        (["rollback", "retrain", "recalibrate", "observe"], True, ["retrain"]),
        (["rollback", "recalibrate"], True, ["recalibrate"]),
        (["rollback"], True, ["observe"]),
        (["mitigate_bias", "revalidate"], False, ["mitigate_bias"]),
        (["mask", "revalidate", "observe"], False, ["mask"]),
        (["quarantine", "revalidate", "observe"], False, ["quarantine", "revalidate"]),
        (["observe"], False, ["observe"]),
    ],
)
def test_a_plan_leaves_out_what_is_done_or_covered(chosen: list[str], contain: bool, run: list[str]) -> None:
    """What containment did, what only waits, what asks before something is made, a map beside a fit."""
    call = call_from_document({**CALL, "playbooks": chosen, "playbook": chosen[0]})
    plan = plan_response(call, load_policy(None))
    assert (plan.contain, list(plan.run)) == (contain, run)


def test_a_second_delivery_of_a_window_opens_nothing_twice(services: Services) -> None:
    """One window, delivered twice: one incident, one announcement."""
    assert opened(services) == opened(services)
    assert len(services.ledger.events(kinds=[EventKind.INCIDENT_OPENED])) == 1
    assert len(services.ledger.pending("incident")) == 1


def test_another_window_joins_the_open_incident(services: Services) -> None:
    """Findings on one model are one incident while it is open."""
    first = opened(services)
    assert joined(services, CALL) == first
    assert len(services.ledger.events(incident=first, kinds=[EventKind.INCIDENT_JOINED])) == 1
    assert len(services.ledger.pending("incident")) == 1


def test_a_graver_finding_that_joins_is_answered_by_another_run(services: Services) -> None:
    """What the first response was not about is announced again, and the next plan covers it."""
    mild = {
        **CALL,
        "severity": "SEV3",
        "playbook": "mask",
        "playbooks": ["mask"],
        "categories": ["privacy_leak"],
    }
    incident = opened(services, mild)
    assert respond.decide(services, SPEC, incident)["run"] == ["mask"]
    joined(services, CALL)
    first, second = services.ledger.pending("incident")
    assert first.key == incident
    assert second.key.startswith(f"{incident}.")
    assert second.payload == {"incident": incident}
    plan = respond.decide(services, SPEC, incident)
    assert (plan["severity"], plan["contain"], plan["run"]) == ("SEV2", True, ["retrain", "mask"])


def test_a_joined_window_delivered_after_the_closing_opens_nothing(services: Services) -> None:
    """A window that was taken in by an incident stays with it, even when the incident is over."""
    incident = opened(services)
    joined(services, CALL)
    respond.record(services, incident, EventKind.INCIDENT_CLOSED, {"reason": "done"}, model="lending")
    assert joined(services, CALL) == incident
    assert len(services.ledger.events(kinds=[EventKind.INCIDENT_OPENED])) == 1


def joined(services: Services, call: dict[str, Any]) -> str | None:
    """A later window with this call."""
    later = Window("lending", WINDOW.end, datetime(2026, 3, 15, tzinfo=UTC))
    evidence = services.ledger.put_evidence("assessment", {"incident": call, "policy": {"digest": "p"}})
    return opening.open_incident(services, SPEC, later, evidence)


def test_containment_returns_to_the_version_before_and_says_so(services: Services) -> None:
    """Version 2 fails, version 1 serves again; a retry moves nothing a second time."""
    incident = opened(services)
    freeze.freeze(services, SPEC, incident)
    respond.decide(services, SPEC, incident)
    for _ in range(2):
        done = respond.contain(services, SPEC, incident)
        assert (done["from"], done["to"]) == ("2", "1")
    assert services.registry.aliased("lending") == "1"
    assert len(services.ledger.events(incident=incident, kinds=[EventKind.CHAMPION_MOVED])) == 1


def test_containment_without_a_good_version_keeps_the_champion_and_says_why(services: Services) -> None:
    """No version to go back to is a reason on record, never an unset champion."""
    services.registry.alter("lending", "1")  # type: ignore[attr-defined]
    incident = opened(services)
    freeze.freeze(services, SPEC, incident)
    respond.decide(services, SPEC, incident)
    assert "no earlier approved version" in respond.contain(services, SPEC, incident)["reason"]
    assert services.registry.aliased("lending") == "2"


def test_a_champion_that_moved_meanwhile_is_not_rolled_back(services: Services) -> None:
    """Containment acts on the champion that was frozen, not on whoever serves now."""
    incident = opened(services)
    freeze.freeze(services, SPEC, incident)
    one = services.registry.version("lending", "1")
    promote(
        services.ledger,
        services.registry,
        Move(key="x", model="lending", version="1", digest=one.digest, seen_epoch=2, reason="rollback"),
    )
    assert "reason" in respond.contain(services, SPEC, incident)
    assert services.registry.aliased("lending") == "1"


def test_a_rehearsal_says_the_plan_and_touches_nothing(services: Services) -> None:
    """A dry run is on record as such; champion and decision stay untouched."""
    incident = opened(services)
    plan = respond.decide(services, SPEC, incident, actor="olaf", dry_run=True)
    assert plan["contain"] is True
    kinds = [event.kind for event in services.ledger.events(incident=incident)]
    assert kinds == [EventKind.INCIDENT_OPENED, EventKind.REHEARSED]


def test_a_named_incident_of_another_model_is_refused(services: Services) -> None:
    """A run for one model cannot steer another's incident."""
    incident = opened(services)
    other = spec_from_document({**FULL, "name": "other"}, "other.yaml")
    with pytest.raises(LedgerError, match="is of model 'lending'"):
        respond.resolve(
            services, other, incident=incident, request="r", reason="", actor="olaf", day=WINDOW.end
        )


def test_a_request_without_an_incident_opens_one_in_the_persons_name(services: Services) -> None:
    """An operator may act on a model that no check has complained about."""
    incident = respond.resolve(
        services, SPEC, incident=None, request="run-1", reason="support calls", actor="olaf", day=WINDOW.end
    )
    found = respond.incident_of(services.ledger, incident)
    assert (found.opened_by, found.call.category, found.window) == ("olaf", "user_report", None)


def test_an_unknown_action_is_refused(services: Services) -> None:
    """The form's choices are the only ones."""
    incident = opened(services)
    call = respond.incident_of(services.ledger, incident).call
    with pytest.raises(SpecError, match="Choose one of"):
        plan_response(call, services.policy, "delete everything")

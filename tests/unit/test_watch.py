"""Windows after a promotion decide: recovered, relapsed, or nothing yet."""

from typing import Any

from amends.domain.events import EventKind, NewEvent
from amends.ports import Services
from amends.workflow import approve, watch
from amends.workflow.narrate import narrate
from answering import CALL, SPEC, WINDOW, services
from asked_people import answers, asked

__all__ = ["services"]  # a fixture by name


def test_a_healthy_window_under_the_promoted_version_closes_the_incident(services: Services) -> None:
    """Recovery is measured on a window that the new version served, and told with its numbers."""
    incident = promoted(services)
    assert watch.watch(services, SPEC) is None
    served(services, "3", call=None)
    assert watch.watch(services, SPEC) == "recovered"
    story = narrate(services.ledger, incident)
    assert "**recovered** under version `3`" in story
    assert "**closed**" in story


def test_a_relapse_under_the_promoted_version_rolls_back_by_itself(services: Services) -> None:
    """A breach in the baking period returns production to the version before, never to one that failed."""
    promoted(services)
    served(services, "3", call=CALL)
    assert watch.watch(services, SPEC) == "relapsed"
    assert services.registry.aliased("lending") == "1"


def test_a_window_served_by_the_old_version_proves_nothing(services: Services) -> None:
    """A late batch of the failing version is neither recovery nor relapse."""
    promoted(services)
    served(services, "2", call=CALL)
    assert watch.watch(services, SPEC) is None


def promoted(services: Services) -> str:
    """Approve the candidate of an incident and promote it; its id."""
    incident = asked(services)
    said = answers(services, incident)
    approve.record_answers(services, SPEC, incident, said)
    approve.promote_candidate(services, SPEC, incident, said)
    return incident


def served(services: Services, version: str, *, call: dict[str, Any] | None) -> None:
    """A window assessed after the champion moved."""
    number = len(services.ledger.events())
    with services.ledger.transaction("lending") as ledger:
        ledger.append(
            NewEvent(
                kind=EventKind.WINDOW_ASSESSED,
                key=f"assessed:{number}",
                model="lending",
                payload={
                    "window": WINDOW.document(),
                    "origin": "batch",
                    "assessment": "sha256:x",
                    "rows": 10,
                    "served_by": version,
                    "call": call,
                    "headline": {"auc": 0.8},
                },
            )
        )

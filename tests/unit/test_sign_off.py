"""Answers of named people promote a candidate, once, or nothing does."""

from dataclasses import replace

import pytest
from amends.domain.events import EventKind
from amends.domain.promotion import Move
from amends.errors import NotApproved
from amends.ports import Services
from amends.workflow import approve, freeze, respond
from amends.workflow.promote import promote
from answering import SPEC, opened, services
from asked_people import LINK, answers, asked, validated

__all__ = ["services"]  # a fixture by name


def test_three_approvals_promote_and_a_retry_promotes_nothing_more(services: Services) -> None:
    """The candidate becomes champion once, its epoch one further."""
    incident = asked(services)
    said = answers(services, incident)
    approve.record_answers(services, SPEC, incident, said)
    for _ in range(2):
        done = approve.promote_candidate(services, SPEC, incident, said)
        assert done == {"promoted": True, "version": "3", "epoch": 4}
    assert services.registry.aliased("lending") == "3"


def test_a_rejection_is_recorded_and_promotes_nothing(services: Services) -> None:
    """An honest no ends green: a refusal with its reason, the champion as it was."""
    incident = asked(services)
    said = answers(services, incident)
    said[-1] = replace(said[-1], choice="Reject", rationale="the trade-off is not ours to take")
    approve.record_answers(services, SPEC, incident, said)
    done = approve.promote_candidate(services, SPEC, incident, said)
    assert done["promoted"] is False
    assert "lena rejected" in " ".join(done["reasons"])
    assert services.registry.aliased("lending") == "1"


def test_a_state_set_by_hand_is_refused_loudly(services: Services) -> None:
    """An approval without a response on record raises, and the refusal stands in the ledger."""
    incident = asked(services)
    said = answers(services, incident)
    said[-1] = replace(said[-1], person=None, choice=None, answered_at=None)
    approve.record_answers(services, SPEC, incident, said)
    with pytest.raises(NotApproved, match="by hand"):
        approve.promote_candidate(services, SPEC, incident, said)
    assert services.registry.aliased("lending") == "1"
    assert services.ledger.events(incident=incident, kinds=[EventKind.PROMOTION_REFUSED])


def test_answers_of_an_earlier_run_do_not_count_in_a_new_one(services: Services) -> None:
    """A new run asks anew: its request has another digest."""
    incident = asked(services)
    old = answers(services, incident)
    approve.record_answers(services, SPEC, incident, old)
    approve.request_approvals(services, SPEC, incident, link=LINK + "-again")
    with pytest.raises(NotApproved, match="other evidence"):
        approve.promote_candidate(services, SPEC, incident, old)


def test_who_steered_the_response_may_not_approve_it(services: Services) -> None:
    """The operator who chose the action is an author of the change."""
    incident = opened(services)
    freeze.freeze(services, SPEC, incident)
    respond.decide(services, SPEC, incident, action="retrain", actor="dana")
    validated(services, incident)
    approve.request_approvals(services, SPEC, incident, link=LINK)
    said = answers(services, incident)
    approve.record_answers(services, SPEC, incident, said)
    assert "dana is an author" in " ".join(
        approve.promote_candidate(services, SPEC, incident, said)["reasons"]
    )


def test_a_candidate_that_is_not_blessed_is_never_promoted(services: Services) -> None:
    """Even three approvals do not replace a validation."""
    incident = opened(services)
    freeze.freeze(services, SPEC, incident)
    respond.decide(services, SPEC, incident)
    validated(services, incident, blessed=False)
    approve.request_approvals(services, SPEC, incident, link=LINK)
    said = answers(services, incident)
    approve.record_answers(services, SPEC, incident, said)
    assert not approve.promote_candidate(services, SPEC, incident, said)["promoted"]


def test_a_champion_moved_after_validation_refuses_the_candidate(services: Services) -> None:
    """Approvals for a comparison with another champion are worth nothing."""
    incident = asked(services)
    said = answers(services, incident)
    approve.record_answers(services, SPEC, incident, said)
    two = services.registry.version("lending", "2")
    promote(
        services.ledger,
        services.registry,
        Move(key="y", model="lending", version="2", digest=two.digest, seen_epoch=3, reason="bootstrap"),
    )
    assert not approve.promote_candidate(services, SPEC, incident, said)["promoted"]
    assert services.registry.aliased("lending") == "2"

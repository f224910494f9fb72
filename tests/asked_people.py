"""A candidate that was validated, and three reviewers who are asked about it."""

from dataclasses import replace
from typing import Any

from amends.domain.approval import Answer
from amends.domain.events import EventKind
from amends.ports import Services
from amends.workflow import approve, freeze, respond
from answering import SPEC, opened

LINK = "http://127.0.0.1:8080/dags/respond_to_incident/runs/x"


def validated(services: Services, incident: str, *, blessed: bool = True) -> None:
    """A candidate, version 3, validated against the champion there is now."""
    candidate = services.registry.register("lending", object(), key="3", tags={}, example=None, metrics={})
    champion = services.ledger.champion("lending")
    assert champion is not None
    payload = {
        "candidate": {"version": candidate.version, "digest": candidate.digest},
        "champion": {"version": champion.version, "digest": champion.digest, "epoch": champion.epoch},
        "blessed": blessed,
        "reasons": ["as good as the champion"] if blessed else ["AUC fell"],
        "validation": services.ledger.put_evidence("validation", {"findings": []}),
    }
    respond.record(services, incident, EventKind.CANDIDATE_VALIDATED, payload, model="lending")


def answers(services: Services, incident: str, **changes: Any) -> list[Answer]:
    """Everybody approves what was asked last."""
    asked = respond.only(services, incident, EventKind.APPROVAL_REQUESTED)
    people = {"data-science": "dana", "product": "petra", "legal": "lena"}
    return [
        replace(
            Answer(
                role=role,
                person=people[role],
                choice="Approve",
                rationale="read all of the evidence",
                answered_at="2026-03-01T12:30:00+00:00",
                evidence=asked["evidence"],
                assignees=(f"role:{role}",),
            ),
            **changes,
        )
        for role in asked["roles"]
    ]


def asked(services: Services) -> str:
    """Walk to the point where people are asked."""
    incident = opened(services)
    freeze.freeze(services, SPEC, incident)
    respond.decide(services, SPEC, incident)
    respond.contain(services, SPEC, incident)
    validated(services, incident)
    approve.request_approvals(services, SPEC, incident, link=LINK)
    return incident

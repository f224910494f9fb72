"""Let a candidate into production, or not: ask people, keep their answers, re-check them, promote."""

from collections.abc import Mapping, Sequence
from typing import Any

from amends.domain.approval import Answer, judge_approvals
from amends.domain.events import EventKind
from amends.domain.promotion import Move
from amends.domain.review import approval_body
from amends.domain.spec import ModelSpec
from amends.domain.trial import KINDS, aborted
from amends.errors import NotApproved, Refused
from amends.ports import Services
from amends.workflow.promote import promote
from amends.workflow.respond import incident_of, only, record


def request_approvals(
    services: Services, spec: ModelSpec, incident: str, *, link: str, touched: Sequence[str] = ()
) -> dict[str, Any]:
    """Bind what people are asked to approve to one evidence digest; return subject, body and roles.

    :param link: address of the response run, for the reviewers; another run asks anew.
    :param touched: whom a change of the model reaches, by the dependency map.
    """
    found = incident_of(services.ledger, incident)
    plan = only(services, incident, EventKind.DECISION_MADE)
    validated = only(services, incident, EventKind.CANDIDATE_VALIDATED)
    trial = _trial(services, incident, validated["candidate"]["version"])
    evidence = services.ledger.put_evidence(
        "approval_request",
        {
            "incident": incident,
            "asked_in": link,
            "roles": plan["roles"],
            "validated": validated,
            "touched": list(touched),
            "trial": trial,
        },
    )
    payload = {"evidence": evidence, "roles": plan["roles"], "candidate": validated["candidate"]}
    record(services, incident, EventKind.APPROVAL_REQUESTED, payload, model=spec.name, step=evidence)
    contained = services.ledger.events(incident=incident, kinds=[EventKind.CONTAINED])
    body = approval_body(
        found,
        validated=validated,
        validation=services.ledger.evidence(validated["validation"]),
        contained=contained[-1].payload if contained else None,
        tradeoff=_tradeoff(services, incident, validated["candidate"]["version"]),
        touched=touched,
        trial=trial,
        diagnosis=_told(services, incident),
        evidence=evidence,
        link=link,
    )
    subject = f"Approve version {validated['candidate']['version']} of {spec.name}? ({found.call.severity})"
    return {"evidence": evidence, "roles": plan["roles"], "subject": subject, "body": body}


def _tradeoff(services: Services, incident: str, version: str) -> dict[str, Any] | None:
    """The curve of a bias mitigation's attempts; None for any other candidate."""
    made = services.ledger.events(incident=incident, kinds=[EventKind.CANDIDATE_REGISTERED])
    digests = (
        one.payload.get("facts", {}).get("tradeoff") for one in made if one.payload["version"] == version
    )
    digest = next(digests, None)
    return services.ledger.evidence(digest) if digest else None


def _told(services: Services, incident: str) -> list[str]:
    """What the diagnosis says, in sentences; none where there is none yet."""
    events = services.ledger.events(incident=incident, kinds=[EventKind.DIAGNOSED])
    return list(events[-1].payload["reasons"]) if events else []


def _trial(services: Services, incident: str, version: str) -> dict[str, Any] | None:
    """How the candidate's last trial on live rows ended, or what it has shown so far; None without one."""
    events = services.ledger.events(incident=incident, kinds=KINDS)
    started = [event for event in events if event.payload.get("challenger", {}).get("version") == version]
    if not started:
        return None
    mine = [event.payload for event in events if event.payload["trial"] == started[-1].payload["trial"]]
    shown = {"outcome": None, "reason": "", **mine[-1], "mode": mine[0]["mode"], "number": len(started)}
    return {name: value for name, value in shown.items() if name not in {"key", "state"}}


def record_answers(services: Services, spec: ModelSpec, incident: str, answers: Sequence[Answer]) -> int:
    """Copy every answer into the ledger before anything acts on it; return how many spoke."""
    evidence = only(services, incident, EventKind.APPROVAL_REQUESTED)["evidence"]
    spoken = [answer for answer in answers if answer.choice is not None]
    for answer in spoken:
        record(
            services,
            incident,
            EventKind.APPROVAL_ANSWERED,
            {**answer.document(), "requested": evidence},
            model=spec.name,
            step=f"{evidence}:{answer.role}",
            actor=answer.person or "nobody",
        )
    return len(spoken)


def promote_candidate(
    services: Services, spec: ModelSpec, incident: str, answers: Sequence[Answer]
) -> dict[str, Any]:
    """Promote the validated candidate if, and only if, every rule holds now.

    :param answers: read from Airflow's own record just now; they must equal what the ledger holds.
    :returns: ``{"promoted": true, "version", "epoch"}``, or false with the reasons of an honest no.
    :raises NotApproved: an approval was forged: a state set by hand, other evidence, nobody assigned.
    """
    validated = only(services, incident, EventKind.CANDIDATE_VALIDATED)
    request = only(services, incident, EventKind.APPROVAL_REQUESTED)
    recorded = recorded_answers(services, incident, request["evidence"])
    verdict = judge_approvals(
        answers,
        roles=request["roles"],
        evidence=request["evidence"],
        authors=authors(services, incident),
        recorded=recorded,
    )
    reasons = [*verdict.reasons, *_against(services, spec, validated)]
    if reasons:
        _refuse(services, spec, incident, reasons, step=request["evidence"])
        if verdict.forged:
            raise NotApproved(
                f"incident {incident}: {'; '.join(reasons)}. Nothing was promoted; ask again in a new run."
            )
        return {"promoted": False, "reasons": reasons}
    return _promote(services, spec, incident, validated)


def _against(services: Services, spec: ModelSpec, validated: Mapping[str, Any]) -> list[str]:
    """What speaks against the candidate whoever approved it: validation, or a trial on live rows."""
    unblessed = [] if validated["blessed"] else ["validation did not bless the candidate"]
    ended = services.ledger.events(model=spec.name, kinds=[EventKind.TRIAL_ENDED])
    why = aborted(ended, validated["candidate"]["version"])
    return [*unblessed, *([f"it was aborted on live rows, {why}"] if why else [])]


def recorded_answers(services: Services, incident: str, evidence: str) -> list[Answer]:
    """The answers to one request for approval, as the ledger holds them."""
    return [
        Answer.from_document({k: v for k, v in event.payload.items() if k != "requested"})
        for event in services.ledger.events(incident=incident, kinds=[EventKind.APPROVAL_ANSWERED])
        if event.payload["requested"] == evidence
    ]


def _promote(
    services: Services, spec: ModelSpec, incident: str, validated: Mapping[str, Any]
) -> dict[str, Any]:
    move = Move(
        key=f"promote:{incident}",
        model=spec.name,
        version=validated["candidate"]["version"],
        digest=validated["candidate"]["digest"],
        seen_epoch=validated["champion"]["epoch"],
        reason="promotion",
        incident=incident,
    )
    try:
        champion = promote(services.ledger, services.registry, move)
    except Refused as no:
        _refuse(services, spec, incident, [str(no)], step="refused")
        return {"promoted": False, "reasons": [str(no)]}
    return {"promoted": True, "version": champion.version, "epoch": champion.epoch}


def authors(services: Services, incident: str) -> list[str]:
    """People who asked for or steered the change; none of them may approve it."""
    kinds = [EventKind.INCIDENT_OPENED, EventKind.DECISION_MADE]
    people = {event.actor for event in services.ledger.events(incident=incident, kinds=kinds)}
    return sorted(people - {"amends"})


def refuse_unblessed(services: Services, spec: ModelSpec, incident: str) -> dict[str, Any]:
    """End the remedy of a candidate that validation did not bless: nobody is asked to approve it."""
    validated = only(services, incident, EventKind.CANDIDATE_VALIDATED)
    _refuse(services, spec, incident, list(validated["reasons"]), step="not_blessed")
    return {"promoted": False, "reasons": list(validated["reasons"])}


def _refuse(services: Services, spec: ModelSpec, incident: str, reasons: list[str], *, step: str) -> None:
    payload = {"reasons": reasons}
    record(services, incident, EventKind.PROMOTION_REFUSED, payload, model=spec.name, step=step)

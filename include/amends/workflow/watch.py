"""After a move of the champion, the next windows decide: recovered, or a relapse that rolls back."""

from collections.abc import Sequence
from typing import Any

from amends.domain.events import Event, EventKind
from amends.domain.incident import open_incident_of
from amends.domain.promotion import Move
from amends.domain.spec import ModelSpec
from amends.domain.triage import calls_that_act
from amends.errors import Refused
from amends.ports import Services
from amends.workflow.narrate import narrate
from amends.workflow.promote import promote
from amends.workflow.respond import NO_WAY_BACK, record
from amends.workflow.verified import return_target

ENDS_REMEDY = (EventKind.PROMOTION_REFUSED, EventKind.HANDED_TO_PEOPLE)


def watch(services: Services, spec: ModelSpec) -> str | None:
    """Judge the champion's latest move of the open incident by the windows it has served since.

    ``policy.baking_windows`` healthy windows in a row: recovered; the incident closes when no remedy is
    under way. One window that calls for action under a promoted version: a relapse; production returns to
    the newest good version before it.

    :returns: ``recovered``, ``relapsed``, or None where there is nothing to say yet.
    """
    events = services.ledger.events(model=spec.name)
    incident = open_incident_of(events)
    moves = [e for e in events if e.kind is EventKind.CHAMPION_MOVED and e.incident == incident]
    if incident is None or not moves:
        return None
    move = moves[-1]
    served, calls = _windows_served_by(events, move), calls_that_act(events)
    bad = [window for window in served if calls[window.payload["assessment"]]]
    if bad and move.payload["reason"] == "promotion":
        return _relapse(services, spec, incident, move, bad[0])
    healthy = [window for window in served if window not in bad]
    if len(healthy) < services.policy.baking_windows or len(healthy) < len(served):
        return None
    return _recover(services, spec, incident, move, healthy[-1])


def _windows_served_by(events: Sequence[Event], move: Event) -> list[Event]:
    """Windows first judged since the move, each as it was judged last: labels may have come meanwhile."""
    version, judged = move.payload["version"], [e for e in events if e.kind is EventKind.WINDOW_ASSESSED]
    old = [event.payload["window"] for event in judged if event.seq <= move.seq]
    last = {event.payload["window"]["start"]: event for event in judged if event.seq > move.seq}
    return [
        event
        for event in sorted(last.values(), key=lambda event: event.seq)
        if event.payload["served_by"] == version and event.payload["window"] not in old
    ]


def _facts(services: Services, incident: str, window: Event, version: str) -> dict[str, Any]:
    """The window's numbers, beside those of the window that opened the incident."""
    opened = services.ledger.events(incident=incident, kinds=[EventKind.INCIDENT_OPENED])[0]
    shown = services.ledger.events(model=window.model, kinds=[EventKind.WINDOW_ASSESSED])
    first = [one for one in shown if one.payload["assessment"] == opened.payload["assessment"]]
    return {
        "before": first[0].payload["headline"] if first else None,
        "version": version,
        "window": window.payload["window"],
        "headline": window.payload["headline"],
        "assessment": window.payload["assessment"],
    }


def _recover(services: Services, spec: ModelSpec, incident: str, move: Event, window: Event) -> str:
    version, epoch = move.payload["version"], str(move.payload["epoch"])
    facts = _facts(services, incident, window, version)
    record(services, incident, EventKind.RECOVERED, facts, model=spec.name, step=epoch)
    if move.payload["reason"] == "promotion" or _remedy_is_over(services.ledger.events(incident=incident)):
        reason = f"{services.policy.baking_windows} healthy window(s) under version {version}"
        record(services, incident, EventKind.INCIDENT_CLOSED, {"reason": reason}, model=spec.name)
    narrate(services.ledger, incident)
    return "recovered"


def _remedy_is_over(events: Sequence[Event]) -> bool:
    decided = [event for event in events if event.kind is EventKind.DECISION_MADE]
    no_remedy = bool(decided) and decided[-1].payload["run"] == ["observe"]
    return no_remedy or any(event.kind in ENDS_REMEDY for event in events)


def _relapse(services: Services, spec: ModelSpec, incident: str, move: Event, window: Event) -> str:
    facts, epoch = _facts(services, incident, window, move.payload["version"]), str(move.payload["epoch"])
    record(services, incident, EventKind.RELAPSED, facts, model=spec.name, step=epoch)
    target = return_target(services, spec, incident)
    if target is None:
        payload = {"reason": f"{NO_WAY_BACK}: a person must decide"}
        record(services, incident, EventKind.CONTAINMENT_SKIPPED, payload, model=spec.name, step=epoch)
    else:
        back = Move(
            key=f"relapse:{incident}:{move.payload['epoch']}",
            model=spec.name,
            version=target.version,
            digest=target.digest,
            seen_epoch=move.payload["epoch"],
            reason="rollback",
            incident=incident,
        )
        _roll_back(services, spec, incident, back)
    narrate(services.ledger, incident)
    return "relapsed"


def _roll_back(services: Services, spec: ModelSpec, incident: str, back: Move) -> None:
    try:
        promote(services.ledger, services.registry, back)
    except Refused as no:
        payload = {"reasons": [str(no)]}
        record(services, incident, EventKind.PROMOTION_REFUSED, payload, model=spec.name, step=back.key)

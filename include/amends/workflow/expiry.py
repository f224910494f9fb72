"""A mask is no cure: when its time is over, people look again, with the way back in front of them."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from amends.domain.events import EventKind
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.incident import open_incident_of
from amends.domain.spec import ModelSpec
from amends.domain.window import as_utc
from amends.errors import ArtefactError
from amends.ports import Services
from amends.workflow.narrate import narrate
from amends.workflow.opening import open_for_finding
from amends.workflow.respond import record
from amends.workflow.verified import smoke_test

MASK, MASK_DAYS = "mask", 30
"""The method of a version that masks inputs; for how many days it may stand, unless the playbook says so."""

WRAPS = ("recalibrate",)
"""Methods whose version asks its parent about the same inputs: a mask inside of it still stands."""


def expire_mask(services: Services, spec: ModelSpec, at: datetime) -> str | None:
    """Open or join an incident where the champion masks an input and the mask's time is over by ``at``.

    What the way back is stands in ``mask_expired``: the version that was masked, and whether it still is what
    it was and scores; a follow-up that was built beside the mask. Told once for each ``MASK_DAYS`` that the
    mask goes on standing, however often the clock asks.

    :returns: the incident's id; None where no mask serves, or its time is not over.
    """
    mask = _standing_mask(services, spec)
    if mask is None or at < as_utc(mask["facts"]["expires"]):
        return None
    expires = as_utc(mask["facts"]["expires"])
    times = (at - expires) // timedelta(days=MASK_DAYS)
    columns = ", ".join(mask["facts"]["columns"])
    finding = Finding(
        category=Category.USER_REPORT, metric="mask_expired", verdict=Verdict.BREACH,
        column=tuple(mask["facts"]["columns"]), n=mask["rows"],
        reason=f"version {mask['version']} masks {columns}; people were to look again by {expires:%Y-%m-%d}",
    )  # fmt: skip
    request = f"mask:{mask['digest']}:{times}"
    day = expires + times * timedelta(days=MASK_DAYS)
    incident = open_for_finding(services, spec, finding, day=day, request=request, actor="amends")
    events, step = services.ledger.events(incident=incident), f"{mask['version']}:{times}"
    told = any(one.key == f"{EventKind.MASK_EXPIRED}:{incident}:{step}" for one in events)
    if not told and open_incident_of(events):
        payload = _ways_on(services, spec, mask)
        record(services, incident, EventKind.MASK_EXPIRED, payload, model=spec.name, step=step)
        narrate(services.ledger, incident)
    return incident


def _standing_mask(services: Services, spec: ModelSpec) -> Mapping[str, Any] | None:
    """How the mask that serves was registered: by the ledger, since tags can be changed by others."""
    champion = services.ledger.champion(spec.name)
    number = champion.version if champion else None
    events = services.ledger.events(model=spec.name, kinds=[EventKind.CANDIDATE_REGISTERED])
    made = {event.payload["version"]: {**event.payload, "incident": event.incident} for event in events}
    while number in made:
        facts = made[number]
        if facts.get("method") == MASK:
            return facts
        number = facts["parent"] if facts.get("method") in WRAPS else None
    return None


def _ways_on(services: Services, spec: ModelSpec, mask: Mapping[str, Any]) -> dict[str, Any]:
    parent, wrong = mask["facts"]["way_back"], _wrong_with_parent(services, spec, mask)
    kinds = [EventKind.CANDIDATE_REGISTERED, EventKind.CANDIDATE_WITHDRAWN]
    events = services.ledger.events(incident=mask["incident"], kinds=kinds)
    gone = {one.payload["version"] for one in events if one.kind is EventKind.CANDIDATE_WITHDRAWN}
    others = [
        {"version": one.payload["version"], "method": one.payload.get("method", "retrain")}
        for one in events
        if one.payload["version"] not in {mask["version"], *gone}
    ]
    return {
        "version": mask["version"], "columns": list(mask["facts"]["columns"]),
        "expires": mask["facts"]["expires"], "masked_in": mask["incident"],
        "way_back": {"version": parent, "verified": not wrong, "reason": wrong}, "follow_ups": others,
    }  # fmt: skip


def _wrong_with_parent(services: Services, spec: ModelSpec, mask: Mapping[str, Any]) -> str:
    """Why the masked version cannot serve again; empty where it is what it was and scores."""
    try:
        mine = services.registry.version(spec.name, mask["version"])
        parent = services.registry.version(spec.name, mask["facts"]["way_back"])
        if parent.digest != mine.tag("amends.parent_digest"):
            return "it is no longer what was masked"
        smoke_test(services, spec, mask["incident"])(parent)
    except ArtefactError as no:
        return str(no).rstrip(".")
    return ""

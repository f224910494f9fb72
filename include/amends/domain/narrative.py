"""The story of an incident: its events, in order, as sentences with times, names, numbers and reasons."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from amends.domain.diagnosis_telling import mask_expired
from amends.domain.events import Event, EventKind
from amends.domain.headline import told
from amends.domain.incident import Incident, incident_from_events
from amends.domain.review import code

Facts = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Told:
    """One event as people are told it: a sentence, and the reasons or numbers behind it."""

    sentence: str
    details: tuple[str, ...] = ()


def narrative(events: Sequence[Event]) -> str:
    """Tell an incident as markdown, from its events alone.

    :param events: all events of one incident, in order; the first is ``incident_opened``.
    :raises ValueError: the events do not begin an incident.
    """
    incident = incident_from_events(events)
    if incident is None:
        raise ValueError("no incident_opened among the events")
    entries = [_entry(event, incident.opened_at) for event in events if event.kind in TELL]
    return "\n".join([*_head(incident, events[-1]), *entries, ""])


def tell(event: Event) -> Told:
    """Tell one event. :raises KeyError: its kind belongs to no incident's story."""
    return TELL[event.kind](event.payload)


def _head(incident: Incident, last: Event) -> list[str]:
    call, took = incident.call, _after(last.at, incident.opened_at)
    state = f"open since {incident.opened_at:%Y-%m-%d %H:%M} UTC" if incident.open else f"closed after {took}"
    return [
        f"# Incident {incident.id}",
        "",
        f"Model {code(incident.model)}, severity {call.severity}, {_listed(call.categories)}; {state}.",
        f"All times are UTC; the story begins on {incident.opened_at:%Y-%m-%d}.",
        "",
    ]


def _entry(event: Event, opened: datetime) -> str:
    story = tell(event)
    who = "" if event.actor == "amends" else f" by {code(event.actor)}"
    first = f"- **{event.at:%H:%M:%S}** (+{_after(event.at, opened)}){who}: {story.sentence}"
    return "\n".join([first, *(f"    - {code(detail)}" for detail in story.details)])


def _after(at: datetime, opened: datetime) -> str:
    minutes, seconds = divmod(max(0, round((at - opened).total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {seconds:02d} s"


def _span(facts: Facts) -> str:
    window = facts.get("window")
    return f" in the window {window['start'][:10]} to {window['end'][:10]}" if window else ""


def _listed(words: Sequence[str]) -> str:
    return ", ".join(word.replace("_", " ") for word in words)


def _opened(facts: Facts) -> Told:
    call = facts["call"]
    sentence = f"**opened** as {call['severity']}: {_listed(call['categories'])}{_span(facts)}."
    asked = (facts["reason"],) if facts.get("reason") else ()
    return Told(sentence, (*asked, *call["because"], *_held(facts), *_duties(facts)))


def _held(facts: Facts) -> tuple[str, ...]:
    """What was held back, and which cool-down was overridden."""
    found = facts.get("triage") or {"suspected": {}, "cooling": {}, "overridden": []}
    held = {**found["suspected"], **found["cooling"]}
    return (*(f"{category} was held back: {why}" for category, why in held.items()), *found["overridden"])


def _duties(facts: Facts) -> tuple[str, ...]:
    """Who answers for it and how soon, as the policy says; nobody keeps these clocks here."""
    duties = facts.get("duties")
    if not duties:
        return ()
    ladder = [_answerable(role, duties["names"].get(role) or ["nobody named"]) for role in duties["ladder"]]
    acknowledge, resolve = (_minutes(duties[f"{what}_minutes"]) for what in ("acknowledge", "resolve"))
    clocks = f"to be acknowledged within {acknowledge} and resolved within {resolve}"
    return (f"{clocks}; answers for it: {', then '.join(ladder)}",)


def _answerable(role: str, names: Sequence[str]) -> str:
    return f"{role.replace('-', ' ')} ({', '.join(names)})"


def _minutes(minutes: float) -> str:
    return f"{minutes:g} min" if minutes < 60 else f"{minutes / 60:g} h"  # noqa: PLR2004 - an hour


def _joined(facts: Facts) -> Told:
    sentence = f"another finding **joined**: {_listed(facts['call']['categories'])}{_span(facts)}."
    return Told(sentence, _held(facts))


def _frozen(facts: Facts) -> Told:
    champion = facts["champion"]
    serving = f"version {code(champion['version'])} was serving" if champion else "no champion was on record"
    held = f"{facts['versions']} versions are registered"
    rows = f", {facts['rows']} rows kept" if facts.get("rows") else ""
    touches = facts.get("touches") or ()
    kept = f"{serving}, {held}{rows} ({facts['evidence'][:19]})"
    return Told(
        f"**evidence frozen** before anything was altered: {kept}.",
        (f"a change of the model touches: {', '.join(touches)}",) if touches else (),
    )


def _decided(facts: Facts) -> Told:
    by_person = tuple(line for line in facts["because"] if line.startswith("the operator"))
    return Told(f"**decided** by policy {facts['policy'][:19]}: {_plan(facts)}.", by_person)


def _plan(facts: Facts) -> str:
    steps = [*(["roll back at once"] if facts["contain"] else []), *facts["run"]]
    roles = f"; a new version needs {_listed(facts['roles'])}" if facts["makes_version"] else ""
    return (_listed(steps).replace(", ", ", then ") or "watch, and do nothing else") + roles


def _rehearsed(facts: Facts) -> Told:
    return Told(f"**rehearsed**, and nothing was changed: {_plan(facts)}.", tuple(facts["because"]))


def _contained(facts: Facts) -> Told:
    return Told(
        f"**contained**: production rolled back from version {code(facts['from'])} to {code(facts['to'])}."
    )


def _not_contained(facts: Facts) -> Told:
    return Told("**not contained**:", (facts["reason"],))


def _reproduced(facts: Facts) -> Told:
    return Told(f"**reproduced** on the frozen rows: {code(facts['result'])}.", (facts["reason"],))


def _diagnosed(facts: Facts) -> Told:
    return Told("**diagnosed**:", tuple(facts["reasons"]))


def _registered(facts: Facts) -> Told:
    made = {
        "retrain": "trained on",
        "mask": "wrapped to do without an input, by",
        "recalibrate": "recalibrated on",
    }
    how = made.get(facts.get("method", "retrain"), f"made by {_listed([facts.get('method', '')])} on")
    return Told(
        f"**candidate** version {code(facts['version'])} {how} {facts['rows']} rows and registered; "
        f"it is to replace version {code(facts['parent'])}."
    )


def _withdrawn(facts: Facts) -> Told:
    return Told(f"candidate version {code(facts['version'])} **withdrawn**: it serves nobody.")


def _revalidated(facts: Facts) -> Told:
    word = "holds" if facts["holds"] else "does not hold"
    return Told(
        f"**revalidated**: serving version {code(facts['champion'])} {word}.", tuple(facts["reasons"])
    )


def _validated(facts: Facts) -> Told:
    word = "blessed" if facts["blessed"] else "not blessed"
    pair = (
        f"version {code(facts['candidate']['version'])} beside champion {code(facts['champion']['version'])}"
    )
    others = [
        f"version {one['version']} ({one['method']}): {one['reasons'][0]}" for one in facts.get("others", ())
    ]
    return Told(f"**validated** {pair}, on the same rows: {word}.", (*facts["reasons"], *others))


def _requested(facts: Facts) -> Told:
    return Told(f"**approval requested** of {_listed(facts['roles'])}, on evidence {facts['evidence'][:19]}.")


def _answered(facts: Facts) -> Told:
    who = code(facts["person"]) if facts["person"] else "nobody (time-out)"
    rationale = (facts["rationale"],) if facts["rationale"] else ()
    return Told(f"**{facts['choice']}** for {facts['role']}, answered by {who}.", rationale)


def _intended(facts: Facts) -> Told:
    return Told(f"{facts['reason']} to version {code(facts['version'])} begun.")


def _refused(facts: Facts) -> Told:
    return Told("**promotion refused**; the champion stays.", tuple(facts["reasons"]))


def _moved(facts: Facts) -> Told:
    return Told(f"**champion** is now version {code(facts['version'])} (epoch {facts['epoch']}).")


def _completed(facts: Facts) -> Told:
    return Told(f"the registry's champion alias was set to version {code(facts['version'])} and read back.")


def _quarantined(facts: Facts) -> Told:
    return Told(f"**quarantined**: nothing is learnt from the rows{_span(facts)}.", (facts["reason"],))


def _released(facts: Facts) -> Told:
    return Told(f"**released**: the rows{_span(facts)} may be learnt from again.", (facts["reason"],))


def _failed(facts: Facts) -> Told:
    return Told(f"**step failed**: {code(facts['step'])}.", (facts["reason"],))


def _step_done(facts: Facts) -> Told:
    return Told(f"playbook {code(facts['playbook'])}: step {code(facts['step'])} done.")


def _taken_back(facts: Facts) -> Told:
    return Told(
        f"playbook {code(facts['playbook'])}: step {code(facts['step'])} **taken back**.",
        (facts["way_back"],),
    )


def _playbook_failed(facts: Facts) -> Told:
    back = f"; taken back: {_listed(facts['taken_back'])}" if facts["taken_back"] else ""
    return Told(
        f"playbook {code(facts['playbook'])} **ended without its goal** at {code(facts['step'])}{back}; "
        f"{code(facts['owner'])} goes on.",
        (facts["reason"],),
    )


def _handed(facts: Facts) -> Told:
    return Told(f"**handed to people**: {code(facts['owner'])} goes on with {_listed(facts['playbooks'])}.")


def _recovered(facts: Facts) -> Told:
    numbers = (told(facts["headline"], facts.get("before")),)
    return Told(f"**recovered** under version {code(facts['version'])}{_span(facts)}.", numbers)


def _relapsed(facts: Facts) -> Told:
    numbers = (told(facts["headline"], facts.get("before")),)
    return Told(f"**relapse** under version {code(facts['version'])}{_span(facts)}.", numbers)


def _closed(facts: Facts) -> Told:
    return Told(f"**closed**: {code(facts['reason'])}.")


TELL: dict[EventKind, Callable[[Facts], Told]] = {
    EventKind.INCIDENT_OPENED: _opened,
    EventKind.INCIDENT_JOINED: _joined,
    EventKind.EVIDENCE_FROZEN: _frozen,
    EventKind.DECISION_MADE: _decided,
    EventKind.REHEARSED: _rehearsed,
    EventKind.CONTAINED: _contained,
    EventKind.CONTAINMENT_SKIPPED: _not_contained,
    EventKind.REPRODUCED: _reproduced,
    EventKind.DIAGNOSED: _diagnosed,
    EventKind.CANDIDATE_REGISTERED: _registered,
    EventKind.CANDIDATE_WITHDRAWN: _withdrawn,
    EventKind.CANDIDATE_VALIDATED: _validated,
    EventKind.REVALIDATED: _revalidated,
    EventKind.APPROVAL_REQUESTED: _requested,
    EventKind.APPROVAL_ANSWERED: _answered,
    EventKind.PROMOTION_INTENDED: _intended,
    EventKind.PROMOTION_REFUSED: _refused,
    EventKind.CHAMPION_MOVED: _moved,
    EventKind.PROMOTION_COMPLETED: _completed,
    EventKind.WINDOW_QUARANTINED: _quarantined,
    EventKind.WINDOW_RELEASED: _released,
    EventKind.STEP_FAILED: _failed,
    EventKind.STEP_DONE: _step_done,
    EventKind.STEP_TAKEN_BACK: _taken_back,
    EventKind.PLAYBOOK_FAILED: _playbook_failed,
    EventKind.HANDED_TO_PEOPLE: _handed,
    EventKind.RECOVERED: _recovered,
    EventKind.RELAPSED: _relapsed,
    EventKind.NOTICE_ACKNOWLEDGED: lambda facts: Told(f"consumer {code(facts['consumer'])} **has read** it."),
    EventKind.MASK_EXPIRED: lambda facts: Told(*mask_expired(facts)),
    EventKind.INCIDENT_CLOSED: _closed,
}

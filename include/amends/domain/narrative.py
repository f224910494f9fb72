"""The story of an incident: its events, in order, as sentences with times, names, numbers and reasons."""

from collections.abc import Callable, Sequence
from datetime import datetime

from amends.domain.diagnosis_telling import mask_expired
from amends.domain.events import Event, EventKind
from amends.domain.headline import told
from amends.domain.incident import Incident, incident_from_events
from amends.domain.narrative_release import RELEASE
from amends.domain.review import code
from amends.domain.told import Facts, Told, listed, span


def narrative(events: Sequence[Event]) -> str:
    """Tell an incident as markdown, from its events alone.

    :param events: all events of one incident, in order; the first is ``incident_opened``.
    :raises ValueError: the events do not begin an incident.
    """
    incident = incident_from_events(events)
    if incident is None:
        raise ValueError("no incident_opened among the events")
    entries = [_entry(event, incident.opened_at) for event in _worth_telling(events)]
    return "\n".join([*_head(incident, events[-1]), *entries, ""])


def _worth_telling(events: Sequence[Event]) -> list[Event]:
    """Events with a sentence; of a trial's looks the last one says what all have shown."""
    last = {event.payload["trial"]: event.seq for event in events if event.kind is EventKind.TRIAL_LOOKED}
    passed_over = {event.seq for event in events if event.kind is EventKind.TRIAL_LOOKED} - {*last.values()}
    return [event for event in events if event.kind in TELL and event.seq not in passed_over]


def tell(event: Event) -> Told:
    """Tell one event. :raises KeyError: its kind belongs to no incident's story."""
    return TELL[event.kind](event.payload)


def _head(incident: Incident, last: Event) -> list[str]:
    call, took = incident.call, _after(last.at, incident.opened_at)
    state = f"open since {incident.opened_at:%Y-%m-%d %H:%M} UTC" if incident.open else f"closed after {took}"
    return [
        f"# Incident {incident.id}",
        "",
        f"Model {code(incident.model)}, severity {call.severity}, {listed(call.categories)}; {state}.",
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


def _opened(facts: Facts) -> Told:
    call = facts["call"]
    sentence = f"**opened** as {call['severity']}: {listed(call['categories'])}{span(facts)}."
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
    sentence = f"another finding **joined**: {listed(facts['call']['categories'])}{span(facts)}."
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
    roles = f"; a new version needs {listed(facts['roles'])}" if facts["makes_version"] else ""
    return listed(steps).replace(", ", ", then ") + roles


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
    reasons = tuple(facts["reasons"])
    return Told(f"**diagnosed** on the frozen rows; findings: {len(reasons)}.", reasons)


def _quarantined(facts: Facts) -> Told:
    return Told(f"**quarantined**: nothing is learnt from the rows{span(facts)}.", (facts["reason"],))


def _released(facts: Facts) -> Told:
    return Told(f"**released**: the rows{span(facts)} may be learnt from again.", (facts["reason"],))


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
    back = f"; taken back: {listed(facts['taken_back'])}" if facts["taken_back"] else ""
    return Told(
        f"playbook {code(facts['playbook'])} **ended without its goal** at {code(facts['step'])}{back}; "
        f"{code(facts['owner'])} goes on.",
        (facts["reason"],),
    )


def _handed(facts: Facts) -> Told:
    return Told(f"**handed to people**: {code(facts['owner'])} goes on with {listed(facts['playbooks'])}.")


def _recovered(facts: Facts) -> Told:
    numbers = (told(facts["headline"], facts.get("before")),)
    return Told(f"**recovered** under version {code(facts['version'])}{span(facts)}.", numbers)


def _relapsed(facts: Facts) -> Told:
    numbers = (told(facts["headline"], facts.get("before")),)
    return Told(f"**relapse** under version {code(facts['version'])}{span(facts)}.", numbers)


def _closed(facts: Facts) -> Told:
    return Told(f"**closed**: {code(facts['reason'])}.")


TELL: dict[EventKind, Callable[[Facts], Told]] = {
    **RELEASE,
    EventKind.INCIDENT_OPENED: _opened,
    EventKind.INCIDENT_JOINED: _joined,
    EventKind.EVIDENCE_FROZEN: _frozen,
    EventKind.DECISION_MADE: _decided,
    EventKind.REHEARSED: _rehearsed,
    EventKind.CONTAINED: _contained,
    EventKind.CONTAINMENT_SKIPPED: _not_contained,
    EventKind.REPRODUCED: _reproduced,
    EventKind.DIAGNOSED: _diagnosed,
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

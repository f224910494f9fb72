"""Triage: what windows before this one make of its breaches. Suspected before detected; cool-down."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from amends.domain.assessment import Call
from amends.domain.decision import Situation, Standing, decide
from amends.domain.events import Event, EventKind
from amends.domain.findings import Finding
from amends.domain.incident import call_from_document
from amends.domain.policy import Policy
from amends.domain.window import Window

HISTORY = (
    EventKind.WINDOW_ASSESSED, EventKind.WINDOW_TRIAGED, EventKind.INCIDENT_OPENED, EventKind.INCIDENT_JOINED,
    EventKind.INCIDENT_CLOSED, EventKind.CHAMPION_MOVED,
)  # fmt: skip
"""Kinds of events that triage reads."""
FOUND = (EventKind.INCIDENT_OPENED, EventKind.INCIDENT_JOINED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Cooling:
    """A category that was answered so lately that it opens nothing, unless it is graver."""

    category: str
    incident: str
    severity: str
    window: int
    of: int

    @property
    def reason(self) -> str:
        """One line for people."""
        return (
            f"cool-down: window {self.window} of {self.of} after incident {self.incident} "
            f"({self.severity}) was answered"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Triage:
    """Each breached category's state: suspected (and why), cooling down, or detected.

    ``in_a_row``: windows, this one included, in which it acted and was not answered.
    """

    suspected: Mapping[str, str]
    cooling: tuple[Cooling, ...]
    in_a_row: Mapping[str, int]

    def standing(self, severity: str | None = None) -> Standing:
        """What the decision has to know; an incident of a severity is held by no milder one before it."""
        holding = [one for one in self.cooling if severity is not None and not severity < one.severity]
        cooling = {one.category: one.reason for one in holding}
        return Standing(held={**self.suspected, **cooling}, in_a_row=self.in_a_row)

    def overrides(self, severity: str) -> tuple[str, ...]:
        """Why cool-down does not hold an incident of a severity; nothing where it does."""
        return tuple(
            f"cool-down of {one.category} after incident {one.incident} is overridden: "
            f"{severity} is graver than {one.severity}"
            for one in self.cooling
            if severity < one.severity
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """What a window's assessment comes to once windows before it are counted in."""

    call: Call | None
    triage: Triage
    held: Mapping[str, str]
    overridden: tuple[str, ...] = ()

    def document(self) -> dict[str, Any]:
        """Return it as JSON; ``cooling`` names what is held, ``overridden`` what is not, and why."""
        return {
            "suspected": dict(self.triage.suspected),
            "cooling": {name: why for name, why in self.held.items() if name not in self.triage.suspected},
            "overridden": list(self.overridden),
            "in_a_row": dict(self.triage.in_a_row),
        }


def act(document: Mapping[str, Any], found: Triage, policy: Policy) -> Acting:
    """Say what an assessment calls for now: what is only suspected, or answered lately, is held back.

    :param document: the assessment, with a call of its own.
    """
    whole = _decided(document, policy, found.standing())
    if whole is None:
        return Acting(call=None, triage=found, held=found.suspected)
    standing = found.standing(whole.severity)
    return Acting(
        call=_decided(document, policy, standing),
        triage=found,
        held=standing.held,
        overridden=found.overrides(whole.severity),
    )


def _decided(document: Mapping[str, Any], policy: Policy, standing: Standing) -> Call | None:
    if not standing.held and all(windows == 1 for windows in standing.in_a_row.values()):
        return call_from_document(document["incident"])
    return decide(
        [Finding.from_document(one) for one in document["findings"]],
        importance=document["situation"]["importance"],
        policy=policy,
        situation=Situation.from_document(document["situation"]),
        standing=standing,
    )


def standing_of(document: Mapping[str, Any] | None) -> Standing:
    """Rebuild the standing that an incident's ``triage`` recorded; None where there was none."""
    if not document:
        return Standing()
    held = {**document["suspected"], **document["cooling"]}
    return Standing(held=held, in_a_row=document["in_a_row"])


def triage(events: Sequence[Event], window: Window, categories: Sequence[str], policy: Policy) -> Triage:
    """Judge a window's breached categories by what the ledger says of the model before it.

    :param events: the model's events of the kinds :data:`HISTORY`, in order.
    """
    lately = [found for _, found in breaches_by_window(events, window)]
    suspected = {}
    for category in categories:
        rule = policy.persistence[category]
        seen = [category in found for found in lately][: rule.of - 1]
        count = 1 + sum(seen)
        if count < rule.breached:
            suspected[category] = (
                f"suspected: {count} of the last {len(seen) + 1} window(s); "
                f"rule {rule.name} asks for {rule.breached} of {rule.of}"
            )
    detected = [category for category in categories if category not in suspected]
    return Triage(
        suspected=suspected,
        cooling=tuple(one for category in detected for one in _cooling(events, window, category, policy)),
        in_a_row={category: 1 + _unanswered(events, window, category) for category in categories},
    )


def breaches_by_window(events: Sequence[Event], before: Window) -> list[tuple[Window, tuple[str, ...]]]:
    """Categories that earlier windows breached, newest first; a window judged twice counts as judged last."""
    found: dict[Window, tuple[str, ...]] = {}
    for event in events:
        if event.kind is EventKind.WINDOW_ASSESSED:
            call = event.payload["call"]
            found[Window.from_document(event.payload["window"])] = tuple(call["categories"]) if call else ()
    earlier = {window: categories for window, categories in found.items() if window.end < before.end}
    return sorted(earlier.items(), key=lambda pair: (pair[0].end, pair[0].start), reverse=True)


def _unanswered(events: Sequence[Event], window: Window, category: str) -> int:
    """In how many windows in a row before this one the category acted, and nobody has answered it since."""
    answered = _last_answer(events, category)
    acted = {
        Window.from_document(event.payload["window"])
        for event in events
        if event.kind is EventKind.WINDOW_TRIAGED and event.seq > (answered[0] if answered else 0)
        and category in (event.payload["call"] or {"categories": ()})["categories"]
    }  # fmt: skip
    earlier = [before for before, _ in breaches_by_window(events, window)]
    return next((count for count, before in enumerate(earlier) if before not in acted), len(earlier))


def _cooling(events: Sequence[Event], window: Window, category: str, policy: Policy) -> list[Cooling]:
    cool_down = policy.persistence[category].cool_down
    answered = _last_answer(events, category)
    if not cool_down or answered is None:
        return []
    seq, incident, severity = answered
    since = {
        event.payload["window"]["end"]
        for event in events
        if event.kind is EventKind.WINDOW_ASSESSED and event.seq > seq
        and Window.from_document(event.payload["window"]).end < window.end
    }  # fmt: skip
    place = len(since) + 1
    if place > cool_down:
        return []
    return [Cooling(category=category, incident=incident, severity=severity, window=place, of=cool_down)]


def _last_answer(events: Sequence[Event], category: str) -> tuple[int, str, str] | None:
    """The newest closing, or promotion, of an incident of the category: row, incident, its severity."""
    severities: dict[str, str] = {}
    answered: tuple[int, str, str] | None = None
    for event in events:
        if event.incident is None:
            continue
        if event.kind in FOUND:
            call = call_from_document(event.payload["call"])
            if category in call.categories:
                severities[event.incident] = min(call.severity, severities.get(event.incident, call.severity))
        elif event.incident in severities and _answers(event):
            answered = event.seq, event.incident, severities[event.incident]
    return answered


def _answers(event: Event) -> bool:
    promoted = event.kind is EventKind.CHAMPION_MOVED and event.payload["reason"] == "promotion"
    return promoted or event.kind is EventKind.INCIDENT_CLOSED


def calls_that_act(events: Sequence[Event]) -> dict[str, Any]:
    """What each window calls for, by its assessment: as it was triaged, else as it was assessed."""
    kinds = EventKind.WINDOW_ASSESSED, EventKind.WINDOW_TRIAGED
    ranked = sorted(
        (event for event in events if event.kind in kinds), key=lambda event: kinds.index(event.kind)
    )
    return {event.payload["assessment"]: event.payload["call"] for event in ranked}

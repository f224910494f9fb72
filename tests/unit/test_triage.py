"""Suspected before detected, cool-down and its override: on a ledger in memory, window by window."""

from typing import Any

import pytest
from amends.domain.events import Event, EventKind
from amends.domain.explanation import lines
from amends.domain.findings import Category
from amends.domain.narrative import narrative
from amends.domain.promotion import Move
from amends.ports import Services
from amends.workflow import opening, respond, watch
from amends.workflow.replay import explain, replay
from weeks import SPEC, assessed, breach, seen, services, week

DRIFT, LOSS = Category.DATA_DRIFT, Category.PERFORMANCE


def triaged(house: Services) -> list[dict[str, Any]]:
    """What was made of each week that breached."""
    return [event.payload for event in house.ledger.events(kinds=[EventKind.WINDOW_TRIAGED])]


def closed(house: Services, incident: str) -> None:
    """The incident is over."""
    respond.record(house, incident, EventKind.INCIDENT_CLOSED, {"reason": "done"}, model="lending")


def opened(house: Services, incident: str) -> Event:
    """The event that opened an incident."""
    return house.ledger.events(incident=incident, kinds=[EventKind.INCIDENT_OPENED])[0]


@pytest.mark.parametrize(
    ("weeks", "detected"),
    [
        ([1], []),
        ([1, 1], [1]),
        ([1, 0, 1], [2]),
        ([1, 0, 0, 1], []),
        ([0, 1, 1, 0, 1], [2, 4]),
        ([1, 1, 0, 0], [1]),
    ],
)
def test_drift_is_detected_in_two_of_three_windows_and_the_latest(
    weeks: list[int], detected: list[int]
) -> None:
    """A single odd window is suspected; a window without a breach detects nothing, whatever came before."""
    house = services()
    acted = [number for number, bad in enumerate(weeks) if seen(house, number, *([DRIFT] if bad else []))]
    assert acted == detected


@pytest.mark.parametrize("category", [LOSS, Category.FAIRNESS, Category.DATA_QUALITY, Category.PRIVACY_LEAK])
def test_what_does_harm_in_every_window_is_detected_at_once(category: Category) -> None:
    """The first window that breaches opens the incident."""
    assert seen(services(), 0, category) is not None


def test_a_suspicion_is_on_record_with_what_it_lacks() -> None:
    """Nothing is opened, and the ledger says why."""
    house = services()
    assert seen(house, 0, DRIFT) is None
    (made,) = triaged(house)
    assert made["call"] is None
    assert made["triage"]["suspected"] == {
        "data_drift": "suspected: 1 of the last 1 window(s); rule lasting-shift asks for 2 of 3"
    }


def test_what_is_only_suspected_does_not_speak_in_an_incident() -> None:
    """A loss opens at once; the drift beside it waits, and the story says so."""
    house = services()
    incident = seen(house, 0, LOSS, DRIFT)
    assert incident is not None
    assert opened(house, incident).payload["call"]["categories"] == ["performance"]
    story = narrative(house.ledger.events(incident=incident))
    assert "data_drift was held back: suspected: 1 of the last 1 window(s)" in story
    assert "answers for it: incident commander (nobody named), then owner (risk-ml)" in story
    assert "acknowledged within 5 min and resolved within 8 h" in story


def test_windows_count_by_their_time_and_not_by_when_they_were_read() -> None:
    """All weeks of a round are assessed before the first is triaged; a later week is no earlier one."""
    house = services()
    first, second = assessed(house, 0, DRIFT), assessed(house, 1, DRIFT)
    assert opening.open_incident(house, SPEC, week(0), first) is None
    assert opening.open_incident(house, SPEC, week(1), second) is not None


def test_a_second_delivery_finds_what_was_made_of_the_first() -> None:
    """A retried task triages nothing twice and opens nothing twice, even when history has grown."""
    house = services()
    first = assessed(house, 0, DRIFT)
    assert opening.open_incident(house, SPEC, week(0), first) is None
    incident = seen(house, 1, DRIFT)
    assert opening.open_incident(house, SPEC, week(0), first) is None
    assert len(triaged(house)) == 2
    assert seen(house, 1, DRIFT) == incident
    assert len(house.ledger.events(kinds=[EventKind.INCIDENT_OPENED])) == 1


def test_what_was_answered_lately_opens_nothing_until_the_cool_down_is_over() -> None:
    """Drift that was observed and closed is held for three windows, and raised in the fourth."""
    house = services()
    seen(house, 0, DRIFT)
    first = seen(house, 1, DRIFT)
    assert first is not None
    closed(house, first)
    assert [seen(house, number, DRIFT) for number in (2, 3, 4)] == [None, None, None]
    assert triaged(house)[2]["triage"]["cooling"] == {
        "data_drift": f"cool-down: window 1 of 3 after incident {first} (SEV3) was answered"
    }
    assert seen(house, 5, DRIFT) not in {None, first}


def test_a_promotion_starts_the_cool_down_too() -> None:
    """The new version's windows still differ from the old reference; that joins nothing."""
    house = services()
    seen(house, 0, DRIFT)
    incident = seen(house, 1, DRIFT)
    move = {"model": "lending", "version": "2", "digest": "d", "seen_epoch": 0, "incident": incident}
    with house.ledger.transaction("lending") as ledger:
        ledger.move_champion(Move(key="p", reason="promotion", **move))  # type: ignore[arg-type]
    assert seen(house, 2, DRIFT, version="2") is None
    assert not house.ledger.events(kinds=[EventKind.INCIDENT_JOINED])


def test_a_graver_incident_overrides_the_cool_down_and_says_so() -> None:
    """Gross drift of both inputs is SEV2 where the answered one was SEV3."""
    house = services()
    seen(house, 0, DRIFT)
    first = seen(house, 1, DRIFT)
    assert first is not None
    closed(house, first)
    second = seen(house, 2, breach(DRIFT, 4, "age"), breach(DRIFT, 4, "occupation"))
    assert second not in {None, first}
    line = f"cool-down of data_drift after incident {first} is overridden: SEV2 is graver than SEV3"
    assert opened(house, str(second)).payload["triage"]["overridden"] == [line]
    assert line in narrative(house.ledger.events(incident=str(second)))
    assert replay(house.ledger, str(second)) == []


def test_cool_down_of_one_category_does_not_hold_another() -> None:
    """Calibration after a closed drift opens at once, and is no graver than it: drift stays out."""
    house = services()
    seen(house, 0, DRIFT)
    first = seen(house, 1, DRIFT)
    closed(house, str(first))
    second = seen(house, 2, Category.CALIBRATION_DRIFT, DRIFT)
    assert opened(house, str(second)).payload["call"]["categories"] == ["calibration_drift"]
    assert list(opened(house, str(second)).payload["triage"]["cooling"]) == ["data_drift"]


def test_a_breach_that_lasts_three_windows_is_graver() -> None:
    """The third window in a row joins as SEV1 and is answered by another run."""
    house = services()
    incident = seen(house, 0, LOSS)
    seen(house, 1, LOSS)
    assert len(house.ledger.pending("incident")) == 1
    assert seen(house, 2, LOSS) == incident
    assert respond.incident_of(house.ledger, str(incident)).call.severity == "SEV1"
    assert len(house.ledger.pending("incident")) == 2
    assert replay(house.ledger, str(incident)) == []


def test_a_window_that_is_only_suspected_is_no_relapse() -> None:
    """The watch goes by what acts, as the triage recorded it."""
    house = services()
    incident = seen(house, 0, LOSS)
    move = {"model": "lending", "version": "2", "digest": "d", "seen_epoch": 0, "incident": incident}
    with house.ledger.transaction("lending") as ledger:
        ledger.move_champion(Move(key="p", reason="promotion", **move))  # type: ignore[arg-type]
    assert seen(house, 1, DRIFT, version="2") is None
    assert watch.watch(house, SPEC) == "recovered"


def test_replay_counts_history_again_and_names_what_differs() -> None:
    """The same history gives the same bytes; a ledger that lost an earlier window does not."""
    house = services()
    seen(house, 0, DRIFT)
    incident = str(seen(house, 1, DRIFT))
    assert replay(house.ledger, incident) == []

    class Forgetful:
        def __getattr__(self, name: str) -> Any:
            return getattr(house.ledger, name)

        def events(self, **asked: Any) -> list[Event]:
            return [event for event in house.ledger.events(**asked) if event.key != "assessed:0"]

    seq = opened(house, incident).seq
    assert replay(Forgetful(), incident) == [  # type: ignore[arg-type]
        f"row {seq}: the event's call differs",
        f"row {seq}: what earlier windows made of it differs",
    ]


def test_explain_names_what_was_held() -> None:
    """A category that waits is named with its reason, in the document and in its telling."""
    house = services()
    incident = str(seen(house, 0, LOSS, DRIFT))
    (told,) = explain(house.ledger, incident)
    assert list(told["held"]) == ["data_drift"]
    assert [line for line in lines(told) if line.startswith("data_drift was held back: suspected")]


def test_explain_names_what_fired_and_what_nearly_did() -> None:
    """Rules and severity rules with the condition that was missing."""
    house = services()
    incident = str(seen(house, 0, breach(LOSS, 4)))
    (told,) = explain(house.ledger, incident)
    assert [rule["name"] for rule in told["rules"]] == ["performance-lost"]
    near = {rule["name"]: rule["missing"] for rule in told["nearly"]}
    assert near == {
        "performance-new-version": {"new_version": True},
        "performance-other-answers": {"other_answers": True},
    }
    (graded,) = told["severity"]
    assert (graded["usual"], graded["severity"], graded["rule"]) == ("SEV2", "SEV2", "as-usual")
    lacking = {rule["name"]: rule["missing"] for rule in graded["nearly"]}
    assert lacking == {"gross-and-irreversible": {"irreversible": True}, "gross-and-broad": {"broad": True}}
    assert (
        "rule performance-new-version nearly fired: it lacks new version; it would rollback, then retrain"
        in lines(told)
    )


def test_what_a_person_asked_for_is_explained_and_replayed_too() -> None:
    """A request has no window and no history; its decision comes out the same."""
    house = services()
    incident = opening.open_by_hand(
        house, SPEC, day=week(0).end, request="r", reason="support calls", actor="olaf"
    )
    assert replay(house.ledger, incident) == []
    (told,) = explain(house.ledger, incident)
    assert [rule["name"] for rule in told["rules"]] == ["report"]
    assert told["duties"]["ladder"] == ["owner", "incident-commander"]

"""A mask that ran out is noticed by the clock, told once, and names the ways on."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from amends.domain.events import EventKind
from amends.domain.incident import incident_from_events, open_incident_of
from amends.domain.narrative import narrative
from amends.ports import Services
from amends.workflow.candidates import keep_candidate, withdraw
from amends.workflow.expiry import expire_mask
from amends.workflow.respond import record
from remedy_story import EXPIRES, SPEC, logs, masked, opened, recalibrated, retrained, services, serving
from threadpoolctl import threadpool_limits

pytestmark = pytest.mark.usefixtures("one_thread")

BEFORE, AFTER = EXPIRES - timedelta(seconds=1), EXPIRES + timedelta(days=2)


@pytest.fixture(scope="module")
def house() -> Services:
    """Version 1 with a mask around it as version 2, which serves since incident i-1."""
    with threadpool_limits(limits=1):
        given = services(logs("broken"))
        opened(given)
        serving(given, "1")
        keep_candidate(given, SPEC, "i-1", masked(given))
        serving(given, "2")
    return given


@pytest.fixture
def given(house: Services) -> Iterator[Services]:
    """The house as it was before the test."""
    ledger: Any = house.ledger
    registry: Any = house.registry
    state, altered = ledger.state, set(registry.altered)
    yield house
    ledger.state, registry.altered = state, altered


def recovered(given: Services) -> None:
    """The mask's own incident is over."""
    record(given, "i-1", EventKind.INCIDENT_CLOSED, {"reason": "recovered"}, model=SPEC.name)


def expirations(given: Services) -> list[dict[str, Any]]:
    """What the ledger says of masks that ran out."""
    return [one.payload for one in given.ledger.events(kinds=[EventKind.MASK_EXPIRED])]


def test_a_mask_stands_until_its_day(given: Services) -> None:
    """A second before, nothing is said and nothing is open."""
    recovered(given)
    assert expire_mask(given, SPEC, BEFORE) is None
    assert open_incident_of(given.ledger.events(model=SPEC.name)) is None


def test_a_mask_that_ran_out_opens_one_incident_with_the_way_back(given: Services) -> None:
    """From its second on, however often the clock asks: one incident, announced once, told once."""
    recovered(given)
    incident = expire_mask(given, SPEC, EXPIRES)
    assert incident is not None
    for minutes in range(3):
        assert expire_mask(given, SPEC, AFTER + timedelta(minutes=minutes)) == incident
    [facts] = expirations(given)
    assert facts["way_back"] == {"version": "1", "verified": True, "reason": ""}
    assert (facts["version"], facts["columns"], facts["masked_in"]) == ("2", ["income"], "i-1")
    found = incident_from_events(given.ledger.events(incident=incident))
    assert found is not None
    assert found.call.playbooks == ("revalidate",)
    assert [row.key for row in given.ledger.pending("incident", SPEC.name)] == [incident]
    story = narrative(given.ledger.events(incident=incident))
    assert "**mask has run out**" in story
    assert "the way back, once income is repaired: version 1, which is what it was and scores" in story
    champion = given.ledger.champion(SPEC.name)
    assert champion is not None
    assert champion.version == "2"  # people decide; nothing is moved by the clock


def test_a_mask_that_goes_on_standing_is_raised_again(given: Services) -> None:
    """A closed incident ends nothing: after thirty more days there is another one."""
    recovered(given)
    first = expire_mask(given, SPEC, AFTER)
    assert first is not None
    record(given, first, EventKind.INCIDENT_CLOSED, {"reason": "left as it is"}, model=SPEC.name)
    assert expire_mask(given, SPEC, AFTER) == first
    assert open_incident_of(given.ledger.events(model=SPEC.name)) is None
    second = expire_mask(given, SPEC, EXPIRES + timedelta(days=31))
    assert second not in {None, first}


def test_it_joins_the_open_incident(given: Services) -> None:
    """While another incident is open, the mask is told there."""
    from amends.workflow.opening import open_by_hand

    recovered(given)
    open_now = open_by_hand(given, SPEC, day=BEFORE, request="run-1", reason="look", actor="ada")
    assert expire_mask(given, SPEC, AFTER) == open_now
    assert len(expirations(given)) == 1


def test_a_parent_that_was_changed_is_no_way_back(given: Services) -> None:
    """The artefact no longer fits: it is said, with the reason."""
    recovered(given)
    given.registry.alter(SPEC.name, "1")  # type: ignore[attr-defined]
    expire_mask(given, SPEC, AFTER)
    back = expirations(given)[0]["way_back"]
    assert not back["verified"]
    assert "altered" in back["reason"]


def test_what_was_built_beside_the_mask_is_named(given: Services) -> None:
    """The model that was trained without the column is a follow-up; one that was withdrawn is none."""
    keep_candidate(given, SPEC, "i-1", retrained(given, dropped=("income",)))
    taken_back = keep_candidate(given, SPEC, "i-1", recalibrated(given))
    withdraw(given, SPEC, "i-1", taken_back)
    recovered(given)
    expire_mask(given, SPEC, AFTER)
    [other] = expirations(given)[0]["follow_ups"]
    assert other["method"].startswith("retrain")


def test_a_mask_inside_of_a_recalibrated_version_still_stands(given: Services) -> None:
    """A map of scores around a mask hides no column's expiry; a version of another kind ends it."""
    around = recalibrated(given, incident="i-2", parent=given.registry.version(SPEC.name, "2"))
    keep_candidate(given, SPEC, "i-1", around)
    recovered(given)
    serving(given, around.version.version)
    assert expire_mask(given, SPEC, AFTER) is not None
    rows = logs("broken").head()
    plain = given.registry.register(SPEC.name, None, key="release 9", tags={}, example=rows, metrics={})
    serving(given, plain.version)
    assert expire_mask(given, SPEC, AFTER) is None


def test_tags_that_somebody_changed_prolong_nothing(given: Services) -> None:
    """The ledger's day counts, whatever stands in the registry."""
    recovered(given)
    registry: Any = given.registry
    stored = list(registry.stored[SPEC.name])
    registry.retag(SPEC.name, "2", **{"amends.facts": '{"expires": "2099-01-01T00:00:00+00:00"}'})
    assert expire_mask(given, SPEC, AFTER) is not None
    registry.stored[SPEC.name] = stored


def test_the_watch_asks_by_the_runs_own_time(given: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    """The verb of `watch_promotions` raises the mask from the moment the run is of, not of the wall."""
    from amends.orchestration import monitoring

    recovered(given)
    monkeypatch.setattr(monitoring, "desk", lambda _: (given, SPEC))

    def at(moment: datetime) -> Any:
        return monitoring.watch_champion(SPEC.name, SimpleNamespace(run_after=moment))

    at(BEFORE)
    assert not expirations(given)
    at(AFTER)
    assert len(expirations(given)) == 1

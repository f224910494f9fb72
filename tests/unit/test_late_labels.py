"""A window that was judged without its labels is judged once more when they have come."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pandas as pd
import pytest
from amends.adapters.files import load_policy
from amends.domain.events import Event, EventKind
from amends.domain.spec import ModelSpec
from amends.domain.window import Window
from amends.ports import Services
from amends.workflow import monitor, opening
from amends.workflow.late_labels import ORIGIN
from fake_registry import FakeRegistry
from fake_source import FakeSource
from fakes import FakeLedger
from lending import applicants, lending_spec, scored
from plain_ports import PlainGate, PlainMetrics

START = datetime(2026, 1, 1, tzinfo=UTC)
DAYS, DELAY = 7, 3
WINDOW = Window("small_lending", START + timedelta(days=DAYS), START + timedelta(days=2 * DAYS))
LATER = WINDOW.end + timedelta(days=DELAY)
POLICY = load_policy()


def spec() -> ModelSpec:
    """A week of reference, a week to judge, labels three days later."""
    windows = {
        "reference": {"start": START.isoformat(), "end": (START + timedelta(days=DAYS)).isoformat()},
        "length_days": DAYS, "label_delay_days": DELAY,
    }  # fmt: skip
    return lending_spec(windows=windows)


def house(share: float, *, broken: bool = False) -> Services:
    """Ports over two weeks of rows; ``share`` of the second week's labels are there."""
    people = applicants(2 * DAYS * 1440 // 5)
    people["at"] = pd.Timestamp(START) + pd.to_timedelta(5 * people.index, unit="min")
    second = people["at"] >= WINDOW.start
    truth = people["truth"].where(~(second & broken), 1 - people["truth"])
    rows = scored(people, truth).to_pandas()
    rows["label"] = rows["label"].astype("float64").mask(second & (people.index % 100 >= 100 * share))
    nothing: Any = None
    return Services(
        ledger=FakeLedger(), registry=FakeRegistry(), source=FakeSource(rows), quality=PlainGate(POLICY),
        fairness=PlainMetrics(), reporter=nothing, trainer=nothing, imputer=nothing, mitigator=nothing,
        policy=POLICY,
    )  # fmt: skip


def announced(services: Services) -> None:
    """A producer commits the second week's batch."""
    with services.ledger.transaction("small_lending") as ledger:
        ledger.announce(opening.BATCH, WINDOW.key, WINDOW.document())


def run(services: Services, until: datetime) -> list[Window]:
    """One run of the monitor."""
    due = monitor.due_windows(services, spec(), until)
    for window in due:
        opening.open_incident(services, spec(), window, monitor.assess_window(services, spec(), window))
    return due


def judged(services: Services) -> list[Event]:
    """What was assessed."""
    return list(services.ledger.events(kinds=[EventKind.WINDOW_ASSESSED]))


def categories(services: Services, event: Event) -> set[tuple[str, str]]:
    """Categories and verdicts of an assessment."""
    document = services.ledger.evidence(event.payload["assessment"])
    return {(one["category"], one["verdict"]) for one in document["findings"]}


def test_the_realised_value_replaces_the_estimate_when_labels_have_come() -> None:
    """Estimated first; once the labels are there, judged on them, and the fault that they show is opened."""
    services = house(0.0, broken=True)
    announced(services)
    assert run(services, WINDOW.end) == [WINDOW]
    (first,) = judged(services)
    assert ("performance", "breach") not in categories(services, first)
    with_labels = replace(services, source=house(1.0, broken=True).source)
    assert run(with_labels, LATER) == [WINDOW]
    _, second = judged(services)
    assert second.payload["origin"] == ORIGIN
    assert ("performance", "breach") in categories(services, second)
    assert not {one for one, _ in categories(services, second)} & {"performance_estimated"}
    opened = services.ledger.events(kinds=[EventKind.INCIDENT_OPENED])
    assert opened[-1].payload["assessment"] == second.payload["assessment"]


def test_a_window_is_judged_again_once() -> None:
    """The clock finds nothing more to do, and a task that is run again finds what the first run recorded."""
    services = house(0.0)
    announced(services)
    run(services, WINDOW.end)
    with_labels = replace(services, source=house(1.0).source)
    run(with_labels, LATER)
    again = monitor.assess_window(with_labels, spec(), WINDOW)
    assert run(with_labels, LATER + timedelta(days=1)) == []
    assert [one.payload["assessment"] for one in judged(services)][-1] == again
    assert len(judged(services)) == 2


@pytest.mark.parametrize(
    ("share", "until"),
    [(1.0, LATER - timedelta(seconds=1)), (0.85, LATER), (0.0, LATER + timedelta(days=30))],
    ids=["too soon", "too few", "none yet"],
)
def test_labels_that_have_not_come_make_nothing_due(share: float, until: datetime) -> None:
    """Before the delay is over, and while under nine tenths of the usual labels are there."""
    services = house(0.0)
    announced(services)
    run(services, WINDOW.end)
    assert run(replace(services, source=house(share).source), until) == []


def test_a_window_with_its_labels_is_judged_once() -> None:
    """What was judged on labels is not due again."""
    services = house(1.0)
    announced(services)
    run(services, WINDOW.end)
    assert run(services, LATER) == []

"""Held-back windows are let go after a new look, or by a person's word; consumers read their notices."""

from typing import Any

import pandas as pd
import pytest
from amends.adapters.files import load_policy
from amends.adapters.great_expectations import GreatExpectationsGate
from amends.domain.events import EventKind
from amends.domain.window import Window
from amends.errors import BadInput, DataError, Refused
from amends.measures.digesting import digest_batches
from amends.ports import Services
from amends.workflow.notices import acknowledge, notices
from amends.workflow.release import release_window
from amends.workflow.remedies.quarantine import left_out, quarantine
from amends.workflow.respond import record
from fake_source import FakeSource
from remedy_story import REFERENCE, SPEC, WINDOW, logs, opened, reference_of, services

pytestmark = pytest.mark.usefixtures("one_thread")

BAD, GOOD = logs("broken"), logs("healthy")


@pytest.fixture
def given() -> Services:
    """The broken window is in quarantine since incident i-1, which is closed by now."""
    made = services(BAD)
    opened(made)
    quarantine(made, SPEC, incident="i-1", window=WINDOW, reason="income in thousandths")
    record(made, "i-1", EventKind.INCIDENT_CLOSED, {"reason": "handed over"}, model=SPEC.name)
    return made


def released(given: Services, log: pd.DataFrame, window: Window = WINDOW, **asked: Any) -> Any:
    """Ask for the release of a window whose rows are as in a log."""
    reference = reference_of(given)
    rows = FakeSource(log).batches(SPEC, asked.pop("rows_of", WINDOW))
    return release_window(
        given.ledger, SPEC, GreatExpectationsGate(load_policy(None)), window, reference=reference,
        current=digest_batches(SPEC, rows, reference.grid), by="dana", **asked,
    )  # fmt: skip


def test_a_repaired_window_is_released_by_name_and_bound_to_its_rows(given: Services) -> None:
    """The check passes: it is learnt from again, consumers are told, and the rows' digest stands there."""
    facts = released(given, GOOD)
    [event] = given.ledger.events(kinds=[EventKind.WINDOW_RELEASED])
    assert (event.actor, event.incident) == ("dana", "i-1")
    assert facts["recheck"]["passed"] is True
    assert facts["data"].startswith("sha256:")
    assert left_out(given.ledger, SPEC.name) == []
    assert [one["event"] for one in notices(given.ledger, "pricing")] == [
        "window_quarantined",
        "window_released",
    ]


def test_a_window_that_still_fails_is_refused_unless_a_person_says_why(given: Services) -> None:
    """Refused with the check by name; with a reason it goes, and what failed is on record."""
    with pytest.raises(Refused, match=r"still fails: .*income"):
        released(given, BAD)
    assert left_out(given.ledger, SPEC.name) == [WINDOW]
    facts = released(given, BAD, reason="the desk wants it in thousandths")
    assert facts["recheck"]["passed"] is False
    assert any(one["column"] == "income" for one in facts["recheck"]["failed"])
    assert left_out(given.ledger, SPEC.name) == []


def test_rows_of_another_time_release_nothing(given: Services) -> None:
    """A good reference week does not vouch for the bad window."""
    with pytest.raises(DataError, match="not of 2026-02-10"):
        released(given, GOOD, rows_of=REFERENCE)
    assert left_out(given.ledger, SPEC.name) == [WINDOW]


def test_a_window_that_is_not_held_back_is_named_with_those_that_are(given: Services) -> None:
    """One line: what was asked, and what there is."""
    with pytest.raises(BadInput, match=r"holds no window .* Held back: 2026-02-10T00:00:00\+00:00/"):
        released(given, GOOD, window=REFERENCE)


def test_a_notice_waits_until_somebody_has_read_it(given: Services) -> None:
    """Acknowledged in a name: off the list of what waits, on record, and not for the other consumer."""
    [waiting] = notices(given.ledger, "pricing")
    assert (waiting["acknowledged_by"], waiting["window"]) == (None, WINDOW.document())
    read = acknowledge(given.ledger, "pricing", waiting["number"], "ada")
    assert read["acknowledged_by"] == "ada"
    assert [one["acknowledged_by"] for one in notices(given.ledger, "pricing")] == ["ada"]
    assert [one["acknowledged_by"] for one in notices(given.ledger, "letters")] == [None]
    assert notices(given.ledger, "nobody") == []
    assert notices(given.ledger, "pricing", model="another") == []


def test_only_what_waits_for_a_consumer_is_acknowledged(given: Services) -> None:
    """Another consumer's number, or the same one again, is refused with those that wait."""
    [mine], [others] = (notices(given.ledger, name) for name in ("pricing", "letters"))
    with pytest.raises(BadInput, match=f"Waiting: {mine['number']}"):
        acknowledge(given.ledger, "pricing", others["number"], "ada")
    acknowledge(given.ledger, "pricing", mine["number"], "ada")
    with pytest.raises(BadInput, match="Waiting: none"):
        acknowledge(given.ledger, "pricing", mine["number"], "ada")

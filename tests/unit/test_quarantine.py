"""Windows that nothing is learnt from, on a ledger in memory."""

import pytest
from amends.domain.events import EventKind, NewEvent
from amends.workflow.remedies.quarantine import CONSUMER_NOTICE, left_out, quarantine, quarantined, release
from amends.workflow.rows import labelled_rows, window_rows
from remedy_story import REFERENCE, SPEC, WINDOW, logs, opened, retrained, services

pytestmark = pytest.mark.usefixtures("one_thread")


def test_a_quarantined_window_is_marked_told_and_not_learnt_from() -> None:
    """Once in the ledger, once in each consumer's outbox row, however often the step is repeated."""
    given = services(logs("broken"))
    opened(given)
    for _ in range(2):
        assert quarantine(given, SPEC, incident="i-1", window=WINDOW, reason="income in thousandths")
    told = given.ledger.pending(CONSUMER_NOTICE, SPEC.name)

    assert len(given.ledger.events(kinds=[EventKind.WINDOW_QUARANTINED])) == 1
    assert [row.payload["consumer"] for row in told] == ["pricing", "letters"]
    assert all(row.payload["window"] == WINDOW.document() for row in told)
    assert quarantined(given.ledger, SPEC.name) == left_out(given.ledger, SPEC.name) == [WINDOW]
    made = retrained(given, without=left_out(given.ledger, SPEC.name))
    rows = window_rows(given.source, SPEC, WINDOW).num_rows
    assert made.trained.end < WINDOW.start
    assert made.rows + labelled_rows(
        given.source, SPEC, made.holdout, without=[WINDOW]
    ).num_rows == len(logs("broken")) - rows  # fmt: skip


def test_repaired_rows_are_released_and_consumers_are_told_again() -> None:
    """A release names the repaired data; a retried quarantine step does not lock them up again."""
    given = services(logs("broken"))
    opened(given)
    quarantine(given, SPEC, incident="i-1", window=WINDOW, reason="income in thousandths")
    for _ in range(2):
        release(
            given, SPEC, incident="i-1", window=WINDOW, reason="reloaded", data="sha256:" + "a" * 64,
            actor="dana",
        )  # fmt: skip

    assert quarantined(given.ledger, SPEC.name) == left_out(given.ledger, SPEC.name) == []
    assert not quarantine(given, SPEC, incident="i-1", window=WINDOW, reason="income in thousandths")
    assert len(given.ledger.pending(CONSUMER_NOTICE, SPEC.name)) == 4
    assert given.ledger.events(kinds=[EventKind.WINDOW_RELEASED])[0].actor == "dana"


def test_windows_of_bad_data_are_left_out_until_they_are_released() -> None:
    """What the monitor found broken is not learnt from, with or without a quarantine of its own."""
    given = services(logs("broken"))
    opened(given)
    for number, categories in enumerate((["data_quality"], ["data_drift"])):
        window = (WINDOW, REFERENCE)[number]
        payload = {"window": window.document(), "call": {"categories": categories}}
        event = NewEvent(kind=EventKind.WINDOW_ASSESSED, key=str(number), model=SPEC.name, payload=payload)
        with given.ledger.transaction(SPEC.name) as ledger:
            ledger.append(event)

    assert left_out(given.ledger, SPEC.name) == [WINDOW]
    release(given, SPEC, incident="i-1", window=WINDOW, reason="ok", data="sha256:" + "b" * 64, actor="dana")
    assert left_out(given.ledger, SPEC.name) == []

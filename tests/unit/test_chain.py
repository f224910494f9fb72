"""The ledger's chain: every change of a row shows, and is named by its number."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest
from amends.domain.events import GENESIS, Event, EventKind, NewEvent, seal, walk_chain

AT = datetime(2026, 3, 1, 12, 0, 0, 123456, tzinfo=UTC)


def chain(length: int) -> list[Event]:
    events: list[Event] = []
    for number in range(1, length + 1):
        new = NewEvent(kind=EventKind.WINDOW_ASSESSED, key=f"k{number}", model="m", payload={"n": number})
        previous = events[-1].hash if events else GENESIS
        events.append(seal(new, seq=number, at=AT, previous=previous))
    return events


def test_an_untouched_chain_holds_to_its_head() -> None:
    """All rows hold, and the head is the last row's hash."""
    events = chain(5)
    report = walk_chain(events)
    assert report.intact
    assert (report.rows, report.head) == (5, events[-1].hash)


@pytest.mark.parametrize(
    "change",
    [
        {"payload_text": '{"n":99}'},
        {"actor": "mallory"},
        {"kind": EventKind.RECOVERED},
        {"model": "other"},
        {"incident": "x"},
        {"key": "other"},
        {"at": datetime(2026, 3, 2, tzinfo=UTC)},
    ],
)
def test_a_changed_field_is_found_at_its_row(change: dict[str, object]) -> None:
    """Every field is under the hash."""
    events = chain(5)
    events[2] = replace(events[2], **change)  # type: ignore[arg-type]
    assert walk_chain(events).first_bad_seq == 3


def test_a_removed_row_is_found() -> None:
    """Rows are numbered without gaps."""
    events = chain(5)
    del events[1]
    assert walk_chain(events).first_bad_seq == 3


def test_swapped_rows_are_found() -> None:
    """Order is part of the record."""
    events = chain(4)
    events[1], events[2] = events[2], events[1]
    assert walk_chain(events).first_bad_seq == 3


def test_a_row_rehashed_after_a_change_breaks_the_next() -> None:
    """Who rewrites one row would have to rewrite all that follow."""
    events = chain(4)
    new = NewEvent(kind=EventKind.WINDOW_ASSESSED, key="k2", model="m", payload={"n": 99})
    events[1] = seal(new, seq=2, at=AT, previous=events[0].hash)
    assert walk_chain(events).first_bad_seq == 3


def test_the_same_moment_in_another_zone_has_the_same_hash() -> None:
    """A database session's time zone changes no hash."""
    from datetime import timedelta, timezone

    new = NewEvent(kind=EventKind.RECOVERED, key="k", model="m")
    there = AT.astimezone(timezone(timedelta(hours=5)))
    assert seal(new, seq=1, at=AT, previous=GENESIS).hash == seal(new, seq=1, at=there, previous=GENESIS).hash

"""What every ledger promises, on PostgreSQL and in memory alike."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pytest
from amends.adapters.postgres import PostgresLedger
from amends.domain.events import GENESIS, EventKind, NewEvent
from amends.domain.promotion import Champion, Move
from amends.errors import DataError, LedgerError, Refused, Superseded
from amends.ports import Ledger
from fakes import FakeLedger

if TYPE_CHECKING:
    from collections.abc import Callable

MODEL, INCIDENT = "credit", "credit-20260301-0a1b2c3d"


@pytest.fixture(params=["memory", "postgres"])
def ledger(request: pytest.FixtureRequest) -> Ledger:
    """Give an empty ledger of each kind."""
    if request.param == "memory":
        return FakeLedger()
    fresh_dsn: Callable[[], str] = request.getfixturevalue("fresh_dsn")
    return PostgresLedger(fresh_dsn())


def event(kind: EventKind, key: str, incident: str | None = INCIDENT, **payload: Any) -> NewEvent:
    """Make an event of the tests' model."""
    return NewEvent(kind=kind, key=key, model=MODEL, incident=incident, payload=payload)


def move(key: str, version: str, seen_epoch: int, digest: str = "sha256:aa") -> Move:
    """Make a move of the tests' model."""
    return Move(
        key=key, model=MODEL, version=version, digest=digest, seen_epoch=seen_epoch, reason="promotion"
    )


def append(ledger: Ledger, *events: NewEvent) -> None:
    """Append each event in a transaction of its own."""
    for one in events:
        with ledger.transaction(one.model) as transaction:
            transaction.append(one)


OPENED = event(EventKind.INCIDENT_OPENED, "opened", call={"severity": "SEV1"})
CLOSED = event(EventKind.INCIDENT_CLOSED, "closed", reason="two healthy windows")


def test_rows_are_numbered_from_one_and_chained(ledger: Ledger) -> None:
    """Rows are numbered without a gap, each holds the hash of the row before, and the chain verifies."""
    append(ledger, OPENED, event(EventKind.DECISION_MADE, "decided"), CLOSED)
    first, second, third = ledger.events()
    assert [first.seq, second.seq, third.seq] == [1, 2, 3]
    assert [first.previous, second.previous, third.previous] == [GENESIS, first.hash, second.hash]
    report = ledger.verify()
    assert (report.intact, report.rows, report.head) == (True, 3, third.hash)


def test_an_empty_ledger_verifies(ledger: Ledger) -> None:
    """A ledger without rows is intact and its head is the genesis hash."""
    assert ledger.verify().intact
    assert ledger.verify().head == GENESIS


def test_a_retried_step_writes_nothing_twice(ledger: Ledger) -> None:
    """The second append with a key returns the first's event, with the first's facts."""
    append(ledger, OPENED)
    with ledger.transaction(MODEL) as transaction:
        again = transaction.append(event(EventKind.INCIDENT_OPENED, "opened", call={"severity": "SEV4"}))
    assert again.payload == {"call": {"severity": "SEV1"}}
    assert len(ledger.events()) == 1


def test_a_key_stands_for_one_step_only(ledger: Ledger) -> None:
    """A key that belongs to another kind of event is refused, not silently taken for a retry."""
    append(ledger, OPENED)
    with pytest.raises(LedgerError, match="opened"):
        append(ledger, event(EventKind.DECISION_MADE, "opened"))


def test_an_error_takes_the_whole_transaction_back(ledger: Ledger) -> None:
    """Nothing of a transaction that fails is kept: no event, no outbox row, no champion."""
    with pytest.raises(LedgerError):
        _do_much_then_fail(ledger)
    assert (ledger.events(), ledger.pending("incident"), ledger.champion(MODEL)) == ([], [], None)


def _do_much_then_fail(ledger: Ledger) -> None:
    with ledger.transaction(MODEL) as transaction:
        transaction.append(OPENED)
        transaction.announce("incident", INCIDENT, {"incident": INCIDENT})
        transaction.move_champion(move("m1", "1", 0))
        transaction.append(event(EventKind.DECISION_MADE, "of another incident", "credit-never-opened"))


def test_events_are_filtered_by_model_incident_and_kind(ledger: Ledger) -> None:
    """Each filter leaves out the others' events; a transaction sees its own model only."""
    other = NewEvent(kind=EventKind.WINDOW_ASSESSED, key="other", model="pricing")
    append(ledger, OPENED, other, event(EventKind.DECISION_MADE, "decided"))
    assert [one.key for one in ledger.events(model=MODEL)] == ["opened", "decided"]
    assert [one.key for one in ledger.events(incident=INCIDENT, kinds=[EventKind.DECISION_MADE])] == [
        "decided"
    ]
    assert [one.key for one in ledger.events(model="pricing")] == ["other"]
    with ledger.transaction("pricing") as transaction:
        assert [one.key for one in transaction.events()] == ["other"]


def test_payloads_come_back_as_they_went_in(ledger: Ledger) -> None:
    """Text of any language, quotes, control characters and numbers survive the round trip unchanged."""
    payload = {"said": 'Zoë: "neen"\\\n\t\x01\x7f 日本 \u2028', "n": [1, 2.5, None, True], "e": 1e-9}
    append(ledger, event(EventKind.WINDOW_ASSESSED, "odd", incident=None, **payload))
    assert ledger.events()[0].payload == payload
    assert ledger.verify().intact


def test_an_announcement_waits_until_it_is_settled(ledger: Ledger) -> None:
    """A row of the outbox is pending once, however often it is announced, and gone when settled."""
    for _ in range(2):
        with ledger.transaction(MODEL) as transaction:
            transaction.announce("batch", "w1", {"rows": 10})
    with ledger.transaction("pricing") as transaction:
        transaction.announce("batch", "w2", {"rows": 20})
    assert [(row.key, row.model, row.payload) for row in ledger.pending("batch")] == [
        ("w1", MODEL, {"rows": 10}),
        ("w2", "pricing", {"rows": 20}),
    ]
    with ledger.transaction(MODEL) as transaction:
        transaction.settle("batch", "w1")
        transaction.settle("batch", "never announced")
    assert [row.key for row in ledger.pending("batch", "pricing")] == ["w2"]
    assert ledger.pending("batch", MODEL) == []


def test_evidence_is_found_by_its_content(ledger: Ledger) -> None:
    """Equal documents have one digest whatever the order of their keys; an unknown digest is refused."""
    digest = ledger.put_evidence("assessment", {"b": 1, "a": [2.0, None]})
    assert ledger.put_evidence("assessment", {"a": [2.0, None], "b": 1}) == digest
    assert ledger.evidence(digest) == {"a": [2.0, None], "b": 1}
    with pytest.raises(LedgerError, match="sha256:00"):
        ledger.evidence("sha256:00")


def test_a_champion_moves_epoch_by_epoch(ledger: Ledger) -> None:
    """Each move raises the epoch by one and names the champion before it."""
    with ledger.transaction(MODEL) as transaction:
        assert transaction.champion() is None
        transaction.move_champion(move("m1", "1", 0))
        transaction.move_champion(move("m2", "2", 1, "sha256:bb"))
    assert ledger.champion(MODEL) == Champion(model=MODEL, version="2", digest="sha256:bb", epoch=2)
    last = ledger.events(kinds=[EventKind.CHAMPION_MOVED])[-1]
    assert last.payload["previous"] == {"version": "1", "digest": "sha256:aa"}
    assert ledger.champion("pricing") is None


def test_a_move_on_an_old_epoch_is_superseded(ledger: Ledger) -> None:
    """A move that rests on an epoch which is past changes nothing and says where the champion is."""
    with ledger.transaction(MODEL) as transaction:
        transaction.move_champion(move("m1", "1", 0))
    with pytest.raises(Superseded, match="version 1 at epoch 1"), ledger.transaction(MODEL) as transaction:
        transaction.move_champion(move("m2", "2", 0))
    assert len(ledger.events()) == 1


def test_a_retried_move_is_the_same_move(ledger: Ledger) -> None:
    """A move carried out before returns its champion, even when the champion has moved on since."""
    with ledger.transaction(MODEL) as transaction:
        first = transaction.move_champion(move("m1", "1", 0))
        transaction.move_champion(move("m2", "2", 1))
        assert transaction.move_champion(move("m1", "1", 0)) == first
    with pytest.raises(Refused, match="another version"), ledger.transaction(MODEL) as transaction:
        transaction.move_champion(move("m1", "7", 0))


def test_only_a_compare_and_set_moves_the_champion(ledger: Ledger) -> None:
    """An event that claims a move is refused: the champion is set by comparing first."""
    with pytest.raises(LedgerError, match="move_champion"):
        append(ledger, event(EventKind.CHAMPION_MOVED, "m1", version="9", digest="sha256:cc", epoch=1))


def test_an_incident_is_opened_before_anything_happens_to_it(ledger: Ledger) -> None:
    """A step of an incident that was never opened is refused."""
    with pytest.raises(LedgerError, match="before incident"):
        append(ledger, event(EventKind.DECISION_MADE, "decided"))


def test_a_closed_incident_can_only_be_told(ledger: Ledger) -> None:
    """After an incident is closed it can be narrated, but not contained, and not opened again."""
    append(ledger, OPENED, CLOSED, event(EventKind.NARRATED, "told"))
    with pytest.raises(LedgerError, match="closed"):
        append(ledger, event(EventKind.CONTAINED, "contained"))
    with pytest.raises(LedgerError, match="opened before"):
        append(ledger, event(EventKind.INCIDENT_OPENED, "opened again"))


def test_a_transaction_is_on_one_model(ledger: Ledger) -> None:
    """An event of another model does not slip in under this model's lock."""
    with pytest.raises(LedgerError, match="pricing"), ledger.transaction("pricing") as transaction:
        transaction.append(OPENED)


def test_frozen_rows_are_kept_once_and_read_back(ledger: Ledger) -> None:
    """The first rows given stay, whatever a retry gives; each incident has its own."""
    first = [
        pa.record_batch({"id": ["a", "b"], "score": [0.1, None]}),
        pa.record_batch({"id": ["c"], "score": [0.3]}),
    ]
    kept = ledger.keep_rows(INCIDENT, iter(first))
    assert kept.rows == 3
    again = ledger.keep_rows(INCIDENT, [pa.record_batch({"id": ["other"], "score": [1.0]})])
    assert again == kept
    assert pa.Table.from_batches(ledger.kept_rows(INCIDENT)).to_pydict() == {
        "id": ["a", "b", "c"], "score": [0.1, None, 0.3],
    }  # fmt: skip
    assert list(ledger.kept_rows("another")) == []


def test_an_interrupted_snapshot_keeps_nothing(ledger: Ledger) -> None:
    """Rows that break off half-way leave nothing, so that a retry keeps them all."""

    def broken() -> Iterator[pa.RecordBatch]:
        yield pa.record_batch({"id": ["a"]})
        raise DataError("the log broke off. Try again.")

    with pytest.raises(DataError):
        ledger.keep_rows(INCIDENT, broken())
    assert (
        ledger.keep_rows(INCIDENT, [pa.record_batch({"id": ["a"]}), pa.record_batch({"id": ["b"]})]).rows == 2
    )

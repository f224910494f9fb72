"""The schema guards itself: who may do what, what it refuses, and what it shows to a reader in psql."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pyarrow as pa
import pytest
from amends.adapters.postgres import APP_ROLE, PostgresLedger, announce, connect, migrate, schema
from amends.domain.events import EventKind, NewEvent, seal
from amends.domain.promotion import Move
from amends.errors import DataError, LedgerError, Unavailable
from conftest import dsn_of_database

MODEL, INCIDENT = "lending", "lending-20260301-0a1b2c3d"


def app_dsn(dsn: str) -> str:
    """DSN of the same database as the services' role."""
    return dsn_of_database(dsn, query(dsn, "SELECT current_database()")[0][0], user=APP_ROLE)


def query(dsn: str, sql: str) -> list[tuple[Any, ...]]:
    """Run a query."""
    with connect(dsn) as connection:
        return connection.execute(sql.encode()).fetchall()


@pytest.fixture
def dsn(fresh_dsn: Callable[[], str]) -> str:
    """Give a migrated database whose services' role may log in."""
    owner = fresh_dsn()
    migrate(owner, app_password="correct horse")
    return owner


@pytest.fixture(scope="module")
def walked(fresh_dsn: Callable[[], str]) -> str:
    """Give a database with a walk in it, for tests that must not change anything."""
    owner = fresh_dsn()
    migrate(owner, app_password="correct horse")
    walk(PostgresLedger(owner))
    return owner


def walk(ledger: PostgresLedger) -> None:
    """Write a short walk of an incident."""
    call = {"severity": "SEV2", "category": "fairness", "playbook": "rollback"}
    facts = {"role": "legal", "person": "lena", "choice": "Approve", "rationale": "It is fair now."}
    steps = [
        NewEvent(
            kind=EventKind.INCIDENT_OPENED, key="o", model=MODEL, incident=INCIDENT, payload={"call": call}
        ),
        NewEvent(kind=EventKind.CONTAINED, key="c", model=MODEL, incident=INCIDENT),
        NewEvent(kind=EventKind.APPROVAL_ANSWERED, key="a", model=MODEL, incident=INCIDENT, payload=facts),
        NewEvent(
            kind=EventKind.INCIDENT_CLOSED,
            key="x",
            model=MODEL,
            incident=INCIDENT,
            payload={"reason": "well"},
        ),
    ]
    with ledger.transaction(MODEL) as transaction:
        for version, epoch in (("1", 0), ("2", 1)):
            move = Move(
                key=f"m{version}", model=MODEL, version=version, digest=f"sha256:{version}", seen_epoch=epoch,
                reason="promotion",
            )  # fmt: skip
            transaction.move_champion(move)
        for step in steps:
            transaction.append(step)


def test_migrating_twice_changes_nothing(dsn: str) -> None:
    """The second migration finds everything applied."""
    assert migrate(dsn) == []
    assert query(dsn, "SELECT name FROM amends.migrations ORDER BY 1")[0] == ("0001_ledger.sql",)


def test_a_migration_changed_after_the_fact_is_refused(dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that is no longer what was applied is named, and nothing is applied."""
    changed = [replace(one, sql=one.sql + "-- improved") for one in schema.migrations()]
    monkeypatch.setattr(schema, "migrations", lambda: changed)
    with pytest.raises(LedgerError, match=r"0001_ledger\.sql was changed"):
        migrate(dsn)


def test_the_services_role_can_run_the_whole_ledger(dsn: str) -> None:
    """As amends_app: append, move, announce, settle, keep evidence, verify."""
    ledger = PostgresLedger(app_dsn(dsn))
    walk(ledger)
    with ledger.transaction(MODEL) as transaction:
        transaction.announce("batch", "w1", {})
        transaction.settle("batch", "w1")
    assert ledger.evidence(ledger.put_evidence("note", {"a": 1})) == {"a": 1}
    assert ledger.pending("batch") == []
    assert ledger.verify().rows == 6


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE amends.events SET actor = 'mallory'",
        "DELETE FROM amends.events",
        "TRUNCATE amends.events",
        "UPDATE amends.evidence SET document = '{}'",
        "DELETE FROM amends.outbox",
        "UPDATE amends.outbox SET payload = '{}'",
        "ALTER TABLE amends.events DISABLE TRIGGER append_only",
        "DROP TRIGGER append_only ON amends.events",
        "CREATE TABLE amends.mine (a int)",
        "INSERT INTO amends.migrations VALUES ('0009', '')",
    ],
)
def test_the_services_role_can_do_nothing_else(walked: str, statement: str) -> None:
    """As amends_app: no change, no deletion, no definition; one line says so."""
    with (
        pytest.raises(Unavailable, match=r"permission denied|must be owner"),
        connect(app_dsn(walked)) as connection,
    ):
        connection.execute(statement.encode())


@pytest.mark.parametrize("table", ["events", "evidence"])
@pytest.mark.parametrize(
    "verb", ["UPDATE amends.{} SET kind = 'x'", "DELETE FROM amends.{}", "TRUNCATE amends.{}"]
)
def test_even_the_owner_is_refused_a_change(walked: str, table: str, verb: str) -> None:
    """The triggers refuse update, delete and truncate to whoever asks, empty table or not."""
    with pytest.raises(LedgerError, match="append-only"), connect(walked) as connection:
        connection.execute(verb.format(table).encode())


def test_a_row_that_does_not_fit_the_chain_is_refused_by_the_database(dsn: str) -> None:
    """An insert by hand with a wrong link, a wrong hash or another time than now is refused."""
    walk(PostgresLedger(dsn))
    last = PostgresLedger(dsn).events()[-1]
    new = NewEvent(kind=EventKind.NARRATED, key="by hand", model=MODEL)
    good = seal(new, seq=last.seq + 1, at=query(dsn, "SELECT clock_timestamp()")[0][0], previous=last.hash)
    late = seal(new, seq=last.seq + 1, at=last.at.replace(year=2020), previous=last.hash)
    columns = "seq, at, kind, key, model, incident, actor, payload_text, previous, hash"
    insert = f"INSERT INTO amends.events ({columns}) VALUES ({', '.join(['%s'] * 10)})".encode()
    bad = {
        "does not follow": replace(good, previous="0" * 64),
        "does not fit its hash": replace(good, actor="mallory"),
        "not timed by the clock": late,
    }
    for reason, row in bad.items():
        with pytest.raises(LedgerError, match=reason), connect(app_dsn(dsn)) as connection:
            connection.execute(insert, [getattr(row, name) for name in columns.split(", ")])
    with connect(app_dsn(dsn)) as connection:
        connection.execute(insert, [getattr(good, name) for name in columns.split(", ")])
    assert PostgresLedger(dsn).verify().intact


def test_evidence_that_is_not_its_digest_is_refused_by_the_database(dsn: str) -> None:
    """A document cannot be stored under another document's digest."""
    with pytest.raises(LedgerError, match="content_addressed"), connect(app_dsn(dsn)) as connection:
        connection.execute(
            "INSERT INTO amends.evidence (digest, kind, document) VALUES ('sha256:0', 'a', '{}')"
        )


def test_one_epoch_cannot_be_won_twice_even_by_hand(dsn: str) -> None:
    """A unique index backs the compare and set: a second event for epoch 2 is refused."""
    ledger = PostgresLedger(dsn)
    walk(ledger)
    again = NewEvent(kind=EventKind.CHAMPION_MOVED, key="again", model=MODEL, payload={"epoch": 2})
    with pytest.raises(LedgerError, match="one_move_per_epoch"), ledger.transaction(MODEL) as transaction:
        transaction._append(again)


def test_the_password_of_the_services_is_kept_as_a_verifier(dsn: str) -> None:
    """The server holds a SCRAM verifier; the password itself is nowhere."""
    [(kept,)] = query(dsn, f"SELECT rolpassword FROM pg_authid WHERE rolname = '{APP_ROLE}'")
    assert kept.startswith("SCRAM-SHA-256$")
    assert "correct horse" not in kept


def test_the_views_read_well(dsn: str) -> None:
    """Incidents, approvals and the champion's history are one row each, in plain columns."""
    walk(PostgresLedger(dsn))
    assert query(
        dsn,
        "SELECT incident, model, severity, category, playbook, state, closed_because FROM amends.incidents",
    ) == [(INCIDENT, MODEL, "SEV2", "fairness", "rollback", "closed", "well")]
    assert query(dsn, "SELECT incident, role, person, choice, rationale FROM amends.approvals") == [
        (INCIDENT, "legal", "lena", "Approve", "It is fair now.")
    ]
    assert query(
        dsn, "SELECT model, epoch, from_version, to_version, reason FROM amends.champion_history"
    ) == [
        (MODEL, 1, None, "1", "promotion"),
        (MODEL, 2, "1", "2", "promotion"),
    ]
    assert query(dsn, "SELECT model, version, epoch FROM amends.champions") == [(MODEL, "2", 2)]
    assert [row[0] for row in query(dsn, "SELECT kind FROM amends.timeline")][:2] == ["champion_moved"] * 2


def test_an_announcement_rings(dsn: str) -> None:
    """A row in the outbox notifies whoever listens, when its transaction commits and not before."""
    with connect(dsn) as listener, connect(app_dsn(dsn)) as producer:
        listener.execute("LISTEN amends_outbox")
        with producer.transaction():
            announce(producer, topic="batch", key="w1", model=MODEL, payload={"rows": 3})
            assert list(listener.notifies(timeout=0.05)) == []
        [heard] = listener.notifies(timeout=5, stop_after=1)
    assert heard.payload == "batch"
    assert [row.payload for row in PostgresLedger(dsn).pending("batch", MODEL)] == [{"rows": 3}]


def test_a_database_that_is_away_is_one_line_without_the_password() -> None:
    """Nothing listens on port 1: the message says where and what to do, and keeps the secret."""
    ledger = PostgresLedger("postgresql://amends_app:hunter2@127.0.0.1:1/amends")
    with pytest.raises(Unavailable) as told:
        ledger.events()
    message = str(told.value)
    assert "127.0.0.1:1/amends does not answer" in message
    assert ("\n" in message, "hunter2" in message) == (False, False)


def test_a_dsn_that_is_none_is_one_line_without_its_text() -> None:
    """A mistyped DSN may hold a password: it is not repeated."""
    with pytest.raises(Unavailable) as told:
        PostgresLedger("postgre//amends:hunter2 host").events()
    assert ("\n" in str(told.value), "hunter2" in str(told.value)) == (False, False)


def test_a_database_without_a_ledger_says_how_to_get_one(pg_server: str) -> None:
    """A database that was never migrated is told apart from one that does not answer."""
    with pytest.raises(Unavailable, match="Apply the migrations"):
        PostgresLedger(pg_server).events()


def test_a_fact_that_cannot_be_stored_is_refused_whole(dsn: str) -> None:
    """PostgreSQL keeps no NUL in text: the event is refused on one line and nothing is half written."""
    ledger = PostgresLedger(dsn)
    event = NewEvent(kind=EventKind.WINDOW_ASSESSED, key="nul", model=MODEL, payload={"name": "a\0b"})
    with pytest.raises(DataError, match="cannot"), ledger.transaction(MODEL) as transaction:
        transaction.append(event)
    assert ledger.verify().rows == 0


def test_frozen_rows_cannot_be_changed_or_deleted_by_the_services(dsn: str) -> None:
    """Neither role changes a snapshot; only the owner forgets those that are old, and the events stay."""
    ledger = PostgresLedger(app_dsn(dsn))
    ledger.keep_rows(INCIDENT, [pa.record_batch({"id": ["a"]})])
    for role in (dsn, app_dsn(dsn)):
        with pytest.raises((LedgerError, Unavailable, DataError)):
            query(role, "UPDATE amends.snapshots SET content = ''")
    for sql in ("DELETE FROM amends.snapshots", "SELECT amends.forget_snapshots('0 days')"):
        with pytest.raises((LedgerError, Unavailable, DataError)):
            query(app_dsn(dsn), sql)
    assert query(dsn, "SELECT amends.forget_snapshots('1 day')") == [(0,)]
    assert query(dsn, "SELECT amends.forget_snapshots('0 days')") == [(1,)]
    assert list(ledger.kept_rows(INCIDENT)) == []

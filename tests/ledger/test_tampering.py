"""Whoever changes the ledger behind its back is found out, and the first bad row is named."""

import random
from collections.abc import Callable
from typing import Any

import pytest
from amends.adapters.postgres import PostgresLedger
from amends.adapters.postgres.audit import Audit, Checkpoint, audit
from amends.domain.events import EventKind, NewEvent, hash_of
from amends.errors import BadInput

ROWS = 12
Change = Callable[["Connection", int], int]
Connection = Any


def fill(dsn: str, rows: int = ROWS) -> PostgresLedger:
    """Write rows, each with evidence."""
    ledger = PostgresLedger(dsn)
    for number in range(1, rows + 1):
        evidence = ledger.put_evidence("assessment", {"number": number})
        with ledger.transaction("credit") as transaction:
            transaction.append(
                NewEvent(
                    kind=EventKind.WINDOW_ASSESSED, key=f"w{number}", model="credit",
                    payload={"assessment": evidence, "rows": number},
                )
            )  # fmt: skip
    return ledger


def tamper(dsn: str, *statements: str) -> None:
    """Change rows as a superuser who has switched the guards off."""
    import psycopg

    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("ALTER TABLE amends.events DISABLE TRIGGER USER")
        connection.execute("ALTER TABLE amends.evidence DISABLE TRIGGER USER")
        for statement in statements:
            connection.execute(statement.encode())


def rehash(dsn: str, first: int, last: int) -> None:
    """Give rows new hashes and links, as somebody who knows the formula would."""
    ledger = PostgresLedger(dsn)
    for event in ledger.events()[first - 1 : last]:
        before = ledger.events()[event.seq - 2].hash if event.seq > 1 else "0" * 64
        fields = {name: getattr(event, name) for name in event.__slots__ if name != "hash"}
        new = hash_of(**{**fields, "previous": before})
        tamper(dsn, f"UPDATE amends.events SET previous = '{before}', hash = '{new}' WHERE seq = {event.seq}")


def bad_row(dsn: str) -> int | None:
    """Return the first row that an audit names."""
    return audit(dsn).chain.first_bad_seq


EDITS = {
    "payload_text": "'{\"rows\":99}'",
    "kind": "'narrated'",
    "key": "key || 'x'",
    "model": "'other'",
    "incident": "'i'",
    "actor": "'mallory'",
    "at": "at + interval '1 microsecond'",
    "previous": "repeat('a', 64)",
    "hash": "repeat('b', 64)",
}


@pytest.mark.parametrize("column", sorted(EDITS))
def test_an_edit_of_any_column_is_found(fresh_dsn: Callable[[], str], column: str) -> None:
    """One column of row 5 is changed: the audit names row 5."""
    dsn = fresh_dsn()
    fill(dsn)
    tamper(dsn, f"UPDATE amends.events SET {column} = {EDITS[column]} WHERE seq = 5")
    assert bad_row(dsn) == 5


def test_an_unknown_kind_is_a_finding_not_a_crash(fresh_dsn: Callable[[], str]) -> None:
    """A kind that no release ever wrote is named as a changed row."""
    dsn = fresh_dsn()
    fill(dsn, 2)
    tamper(dsn, "UPDATE amends.events SET kind = 'nonsense' WHERE seq = 2")
    assert audit(dsn).problems == ("row 2 (nonsense) was changed after it was written",)


def test_a_deleted_row_is_found(fresh_dsn: Callable[[], str]) -> None:
    """Row 5 is taken out: the audit stops at row 6."""
    dsn = fresh_dsn()
    fill(dsn)
    tamper(dsn, "DELETE FROM amends.events WHERE seq = 5")
    assert bad_row(dsn) == 6
    assert audit(dsn).problems == ("row 5 is missing: the next row is numbered 6",)


def test_swapped_rows_are_found(fresh_dsn: Callable[[], str]) -> None:
    """Rows 4 and 8 change places: the audit names row 4."""
    dsn = fresh_dsn()
    fill(dsn)
    tamper(
        dsn,
        "UPDATE amends.events SET seq = -4 WHERE seq = 4",
        "UPDATE amends.events SET seq = 4 WHERE seq = 8",
        "UPDATE amends.events SET seq = 8 WHERE seq = -4",
    )
    assert bad_row(dsn) == 4


def test_an_edited_row_with_a_new_hash_is_found(fresh_dsn: Callable[[], str]) -> None:
    """Row 5 is changed and hashed anew: it holds by itself, but row 6 no longer follows it."""
    dsn = fresh_dsn()
    fill(dsn)
    tamper(dsn, "UPDATE amends.events SET actor = 'mallory' WHERE seq = 5")
    rehash(dsn, 5, 5)
    assert bad_row(dsn) == 6


def test_a_cut_off_end_needs_a_checkpoint(fresh_dsn: Callable[[], str]) -> None:
    """The chain alone cannot miss rows that were cut off its end; a checkpoint kept outside does."""
    dsn = fresh_dsn()
    fill(dsn)
    kept = audit(dsn).head
    tamper(dsn, "DELETE FROM amends.events WHERE seq > 9")
    assert audit(dsn).problems == ()
    assert "row 12 of the checkpoint is missing" in audit(dsn, kept).checkpoint_problem


def test_a_rewritten_end_needs_a_checkpoint(fresh_dsn: Callable[[], str]) -> None:
    """An end that was rewritten with right hashes passes the chain, and fails the checkpoint."""
    dsn = fresh_dsn()
    fill(dsn)
    kept = audit(dsn).head
    tamper(dsn, "UPDATE amends.events SET actor = 'mallory' WHERE seq = 10")
    rehash(dsn, 10, ROWS)
    assert audit(dsn).problems == ()
    assert "row 12 is not the checkpoint's" in audit(dsn, kept).checkpoint_problem


def test_a_grown_ledger_still_passes_its_checkpoint(fresh_dsn: Callable[[], str]) -> None:
    """Rows that come after a checkpoint do not disturb it; an empty ledger's checkpoint holds for ever."""
    dsn = fresh_dsn()
    nothing = audit(dsn).head
    assert str(nothing) == "0:" + "0" * 64
    fill(dsn, 3)
    kept = Checkpoint.read(str(audit(dsn).head))
    with PostgresLedger(dsn).transaction("credit") as transaction:
        transaction.append(NewEvent(kind=EventKind.WINDOW_ASSESSED, key="later", model="credit"))
    assert audit(dsn, kept).problems == audit(dsn, nothing).problems == ()
    with pytest.raises(BadInput, match="not <rows>:<64 hexadecimal digits>"):
        Checkpoint.read("3:abc")


def test_altered_and_missing_evidence_is_found(fresh_dsn: Callable[[], str]) -> None:
    """A document that was changed, and one that was taken away, are both named by digest."""
    dsn = fresh_dsn()
    ledger = fill(dsn)
    changed, gone = (event.payload["assessment"] for event in ledger.events()[:2])
    tamper(
        dsn,
        "ALTER TABLE amends.evidence DROP CONSTRAINT content_addressed",
        f"UPDATE amends.evidence SET document = '{{}}' WHERE digest = '{changed}'",
        f"DELETE FROM amends.evidence WHERE digest = '{gone}'",
    )
    found: Audit = audit(dsn)
    assert (found.altered_evidence, found.missing_evidence) == ((changed,), (gone,))
    assert found.document()["intact"] is False


def test_random_tampering_is_always_found(fresh_dsn: Callable[[], str]) -> None:
    """Three hundred random single-row edits, each undone again: every one is found at its row."""
    import psycopg

    dsn = fresh_dsn()
    fill(dsn, 40)
    chance = random.Random(7)  # noqa: S311  which rows, not a secret
    tamper(dsn)
    with psycopg.connect(dsn, autocommit=True) as connection:
        for _ in range(300):
            column, seq = chance.choice(sorted(EDITS)), chance.randint(1, 40)
            was = connection.execute(
                f"SELECT {column} FROM amends.events WHERE seq = {seq}".encode()
            ).fetchone()
            connection.execute(
                f"UPDATE amends.events SET {column} = {EDITS[column]} WHERE seq = {seq}".encode()
            )
            assert PostgresLedger(dsn).verify().first_bad_seq == seq
            connection.execute(f"UPDATE amends.events SET {column} = %s WHERE seq = {seq}".encode(), was)
    assert audit(dsn).problems == ()

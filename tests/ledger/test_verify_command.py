"""`amends verify` in the hands of an auditor."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from amends.adapters.postgres import PostgresLedger
from amends.cli import run
from amends.domain.events import EventKind, NewEvent

Captured = pytest.CaptureFixture[str]


@pytest.fixture
def dsn(fresh_dsn: Callable[[], str]) -> str:
    """Give a ledger of three rows."""
    dsn = fresh_dsn()
    with PostgresLedger(dsn).transaction("credit") as transaction:
        for key in ("a", "b", "c"):
            transaction.append(NewEvent(kind=EventKind.WINDOW_ASSESSED, key=key, model="credit"))
    return dsn


def change(dsn: str, statement: str) -> None:
    """Change the ledger with its guards off."""
    import psycopg

    with psycopg.connect(dsn, autocommit=True) as connection:
        connection.execute("ALTER TABLE amends.events DISABLE TRIGGER USER")
        connection.execute(statement.encode())


def test_a_ledger_that_holds_ends_0_and_prints_a_checkpoint(dsn: str, capsys: Captured) -> None:
    """The printed checkpoint is accepted by the next verify."""
    assert run(["verify", "--dsn", dsn]) == 0
    told = capsys.readouterr().out
    assert "The ledger holds: 3 rows" in told
    checkpoint = told.split()[-1]
    assert run(["verify", "--dsn", dsn, "--checkpoint", checkpoint]) == 0


def test_a_changed_row_ends_1_and_is_named(dsn: str, capsys: Captured) -> None:
    """The text and the JSON document both name row 2."""
    change(dsn, "UPDATE amends.events SET actor = 'mallory' WHERE seq = 2")
    assert run(["verify", "--dsn", dsn]) == 1
    assert "row 2 (window_assessed) was changed after it was written" in capsys.readouterr().out
    assert run(["verify", "--dsn", dsn, "--json"]) == 1
    document = json.loads(capsys.readouterr().out)
    assert (document["intact"], document["rows"], document["first_bad_seq"]) == (False, 1, 2)


def test_a_cut_off_end_ends_1_against_the_kept_checkpoint(
    dsn: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The DSN may come from the environment; the checkpoint shows what the chain cannot."""
    monkeypatch.setenv("AMENDS_DSN", dsn)
    assert run(["verify", "--json"]) == 0
    kept = json.loads(capsys.readouterr().out)["checkpoint"]
    change(dsn, "DELETE FROM amends.events WHERE seq = 3")
    assert run(["verify"]) == 0
    assert run(["verify", "--checkpoint", kept]) == 1
    assert "row 3 of the checkpoint is missing" in capsys.readouterr().out


def test_wrong_input_ends_2_on_one_line(
    dsn: str, capsys: Captured, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """No DSN, a database that is away, a checkpoint that is none: one line each on stderr."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("AMENDS_DSN", raising=False)
    for arguments in (
        [],
        ["--dsn", "postgresql://127.0.0.1:1/amends"],
        ["--dsn", dsn, "--checkpoint", "yesterday"],
    ):
        assert run(["verify", *arguments]) == 2
        captured = capsys.readouterr()
        assert (captured.out, captured.err.count("\n")) == ("", 1)

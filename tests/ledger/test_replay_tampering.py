"""`amends replay` on a ledger whose facts were changed behind its back: exit code 1, and what differs."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from amends.adapters.postgres import PostgresLedger
from amends.cli import run
from amends.domain.events import EventKind
from amends.domain.findings import Category
from amends.workflow import respond
from weeks import SPEC, breach, seen, services


@pytest.fixture
def house(fresh_dsn: Callable[[], str]) -> tuple[str, str]:
    """DSN of a ledger with an incident of two drifted weeks, decided upon, and the incident."""
    dsn = fresh_dsn()
    found = services(PostgresLedger(dsn))
    seen(found, 0, Category.DATA_DRIFT)
    incident = seen(found, 1, breach(Category.DATA_DRIFT, 2))
    assert incident is not None
    respond.decide(found, SPEC, incident)
    return dsn, incident


def tamper(dsn: str, statement: str, *values: Any) -> None:
    """Change rows as a superuser who has switched the guards off."""
    import psycopg

    with psycopg.connect(dsn, autocommit=True) as connection:
        for name in ("events", "evidence"):
            connection.execute(f"ALTER TABLE amends.{name} DISABLE TRIGGER USER".encode())
        connection.execute("ALTER TABLE amends.evidence DROP CONSTRAINT content_addressed")
        assert connection.execute(statement.encode(), values).rowcount == 1


def edit(dsn: str, kind: EventKind, change: Callable[[dict[str, Any]], None]) -> None:
    """Change the facts of the newest event of a kind."""
    payload = PostgresLedger(dsn).events(kinds=[kind])[-1].payload
    change(payload)
    tamper(
        dsn,
        "UPDATE amends.events SET payload_text = %s WHERE seq = (SELECT max(seq) FROM amends.events"
        " WHERE kind = %s)",
        json.dumps(payload, sort_keys=True, separators=(",", ":")),
        str(kind),
    )


def replayed(house: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> tuple[int, list[str]]:
    """Exit code and differences of the command."""
    dsn, incident = house
    code = run(["replay", incident, "--dsn", dsn, "--json"])
    return code, json.loads(capsys.readouterr().out)["differences"]


def test_an_untouched_ledger_replays(house: tuple[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    """Nothing differs, exit code 0."""
    assert replayed(house, capsys) == (0, [])


def milder(facts: dict[str, Any]) -> None:
    """The call becomes milder than it was."""
    facts["call"]["severity"] = "SEV4"


def unsuspected(facts: dict[str, Any]) -> None:
    """The windows in a row are counted otherwise."""
    facts["triage"]["in_a_row"]["data_drift"] = 9


def unapproved(facts: dict[str, Any]) -> None:
    """A role disappears from the plan."""
    facts["roles"].pop()


@pytest.mark.parametrize(
    ("kind", "change", "said"),
    [
        (EventKind.INCIDENT_OPENED, milder, "the event's call differs"),
        (EventKind.INCIDENT_OPENED, unsuspected, "what earlier windows made of it differs"),
        (EventKind.DECISION_MADE, unapproved, "the plan differs"),
    ],
)
def test_changed_facts_are_named(
    house: tuple[str, str], capsys: pytest.CaptureFixture[str], kind: EventKind, change: Any, said: str
) -> None:
    """A changed call, history or plan comes out otherwise than it is written."""
    edit(house[0], kind, change)
    code, differences = replayed(house, capsys)
    assert code == 1
    assert any(said in line for line in differences)


def test_an_earlier_window_that_was_changed_is_named(
    house: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    """Without the first week's breach the second is only suspected."""
    dsn, _ = house
    first = PostgresLedger(dsn).events(kinds=[EventKind.WINDOW_ASSESSED])[0]
    text = json.dumps({**first.payload, "call": None})
    tamper(dsn, "UPDATE amends.events SET payload_text = %s WHERE seq = %s", text, first.seq)
    code, differences = replayed(house, capsys)
    assert code == 1
    assert any("what earlier windows made of it differs" in line for line in differences)


@pytest.mark.parametrize("field", ["assessment", "policy"])
def test_changed_evidence_is_named(
    house: tuple[str, str], capsys: pytest.CaptureFixture[str], field: str
) -> None:
    """Findings or policy that no longer fit their digest decide nothing; explain says so and goes on."""
    dsn, incident = house
    digest = PostgresLedger(dsn).events(kinds=[EventKind.INCIDENT_OPENED])[0].payload[field]
    tamper(dsn, "UPDATE amends.evidence SET document = document || ' ' WHERE digest = %s", digest)
    code, differences = replayed(house, capsys)
    assert code == 1
    assert any(f"it cannot be decided again: evidence {digest} was changed" in line for line in differences)
    assert run(["explain", incident, "--dsn", dsn]) == 0
    assert f"it cannot be explained: evidence {digest} was changed" in capsys.readouterr().out

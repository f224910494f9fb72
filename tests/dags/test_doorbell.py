"""The doorbell rings once for a row, again ever more slowly while it waits, and only for its own."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

ROW = (1, "batch", "lending")


def bells() -> Any:
    """A doorbell that has rung for nothing yet."""
    from amends.orchestration.triggers import Bells

    return Bells()


def times_rung(seconds: int) -> list[int]:
    """Seconds at which an unsettled row rings, polled once a second."""
    bell = bells()
    return [now for now in range(seconds) if bell.due([ROW], float(now))]


def test_a_waiting_row_rings_again_ever_more_slowly() -> None:
    """At once, after 30 s, then after pauses that double up to an hour."""
    assert times_rung(15000) == [0, 30, 90, 210, 450, 930, 1890, 3810, 7410, 11010, 14610]


def test_a_newer_row_rings_at_once() -> None:
    """A second row of the same topic and model does not wait for the first one's pause."""
    bell = bells()
    bell.due([ROW], 0.0)
    assert [ring.id for ring in bell.due([ROW, (2, "batch", "lending")], 1.0)] == [2]


def test_a_burst_rings_once() -> None:
    """Rows that arrive together ring once: the tasks drain the table."""
    rows = [(number, "batch", "lending") for number in range(1, 21)]
    assert [ring.id for ring in bells().due(rows, 0.0)] == [20]


def test_models_and_topics_ring_apart() -> None:
    """Each model and topic has its own bell."""
    rows = [(1, "batch", "lending"), (2, "batch", "hiring"), (3, "incident", "lending")]
    assert {(ring.topic, ring.model) for ring in bells().due(rows, 0.0)} == {
        ("batch", "lending"), ("batch", "hiring"), ("incident", "lending"),
    }  # fmt: skip


def test_a_settled_row_is_forgotten() -> None:
    """After a topic was settled the next row rings at once, whatever its id."""
    bell = bells()
    bell.due([(7, "batch", "lending")], 0.0)
    bell.due([], 1.0)
    assert [ring.id for ring in bell.due([(3, "batch", "lending")], 2.0)] == [3]


def test_the_trigger_can_be_rebuilt_from_what_it_says_of_itself() -> None:
    """Airflow stores the class path and the arguments, and builds the same trigger from them."""
    from airflow.sdk.module_loading import import_string
    from amends.orchestration.triggers import PgOutboxTrigger

    path, arguments = PgOutboxTrigger("batch", "lending").serialize()
    assert import_string(path)(**arguments).serialize() == (path, arguments)


class Connection:
    """An Airflow connection to a test database."""

    def __init__(self, dsn: str) -> None:
        from psycopg.conninfo import conninfo_to_dict

        parts = conninfo_to_dict(dsn)
        self.conn_id = "amends_db"
        self.host, self.port = parts.get("host"), parts.get("port")
        self.login, self.password, self.schema = parts.get("user"), parts.get("password"), parts["dbname"]
        self.extra_dejson: dict[str, str] = {}


def test_an_announcement_in_postgres_rings_its_own_trigger(
    fresh_dsn: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A row that is committed rings the trigger of its topic and model within the second, and no other."""
    from airflow.sdk import BaseHook
    from amends.adapters.postgres import PostgresLedger
    from amends.orchestration.triggers import PgOutboxTrigger

    dsn = fresh_dsn()
    ledger = PostgresLedger(dsn)

    async def connection(name: str) -> Connection:
        assert name == "amends_db"
        return Connection(dsn)

    monkeypatch.setattr(BaseHook, "aget_connection", connection)

    def announce() -> None:
        for model, topic in (("hiring", "batch"), ("lending", "incident"), ("lending", "batch")):
            with ledger.transaction(model) as transaction:
                transaction.announce(topic, f"{model}-{topic}", {})

    async def first_event() -> Any:
        events = PgOutboxTrigger("batch", "lending").run()
        waiting = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0.5)  # it listens by now, so the notification has to wake it
        await asyncio.to_thread(announce)
        event = await asyncio.wait_for(waiting, timeout=5)
        await events.aclose()
        return event.payload

    payload = asyncio.run(first_event())
    assert {name: payload[name] for name in ("topic", "model")} == {"topic": "batch", "model": "lending"}


def test_a_database_that_is_away_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lost connection neither ends the trigger nor forgets what it rang."""
    import psycopg
    from amends.orchestration import triggers

    monkeypatch.setattr(triggers, "POLL_SECONDS", 0.01)
    seen: list[Any] = []

    async def flaky(_: str, bells: Any) -> Any:
        seen.append(bells)
        if len(seen) < 3:
            raise psycopg.OperationalError("connection refused")
        yield triggers.Ring(1, "batch", "lending")

    monkeypatch.setattr(triggers, "_listen", flaky)

    async def first_event() -> Any:
        return await anext(triggers.PgOutboxTrigger("batch").run())

    assert asyncio.run(first_event()).payload == {"topic": "batch", "model": "lending", "id": 1}
    assert len({id(bell) for bell in seen}) == 1

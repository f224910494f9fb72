"""PostgreSQL goes away in the middle: nothing is half written, one line says so, a retry goes through."""

import threading
from collections.abc import Callable

import pytest
from amends.adapters.postgres import PostgresLedger, connect, connection
from amends.domain.events import EventKind, NewEvent
from amends.errors import Unavailable

EVENT = NewEvent(kind=EventKind.WINDOW_ASSESSED, key="w1", model="credit")


@pytest.fixture
def dsn(fresh_dsn: Callable[[], str]) -> str:
    """Give a database of its own."""
    return fresh_dsn()


def test_a_connection_lost_before_the_commit_leaves_nothing(dsn: str) -> None:
    """The server ends the session after the append: no row is there, and the retry writes one."""
    ledger = PostgresLedger(dsn)
    with pytest.raises(Unavailable, match="does not answer"):
        _append_and_lose(ledger, dsn)
    assert ledger.events() == []
    with ledger.transaction("credit") as transaction:
        transaction.append(EVENT)
    assert ledger.verify().rows == 1


def _append_and_lose(ledger: PostgresLedger, dsn: str) -> None:
    with ledger.transaction("credit") as transaction:
        transaction.append(EVENT)
        with connect(dsn) as other:
            other.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                " WHERE datname = current_database() AND pid <> pg_backend_pid() AND state LIKE 'idle in%'"
            )


def test_a_lock_that_stays_taken_is_waited_for_and_then_told(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second transaction on the model waits a bounded time; one on another model does not wait."""
    monkeypatch.setattr(connection, "SETTINGS", connection.SETTINGS.replace("60s", "200ms"))
    ledger = PostgresLedger(dsn)
    with ledger.transaction("credit"):
        with ledger.transaction("pricing") as other:
            assert other.events() == []
        with pytest.raises(Unavailable, match="a lock was not free"):
            _open(ledger, "credit")


def _open(ledger: PostgresLedger, model: str) -> None:
    with ledger.transaction(model):
        pass


def test_transactions_on_one_model_take_turns(dsn: str) -> None:
    """Eight threads read a count and add one each, five times over: no addition is lost."""
    ledger = PostgresLedger(dsn)

    def count_up() -> None:
        for _ in range(5):
            with ledger.transaction("credit") as transaction:
                number = len(transaction.events()) + 1
                transaction.append(
                    NewEvent(kind=EventKind.WINDOW_ASSESSED, key=f"count {number}", model="credit")
                )

    threads = [threading.Thread(target=count_up) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [event.key for event in ledger.events()] == [f"count {number}" for number in range(1, 41)]


def test_models_share_one_chain(dsn: str) -> None:
    """Threads on four models append at once: the numbers have no gap and the chain holds."""
    ledger = PostgresLedger(dsn)

    def append(model: str) -> None:
        for number in range(10):
            with ledger.transaction(model) as transaction:
                transaction.append(
                    NewEvent(kind=EventKind.WINDOW_ASSESSED, key=f"{model}{number}", model=model)
                )

    threads = [threading.Thread(target=append, args=(f"m{number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    report = ledger.verify()
    assert (report.intact, report.rows) == (True, 40)

"""The demo's scoring step on a real PostgreSQL: rows and announcement together, each decision once."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from amends.adapters.files import load_spec
from amends.adapters.postgres import PostgresLedger, connect
from amends.adapters.postgres_windows import PostgresWindows
from amends.demo import lending, serving
from amends.demo.training import train, train_on_officers
from amends.domain.promotion import ModelVersion, Move
from amends.domain.window import Window
from amends.errors import ArtefactError, DataError
from fake_registry import FakeRegistry
from fakes import FakeLedger

SPEC = load_spec(Path(__file__).parents[2] / "include" / "models" / "lending.yaml")
PERIOD = lending.Period("short", lending.HEALTHY.start, 1)
WINDOW = Window(SPEC.name, PERIOD.start, PERIOD.end)
ROWS = lending.applications(PERIOD)


@pytest.fixture
def dsn(fresh_dsn: Callable[[], str]) -> str:
    """A migrated database with an empty prediction log."""
    made = fresh_dsn()
    serving.create_log(made, SPEC)
    return made


@pytest.fixture(scope="module")
def registry() -> FakeRegistry:
    """Release 1 as version 1, release 2 as version 2."""
    made, history = FakeRegistry(), lending.applications(replace(lending.HISTORY, days=20))
    for key, fit in (("first", train), ("second", train_on_officers)):
        made.register(SPEC.name, fit(history, SPEC), key=key, tags={}, example=history, metrics={})
    return made


def log(dsn: str) -> pd.DataFrame:
    """The prediction log as Amends reads it."""
    import pyarrow as pa

    return pa.Table.from_batches(PostgresWindows(dsn).batches(SPEC, WINDOW)).to_pandas()


def test_a_served_batch_is_logged_and_announced(dsn: str, registry: FakeRegistry) -> None:
    """Amends reads back the scores, decisions, outcomes and version, and finds the window in the outbox."""
    scored = serving.score(registry, SPEC, registry.version(SPEC.name, "1"), ROWS)

    assert serving.log_batch(dsn, SPEC, WINDOW, scored) == 286
    found = log(dsn).sort_values("application_id", ignore_index=True)
    [announced] = PostgresLedger(dsn).pending("batch", SPEC.name)

    assert list(found["score"]) == list(scored["score"])
    assert list(found["approved"]) == [int(score >= 0.5) for score in scored["score"]]
    assert list(found["repaid"]) == list(ROWS["repaid"])
    assert list(found["decided_at"]) == list(ROWS["decided_at"])
    assert set(found["model_version"]) == {"1"}
    assert announced.key == WINDOW.key
    assert announced.payload == {**WINDOW.document(), "rows": 286}


def test_a_batch_delivered_twice_changes_nothing(dsn: str, registry: FakeRegistry) -> None:
    """A decision that was made stays made, also when another version scores the same people again."""
    for version in ("1", "1", "2"):
        scored = serving.score(registry, SPEC, registry.version(SPEC.name, version), ROWS)
        serving.log_batch(dsn, SPEC, WINDOW, scored)

    assert set(log(dsn)["model_version"]) == {"1"}
    assert len(PostgresLedger(dsn).pending("batch", SPEC.name)) == 1


def test_a_broken_batch_leaves_neither_rows_nor_announcement(dsn: str, registry: FakeRegistry) -> None:
    """Half a batch is none: a value that does not fit its column undoes all of it."""
    scored = serving.score(registry, SPEC, registry.version(SPEC.name, "1"), ROWS)
    scored["income"] = scored["income"].astype(object)
    scored.loc[scored.index[-1], "income"] = "much"

    with pytest.raises(DataError, match="double precision"):
        serving.log_batch(dsn, SPEC, WINDOW, scored)

    assert len(log(dsn)) == 0
    assert PostgresLedger(dsn).pending("batch") == []


def test_the_reference_is_logged_without_an_announcement(dsn: str, registry: FakeRegistry) -> None:
    """Nothing asks a monitor to judge the reference."""
    scored = serving.score(registry, SPEC, registry.version(SPEC.name, "1"), ROWS)
    serving.log_batch(dsn, SPEC, WINDOW, scored, announced=False)

    assert len(log(dsn)) == 286
    assert PostgresLedger(dsn).pending("batch") == []


def test_amends_may_read_the_log_and_not_write_it(dsn: str) -> None:
    """The services' role is granted SELECT and nothing else on the team's table."""
    with connect(dsn) as connection:
        rights = connection.execute(
            "SELECT privilege_type FROM information_schema.table_privileges"
            " WHERE table_name = 'lending_predictions' AND grantee = 'amends_app'"
        ).fetchall()

    assert rights == [("SELECT",)]


def test_the_ledgers_champion_is_served_whatever_the_alias_says(registry: FakeRegistry) -> None:
    """Who moves the alias past the ledger does not decide who serves; without a champion nobody serves."""
    ledger = FakeLedger()
    with pytest.raises(ArtefactError, match="no champion"):
        serving.champion(ledger, registry, SPEC.name)
    one = registry.version(SPEC.name, "1")
    with ledger.transaction(SPEC.name) as transaction:
        transaction.move_champion(
            Move(key="k", model=SPEC.name, version="1", digest=one.digest, seen_epoch=0, reason="bootstrap")
        )
    registry.point_champion(SPEC.name, "2")

    assert serving.champion(ledger, registry, SPEC.name) == one


def test_a_champion_whose_artefact_was_exchanged_serves_nobody(registry: FakeRegistry) -> None:
    """The digest on record, not the registry's own, is what the artefact has to fit."""
    pinned = ModelVersion(model=SPEC.name, version="1", digest="sha256:" + "0" * 64)

    with pytest.raises(ArtefactError, match="version 1"):
        serving.score(registry, SPEC, pinned, ROWS)

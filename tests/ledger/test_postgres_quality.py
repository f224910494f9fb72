"""PostgreSQL counts a window as its digest does, and a window that is none is refused before it is read."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from amends.adapters.files import load_policy
from amends.adapters.postgres import connect
from amends.adapters.postgres_quality import CountingPostgresWindows
from amends.domain.spec import Columns, ModelSpec, Source
from amends.domain.window import Window
from amends.errors import DataError
from amends.measures.digesting import digest_batches
from amends.measures.digests import WindowDigest
from amends.measures.facts import WindowFacts
from amends.workflow.preflight import refused

SPEC = ModelSpec(
    name="credit", task="binary_classification", importance="high", owner="risk",
    columns=Columns(
        id="id", timestamp="ts", score="score", predicted_label="yhat", label="y",
        numeric=("income", "debt", "visits", "member"), categorical=("region",), sensitive=("sex",),
    ),
    source=Source(kind="postgres", connection="log_db", table="log"),
)  # fmt: skip
START = datetime(2026, 3, 2, tzinfo=UTC)
DAYS = 14
REFERENCE, WINDOW = (
    Window("credit", START + timedelta(days=day), START + timedelta(days=day + DAYS)) for day in (0, DAYS)
)
TABLE = (
    "CREATE TABLE log (id text, ts {time}, score double precision, yhat int, y int, income numeric,"
    " debt real, visits smallint, member boolean, region text, sex varchar(4))"
)


def rows(window: Window, seed: int) -> list[tuple[Any, ...]]:
    """Two thousand rows of a window with nulls, NaN, infinite numbers, empty texts and ids that repeat."""
    draw = np.random.default_rng(seed)

    def row(i: int) -> tuple[Any, ...]:
        at = window.start + timedelta(seconds=float(draw.integers(0, DAYS * 86_400)))
        odd = draw.integers(0, 40)
        income = None if odd == 0 else "NaN" if odd == 1 else round(float(draw.normal(40, 9)), 4)
        debt = None if odd == 2 else "NaN" if odd == 3 else "Infinity" if odd == 4 else float(draw.normal())
        score = "NaN" if odd == 5 else float(draw.random())
        identity = None if odd == 6 else f"{seed}-{i - (odd == 7)}"
        yhat, label = None if odd == 8 else int(odd % 2), None if odd < 9 else int(odd % 2)
        visits, member = None if odd == 9 else int(odd), None if odd == 10 else bool(odd % 2)
        region = None if odd == 11 else "" if odd == 12 else "n"
        return identity, at, score, yhat, label, income, debt, visits, member, region, "f"

    return [row(i) for i in range(2000)]


@pytest.fixture(scope="module", params=["timestamptz", "timestamp"])
def dsn(fresh_dsn: Callable[[], str], request: pytest.FixtureRequest) -> Iterator[str]:
    """A database with the rows of the reference and of a window."""
    import psycopg

    address = fresh_dsn()
    with psycopg.connect(address, autocommit=True) as connection:
        connection.execute("SET timezone = 'UTC'")
        connection.execute(TABLE.format(time=request.param).encode())
        for seed, window in enumerate((REFERENCE, WINDOW)):
            with connection.cursor().copy("COPY log FROM STDIN") as copy:
                for row in rows(window, seed):
                    copy.write_row(row)
    return address


def digest(dsn: str, window: Window, like: WindowDigest | None = None) -> WindowDigest:
    """The window's digest, row by row."""
    batches = CountingPostgresWindows(dsn).batches(SPEC, window)
    return digest_batches(SPEC, batches, like.grid if like else None)


@pytest.mark.parametrize("window", [REFERENCE, WINDOW], ids=["reference", "window"])
def test_the_database_counts_what_the_digest_counts(dsn: str, window: Window) -> None:
    """Rows, repeated ids, span, nulls (NaN included), smallest and largest finite numbers: all equal."""
    assert CountingPostgresWindows(dsn).facts(SPEC, window) == WindowFacts.of(digest(dsn, window))


def test_a_healthy_window_is_not_refused(dsn: str) -> None:
    """There is nothing to say before the rows are read."""
    source = CountingPostgresWindows(dsn)
    assert refused(SPEC, load_policy(), source, WINDOW, digest(dsn, REFERENCE)) is None


class Unread(CountingPostgresWindows):
    """A log whose rows nobody may read, and of which a test says what it counts."""

    def __init__(self, dsn: str, **changes: Any) -> None:
        super().__init__(dsn)
        self.changes = changes

    def batches(self, *_: Any) -> Iterator[pa.RecordBatch]:
        """Refuse."""
        raise AssertionError

    def facts(self, spec: ModelSpec, window: Window) -> WindowFacts:
        """The database's facts, changed."""
        return replace(super().facts(spec, window), **self.changes)


BROKEN: dict[str, tuple[dict[str, Any], tuple[str, str]]] = {
    "rows that stop three days early": (
        {"end": (WINDOW.end - timedelta(days=3)).isoformat()}, ("freshness_hours", "ts"),
    ),
    "no score at all": (
        {"nulls": {"id": 0, "ts": 0, "score": 2000, "yhat": 0}}, ("required_null_share", "score"),
    ),
    "one id for all": ({"duplicate_ids": 1999}, ("duplicate_id_share", "id")),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_a_window_that_is_none_is_quarantined_unread(dsn: str, name: str) -> None:
    """The finding names what is wrong, the call is data_quality and quarantine, and no row was sent."""
    changes, expected = BROKEN[name]
    found = refused(SPEC, load_policy(), Unread(dsn, **changes), WINDOW, digest(dsn, REFERENCE))
    assert found is not None
    assert {(one.metric, one.column) for one in found.findings if one.is_breach} == {expected}
    assert found.incident is not None
    assert (found.incident.category, found.incident.playbook) == ("data_quality", "quarantine")
    assert found.current.rows == 2000


def test_a_window_without_rows_is_told_with_its_span(dsn: str) -> None:
    """Nothing was logged in April: one line, before any COPY."""
    april = Window("credit", datetime(2026, 4, 1, tzinfo=UTC), datetime(2026, 4, 15, tzinfo=UTC))
    with pytest.raises(DataError, match=r"2026-04-01.* has no rows"):
        refused(SPEC, load_policy(), Unread(dsn), april, digest(dsn, REFERENCE))


def test_odd_names_are_quoted(fresh_dsn: Callable[[], str]) -> None:
    """A column with quotes and a percent sign is counted like any other."""
    odd = 'a"; DROP TABLE x; -- %s'
    address = fresh_dsn()
    with connect(address) as connection:
        connection.execute(
            b'CREATE TABLE "Log" (id int, ts timestamptz, "a""; DROP TABLE x; -- %s" float8, yhat int, y int)'
        )
        connection.execute(b"INSERT INTO \"Log\" VALUES (7, '2026-03-05', 0.25, 1, 0)")
    spec = replace(
        SPEC,
        columns=Columns(id="id", timestamp="ts", score=odd, predicted_label="yhat", label="y"),
        source=Source(kind="postgres", connection="c", table="Log"),
    )
    facts = CountingPostgresWindows(address).facts(spec, REFERENCE)
    assert (facts.rows, facts.minima[odd], facts.maxima[odd]) == (1, 0.25, 0.25)

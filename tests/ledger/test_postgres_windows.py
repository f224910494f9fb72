"""Prediction logs in PostgreSQL come out as Arrow batches: every row once, every value as it is."""

import math
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pytest
from amends.adapters.postgres import connect
from amends.adapters.postgres.arrow import BATCH_BYTES
from amends.adapters.postgres_windows import PostgresWindows
from amends.domain.spec import Columns, ModelSpec, Source
from amends.domain.window import Window
from amends.errors import DataError, Unavailable

COLUMNS = Columns(
    id="id", timestamp="ts", score="score", predicted_label="yhat", label="y", model_version="version",
    numeric=("income",), categorical=("region",), sensitive=("sex",),
)  # fmt: skip
SPEC = ModelSpec(
    name="credit", task="binary_classification", importance="high", owner="risk", columns=COLUMNS,
    source=Source(kind="postgres", connection="log_db", table="log"),
)  # fmt: skip
DAY = datetime(2026, 3, 1, tzinfo=UTC)
TABLE = (
    "CREATE TABLE log (id bigint, ts {time}, version text, score double precision, yhat int, y int,"
    " income numeric, region text, sex varchar(10), secret text)"
)
ROW = "INSERT INTO log VALUES (1, '2026-03-01 10:00', 'v1', 0.5, 1, NULL, 1.5, 'n', 'f', 'x')"


@pytest.fixture
def dsn(fresh_dsn: Callable[[], str]) -> str:
    """Give a database of its own."""
    return fresh_dsn()


def execute(dsn: str, *statements: str) -> None:
    """Run statements."""
    with connect(dsn) as connection:
        for statement in statements:
            connection.execute(statement.encode())


def rows(dsn: str, spec: ModelSpec = SPEC, window: Window | None = None) -> pa.Table:
    """Read a window as one table."""
    return pa.Table.from_batches(PostgresWindows(dsn).batches(spec, window))


@pytest.mark.parametrize("time", ["timestamptz", "timestamp", "date"])
def test_a_window_holds_its_start_and_not_its_end(dsn: str, time: str) -> None:
    """Of days 1, 2, 3 and 4, the window of day 2 and 3 holds two; a time without a zone is UTC."""
    values = ", ".join(f"({day}, '2026-03-0{day}', 'v', 0, 0, 0, 0, '', '', '')" for day in (1, 2, 3, 4))
    execute(
        dsn,
        f"ALTER DATABASE {_name(dsn)} SET timezone = 'Asia/Tokyo'",
        TABLE.format(time=time),
        f"SET timezone = 'UTC'; INSERT INTO log VALUES {values}",
    )
    window = Window("credit", DAY + timedelta(days=1), DAY + timedelta(days=3))
    found = rows(dsn, window=window)
    assert found["id"].to_pylist() == [2, 3]
    assert found["ts"].to_pylist() == [datetime(2026, 3, 2, tzinfo=UTC), datetime(2026, 3, 3, tzinfo=UTC)]
    assert PostgresWindows(dsn).span(SPEC) == (DAY, datetime(2026, 3, 4, tzinfo=UTC))


def _name(dsn: str) -> str:
    with connect(dsn) as connection:
        [(name,)] = connection.execute("SELECT current_database()")
    return str(name)


def test_only_the_columns_of_the_spec_are_read(dsn: str) -> None:
    """A column that the spec does not name never leaves the database; types follow the table's."""
    execute(dsn, TABLE.format(time="timestamptz"), ROW)
    schema = rows(dsn).schema
    assert schema.names == list(COLUMNS.all)
    assert (schema.field("id").type, schema.field("income").type) == (pa.int64(), pa.float64())
    assert schema.field("ts").type == pa.timestamp("us", "UTC")


def test_values_survive_the_way(dsn: str) -> None:
    """Null and the empty text stay two things; quotes, commas, line ends, NaN and infinity come through."""
    import psycopg

    execute(dsn, TABLE.format(time="timestamptz"))
    texts = [None, "", 'a "b", c', "line\r\nend\n", "\\N", "日本 é", "NULL", "'; DROP TABLE log; --", "t"]
    scores = [None, float("nan"), float("inf"), float("-inf"), 1e-300, 0.1 + 0.2, -0.0, 1.0, 5e-324]
    with psycopg.connect(dsn, autocommit=True) as connection:
        for number, (text, score) in enumerate(zip(texts, scores, strict=True)):
            connection.execute(
                "INSERT INTO log (id, ts, score, region) VALUES (%s, %s, %s, %s)",
                (number, DAY + timedelta(microseconds=number), score, text),
            )
    found = rows(dsn)
    assert found["region"].to_pylist() == texts
    assert [repr(value) for value in found["score"].to_pylist()] == [repr(value) for value in scores]
    assert found["ts"].to_pylist()[8] == DAY + timedelta(microseconds=8)
    assert found["income"].null_count == found["y"].null_count == 9


def test_every_type_is_read_as_what_it_is(dsn: str) -> None:
    """Numbers, flags, days, times and texts of any length come as they were written; other types as texts."""
    names = (
        "small", "whole", "large", "single", "exact", "flag", "day", "moment", "short", "long", "padded",
        "key", "document", "many",
    )  # fmt: skip
    execute(
        dsn,
        "CREATE TABLE log (id bigint, ts timestamptz, score float8, yhat int, y int, small int2, whole int4,"
        " large int8, single real, exact numeric, flag bool, day date, moment timestamp, short varchar,"
        " long text, padded char(4), key uuid, document jsonb, many int[])",
        "INSERT INTO log VALUES (1, '2026-03-01 00:00:00.000001+00', 1, 1, 1, -32768, 2147483647,"
        " -9223372036854775808, 0.25, -12345.678, true, '1999-12-31', '2026-03-01 12:00', 'twelve bytes',"
        " 'thirteen byte', 'ab', 'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11', '{\"a\": 1}', '{1,2}'),"
        " (2, '1969-12-31 23:59:59+00', 1, 1, 1, 1, -1, 1, 1e30, 'NaN', false, '2024-02-29',"
        " '0001-01-01 00:00', '', repeat('日本', 3000), '', NULL, 'null', '{}')",
        "INSERT INTO log (id, ts, score) VALUES (3, '2026-03-01', 1)",
    )
    columns = Columns(
        id="id", timestamp="ts", score="score", predicted_label="yhat", label="y", categorical=names
    )
    found = rows(dsn, replace(SPEC, columns=columns)).select(["ts", *names]).to_pydict()
    assert [len(column) for column in found.values()] == [3] * 15
    assert found["ts"][:2] == [
        datetime(2026, 3, 1, microsecond=1, tzinfo=UTC), datetime(1969, 12, 31, 23, 59, 59, tzinfo=UTC)
    ]  # fmt: skip
    assert [found[name][0] for name in names] == [
        -32768, 2147483647, -9223372036854775808, 0.25, -12345.678, True, date(1999, 12, 31),
        datetime(2026, 3, 1, 12, tzinfo=UTC), "twelve bytes", "thirteen byte", "ab  ",
        "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", '{"a": 1}', "{1,2}",
    ]  # fmt: skip
    second = {name: found[name][1] for name in names}
    assert math.isnan(second.pop("exact"))
    assert list(second.values()) == [
        1, -1, 1, pytest.approx(1e30), False, date(2024, 2, 29), datetime(1, 1, 1, tzinfo=UTC), "",
        "日本" * 3000, "    ", None, "null", "{}",
    ]  # fmt: skip
    assert {name: found[name][2] for name in names} == dict.fromkeys(names)


@pytest.mark.parametrize(("encoding", "region"), [("LATIN1", "été"), ("SQL_ASCII", "ete")])
def test_a_database_in_another_encoding_is_read(dsn: str, encoding: str, region: str) -> None:
    """Texts come as Unicode from a database that keeps them otherwise, or does not know how."""
    there = _encoded(dsn, encoding)
    execute(there, TABLE.format(time="timestamptz"), ROW, f"UPDATE log SET region = '{region}'")
    assert rows(there)["region"].to_pylist() == [region]


def test_bytes_that_are_no_text_are_bad_data(dsn: str) -> None:
    """A database without an encoding may hold anything; what is no UTF-8 is said, not passed on."""
    there = _encoded(dsn, "SQL_ASCII")
    execute(there, TABLE.format(time="timestamptz"), ROW)
    execute(there, "SET client_encoding = 'SQL_ASCII'; UPDATE log SET region = E'\\xe9'")
    with pytest.raises(DataError, match="invalid byte sequence"):
        rows(there)


def _encoded(dsn: str, encoding: str) -> str:
    """Give a database of that encoding, beside the test's own; the server ends with the tests."""
    from psycopg.conninfo import make_conninfo

    name = f"{_name(dsn)}_{encoding.lower()}"
    execute(dsn, f"CREATE DATABASE {name} ENCODING '{encoding}' LOCALE 'C' TEMPLATE template0")
    return make_conninfo(dsn, dbname=name)


def test_every_row_comes_once_over_many_batches(dsn: str) -> None:
    """One hundred thousand rows are more than a block: each id is there once, the sum is Gauss's."""
    wide = "repeat('x', 80) || g"
    execute(
        dsn,
        TABLE.format(time="timestamptz"),
        f"INSERT INTO log SELECT g, '2026-03-01', {wide}, .5, 1, 0, g, 'n', 'f'"
        " FROM generate_series(1, 100000) g",
    )
    batches = list(PostgresWindows(dsn).batches(SPEC, None))
    ids = [number for batch in batches for number in batch["id"].to_pylist()]
    assert len(batches) > 1
    assert (len(ids), len(set(ids)), sum(ids)) == (100_000, 100_000, 5_000_050_000)
    assert max(batch.nbytes for batch in batches) < 4 * BATCH_BYTES


def test_an_error_after_many_rows_is_no_end_of_the_window(dsn: str) -> None:
    """A view that fails on its last row gives an error; what came before it is never the whole window."""
    execute(
        dsn,
        TABLE.format(time="timestamptz").replace("TABLE log", "TABLE kept"),
        "INSERT INTO kept SELECT g, '2026-03-01', 'v', 1, 1, 0, 100000 - g, 'n', 'f'"
        " FROM generate_series(1, 100000) g",
        "CREATE VIEW log AS SELECT 1 / income AS score, id, ts, version, yhat, y, income, region, sex"
        " FROM kept",
    )
    with pytest.raises(DataError, match="division by zero"):
        list(PostgresWindows(dsn).batches(SPEC, None))


def test_a_server_that_goes_away_is_no_end_of_the_window(dsn: str) -> None:
    """A connection that is ended between two batches gives an error, not a window of fewer rows."""
    execute(
        dsn,
        "CREATE VIEW log AS SELECT g AS id, timestamptz '2026-03-01' AS ts, repeat('x', 500) AS version,"
        " .5::float8 AS score, 1 AS yhat, 0 AS y, 1.5 AS income, 'n' AS region, 'f' AS sex"
        " FROM generate_series(1, 1000000) AS g",
    )
    batches = PostgresWindows(dsn).batches(SPEC, None)
    next(batches)
    execute(
        dsn,
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
        " AND pid <> pg_backend_pid() AND query LIKE 'COPY%'",
    )
    with pytest.raises(Unavailable, match=r"does not answer: (terminating|server closed)"):
        list(batches)


def test_a_read_that_takes_longer_than_the_server_allows_is_no_bad_data(dsn: str) -> None:
    """A statement that the server cancels is for its operators: the rows are as they should be."""
    execute(
        dsn,
        "CREATE VIEW log AS SELECT g AS id, timestamptz '2026-03-01' AS ts, pg_sleep(0.001)::text AS version,"
        " .5::float8 AS score, 1 AS yhat, 0 AS y, 1.5 AS income, 'n' AS region, 'f' AS sex"
        " FROM generate_series(1, 1000000) AS g",
        f"ALTER DATABASE {_name(dsn)} SET statement_timeout = '300ms'",
    )
    with pytest.raises(Unavailable, match="canceling statement due to statement timeout"):
        rows(dsn)


def test_who_stops_early_leaves_no_query_behind(dsn: str) -> None:
    """A reader that is closed after its first batch frees the connection."""
    execute(
        dsn,
        TABLE.format(time="timestamptz"),
        "INSERT INTO log SELECT g, '2026-03-01', repeat('x', 200), .5, 1, 0, g, 'n', 'f'"
        " FROM generate_series(1, 60000) g",
    )
    batches = PostgresWindows(dsn).batches(SPEC, None)
    next(batches)
    batches.close()  # type: ignore[attr-defined]
    with connect(dsn) as connection:
        [(others,)] = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND pid <> pg_backend_pid() AND query LIKE 'COPY%'"
        )
    assert others == 0


def test_an_empty_window_has_columns_and_no_rows(dsn: str) -> None:
    """Where nothing was logged there are no rows, and no span either."""
    execute(dsn, TABLE.format(time="timestamptz"))
    assert (rows(dsn).num_rows, rows(dsn).schema.names) == (0, list(COLUMNS.all))
    assert PostgresWindows(dsn).span(SPEC) is None


def test_odd_names_are_quoted_not_executed(dsn: str) -> None:
    """Columns and tables may have any legal name: quotes, semicolons, capitals, another schema."""
    odd = 'a"; DROP TABLE x; --'
    execute(
        dsn,
        'CREATE SCHEMA "My Log"',
        'CREATE TABLE "My Log"."T%s"'
        ' (id int, ts timestamptz, "a""; DROP TABLE x; --" float8, yhat int, y int)',
        'INSERT INTO "My Log"."T%s" VALUES (7, \'2026-03-01\', 0.25, 1, 0)',
    )
    spec = replace(
        SPEC,
        columns=Columns(id="id", timestamp="ts", score=odd, predicted_label="yhat", label="y"),
        source=Source(kind="postgres", connection="c", table="My Log.T%s"),
    )
    assert rows(dsn, spec)[odd].to_pylist() == [0.25]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"numeric": ("incom",)}, "no column 'incom'. Did you mean 'income'"),
        ({"numeric": ("zzz",)}, "no column 'zzz'. Add it"),
        ({"timestamp": "region"}, "column 'region' is text, not a time"),
        ({"sensitive": ("f" * 60 + "_ssn",)}, "no name in PostgreSQL"),
        ({"sensitive": ("nul\0x",)}, "no name in PostgreSQL"),
    ],
)
def test_a_column_that_cannot_be_read_is_named(dsn: str, changes: dict[str, object], told: str) -> None:
    """Each mistake is one line with the column and the way out."""
    execute(dsn, TABLE.format(time="timestamptz"))
    spec = replace(SPEC, columns=replace(COLUMNS, **changes))  # type: ignore[arg-type]
    with pytest.raises(DataError, match=told.replace(".", r"\.")):
        rows(dsn, spec)


@pytest.mark.parametrize("table", ["nowhere", "no.where", "a.b.c", "log; DROP TABLE log", ".", None])
def test_a_table_that_is_not_there_is_named(dsn: str, table: str | None) -> None:
    """A missing table, and a text that is none, are refused before anything is read."""
    with pytest.raises((DataError, Unavailable), match=r"source\.table|no name"):
        rows(dsn, replace(SPEC, source=Source(kind="postgres", connection="c", table=table)))


@pytest.mark.parametrize("time", ["timestamptz", "timestamp", "date"])
@pytest.mark.parametrize("endless", ["infinity", "-infinity"])
def test_a_time_outside_the_calendar_is_bad_data(dsn: str, time: str, endless: str) -> None:
    """An event time of infinity is a value nobody can place in a window: one line, not a traceback."""
    execute(dsn, TABLE.format(time=time), ROW, f"UPDATE log SET ts = '{endless}'")
    with pytest.raises(DataError, match="column 'ts' holds infinity"):
        rows(dsn)
    with pytest.raises(DataError, match="cannot"):
        PostgresWindows(dsn).span(SPEC)


def test_a_database_that_is_away_is_unavailable() -> None:
    """Nothing listens on port 1."""
    with pytest.raises(Unavailable, match="does not answer"):
        rows("postgresql://127.0.0.1:1/log")

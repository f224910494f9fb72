"""Rows of a prediction log in PostgreSQL, streamed by COPY into Arrow record batches."""

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

from amends.adapters.postgres.arrow import arrow_rows
from amends.adapters.postgres.connection import connect
from amends.domain.spec import ModelSpec
from amends.domain.window import Window
from amends.errors import DataError, Unavailable

if TYPE_CHECKING:
    import psycopg
    import pyarrow as pa
    from psycopg.sql import Composable

LONGEST_NAME = 63
"""PostgreSQL cuts longer identifiers silently, and would read another column."""

COLUMN_TYPES = """
SELECT a.attname, format_type(coalesce(nullif(t.typbasetype, 0), t.oid), NULL)
FROM pg_attribute AS a JOIN pg_type AS t ON t.oid = a.atttypid
WHERE a.attrelid = to_regclass(%s) AND a.attnum > 0 AND NOT a.attisdropped
"""

SENT = {
    "smallint", "integer", "bigint", "real", "double precision", "boolean", "date",
    "timestamp with time zone", "timestamp without time zone", "text", "character varying", "character",
}  # fmt: skip
"""Types that are sent as they are; others are sent as their text."""

SAME_ORDER = (
    "SELECT set_config('synchronize_seqscans', 'off', false),"
    " set_config('max_parallel_workers_per_gather', '0', false)"
)
"""Two reads of the same rows give them in the same order, so that sums agree to the last bit."""


@dataclass(frozen=True, slots=True)
class _Log:
    """A prediction log that exists and has every column the spec names."""

    table: "Composable"
    kinds: Mapping[str, str]
    time: str

    def moment(self) -> "Composable":
        """SQL for the event time; one without a zone, and a day's beginning, are UTC."""
        from psycopg.sql import SQL, Identifier

        zoned = self.kinds[self.time] == "timestamp with time zone"
        return SQL("{}" if zoned else "({}::timestamp AT TIME ZONE 'UTC')").format(Identifier(self.time))

    def field(self, column: str) -> "Composable":
        """SQL for a column as it is sent; other types than numbers, times and texts as their text."""
        from psycopg.sql import SQL, Identifier

        return SQL("{}" if self.kinds[column] in SENT else "({})::text").format(Identifier(column))

    def where(self, window: Window | None) -> "Composable":
        """SQL that keeps a window's rows, in terms that an index on the time column can serve."""
        from psycopg.sql import SQL, Identifier, Literal

        if window is None:
            return SQL("")
        zone = SQL("" if self.kinds[self.time] == "timestamp with time zone" else " AT TIME ZONE 'UTC'")
        return SQL(
            " WHERE {time} >= {start}::timestamptz{zone} AND {time} < {end}::timestamptz{zone}"
        ).format(
            time=Identifier(self.time),
            start=Literal(window.start.isoformat()),
            end=Literal(window.end.isoformat()),
            zone=zone,
        )


class PostgresWindows:
    """``ports.WindowSource`` on the table that ``spec.source.table`` names.

    :param dsn: a libpq URL of a role that may read the table.
    """

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    def batches(self, spec: ModelSpec, window: Window | None) -> "Iterator[pa.RecordBatch]":
        """Rows of a window in bounded memory (None: all), with the columns that the spec names.

        A window without rows gives one empty batch.

        :raises DataError: no such table or column, or a value that does not fit its type.
        :raises Unavailable: PostgreSQL does not answer.
        """
        from psycopg.sql import SQL

        with connect(self._dsn) as connection:
            log = _log(connection, spec)
            fields = SQL(", ").join(log.field(name) for name in spec.columns.all)
            query = SQL("SELECT {} FROM {}{}").format(fields, log.table, log.where(window))
            asked = query.as_string(connection)
        with arrow_rows(self._dsn, asked, [SAME_ORDER]) as batches:
            yield from _typed(batches, _schema(spec, log), str(spec.source and spec.source.table))

    def span(self, spec: ModelSpec) -> tuple[datetime, datetime] | None:
        """First and last event time there is, or None where the log is empty."""
        from psycopg.sql import SQL

        with connect(self._dsn) as connection:
            log = _log(connection, spec)
            query = SQL("SELECT min({time}), max({time}) FROM {table}").format(
                time=log.moment(), table=log.table
            )
            [(first, last)] = connection.execute(query)
        return None if first is None else (first, last)


def _log(connection: "psycopg.Connection[Any]", spec: ModelSpec) -> _Log:
    from psycopg.sql import Identifier

    name = spec.source.table if spec.source else None
    if not name:
        raise DataError(f"model {spec.name!r} has no source.table, so there are no rows to read. Add it.")
    parts = name.split(".")
    for part in (*parts, *spec.columns.all):
        _check_identifier(part, name)
    table = Identifier(*parts)
    kinds: dict[str, str] = {}
    if len(parts) in {1, 2}:  # table, or schema and table
        kinds = dict(connection.execute(COLUMN_TYPES, [table.as_string(connection)]).fetchall())
    if not kinds:
        raise Unavailable(
            f"table {name!r} of model {spec.name!r} does not exist. Create it or correct source.table."
        )
    for column in spec.columns.all:
        _check_column(column, kinds, name)
    time = spec.columns.timestamp
    if not kinds[time].startswith(("timestamp", "date")):
        raise DataError(f"table {name!r}: column {time!r} is {kinds[time]}, not a time. Make it timestamptz.")
    return _Log(table, kinds, time)


def _check_identifier(name: str, table: str) -> None:
    length = len(name.encode())
    if not 1 <= length <= LONGEST_NAME or "\0" in name:
        raise DataError(
            f"table {table!r}: {name[:80]!r} is no name in PostgreSQL (1 to {LONGEST_NAME} bytes). Rename it."
        )


def _check_column(column: str, kinds: Mapping[str, str], table: str) -> None:
    if column not in kinds:
        near = difflib.get_close_matches(column, kinds, n=1)
        hint = f"Did you mean {near[0]!r}?" if near else "Add it, or take it out of the spec."
        raise DataError(f"table {table!r} has no column {column!r}. {hint}")


def _schema(spec: ModelSpec, log: _Log) -> "pa.Schema":
    import pyarrow as pa

    arrow = {
        "smallint": pa.int64(), "integer": pa.int64(), "bigint": pa.int64(),
        "real": pa.float64(), "double precision": pa.float64(), "numeric": pa.float64(),
        "boolean": pa.bool_(), "date": pa.date32(),
        "timestamp with time zone": pa.timestamp("us", "UTC"),
        "timestamp without time zone": pa.timestamp("us", "UTC"),
    }  # fmt: skip
    types = {name: arrow.get(log.kinds[name], pa.string()) for name in spec.columns.all}
    return pa.schema({**types, spec.columns.timestamp: pa.timestamp("us", "UTC")})


def _typed(
    batches: "Iterator[pa.RecordBatch]", schema: "pa.Schema", table: str
) -> "Iterator[pa.RecordBatch]":
    import pyarrow as pa

    empty = True
    for batch in batches:
        empty = False
        try:
            columns = [_cast(column, field) for column, field in zip(batch.columns, schema, strict=True)]
        except pa.ArrowInvalid as error:
            said = str(error).splitlines()[0]
            raise DataError(f"table {table!r}: {said}. Correct the row, or the column's type.") from error
        except DataError as error:
            raise DataError(f"table {table!r}: {error}") from error
        yield pa.RecordBatch.from_arrays(columns, schema=schema)
    if empty:
        yield pa.RecordBatch.from_pylist([], schema)


def _cast(column: "pa.Array", field: "pa.Field") -> "pa.Array":
    import pyarrow as pa
    import pyarrow.compute as pc

    if pa.types.is_temporal(column.type):
        numbers = column.view(pa.int32() if pa.types.is_date(column.type) else pa.int64())
        first = pc.min(numbers).as_py()
        # both infinities, counted from 1970 instead of 2000, come before all times
        if first is not None and first < -(2 ** (numbers.type.bit_width - 2)):
            raise DataError(f"column {field.name!r} holds infinity, which is no time. Write null.")
    return column.cast(field.type)

"""A prediction log in PostgreSQL that counts for itself: one aggregate query instead of a window's rows."""

from typing import TYPE_CHECKING, Any

from amends.adapters.postgres.connection import connect
from amends.adapters.postgres_windows import PostgresWindows, _Log, _log
from amends.measures.digests import numeric_columns
from amends.measures.facts import WindowFacts
from amends.measures.profiles import LARGEST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from psycopg.sql import Composable

    from amends.domain.spec import ModelSpec
    from amends.domain.window import Window

FLOATING = {"real", "double precision", "numeric"}
"""Types that have a NaN, which counts as null."""
WHOLE = {"smallint", "integer", "bigint", "boolean"}
AS_NUMBER = {"boolean": "::int", "real": "::float8"}
"""Casts to what a window's rows are read as: a boolean as 0 or 1, a ``real`` with the value it has stored."""


class CountingPostgresWindows(PostgresWindows):
    """``ports.WindowSource`` that is also a ``ports.CountedSource``."""

    def facts(self, spec: "ModelSpec", window: "Window") -> WindowFacts:
        """Rows, nulls, repeated ids, first and last time, smallest and largest numbers of a window.

        :raises DataError: no such table or column.
        :raises Unavailable: PostgreSQL does not answer.
        """
        from psycopg.sql import SQL

        with connect(self._dsn) as connection:
            log = _log(connection, spec)
            asked = list(_aggregates(spec, log))
            query = SQL("SELECT {} FROM {}{}").format(
                SQL(", ").join(term for _, term in asked), log.table, log.where(window)
            )
            [values] = connection.execute(query)
        return _facts(spec, log, dict(zip((name for name, _ in asked), values, strict=True)))


def _aggregates(spec: "ModelSpec", log: _Log) -> "Iterator[tuple[tuple[str, str], Composable]]":
    """What is counted, by name, and its SQL."""
    from psycopg.sql import SQL, Identifier, Literal

    yield ("", "rows"), SQL("count(*)")
    yield ("", "distinct"), SQL("count(DISTINCT {})").format(Identifier(spec.columns.id))
    for end, function in (("start", "min"), ("end", "max")):
        yield ("", end), SQL("{}({})").format(SQL(function), log.moment())
    for name in spec.columns.all:
        column = Identifier(name)
        nan = SQL(" AND {} <> 'NaN'").format(column) if log.kinds[name] in FLOATING else SQL("")
        yield (name, "filled"), SQL("count(*) FILTER (WHERE {} IS NOT NULL{})").format(column, nan)
    for name in _numbers(spec, log):
        number = SQL("{}" + AS_NUMBER.get(log.kinds[name], "")).format(Identifier(name))
        for end in ("min", "max"):
            term = SQL("{function}({column}) FILTER (WHERE {column} BETWEEN -{most} AND {most})")
            yield (name, end), term.format(function=SQL(end), column=number, most=Literal(LARGEST))


def _numbers(spec: "ModelSpec", log: _Log) -> list[str]:
    return [name for name in numeric_columns(spec) if log.kinds[name] in FLOATING | WHOLE]


def _facts(spec: "ModelSpec", log: _Log, found: dict[tuple[str, str], Any]) -> WindowFacts:
    rows = found["", "rows"]
    nulls = {name: rows - found[name, "filled"] for name in spec.columns.all}
    ends = [found["", end] for end in ("start", "end")]
    extremes = {
        end: {name: None if found[name, end] is None else float(found[name, end])
              for name in _numbers(spec, log)}
        for end in ("min", "max")
    }  # fmt: skip
    return WindowFacts(
        rows=rows,
        duplicate_ids=rows - nulls[spec.columns.id] - found["", "distinct"],
        start=ends[0] and ends[0].isoformat(),
        end=ends[1] and ends[1].isoformat(),
        nulls=nulls,
        minima=extremes["min"],
        maxima=extremes["max"],
    )

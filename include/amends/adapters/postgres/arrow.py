"""Rows of a query as Arrow record batches: ADBC's driver makes them of a binary COPY, in C++."""

import re
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING, Any

from amends.adapters.ahead import ahead
from amends.adapters.postgres.connection import ASKED, SETTINGS, translated

if TYPE_CHECKING:
    import adbc_driver_manager
    import pyarrow as pa

BATCH_BYTES = 4 << 20
"""Bytes of a batch as the server sends it: bounds the memory."""

SAID = re.compile(r"(?:ERROR|FATAL|PANIC|failed):\s+(.+)")
"""What the server or libpq said, in what the driver says; one in another language is quoted whole."""


@contextmanager
def arrow_rows(dsn: str, query: str, settings: Sequence[str] = ()) -> "Iterator[Iterator[pa.RecordBatch]]":
    """Rows of a query in batches, read ahead in a thread of their own; who stops early ends the query.

    :param settings: statements for the session that reads.
    :raises Unavailable: PostgreSQL does not answer, or goes away.
    :raises DataError: a row that PostgreSQL cannot give.
    """
    import adbc_driver_manager as adbc
    from adbc_driver_manager._reader import AdbcRecordBatchReader  # of its public ones none has sqlstate

    try:
        with ExitStack() as opened:
            connection = _connection(opened, dsn)
            for statement in (SETTINGS, *settings):
                _execute(connection, statement)
            rows = opened.enter_context(adbc.AdbcStatement(connection))
            rows.set_options(**{"adbc.postgresql.batch_size_hint_bytes": str(BATCH_BYTES)})
            rows.set_sql_query(query)
            handle, _ = rows.execute_query()
            reader = AdbcRecordBatchReader._import_from_c(handle.address)  # noqa: SLF001 - as the driver does
            opened.callback(reader.close)
            with ahead(iter(reader)) as batches:
                try:
                    yield batches
                except BaseException:
                    with suppress(adbc.Error):  # it may be gone already
                        connection.cancel()
                    raise
    except adbc.Error as error:
        raise translated(_as_psycopg(error), dsn) from error


def _connection(opened: ExitStack, dsn: str) -> "adbc_driver_manager.AdbcConnection":
    import adbc_driver_manager as adbc
    import adbc_driver_postgresql
    from psycopg.conninfo import make_conninfo

    database = opened.enter_context(adbc_driver_postgresql.connect(make_conninfo(dsn, **ASKED)))
    connection: adbc.AdbcConnection = opened.enter_context(adbc.AdbcConnection(database))
    return connection


def _execute(connection: "adbc_driver_manager.AdbcConnection", query: str) -> None:
    import adbc_driver_manager as adbc

    with adbc.AdbcStatement(connection) as statement:
        statement.set_sql_query(query)
        statement.execute_update()


def _as_psycopg(error: "adbc_driver_manager.Error") -> Any:
    """Return the other driver's error for the same SQLSTATE, so that both are told in the same words."""
    from psycopg import OperationalError
    from psycopg.errors import lookup

    kind: type[Exception] = OperationalError
    if error.sqlstate:
        with suppress(KeyError):
            kind = lookup(error.sqlstate)
    said = SAID.search(str(error))
    return kind(said[1] if said else str(error))

"""One way to reach PostgreSQL: autocommit, UTC, bounded waits, and failures as one line."""

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from amends.errors import AmendsError, DataError, LedgerError, Unavailable

if TYPE_CHECKING:
    from collections.abc import Iterator

    import psycopg

ASKED: dict[str, Any] = {"connect_timeout": 10, "application_name": "amends", "client_encoding": "UTF8"}
"""Of every connection, beside its DSN; seconds."""
LOCK_SECONDS = 60

SETTINGS = (
    "SELECT set_config('timezone', 'UTC', false), set_config('datestyle', 'ISO', false),"
    f" set_config('lock_timeout', '{LOCK_SECONDS}s', false)"
)


@contextmanager
def connect(dsn: str) -> "Iterator[psycopg.Connection[Any]]":
    """Open an autocommit connection and close it on exit.

    Autocommit on purpose: psycopg would open a transaction at the first statement, and a later
    ``connection.transaction()`` would then be a savepoint that nobody commits.

    :param dsn: a libpq URL or connection string.
    :raises Unavailable: PostgreSQL does not answer, goes away, or has no ledger.
    :raises LedgerError: the ledger itself refuses what was asked.
    """
    import psycopg

    try:
        with psycopg.connect(dsn, autocommit=True, **ASKED) as connection:
            connection.execute(SETTINGS)
            yield connection
    except psycopg.Error as error:
        raise translated(error, dsn) from error


def translated(error: "psycopg.Error", dsn: str) -> AmendsError:
    """Say in one line what a database error means to a person, and the way out; no password in it."""
    from psycopg import errors

    said = (str(error).strip().splitlines() or [type(error).__name__])[0]
    where = f"PostgreSQL at {place(dsn)}"
    outcome: AmendsError
    match error:
        case errors.LockNotAvailable():
            outcome = Unavailable(f"{where}: a lock was not free within {LOCK_SECONDS} s. Try again.")
        case errors.OperationalError():
            outcome = Unavailable(f"{where} does not answer: {said}. Start it or correct the connection.")
        case errors.UndefinedTable() | errors.InvalidSchemaName():
            outcome = Unavailable(f"{where}: {said}. Apply the migrations as its owner.")
        case errors.ProgrammingError() if error.sqlstate is None:
            outcome = Unavailable(f"{where}. Write postgresql://user:password@host:port/database.")
        case errors.InsufficientPrivilege():
            outcome = Unavailable(f"{where}: {said}. Connect as a role that may.")
        case errors.DataError():
            outcome = DataError(f"{where} cannot take or give a value: {said}.")
        case _:
            outcome = LedgerError(f"{where} refused it: {said}.")
    return outcome


def place(dsn: str) -> str:
    """Host, port and database of a DSN; never its password."""
    from psycopg import ProgrammingError
    from psycopg.conninfo import conninfo_to_dict

    try:
        parts = conninfo_to_dict(dsn)
    except ProgrammingError:
        return "(an address that is no libpq URL)"
    return f"{parts.get('host', 'localhost')}:{parts.get('port', 5432)}/{parts.get('dbname', '')}"

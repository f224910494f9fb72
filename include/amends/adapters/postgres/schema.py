"""Bring the schema up to date: ordered SQL files, each applied once, none changed afterwards."""

from dataclasses import dataclass
from importlib.resources import files
from typing import TYPE_CHECKING, Any

from amends.adapters.postgres.connection import connect
from amends.domain.canonical import digest_of_bytes
from amends.errors import LedgerError

if TYPE_CHECKING:
    import psycopg

APP_ROLE = "amends_app"
"""The role of the services: it adds to the ledger and reads it, and can do nothing else."""

LOCK = "SELECT pg_advisory_xact_lock(hashtextextended('amends migrations', 0))"

BOOKKEEPING = """
CREATE SCHEMA IF NOT EXISTS amends;
CREATE TABLE IF NOT EXISTS amends.migrations (
    name       text PRIMARY KEY,
    digest     text NOT NULL,
    applied_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
"""

CREATE_ROLE = f"""
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = '{APP_ROLE}') THEN
        CREATE ROLE {APP_ROLE} NOLOGIN;
    END IF;
EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL; -- another database of the cluster was first
END $$
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One SQL file."""

    name: str
    sql: str

    @property
    def digest(self) -> str:
        """Content digest of the file."""
        return digest_of_bytes(self.sql.encode())


def migrations() -> list[Migration]:
    """All migrations in order of their names."""
    folder = files("amends") / "migrations"
    found = [
        Migration(file.name, file.read_text("utf-8"))
        for file in folder.iterdir()
        if file.name.endswith(".sql")
    ]
    return sorted(found, key=lambda one: one.name)


def migrate(owner_dsn: str, *, app_password: str | None = None) -> list[str]:
    """Apply the migrations that this database does not have yet; return their names.

    All or nothing, and safe to call from several processes at once.

    :param owner_dsn: DSN of the role that owns the schema; it may create roles.
    :param app_password: lets ``amends_app`` log in with this password; None leaves its login as it is.
    :raises LedgerError: a migration that was applied has been changed since.
    """
    with connect(owner_dsn) as connection, connection.transaction():
        connection.execute(LOCK)
        connection.execute(CREATE_ROLE)
        connection.execute(BOOKKEEPING)
        applied = [one.name for one in migrations() if _apply(connection, one)]
        if app_password is not None:
            _let_log_in(connection, app_password)
    return applied


def _apply(connection: "psycopg.Connection[Any]", migration: Migration) -> bool:
    known = connection.execute(
        "SELECT digest FROM amends.migrations WHERE name = %s", [migration.name]
    ).fetchone()
    if known is None:
        connection.execute(migration.sql.encode())
        connection.execute(
            "INSERT INTO amends.migrations (name, digest) VALUES (%s, %s)", [migration.name, migration.digest]
        )
    elif known[0] != migration.digest:
        raise LedgerError(
            f"migration {migration.name} was changed after it was applied. Restore it; add a new file."
        )
    return known is None


def _let_log_in(connection: "psycopg.Connection[Any]", password: str) -> None:
    """Set the password as a verifier made here, so that it appears in no server log."""
    from psycopg import sql

    verifier = connection.pgconn.encrypt_password(password.encode(), APP_ROLE.encode(), b"scram-sha-256")
    connection.execute(
        sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(
            sql.Identifier(APP_ROLE), sql.Literal(verifier.decode())
        )
    )

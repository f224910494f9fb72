"""The ledger on PostgreSQL: connect, bring the schema up to date, append and read."""

from amends.adapters.postgres.connection import connect
from amends.adapters.postgres.ledger import PostgresLedger
from amends.adapters.postgres.schema import APP_ROLE, migrate
from amends.adapters.postgres.transaction import announce

__all__ = ["APP_ROLE", "PostgresLedger", "announce", "connect", "migrate"]

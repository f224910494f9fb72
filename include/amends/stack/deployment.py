"""Prepare a deployment: databases, migrations, roles and people. ``python -m amends.stack.deployment``.

The init service of docker-compose.yaml runs it before every start, and so can a team on its own PostgreSQL.
Everything is read from the environment; what is there already is left as it is or brought up to date.
"""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from urllib.parse import unquote, urlsplit

from amends.domain.policy import ROLES
from amends.errors import AmendsError, BadInput, Unavailable

ADDRESSES = (
    "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN",
    "MLFLOW_BACKEND_STORE_URI",
    "AMENDS_OWNER_DSN",
    "AMENDS_DSN",
)


def main() -> int:
    """Prepare everything in order, one line a step. Exit code 2: one line on stderr says what is missing."""
    steps = (
        ("databases", create_databases),
        ("ledger", migrate_ledger),
        ("MLflow", upgrade_mlflow),
        ("Airflow, roles and people", prepare_airflow),
    )
    try:
        for name, step in steps:
            print(f"amends: preparing {name}", flush=True)  # noqa: T201 - speaks to a person
            step(os.environ)
    except AmendsError as error:
        print(f"amends: {error}", file=sys.stderr)  # noqa: T201 - the same
        return 2
    return 0


def create_databases(settings: Mapping[str, str]) -> None:
    """Create each login and each database that the services' addresses name; each reaches its own only.

    :raises Unavailable: PostgreSQL does not answer.
    """
    from psycopg.sql import SQL, Identifier, Literal

    from amends.adapters.postgres import connect

    addresses = [urlsplit(_setting(settings, name)) for name in ADDRESSES]
    with connect(_setting(settings, "AMENDS_ADMIN_DSN")) as connection:
        logins = {row[0] for row in connection.execute("SELECT rolname FROM pg_roles")}
        databases = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
        for address in addresses:
            login, database = unquote(address.username or ""), address.path.removeprefix("/")
            names = {"login": Identifier(login), "database": Identifier(database)}
            verb = SQL("ALTER" if login in logins else "CREATE")
            password = Literal(unquote(address.password or ""))
            connection.execute(SQL("{} ROLE {} LOGIN PASSWORD {}").format(verb, Identifier(login), password))
            if database not in databases:
                connection.execute(SQL("CREATE DATABASE {database} OWNER {login}").format(**names))
                connection.execute(SQL("REVOKE ALL ON DATABASE {database} FROM PUBLIC").format(**names))
            connection.execute(SQL("GRANT CONNECT ON DATABASE {database} TO {login}").format(**names))
            logins.add(login)
            databases.add(database)


def migrate_ledger(settings: Mapping[str, str]) -> None:
    """Bring the schema ``amends`` up to date, as its owner."""
    from amends.adapters.postgres import migrate

    migrate(_setting(settings, "AMENDS_OWNER_DSN"))


def upgrade_mlflow(settings: Mapping[str, str]) -> None:
    """Bring MLflow's tables up to date."""
    _run("mlflow", "db", "upgrade", _setting(settings, "MLFLOW_BACKEND_STORE_URI"))


def prepare_airflow(settings: Mapping[str, str]) -> None:
    """Bring Airflow's tables up to date; make the roles and the people with their first passwords."""
    people = {
        _person(settings, role, "USER"): {"role": role, "password": _person(settings, role, "PASSWORD")}
        for role in ROLES
    }
    operator = _person(settings, "operator", "USER")
    people[operator] = {"role": "Op", "password": _person(settings, "operator", "PASSWORD")}
    service = urlsplit(_setting(settings, "AIRFLOW_CONN_AIRFLOW_API"))
    people[service.username or ""] = {"role": "Viewer", "password": unquote(service.password or "")}
    _run("amends.orchestration.prepare", given=json.dumps(people))


def _person(settings: Mapping[str, str], role: str, what: str) -> str:
    return _setting(settings, f"AMENDS_{role}_{what}".upper().replace("-", "_"))


def _setting(settings: Mapping[str, str], name: str) -> str:
    value = settings.get(name, "")
    if not value:
        raise BadInput(f"{name} is not set. Take it from docker-compose.yaml and .env.example.")
    return value


def _run(module: str, *arguments: str, given: str = "") -> None:
    done = subprocess.run([sys.executable, "-m", module, *arguments], input=given, text=True, check=False)
    if done.returncode:
        raise Unavailable(
            f"{module}: exit code {done.returncode}, see the lines above. Correct that, start again."
        )


if __name__ == "__main__":
    raise SystemExit(main())

"""A deployment's databases are prepared on a real PostgreSQL, and prepared again without harm."""

import json
from urllib.parse import urlsplit
from uuid import uuid4

import psycopg  # noqa: TID253 - this module asks PostgreSQL itself
import pytest
from amends.errors import Unavailable
from amends.stack import deployment

Settings = dict[str, str]


@pytest.fixture
def settings(pg_server: str) -> Settings:
    """Addresses as docker-compose.yaml gives them, on the throwaway server, with names of this test's own."""
    tail, one = pg_server.partition("?")[2], uuid4().hex[:8]

    def address(login: str, database: str, scheme: str = "postgresql") -> str:
        return f"{scheme}://{login}:Xy-_9%3D@/{database}?{tail}"

    return {
        "AMENDS_ADMIN_DSN": pg_server,
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": address(f"air_{one}", f"air_{one}", "postgresql+psycopg2"),
        "MLFLOW_BACKEND_STORE_URI": address(f"ml_{one}", f"ml_{one}", "postgresql+psycopg2"),
        "AMENDS_OWNER_DSN": address(f"own_{one}", f"led_{one}"),
        "AMENDS_DSN": address("amends_app", f"led_{one}"),
    }


def _ask(dsn: str, query: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn.replace("+psycopg2", ""), autocommit=True) as connection:
        cursor = connection.execute(query.encode())
        return cursor.fetchall() if cursor.description else []


def test_databases_and_ledger_are_made_once_and_kept(settings: Settings) -> None:
    """Preparing twice leaves what was there, and the ledger answers to the services' role."""
    for _ in range(2):
        deployment.create_databases(settings)
        deployment.migrate_ledger(settings)
        _ask(settings["MLFLOW_BACKEND_STORE_URI"], "CREATE TABLE IF NOT EXISTS kept (n int)")
    assert _ask(settings["AMENDS_DSN"], "SELECT count(*) FROM amends.events") == [(0,)]
    assert _ask(settings["MLFLOW_BACKEND_STORE_URI"], "SELECT count(*) FROM kept") == [(0,)]


def test_a_login_reaches_its_own_database_only(settings: Settings) -> None:
    """MLflow's login is refused by Airflow's database, and the ledger's role owns nothing."""
    deployment.create_databases(settings)
    deployment.migrate_ledger(settings)
    airflow = urlsplit(settings["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"]).path.removeprefix("/")
    mlflow = settings["MLFLOW_BACKEND_STORE_URI"].replace("+psycopg2", "")
    with pytest.raises(psycopg.OperationalError, match="permission denied for database"):
        psycopg.connect(mlflow, dbname=airflow)
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="must be owner"):
        _ask(settings["AMENDS_DSN"], "DROP TABLE amends.events")


def test_a_server_that_does_not_answer_is_one_line() -> None:
    """The way out is in the line, the password is not."""
    settings = dict.fromkeys(deployment.ADDRESSES, "postgresql://a:b@127.0.0.1:9/a")
    settings["AMENDS_ADMIN_DSN"] = "postgresql://postgres:hidden@127.0.0.1:9/postgres"
    with pytest.raises(Unavailable, match=r"127\.0\.0\.1:9/postgres does not answer") as refused:
        deployment.create_databases(settings)
    assert "hidden" not in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_missing_setting_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 2, and one line that says which variable is missing."""
    for name in deployment.ADDRESSES:
        monkeypatch.delenv(name, raising=False)
    assert deployment.main() == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert len(told) == 1
    assert "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN is not set" in told[0]


def test_each_reviewer_gets_the_airflow_role_of_the_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four people and the reading account, each with one role, are handed to Airflow's preparation."""
    heard: list[str] = []
    monkeypatch.setattr(deployment, "_run", lambda _module, *, given: heard.append(given))
    people = {"DATA_SCIENCE": "dana", "PRODUCT": "petra", "LEGAL": "lena", "OPERATOR": "olga"}
    settings = {f"AMENDS_{role}_USER": name for role, name in people.items()}
    settings |= {f"AMENDS_{role}_PASSWORD": f"of-{name}" for role, name in people.items()}
    deployment.prepare_airflow({**settings, "AIRFLOW_CONN_AIRFLOW_API": "http://reader:pw%3D@api:8080"})
    assert json.loads(heard[0]) == {
        "dana": {"role": "data-science", "password": "of-dana"},
        "petra": {"role": "product", "password": "of-petra"},
        "lena": {"role": "legal", "password": "of-lena"},
        "olga": {"role": "Op", "password": "of-olga"},
        "reader": {"role": "Viewer", "password": "pw="},
    }


def test_a_step_that_fails_ends_with_its_exit_code() -> None:
    """A program that fails is named; nothing after it is tried."""
    with pytest.raises(Unavailable, match=r"no\.such\.module: exit code 1"):
        deployment._run("no.such.module")

"""The environment that every service of a stack runs in: the whole configuration, nothing in files."""

import os
from collections.abc import Mapping

from amends.stack.identity import LOOPBACK, SERVICE_USER, Identity
from amends.stack.layout import Layout, source_root

# Variables of the caller that would bend a service: another Airflow's or MLflow's configuration.
FOREIGN = ("AIRFLOW", "MLFLOW_", "_MLFLOW", "AMENDS_", "PG", "FLASK_", "UVICORN_", "GUNICORN_")

TELEMETRY_OFF = {
    "DO_NOT_TRACK": "1",
    "SCARF_ANALYTICS": "false",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "GX_ANALYTICS_ENABLED": "false",
    "NO_ALBUMENTATIONS_UPDATE": "1",
}


def client_environment(layout: Layout, identity: Identity) -> dict[str, str]:
    """What a program needs in order to speak to a running stack."""
    airflow = identity.url("airflow").removeprefix("http://")
    service_password = identity.user_passwords[SERVICE_USER]
    return {
        "AMENDS_HOME": str(layout.home),
        "AMENDS_DSN": identity.ledger_dsn,
        "AMENDS_SPECS": identity.specs,
        "AIRFLOW_CONN_AMENDS_DB": identity.ledger_dsn,
        "AIRFLOW_CONN_AIRFLOW_API": f"http://{SERVICE_USER}:{service_password}@{airflow}",
        "MLFLOW_TRACKING_URI": identity.url("mlflow"),
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
        "MLFLOW_HTTP_REQUEST_TIMEOUT": "20",
        "NO_PROXY": ",".join(filter(None, (os.environ.get("NO_PROXY", ""), LOOPBACK, "localhost"))),
        "PYTHONPATH": os.pathsep.join(dict.fromkeys((str(identity.project / "include"), str(source_root())))),
        **TELEMETRY_OFF,
    }


def service_environment(layout: Layout, identity: Identity) -> dict[str, str]:
    """What every service runs with: the caller's environment without foreign settings, then ours."""
    return {
        **{name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)},
        **client_environment(layout, identity),
        **_airflow(layout, identity),
        "TMPDIR": str(layout.temporary),
        "XDG_CACHE_HOME": str(layout.temporary),
        "PYTHONDONTWRITEBYTECODE": "1",  # a run writes nothing outside its home
        "PYTHONUNBUFFERED": "1",
    }


def mlflow_environment(layout: Layout, identity: Identity) -> dict[str, str]:
    """What the MLflow server needs beyond; its database password is not to be seen among the processes."""
    port = identity.ports["mlflow"]
    return {
        "MLFLOW_BACKEND_STORE_URI": identity.dsn("mlflow", "mlflow"),
        "MLFLOW_ARTIFACTS_DESTINATION": str(layout.artefacts),
        "MLFLOW_SERVER_ALLOWED_HOSTS": f"{LOOPBACK}:{port},localhost:{port}",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
    }


def _airflow(layout: Layout, identity: Identity) -> Mapping[str, str]:
    url = identity.url("airflow")
    sections = {
        "core": {
            "executor": "LocalExecutor",
            "parallelism": "6",
            "auth_manager": "amends.orchestration.auth.AmendsFabAuthManager",
            "dags_folder": identity.dags,
            "plugins_folder": str(identity.project / "plugins"),
            "dags_are_paused_at_creation": "False",
            "load_examples": "False",
            "fernet_key": identity.keys["fernet"],
            "execution_api_server_url": f"{url}/execution/",
        },
        "database": {
            "sql_alchemy_conn": identity.dsn("airflow", "airflow").replace("://", "+psycopg2://", 1),
        },
        "api": {
            "host": LOOPBACK,
            "port": str(identity.ports["airflow"]),
            "base_url": url,
            "workers": "1",
            "secret_key": identity.keys["session"],
            "expose_config": "False",
        },
        "api_auth": {"jwt_secret": identity.keys["jwt"]},
        "logging": {"base_log_folder": str(layout.airflow / "logs")},
        "dag_processor": {
            "refresh_interval": "5",
            "min_file_process_interval": "10",
            "parsing_processes": "1",
        },
        "scheduler": {"enable_health_check": "False"},
        "metrics": {"statsd_on": "False"},
    }
    variables = {"AIRFLOW_HOME": str(layout.airflow)}
    for section, options in sections.items():
        for option, value in options.items():
            variables[f"AIRFLOW__{section}__{option}".upper()] = value
    return variables

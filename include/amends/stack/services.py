"""The services of a stack: how each is started, ended, and asked for its health."""

import json
import signal
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from amends.stack import environment, postgres
from amends.stack.identity import LOOPBACK, Identity
from amends.stack.layout import Layout

AIRFLOW_COMPONENTS = ("api-server", "scheduler", "dag-processor", "triggerer")

# The triggerer waits 10 s for triggers that never end; what it had not told is told again at the next start.
GRACE = {"triggerer": 1.5}


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """One long-running process of the stack."""

    name: str
    command: tuple[str, ...]
    environment: Mapping[str, str] = field(repr=False)
    ending: signal.Signals = signal.SIGTERM
    grace: float = 12.0


def database(layout: Layout, identity: Identity) -> Service:
    """PostgreSQL; SIGINT ends it fast and clean."""
    return Service(
        name="postgres",
        command=postgres.command(layout, identity),
        environment=environment.service_environment(layout, identity),
        ending=signal.SIGINT,
    )


def registry(layout: Layout, identity: Identity) -> Service:
    """The MLflow server, one worker."""
    served = ("--host", LOOPBACK, "--port", str(identity.ports["mlflow"]), "--workers", "1")
    return Service(
        name="mlflow",
        command=(sys.executable, "-m", "mlflow", "server", *served),
        environment=environment.service_environment(layout, identity)
        | environment.mlflow_environment(layout, identity),
    )


def airflow(layout: Layout, identity: Identity) -> tuple[Service, ...]:
    """Airflow's four components; logs are read from the common folder, so no log server listens."""
    quiet = {"scheduler": ("--skip-serve-logs",), "triggerer": ("--skip-serve-logs",)}
    return tuple(
        Service(
            name=name,
            command=(sys.executable, "-m", "airflow", name, *quiet.get(name, ())),
            environment=environment.service_environment(layout, identity),
            grace=GRACE.get(name, 12.0),
        )
        for name in AIRFLOW_COMPONENTS
    )


def health(identity: Identity) -> dict[str, bool]:
    """Which services answer that they are well."""
    return {
        "postgres": postgres.answers(identity),
        "mlflow": _get(f"{identity.url('mlflow')}/health") is not None,
        **airflow_health(identity),
    }


def airflow_health(identity: Identity) -> dict[str, bool]:
    """Health of Airflow's components as its API server tells it."""
    answer = _get(f"{identity.url('airflow')}/api/v2/monitor/health")
    if answer is None:
        return dict.fromkeys(AIRFLOW_COMPONENTS, False)
    told: dict[str, Any] = json.loads(answer)
    return {"api-server": True} | {
        name: (told.get(name.replace("-", "_")) or {}).get("status") == "healthy"
        for name in AIRFLOW_COMPONENTS[1:]
    }


def _get(url: str) -> bytes | None:
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # the loopback needs no proxy
    try:
        with opener.open(url, timeout=5) as response:
            return bytes(response.read())
    except (urllib.error.URLError, TimeoutError, ConnectionError):
        return None

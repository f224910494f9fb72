"""Airflow's own record of who answered what, read over REST with a service account that can only look."""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote

from amends.domain.approval import REJECT, Answer
from amends.errors import Unavailable
from amends.orchestration.settings import API_CONNECTION

TIMEOUT = (5, 20)
"""Seconds to wait for a connection and for an answer."""

EVIDENCE = re.compile(r"evidence:(sha256:[0-9a-f]{64})")


def read_answers(
    dag_id: str, run_id: str, tasks: Mapping[str, str], *, within: timedelta | None = None
) -> list[Answer]:
    """Read what every role answered in a run.

    :param tasks: the task that asked, by role; a task that never asked gives an answer without a choice.
    :param within: how long a person had; a later answer counts as none.
    :raises Unavailable: Airflow's API does not answer, or does not let the service account look.
    """
    reader = _Reader()
    base = f"/api/v2/dags/{quote(dag_id, safe='')}/dagRuns/{quote(run_id, safe='')}/taskInstances"
    return [
        answer_of(role, reader.get(f"{base}/{quote(task, safe='')}/-1/hitlDetails"), within=within)
        for role, task in tasks.items()
    ]


def answer_of(role: str, record: Mapping[str, Any] | None, *, within: timedelta | None = None) -> Answer:
    """Turn one human-in-the-loop record into an answer; no record, or no response yet, has no choice."""
    record = record or {}
    answered = record.get("response_received") is True
    person = (record.get("responded_by_user") or {}).get("name") if answered else None
    choices = (record.get("chosen_options") or []) if answered else []
    if answered and within is not None and _late(record, within):
        person, choices = None, [REJECT]
    shown = set(EVIDENCE.findall(record.get("body") or ""))
    return Answer(
        role=role,
        person=person,
        choice=choices[0] if len(choices) == 1 else None,
        rationale=str((record.get("params_input") or {}).get("rationale") or ""),
        answered_at=record.get("responded_at") if answered else None,
        evidence=shown.pop() if len(shown) == 1 else None,
        assignees=tuple(one["id"] for one in record.get("assigned_users") or []),
    )


def _late(record: Mapping[str, Any], within: timedelta) -> bool:
    asked, answered = (datetime.fromisoformat(record[name]) for name in ("created_at", "responded_at"))
    return answered > asked + within + timedelta(minutes=1)  # the scheduler sweeps time-outs every 15 s


class _Reader:
    """One login, then reads. Every way in which Airflow may not answer becomes one line."""

    def __init__(self) -> None:
        from airflow.sdk import BaseHook

        connection = BaseHook.get_connection(API_CONNECTION)
        secure = "https" in {connection.conn_type, connection.schema}
        port = f":{connection.port}" if connection.port else ""
        self.base = f"{'https' if secure else 'http'}://{connection.host}{port}"
        self.token = self._login(connection.login, connection.password)

    def _login(self, username: str, password: str) -> str:
        reply = self._call("POST", "/auth/token", json={"username": username, "password": password})
        return str(reply.json()["access_token"])

    def get(self, path: str) -> dict[str, Any] | None:
        """Read a document; None where it does not exist."""
        reply = self._call(
            "GET", path, headers={"Authorization": f"Bearer {self.token}"}, absent_is_none=True
        )
        return reply.json() if reply.status_code != 404 else None  # noqa: PLR2004  # not found

    def _call(self, method: str, path: str, *, absent_is_none: bool = False, **arguments: Any) -> Any:
        import requests

        try:
            reply = requests.request(
                method, self.base + path, timeout=TIMEOUT, allow_redirects=False, **arguments
            )
            if not (absent_is_none and reply.status_code == requests.codes.not_found):
                reply.raise_for_status()
        except requests.RequestException as error:
            code = getattr(error.response, "status_code", None)
            why = f"answered {code}" if code else f"did not answer ({type(error).__name__})"
            raise Unavailable(
                f"Airflow's API at {self.base} {why} to {method} {path}. "
                f"Check connection {API_CONNECTION!r} and that its user may read."
            ) from error
        return reply


def run_link(dag_id: str, run_id: str) -> str:
    """Address of a run in Airflow's pages."""
    from airflow.sdk.configuration import conf

    base = conf.get("api", "base_url", fallback="") or ""
    return f"{base.rstrip('/')}/dags/{quote(dag_id, safe='')}/runs/{quote(run_id, safe='')}"


def task_of(role: str) -> str:
    """Task that asks a role: ``data-science`` is asked by ``approve_data_science``."""
    return f"approve_{role.replace('-', '_')}"

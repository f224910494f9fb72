"""A person at Airflow's REST API: what the demo and the tests do as a named user."""

from typing import Any
from urllib.parse import quote

from amends.errors import Unavailable

TIMEOUT = (5, 30)
"""Seconds to wait for a connection and for an answer."""


class AirflowUser:
    """One login. Every call is bounded; an answer that is an error says what Airflow said."""

    def __init__(self, url: str, name: str, password: str) -> None:
        self.url, self.name = url.rstrip("/"), name
        reply = self._send("POST", "/auth/token", json={"username": name, "password": password})
        self._token = str(reply.json()["access_token"])

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """Call ``/api/v2<path>``; return the status code and the document."""
        headers = {"Authorization": f"Bearer {self._token}"}
        reply = self._send(method, f"/api/v2{path}", json=body, headers=headers)
        return reply.status_code, reply.json() if reply.content else None

    def get(self, path: str) -> Any:
        """Read a document. :raises Unavailable: Airflow answers with an error."""
        code, document = self.call("GET", path)
        if code >= 400:  # noqa: PLR2004 - HTTP errors
            raise Unavailable(f"Airflow at {self.url} answered {code} to {self.name}: GET {path}: {document}")
        return document

    def questions(self, dag: str, run: str) -> list[dict[str, Any]]:
        """Requests for approval of a run that wait for an answer."""
        path = f"/dags/{_q(dag)}/dagRuns/{_q(run)}/hitlDetails?response_received=false&state=awaiting_input"
        return list(self.get(path)["hitl_details"])

    def answer(self, dag: str, run: str, task: str, choice: str, rationale: str) -> tuple[int, Any]:
        """Answer a request for approval; return Airflow's status code and document."""
        path = f"/dags/{_q(dag)}/dagRuns/{_q(run)}/taskInstances/{_q(task)}/-1/hitlDetails"
        return self.call(
            "PATCH", path, {"chosen_options": [choice], "params_input": {"rationale": rationale}}
        )

    def run_state(self, dag: str, run: str) -> str | None:
        """State of a run, or None where there is none."""
        code, document = self.call("GET", f"/dags/{_q(dag)}/dagRuns/{_q(run)}")
        return document["state"] if code == 200 else None  # noqa: PLR2004 - found

    def task_states(self, dag: str, run: str) -> dict[str, str | None]:
        """State of each task of a run."""
        found = self.get(f"/dags/{_q(dag)}/dagRuns/{_q(run)}/taskInstances?limit=200")
        return {task["task_id"]: task["state"] for task in found["task_instances"]}

    def page(self, dag: str, run: str, task: str | None = None) -> str:
        """Address of a run's page, or of a task's answer form, for people."""
        address = f"{self.url}/dags/{_q(dag)}/runs/{_q(run)}"
        return f"{address}/tasks/{_q(task)}/required_actions" if task else address

    def _send(self, method: str, path: str, **arguments: Any) -> Any:
        import requests

        try:
            reply = requests.request(method, self.url + path, timeout=TIMEOUT, **arguments)
        except requests.RequestException as error:
            raise Unavailable(
                f"Airflow at {self.url} does not answer ({type(error).__name__}). Look with `amends status`."
            ) from error
        if path == "/auth/token" and not reply.ok:
            raise Unavailable(f"Airflow at {self.url} refused the login of {self.name}: {reply.status_code}.")
        return reply


def _q(part: str) -> str:
    return quote(part, safe="")

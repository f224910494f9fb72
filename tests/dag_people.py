"""People who answer while Airflow runs the response DAG in this process, and what its record says of them."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

PEOPLE = {"data_science": "dana", "product": "petra", "legal": "lena"}
REASON = "Looked at the table; fine."
BY_HAND = {"state": "success"}
"""No answer: somebody sets the task's state."""

Answerer = Callable[[str], Mapping[str, Any] | None]


def from_database(_: str, run_id: str, tasks: Mapping[str, str], *, within: timedelta) -> list[Any]:
    """Read the records where Airflow's API would read them."""
    from airflow.models.hitl import HITLDetail
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session
    from amends.orchestration.api import answer_of
    from sqlalchemy import select

    answers = []
    with create_session() as session:
        for role, task in tasks.items():
            query = select(HITLDetail).join(TaskInstance, TaskInstance.id == HITLDetail.ti_id)
            query = query.where(TaskInstance.run_id == run_id, TaskInstance.task_id == task)
            record = session.scalar(query)
            answers.append(answer_of(role, record and as_api_says(record), within=within))
    return answers


def as_api_says(record: Any) -> dict[str, Any]:
    """Write a record as Airflow's API does."""
    return {
        "body": record.body,
        "assigned_users": record.assigned_users,
        "created_at": record.created_at.isoformat(),
        "response_received": record.response_received,
        "responded_at": record.responded_at.isoformat() if record.responded_at else None,
        "responded_by_user": record.responded_by_user,
        "chosen_options": record.chosen_options,
        "params_input": record.params_input,
    }


@pytest.fixture
def people() -> Iterator[Callable[[Answerer], list[str]]]:
    """Let people answer while a run waits for them; what each was shown is kept."""
    stop, threads = threading.Event(), []

    def start(answer: Answerer) -> list[str]:
        shown: list[str] = []
        threads.append(threading.Thread(target=respond_until, args=(stop, answer, shown)))
        threads[-1].start()
        return shown

    yield start
    stop.set()
    for thread in threads:
        thread.join(timeout=10)


PARKED = 6
"""Looks at a waiting question before it is answered: Airflow loses what comes while it parks the task."""


def respond_until(stop: threading.Event, answer: Answerer, shown: list[str]) -> None:
    """Answer every waiting question until told to stop."""
    from airflow.models.hitl import HITLDetail
    from airflow.models.trigger import handle_event_submit
    from airflow.triggers.base import TriggerEvent
    from airflow.utils.session import create_session
    from sqlalchemy import select

    looks: Counter[Any] = Counter()
    while not stop.is_set():
        time.sleep(0.2)
        with create_session() as session:
            for record in session.scalars(select(HITLDetail)).all():
                task = record.task_instance
                given = answer(task.task_id.removeprefix("sign_off.approve_"))
                looks[record.ti_id] += task.state == "awaiting_input"
                if task.state != "awaiting_input" or given is None or looks[record.ti_id] < PARKED:
                    continue
                if given == BY_HAND:
                    task.state = "success"
                    continue
                if record.responded_at is None:
                    shown.append(record.body)
                    record.responded_at = datetime.now(UTC)
                    record.responded_by = given["by"]
                    record.chosen_options = given["chosen"]
                    record.params_input = {"rationale": given["rationale"]}
                # an answer that the runner overwrote while parking the task is handed in again
                event = TriggerEvent(record.as_resume_event_payload())
                handle_event_submit(event, task_instance=task, session=session)


def approval(role: str) -> dict[str, Any]:
    """Approve, as the person who holds the role."""
    return {"by": {"id": role, "name": PEOPLE[role]}, "chosen": ["Approve"], "rationale": REASON}

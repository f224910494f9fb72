"""A playbook as a group of tasks: its steps in a row, each with its own time-out."""

from datetime import timedelta
from typing import Any

from airflow.sdk import TaskGroup, chain, task

from amends.domain.playbook import Playbook, Step
from amends.orchestration import response
from amends.workflow.house import WORDS
from amends.workflow.playbooks import kind_of


def play(playbook: Playbook, incident: Any) -> TaskGroup:
    """Build the group of a playbook within the group of remedies.

    :param incident: the incident's id, or the template that gives it.
    """
    with TaskGroup(playbook.name, tooltip=playbook.does) as group:
        steps = [_task(playbook, step)(incident, playbook.name, step.name) for step in playbook.steps]
        if len(steps) > 1:
            chain(*steps)
    return group


def _task(playbook: Playbook, step: Step) -> Any:
    kind = kind_of(step, WORDS)
    page = f"{kind.does} (playbook {playbook.name}, owner {playbook.owner}; way back: {kind.way_back})"
    limit = timedelta(minutes=step.minutes)
    return task(task_id=step.name, execution_timeout=limit, doc_md=page)(response.run_step)

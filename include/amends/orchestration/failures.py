"""A failed task leaves a word in the ledger and turns its run red.

Two nets, because one has a hole each: the task's own failure callback knows the reason but does not run when
the worker is killed; the run's last tasks see every state but not the reason. Both write under one key, so
the ledger keeps the first.
"""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

from amends.errors import AmendsError, Unavailable

NEVER_RAN = {"None", "skipped", "upstream_failed", "removed"}


def patience(on_failure: Callable[[Any], None] | None = None) -> dict[str, Any]:
    """Return what every task starts with: how long it tries, and who hears when it fails.

    A service that is away is waited for: 15, 30 and 60 s. A rule that says no, or bad input, is not asked
    twice.
    """
    from airflow.sdk import ExceptionRetryPolicy, RetryAction, RetryRule

    away = RetryRule(exception=Unavailable, action=RetryAction.RETRY)
    refused = RetryRule(exception=AmendsError, action=RetryAction.FAIL)
    return {
        "retries": 3,
        "retry_delay": timedelta(seconds=15),
        "retry_exponential_backoff": 2.0,
        "max_retry_delay": timedelta(minutes=2),
        "retry_policy": ExceptionRetryPolicy(rules=[away, refused]),
        "on_failure_callback": on_failure,
    }


def reason_of(context: Any) -> str:
    """Say in one line why a task failed.

    Only our own messages are repeated: a vendor's may quote rows of data.
    """
    error = context.get("exception")
    if error is None:
        return "it ended without giving a reason"
    if isinstance(error, AmendsError):
        return " ".join(str(error).split())[:1000]
    return f"{type(error).__name__}; the task's log says more"


def failed_tasks(ti: Any) -> list[str]:
    """Tasks of this run that failed by themselves."""
    return sorted(task for task, state in _states(ti).items() if state == "failed")


def any_ran(ti: Any, begins: str) -> bool:
    """Whether any task whose id begins so ran in this run."""
    states = [state for task, state in _states(ti).items() if task.startswith(begins)]
    return any(state not in NEVER_RAN for state in states)


def _states(ti: Any) -> dict[str, str]:
    found: dict[str, dict[str, Any]] = ti.get_task_states(dag_id=ti.dag_id, run_ids=[ti.run_id])
    return {task: str(getattr(state, "value", state)) for task, state in found.get(ti.run_id, {}).items()}

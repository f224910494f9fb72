"""What the monitors' and the watch's tasks do: one call into the workflow each."""

import logging
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from amends.domain.incident import open_incident_of
from amends.domain.window import Window
from amends.orchestration import verbs
from amends.orchestration.bootstrap import ledger, services
from amends.orchestration.failures import reason_of
from amends.orchestration.settings import read_shelf

if TYPE_CHECKING:
    from amends.domain.spec import ModelSpec
    from amends.ports import Services

log = logging.getLogger(__name__)

MOVED = "champion_moved"
"""Outbox topic: a champion moved, so the next windows decide whether it was right."""


def desk(model: str) -> "tuple[Services, ModelSpec]":
    """Ports and spec of a model."""
    spec = read_shelf().spec(model)
    return services(spec), spec


def due_windows(model: str, dag_run: Any) -> list[dict[str, Any]]:
    """List the windows to assess, as of the run's own time."""
    return [window.document() for window in verbs.monitor.due_windows(*desk(model), dag_run.run_after)]


def assess(model: str, window: dict[str, Any]) -> dict[str, Any]:
    """Assess a window once; hand on its evidence digest."""
    found = verbs.monitor.assess_window(*desk(model), Window.from_document(window))
    return {"window": window, "assessment": found}


def open_incident(model: str, assessed: dict[str, Any]) -> str | None:
    """Open or join the incident that an assessment calls for."""
    window = Window.from_document(assessed["window"])
    return verbs.opening.open_incident(*desk(model), window, assessed["assessment"])


def draw_report(model: str, assessed: dict[str, Any]) -> str | None:
    """Draw the page of a window that raised something."""
    window = Window.from_document(assessed["window"])
    return verbs.monitor.draw_report(*desk(model), window, assessed["assessment"])


def record_failure(model: str, dag_run: Any, reason: str) -> str:
    """Record that a monitor failed; a run's second word finds the first."""
    return verbs.opening.record_failure(
        *desk(model), day=dag_run.run_after, run=dag_run.run_id, reason=reason
    )


def on_failure(model: str) -> Callable[[Any], None]:
    """Failure callback of a model's monitor: record the failure and open its incident. Never raises."""

    def record(context: Any) -> None:
        task = context["ti"].task_id
        try:
            record_failure(model, context["dag_run"], f"{task}: {reason_of(context)}")
        except Exception:
            log.exception("the failure of %s could not be recorded; the run's alarm will try again", task)

    return record


def watch_champion(model: str, dag_run: Any) -> str | None:
    """Judge the champion's last move by the windows it has served; ask people about a mask that ran out.

    The move stays in the outbox, and so goes on ringing, for as long as its incident is open.
    """
    found, spec = desk(model)
    moves = found.ledger.pending(MOVED, model)
    verdict = verbs.watch.watch(found, spec)
    verbs.expiry.expire_mask(found, spec, dag_run.run_after)
    if open_incident_of(found.ledger.events(model=model)) is None:
        with found.ledger.transaction(model) as transaction:
            for move in moves:
                transaction.settle(MOVED, move.key)
    return verdict


def look_at_trial(model: str) -> str | None:
    """Look at the model's running trial, if there is one; say how it ended, or None while it goes on."""
    looked = verbs.trial.look(*desk(model))
    return looked["outcome"] if looked else None


def waiting_incidents() -> list[str]:
    """Run ids of the responses that nobody has started yet: an incident's id, or what grew it after a dot."""
    return [row.key for row in ledger().pending(verbs.opening.INCIDENT)]


def hand_over_failed(context: Any) -> None:
    """Failure callback of the hand-over: every incident that waits hears of it. Never raises."""
    step = f"hand_over.{context['ti'].task_id}"
    try:
        for row in ledger().pending(verbs.opening.INCIDENT):
            incident = str(row.payload["incident"])
            verbs.respond.step_failed(*desk(row.model), incident, step=step, reason=reason_of(context))
    except Exception:
        log.exception("the failure of %s could not be recorded; the next sweep hands over again", step)


def settle_incidents(runs: list[str]) -> int:
    """Mark announcements as handed over, now that a run of that id exists for each."""
    waiting = [row for row in ledger().pending(verbs.opening.INCIDENT) if row.key in runs]
    for row in waiting:
        with ledger().transaction(row.model) as transaction:
            transaction.settle(verbs.opening.INCIDENT, row.key)
    return len(waiting)

"""What the response's tasks do: find the incident's desk, call one verb, hand on an id or a small fact.

Nothing that another task says is believed: each step reads its facts from the ledger by incident id.
"""

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from amends.domain.dependencies import dependencies_of
from amends.domain.events import EventKind
from amends.domain.incident import open_incident_of
from amends.errors import BadInput
from amends.orchestration import verbs
from amends.orchestration.api import read_answers, run_link, task_of
from amends.orchestration.bootstrap import ledger, services
from amends.orchestration.failures import failed_tasks, reason_of
from amends.orchestration.settings import read_playbooks, read_shelf

if TYPE_CHECKING:
    from amends.domain.approval import Answer
    from amends.domain.spec import ModelSpec
    from amends.ports import Services

log = logging.getLogger(__name__)

SIGN_OFF, REMEDY = "sign_off", "remedy"
"""The task groups that ask people, and that hold the playbooks."""


def desk(incident: str) -> "tuple[Services, ModelSpec]":
    """Ports and spec of an incident's model."""
    spec = read_shelf().spec(verbs.respond.incident_of(ledger(), incident).model)
    return services(spec), spec


def author(dag_run: Any) -> str:
    """Who asked for a run: a person by login where it was triggered by hand, else ``amends``."""
    by_hand = str(getattr(dag_run.run_type, "value", dag_run.run_type)) == "manual"
    return (dag_run.triggering_user_name or "unknown person") if by_hand else "amends"


def resolve_incident(params: Mapping[str, Any], dag_run: Any) -> str:
    """Say which incident the run answers; a run by hand without one opens it, a rehearsal never does."""
    named = params["incident"]
    if not named and not params["model"]:
        raise BadInput("neither an incident nor a model was given. Trigger again with one of them.")
    spec = read_shelf().spec(params["model"] or verbs.respond.incident_of(ledger(), named).model)
    if not named and params["dry_run"] and not open_incident_of(ledger().events(model=spec.name)):
        raise BadInput(f"model {spec.name!r} has no open incident to rehearse. Name one, or untick dry_run.")
    return verbs.respond.resolve(
        services(spec), spec, incident=named, request=dag_run.run_id, reason=params["reason"],
        actor=author(dag_run), day=dag_run.run_after,
    )  # fmt: skip


def freeze_evidence(incident: str, *, dry_run: bool) -> str | None:
    """Freeze the evidence; a rehearsal freezes nothing, so that the real run sees the world as it is then."""
    return None if dry_run else verbs.freeze.freeze(*desk(incident), incident)


def decide(incident: str, params: Mapping[str, Any], dag_run: Any) -> dict[str, Any]:
    """Record the plan and return it."""
    return verbs.respond.decide(
        *desk(incident),
        incident,
        action=params["action"],
        actor=author(dag_run),
        dry_run=params["dry_run"],
        known=read_playbooks(),
    )


def _plan(incident: str) -> dict[str, Any]:
    found, _ = desk(incident)
    return verbs.respond.only(found, incident, EventKind.DECISION_MADE)


def containment(incident: str) -> str:
    """Task that the recorded plan goes on with: roll back at once, or leave production as it is."""
    return "roll_back" if _plan(incident)["contain"] else "leave_in_production"


def chosen_playbooks(incident: str) -> list[str]:
    """First tasks of the recorded plan's playbooks."""
    playbooks = read_playbooks()
    return [f"{REMEDY}.{name}.{playbooks[name].steps[0].name}" for name in _plan(incident)["run"]]


def run_step(incident: str, playbook: str, step: str) -> dict[str, Any]:
    """Carry out one step of a playbook; a playbook that ended says why, and its later steps do nothing."""
    found, spec = desk(incident)
    ran = verbs.play.PlaybookRun(
        services=found, spec=spec, incident=incident, playbook=read_playbooks()[playbook],
        house=verbs.steps.HOUSE,
    ).run(step)  # fmt: skip
    return {"ended": ran.ended} if ran.ended else dict(ran.facts)


def roll_back(incident: str) -> dict[str, Any]:
    """Return production to the newest good version."""
    return verbs.respond.contain(*desk(incident), incident)


def reproduce(incident: str) -> dict[str, Any]:
    """Score the failing and the previous version on the frozen rows."""
    return verbs.remediate.reproduce(*desk(incident), incident)


def diagnose(incident: str) -> dict[str, Any]:
    """Say on the frozen rows what decisions hang on, since when an input is broken, where a version lost."""
    return verbs.diagnose.diagnose(*desk(incident), incident)


def validate(incident: str) -> dict[str, Any]:
    """Compare all candidates with the champion on the same rows: blessed or not, with reasons."""
    return verbs.remediate.validate(*desk(incident), incident)


def refuse(incident: str) -> dict[str, Any]:
    """End the remedy of a candidate that was not blessed."""
    return verbs.approve.refuse_unblessed(*desk(incident), incident)


def no_candidate(incident: str) -> bool:
    """Where no playbook made a version: hand over to people if one was meant to; say whether that was so."""
    found, spec = desk(incident)
    meant = bool(_plan(incident)["makes_version"])
    if meant:
        verbs.respond.hand_to_people(found, spec, incident)
    return meant


def reviewers(incident: str, validated: Mapping[str, Any], dag_run: Any) -> list[str]:
    """Tasks that ask the roles; the one that ends the remedy where none is blessed, or none was made."""
    if not validated:
        return ["validation.no_candidate"]
    found, spec = desk(incident)
    if not verbs.respond.only(found, incident, EventKind.CANDIDATE_VALIDATED)["blessed"]:
        return ["validation.refuse"]
    link = run_link(dag_run.dag_id, dag_run.run_id)
    asked = verbs.approve.request_approvals(found, spec, incident, link=link, touched=touched_by(spec))
    return [f"{SIGN_OFF}.{task_of(role)}" for role in asked["roles"]]


def touched_by(spec: "ModelSpec") -> tuple[str, ...]:
    """Whom a change of the model reaches, by the specs there are."""
    return dependencies_of(spec, read_shelf().specs.values()).touched


def question(incident: str, dag_run: Any) -> dict[str, Any]:
    """Subject, body and time-out of the question to a person, written from the ledger."""
    found, spec = desk(incident)
    link = run_link(dag_run.dag_id, dag_run.run_id)
    asked = verbs.approve.request_approvals(found, spec, incident, link=link, touched=touched_by(spec))
    limit = found.policy.response_timeout(verbs.respond.incident_of(found.ledger, incident).call.severity)
    return {"subject": asked["subject"], "body": asked["body"], "seconds": limit.total_seconds()}


def answers(incident: str, dag_run: Any) -> "list[Answer]":
    """Read from Airflow's own record what the required roles answered in a run."""
    found, _ = desk(incident)
    asked = verbs.respond.only(found, incident, EventKind.APPROVAL_REQUESTED)
    limit = found.policy.response_timeout(verbs.respond.incident_of(found.ledger, incident).call.severity)
    tasks = {role: f"{SIGN_OFF}.{task_of(role)}" for role in asked["roles"]}
    return read_answers(dag_run.dag_id, dag_run.run_id, tasks, within=limit)


def record_answers(incident: str, dag_run: Any) -> int:
    """Copy the answers into the ledger."""
    return verbs.approve.record_answers(*desk(incident), incident, answers(incident, dag_run))


def promote(incident: str, dag_run: Any) -> dict[str, Any]:
    """Promote, after reading Airflow's record and the ledger once more."""
    return verbs.approve.promote_candidate(*desk(incident), incident, answers(incident, dag_run))


def tell(ti: Any, dag_run: Any) -> str | None:
    """Write the story from the ledger, with a word on each step that ended without one.

    A run that never found its incident has no story; its last task shows it red.
    """
    incident = incident_of(ti, dag_run)
    if incident is None:
        return None
    found, spec = desk(incident)
    for step in failed_tasks(ti):
        verbs.respond.step_failed(found, spec, incident, step=step, reason="it ended without giving a reason")
    return verbs.narrate.narrate(found.ledger, incident)


def incident_of(ti: Any, dag_run: Any) -> str | None:
    """Incident that a run answers: what its first task said, or what it was triggered with."""
    said = ti.xcom_pull(task_ids="understand.resolve_incident")
    named = said or (dag_run.conf or {}).get("incident")
    return str(named) if named and ledger().events(incident=str(named)) else None


def step_failed(context: Any) -> None:
    """Failure callback: append ``step_failed`` with the reason. Never raises."""
    task = context["ti"].task_id
    try:
        incident = incident_of(context["ti"], context["dag_run"])
        if incident:
            verbs.respond.step_failed(*desk(incident), incident, step=task, reason=reason_of(context))
    except Exception:
        log.exception("step_failed of %s could not be recorded; the run's last step will try again", task)

"""### Responds to one incident, from the frozen evidence to the story.

`hand_over` starts this by itself for each incident. By hand: choose a model or name an incident, choose an
action, say why. **Rehearse only** is on until you untick it, and while it is on nothing is altered.

| Step | What happens | The way back |
|---|---|---|
| understand | find the incident, freeze the evidence, decide by policy | nothing was altered |
| contain | roll back to the last good version, where policy allows it at once | promote again |
| remedy | score old and new on the frozen rows, then the playbooks, step by step | each step has its own |
| diagnose | say what decisions hang on, which input broke when, where a version lost | nothing was altered |
| validate | compare the candidates and the champion on the same rows | a candidate serves nobody |
| sign_off | every role that policy names approves or rejects; silence rejects | ask again in a new run |
| promote | check each answer again in Airflow's own record, move the champion | roll back |
| tell | write the story from the ledger, whatever happened | - |

An approval task gates nothing by itself: setting it to success by hand promotes nothing.
"""

from typing import Any

from airflow.providers.standard.operators.empty import EmptyOperator
from airflow.sdk import DAG, TaskGroup, task
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from amends.domain.policy import ROLES
from amends.orchestration import failures, response
from amends.orchestration.form import trigger_form
from amends.orchestration.playbooks import play
from amends.orchestration.settings import read_playbooks, read_shelf
from amends.orchestration.signoff import sign_off

INCIDENT = "{{ ti.xcom_pull(task_ids='understand.resolve_incident') }}"  # by name, so that it is no arrow
JOIN = "none_failed_min_one_success"

with DAG(
    dag_id="respond_to_incident",
    schedule=None,
    doc_md=__doc__,
    catchup=False,
    max_active_runs=64,  # a run waits for people; other incidents must not wait for it
    params=trigger_form(read_shelf().specs, read_playbooks()),
    access_control={role: {"DAGs": {"can_read", "can_edit"}} for role in ROLES},
    tags=["amends", "response"],
    default_args=failures.patience(response.step_failed),
) as dag:
    with TaskGroup("understand", tooltip="Find the incident, freeze the evidence, decide by policy"):

        @task
        def resolve_incident(params: Any = None, dag_run: Any = None) -> str:
            """Say which incident this run answers."""
            return response.resolve_incident(params, dag_run)

        @task
        def freeze_evidence(incident: str, params: Any = None) -> str | None:
            """Write down versions, alias, policy and data before anything is altered."""
            return response.freeze_evidence(incident, dry_run=params["dry_run"])

        @task
        def decide(incident: str, params: Any = None, dag_run: Any = None) -> dict[str, Any]:
            """Turn findings and policy into a plan."""
            return response.decide(incident, params, dag_run)

        @task.branch
        def contain_or_not(incident: str, params: Any = None) -> str:
            """Rehearse, roll back at once, or leave production as it is."""
            return "rehearsed" if params["dry_run"] else f"contain.{response.containment(incident)}"

        # evidence is frozen before the decision, so that no act can precede it
        first = resolve_incident() >> freeze_evidence(INCIDENT) >> decide(INCIDENT)
        contained = first >> contain_or_not(INCIDENT)

    rehearsed = EmptyOperator(task_id="rehearsed", doc_md="The plan is in the ledger; nothing was done.")

    with TaskGroup("contain", tooltip="Stop the harm first"):
        roll_back = task(response.roll_back)(INCIDENT)
        leave_in_production = EmptyOperator(task_id="leave_in_production")

    with TaskGroup(response.REMEDY, tooltip="Confirm on the frozen rows, then carry the playbooks out"):

        @task.branch
        def choose_playbooks(incident: str) -> list[str]:
            """Go on with the playbooks of the plan; where several make a version, they compete."""
            return response.chosen_playbooks(incident)

        reproduced = task(response.reproduce, trigger_rule=JOIN)(INCIDENT)
        diagnosed = task(response.diagnose)(INCIDENT)
        # beside the playbooks and not before them: a remedy does not wait for a diagnosis, nor fail with it
        reproduced >> diagnosed
        chosen = reproduced >> choose_playbooks(INCIDENT)
        carried_out = [chosen >> play(playbook, INCIDENT) for playbook in read_playbooks().values()]

    with TaskGroup("validation", tooltip="Compare the candidates and the champion on the same rows"):

        @task(trigger_rule="all_done")
        def validate(incident: str, ti: Any = None) -> dict[str, Any]:
            """Compare all candidates with the champion on the same rows: blessed or not, with reasons."""
            if not failures.any_ran(ti, f"{response.REMEDY}.choose_playbooks"):
                raise AirflowSkipException("no playbook was carried out in this run")
            return response.validate(incident)

        @task.branch
        def ask_or_refuse(incident: str, validated: Any, dag_run: Any = None) -> list[str]:
            """Ask the roles that the policy names, or end the remedy of what validation did not bless."""
            return response.reviewers(incident, validated, dag_run)

        validated = validate(INCIDENT)
        asked = ask_or_refuse(INCIDENT, validated)
        refused, nothing_made = task(response.refuse)(INCIDENT), task(response.no_candidate)(INCIDENT)

    with TaskGroup(response.SIGN_OFF, tooltip="Named people approve or reject this very evidence"):
        questions = [sign_off(role, INCIDENT) for role in ROLES]

    with TaskGroup("promotion", tooltip="Check every answer again, then compare and set"):

        @task(trigger_rule="all_done")
        def record_answers(incident: str, dag_run: Any = None, ti: Any = None) -> int:
            """Copy the answers into the ledger before anything acts on them."""
            if not failures.any_ran(ti, f"{response.SIGN_OFF}.approve_"):
                raise AirflowSkipException("nobody was asked in this run")
            return response.record_answers(incident, dag_run)

        @task
        def promote(incident: str, dag_run: Any = None) -> dict[str, Any]:
            """Read Airflow's record and the ledger once more; move the champion if every rule holds."""
            return response.promote(incident, dag_run)

        recorded = record_answers(INCIDENT)
        promoted = recorded >> promote(INCIDENT)

    @task(trigger_rule="all_done")
    def narrate(ti: Any = None, dag_run: Any = None) -> None:
        """Write the story, with a word on each step that failed."""
        response.tell(ti, dag_run)

    @task(trigger_rule="all_done", retries=0, on_failure_callback=None)
    def show_red(ti: Any = None) -> None:
        """Fail the run where a step failed: the story's task alone would end it green."""
        if broken := failures.failed_tasks(ti):
            raise AirflowFailException(f"failed: {', '.join(broken)}. The story says why.")

    # the harm is stopped before anybody looks for its cause
    contained >> [rehearsed, roll_back, leave_in_production]
    [roll_back, leave_in_production] >> reproduced
    # validation sits directly upstream of the question: nobody is asked to bless an unchecked model
    [*carried_out, diagnosed] >> validated
    asked >> [refused, nothing_made, *questions]
    # answers are copied into the ledger before the promotion may read them
    questions >> recorded
    # the story is told whatever happened, and the run shows it
    [rehearsed, nothing_made, refused, promoted] >> narrate() >> show_red()

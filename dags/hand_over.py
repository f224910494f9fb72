"""### Hands incidents over to their response.

An incident is announced in the outbox in the same transaction that opens it. A bell wakes this DAG at
once, and the clock sweeps up what no bell announced. Each incident's response run carries the incident's id
as its run id: an id that was used before is refused by Airflow, so nothing is answered twice, however often
this runs.

1. **waiting_incidents**: the announcements that nobody has settled.
2. **start_response**: one run of `respond_to_incident` per incident.
3. **settle**: marks them as handed over, only after their runs exist.
"""

from airflow.providers.standard.operators.trigger_dagrun import TriggerDagRunOperator
from airflow.sdk import AssetOrTimeSchedule, CronTriggerTimetable, dag, task
from amends.orchestration import failures, monitoring
from amends.orchestration.assets import outbox


@dag(
    schedule=AssetOrTimeSchedule(
        assets=[outbox("incident")], timetable=CronTriggerTimetable("*/10 * * * *", timezone="UTC")
    ),
    doc_md=__doc__,
    catchup=False,
    max_active_runs=1,
    tags=["amends"],
    default_args=failures.patience(monitoring.hand_over_failed),
)
def hand_over() -> None:
    """Start a response for each incident that waits for one."""

    @task
    def waiting_incidents() -> list[str]:
        """List the incidents that were announced and not handed over."""
        return monitoring.waiting_incidents()

    @task(trigger_rule="none_failed")
    def settle(incidents: list[str]) -> int:
        """Mark the incidents as handed over."""
        return monitoring.settle_incidents(incidents)

    incidents = waiting_incidents()
    started = TriggerDagRunOperator.partial(
        task_id="start_response",
        trigger_dag_id="respond_to_incident",
        # the run is told the incident's id and nothing else: it reads every fact in the ledger
        conf={"incident": "{{ task.trigger_run_id.split('.')[0] }}", "dry_run": False},
        logical_date=None,
        skip_when_already_exists=True,
    ).expand(trigger_run_id=incidents)
    # settled after the runs exist: a crash in between hands over once more, to the same run ids
    started >> settle(incidents)


hand_over()

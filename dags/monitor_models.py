"""Builds one monitor DAG per file in ``include/models/``: ``monitor_<model>``."""

from typing import Any

from airflow.sdk import DAG, AssetOrTimeSchedule, CronTriggerTimetable, task
from airflow.sdk.exceptions import AirflowFailException
from amends.domain.spec import ModelSpec
from amends.orchestration import failures, monitoring
from amends.orchestration.assets import assessed, outbox
from amends.orchestration.settings import read_shelf

PAGE = """
### Watches model `{name}`

Owner {owner}, importance {importance}. Runs when a producer announces a batch of predictions, and by the
clock (`{schedule}`) to sweep up what no bell announced.

1. **due_windows**: the windows of event time to look at now.
2. **assess_window**: data quality, drift, performance and fairness of each window against the reference.
   A window is assessed once, and once more when labels that it lacked have come; running it again changes
   nothing.
3. **open_incident**: where the findings call for it, opens an incident or joins the model's open one. The
   incident is announced in the outbox; `hand_over` starts its response. What is only suspected, or was
   answered lately, is recorded and held back.
4. **draw_report**: Evidently's page on drift, bias and performance, for a window that raised something.
5. **raise_alarm** runs only when a step failed: a monitor that is broken is an incident of its own.
"""


def monitor_dag(spec: ModelSpec) -> DAG:
    """Wire the monitor of one model."""
    clock = spec.schedule or "*/15 * * * *"
    with DAG(
        dag_id=f"monitor_{spec.name}",
        doc_md=PAGE.format(name=spec.name, owner=spec.owner, importance=spec.importance, schedule=clock),
        schedule=AssetOrTimeSchedule(
            assets=[outbox("batch", spec.name)], timetable=CronTriggerTimetable(clock, timezone="UTC")
        ),
        catchup=False,
        max_active_runs=1,  # windows are judged in order, each once
        tags=["amends", "monitor", spec.name],
        default_args={"owner": spec.owner, **failures.patience(monitoring.on_failure(spec.name))},
    ) as dag:
        _wire(spec.name)
    return dag


def _wire(model: str) -> None:
    @task
    def due_windows(dag_run: Any = None) -> list[dict[str, Any]]:
        """List the windows to assess now."""
        return monitoring.due_windows(model, dag_run)

    @task(map_index_template="{{ task.op_kwargs['window']['start'][:10] }}")
    def assess_window(window: dict[str, Any]) -> dict[str, Any]:
        """Assess a window once, and keep the assessment as evidence."""
        return monitoring.assess(model, window)

    # a window that cannot be assessed does not hold up the incidents of the others
    @task(outlets=[assessed(model)], trigger_rule="all_done_min_one_success")
    def open_incident(assessments: list[dict[str, Any]]) -> list[str | None]:
        """Open or join what the assessments call for, oldest window first."""
        return [monitoring.open_incident(model, one) for one in assessments]

    @task(map_index_template="{{ task.op_kwargs['assessment']['window']['start'][:10] }}")
    def draw_report(assessment: dict[str, Any]) -> str | None:
        """Draw Evidently's page of a window that raised something, and keep it as evidence."""
        return monitoring.draw_report(model, assessment)

    @task(trigger_rule="one_failed", retries=0, on_failure_callback=None)
    def raise_alarm(dag_run: Any = None, ti: Any = None) -> None:
        """Record that the monitor failed, and show the run red."""
        broken = ", ".join(failures.failed_tasks(ti))
        incident = monitoring.record_failure(model, dag_run, f"the monitor failed at: {broken}")
        raise AirflowFailException(f"the monitor failed at: {broken}. It is incident {incident}.")

    windows = due_windows()
    assessments = assess_window.expand(window=windows)
    # incidents are opened in the order of the windows, so this step waits for all of them
    opened = open_incident(assessments)
    # the incident is opened first: nobody waits for a picture
    drawn = draw_report.expand(assessment=assessments)
    opened >> drawn
    # a step that fails must not fall silent: the alarm hears each of them
    [windows, assessments, opened, drawn] >> raise_alarm()


for one in read_shelf().specs.values():
    globals()[f"monitor_{one.name}"] = monitor_dag(one)

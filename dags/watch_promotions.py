"""### Watches what a moved champion does, and what a challenger would do.

After a promotion or a rollback the next windows decide. Enough healthy windows in a row: the model has
**recovered**, and its incident is closed. A window that calls for action under a promoted version is a
**relapse**: production returns, by itself, to the newest good version before it.

A champion that masks an input has a day by which people look again. On that day, by the run's own time, an
incident is opened that names the way back: the version that was masked, and what was built beside the mask.

A **trial** of a challenger (`amends trial start`) is looked at after each window: it is aborted by itself
where the challenger is surely worse than the policy's margin allows, and passed where it surely is not.

Two tasks per model. Runs when a monitor has finished a round, when a champion has moved, and by the clock.
"""

from typing import Any

from airflow.sdk import AssetAny, AssetOrTimeSchedule, CronTriggerTimetable, dag, task
from amends.orchestration import failures, monitoring
from amends.orchestration.assets import assessed, outbox
from amends.orchestration.settings import read_shelf

MODELS = tuple(read_shelf().specs)


@dag(
    schedule=AssetOrTimeSchedule(
        assets=AssetAny(outbox(monitoring.MOVED), *(assessed(model) for model in MODELS)),
        timetable=CronTriggerTimetable("*/15 * * * *", timezone="UTC"),
    ),
    doc_md=__doc__,
    catchup=False,
    max_active_runs=1,
    tags=["amends"],
    default_args=failures.patience(),
)
def watch_promotions() -> None:
    """Judge each model's last move of the champion."""

    @task
    def watch(model: str, dag_run: Any = None) -> str | None:
        """Say recovered, relapsed (and roll back), or nothing yet; raise a mask whose time is over."""
        return monitoring.watch_champion(model, dag_run)

    @task
    def look(model: str) -> str | None:
        """Say how the running trial ended, or nothing yet."""
        return monitoring.look_at_trial(model)

    for model in MODELS:
        failed = monitoring.on_failure(model)
        watch.override(task_id=f"watch_{model}", on_failure_callback=failed)(model)
        look.override(task_id=f"look_at_trial_{model}", on_failure_callback=failed)(model)


watch_promotions()

"""Write DAGS.md from the DAGs themselves: ``python -m amends.orchestration.dag_docs``.

With ``--check`` nothing is written; the exit code says whether the page is stale.
"""

import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import amends

PROJECT = Path(amends.__file__).resolve().parents[2]
HEAD = """# The DAGs

Written by `make docs` from the DAGs' own pages and tasks; a test fails when it is stale. There is one
`monitor_<model>` for each file in `include/models/`; the one below is the demo's.
"""


def main(arguments: list[str]) -> int:
    """Write DAGS.md, or with ``--check`` compare it. Exit code 1: stale; 2: a DAG cannot be imported."""
    page = PROJECT / "DAGS.md"
    try:
        text = document(PROJECT)
    except ImportError as error:
        print(f"amends: {error}", file=sys.stderr)  # noqa: T201 - speaks to a person
        return 2
    if "--check" not in arguments:
        page.write_text(text, encoding="utf-8")
    elif not page.exists() or page.read_text(encoding="utf-8") != text:
        print(f"amends: {page} is stale. Run make docs.", file=sys.stderr)  # noqa: T201 - the same
        return 1
    return 0


def document(project: Path) -> str:
    """Describe every DAG of a project, by id. :raises ImportError: one of them cannot be imported."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["AIRFLOW_HOME"] = (
            home  # the configuration of a run elsewhere is none of this page's business
        )
        os.environ["AMENDS_SPECS"] = str(project / "include" / "models")
        from airflow.dag_processing.dagbag import DagBag

        bag = DagBag(dag_folder=str(project / "dags"))
    if bag.import_errors:
        path, error = next(iter(bag.import_errors.items()))
        raise ImportError(f"{path}: {error.strip().splitlines()[-1]}")
    return "\n".join([HEAD, *(_section(bag.dags[name]) for name in sorted(bag.dags))])


def _section(dag: Any) -> str:
    rows = [_row(task) for task in dag.topological_sort()]
    table = ["| Task | What it does | After | Runs when |", "|---|---|---|---|", *rows]
    return "\n".join(
        [f"## {dag.dag_id}\n", f"Starts {_start(dag)}.\n", (dag.doc_md or "").strip(), "", *table, ""]
    )


def _row(task: Any) -> str:
    after = ", ".join(f"`{one}`" for one in sorted(task.upstream_task_ids)) or "-"
    name = f"`{task.task_id}`" + (" (one per item)" if task.is_mapped else "")
    return f"| {name} | {_purpose(task)} | {after} | `{task.trigger_rule.value}` |"


def _purpose(task: Any) -> str:
    """Return the first line of a task's own words; for a vendor's operator, its name."""
    operator = task.operator_class if task.is_mapped else type(task)
    own = task.doc_md or getattr(getattr(task, "python_callable", None), "__doc__", None)
    if own or operator.__module__.startswith("amends."):
        return str(own or operator.__doc__).strip().splitlines()[0].replace("|", "/")
    return f"`{operator.__name__}`"


def _start(dag: Any) -> str:
    timetable = dag.timetable
    ways = [f"when asset `{name}` is rung" for name in _assets(getattr(timetable, "asset_condition", None))]
    clock = getattr(getattr(timetable, "timetable", timetable), "expression", None)
    ways += [f"by the clock (`{clock}` UTC)"] if clock else []
    return ", or ".join(ways) or "by hand, or by another DAG"


def _assets(condition: Any) -> Iterator[str]:
    if condition is None:
        return
    if hasattr(condition, "objects"):
        for one in condition.objects:
            yield from _assets(one)
    else:
        yield str(condition.name)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))

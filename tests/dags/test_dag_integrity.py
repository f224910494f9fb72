"""Every DAG file parses, cheaply, and explains itself."""

import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]
DAGS = PROJECT / "dags"
HEAVY = {
    "mlflow",
    "evidently",
    "great_expectations",
    "sklearn",
    "fairlearn",
    "pandas",
    "numpy",
    "pyarrow",
    "scipy",
}


def test_all_dags_parse(bag: Any) -> None:
    """The project's DAG files give their four kinds of DAGs and no import error."""
    assert bag.import_errors == {}
    assert {"monitor_lending", "hand_over", "respond_to_incident", "watch_promotions"} <= set(bag.dags)


def test_every_dag_has_a_page(bag: Any) -> None:
    """Each DAG carries a page for its readers, and a tag to find it by."""
    for dag in bag.dags.values():
        assert len(dag.doc_md or "") > 200, dag.dag_id
        assert "amends" in dag.tags, dag.dag_id


def test_monitor_page_names_its_model(bag: Any) -> None:
    """A generated monitor's page says which model it watches and when."""
    page = bag.dags["monitor_lending"].doc_md
    assert "`lending`" in page
    assert "None" not in page


def test_one_monitor_per_spec_file(bag: Any) -> None:
    """There are as many monitors as specs."""
    specs = list((PROJECT / "include" / "models").glob("*.yaml"))
    monitors = [dag for dag in bag.dags if dag.startswith("monitor_")]
    assert len(monitors) == len(specs) > 0


def test_nobody_has_to_wait_for_somebody_elses_approval(bag: Any) -> None:
    """Many responses may wait for people at once."""
    assert bag.dags["respond_to_incident"].max_active_runs >= 50


@pytest.mark.parametrize("dag", ["monitor_lending", "hand_over", "watch_promotions"])
def test_drains_and_monitors_do_not_overlap(bag: Any, dag: str) -> None:
    """A DAG that works off a table runs once at a time."""
    assert bag.dags[dag].max_active_runs == 1
    assert bag.dags[dag].catchup is False


@pytest.mark.parametrize("path", sorted(DAGS.glob("*.py")), ids=lambda path: path.name)
def test_dag_files_are_short(path: Path) -> None:
    """A DAG file is names and arrows: 150 lines at most."""
    assert len(path.read_text().splitlines()) <= 150


def test_parsing_loads_no_heavy_vendor(tmp_path: Path) -> None:
    """Parsing imports neither the model registry, the report, the quality gate nor the trainers."""
    files = f"sorted(glob.glob({str(DAGS)!r} + '/*.py'))"
    program = f"import runpy, glob\n[runpy.run_path(path) for path in {files}]\n"
    assert _loaded(program, tmp_path) & HEAVY == set()


def test_a_step_that_judges_nothing_loads_nothing_to_judge_with(tmp_path: Path) -> None:
    """What opens, decides, asks, promotes and watches loads no scipy, and of the vendors only their ports."""
    program = (
        "from amends.orchestration import verbs\n"
        "[getattr(verbs, name) for name in ('approve', 'expiry', 'narrate', 'opening', 'respond', 'watch')]\n"
    )
    assert _loaded(program, tmp_path) & HEAVY == set()
    ports = (
        "from amends.adapters.bundle import bundle\n"
        "from amends.adapters.files import load_policy\n"
        "bundle(load_policy(), ledger=None, registry=None, source=None, shadow=None)\n"
    )
    assert _loaded(ports, tmp_path) & HEAVY <= {"numpy", "pyarrow"}


def _loaded(program: str, home: Path) -> set[str]:
    """Which modules a program loads, in a process of its own."""
    program = f"import sys\n{program}print(*sys.modules)\n"
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        capture_output=True,
        text=True,
        check=False,
        env={"AIRFLOW_HOME": str(home), "PATH": "/usr/bin:/bin"},
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return set(done.stdout.splitlines()[-1].split())


def test_a_broken_spec_shows_and_hides_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken spec is an import error that names file and way out; the other models keep their monitors."""
    from dag_parsing import parse

    good = (PROJECT / "include" / "models" / "lending.yaml").read_text()
    (tmp_path / "lending.yaml").write_text(good)
    (tmp_path / "broken.yaml").write_text(good.replace("importance:", "importanse:"))
    monkeypatch.setenv("AMENDS_SPECS", str(tmp_path))
    bag = parse(DAGS)
    assert "monitor_lending" in bag.dags
    assert [Path(path).name for path in bag.import_errors] == ["check_specs.py"]
    message = next(iter(bag.import_errors.values()))
    assert "broken.yaml" in message
    assert "importance" in message


def test_two_specs_of_one_model_are_told_apart(tmp_path: Path) -> None:
    """Two files that name one model are a problem with both the file and the way out, not a lost monitor."""
    from amends.orchestration.settings import read_shelf

    source = PROJECT / "include" / "models" / "lending.yaml"
    for name in ("a.yaml", "b.yaml"):
        shutil.copy(source, tmp_path / name)
    shelf = read_shelf(tmp_path)
    assert list(shelf.specs) == ["lending"]
    assert len(shelf.problems) == 1
    assert "b.yaml" in shelf.problems[0]
    assert "Rename one" in shelf.problems[0]


def test_a_missing_folder_of_specs_is_a_problem(tmp_path: Path) -> None:
    """A folder that is not there is said, not taken for 'no models'."""
    from amends.orchestration.settings import read_shelf

    assert "AMENDS_SPECS" in read_shelf(tmp_path / "none").problems[0]

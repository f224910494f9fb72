"""One embedded stack for all tests that walk through a running Airflow."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from amends.demo.release import prepare_log
from amends.stack import Running, down, up

PROJECT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """PostgreSQL, MLflow and Airflow with the project's DAGs; a test may add to its ``specs_folder``."""
    root = tmp_path_factory.mktemp("stack")
    specs = shutil.copytree(PROJECT / "include" / "models", root / "models")
    running = up(root / ".amends", dags_folder=PROJECT / "dags", specs_folder=specs, tied=True)
    prepare_log(running)
    yield running
    down(root / ".amends")

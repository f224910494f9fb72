"""An Airflow home of its own for the DAG tests, and the DAGs as Airflow parses them."""

import atexit
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import pytest

PROJECT = Path(__file__).parents[2]

HOME = Path(tempfile.mkdtemp(prefix="amends-airflow-"))
atexit.register(shutil.rmtree, HOME, ignore_errors=True)
os.environ.update(
    {
        # set before Airflow is imported: it writes a configuration file into its home as it starts
        "AIRFLOW_HOME": str(HOME),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(PROJECT / "dags"),
        "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": f"sqlite:///{HOME / 'airflow.db'}",
    }
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let Airflow's own warnings pass in this folder: each is about Airflow's inside, none about ours."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            for noise in ("ignore::DeprecationWarning", "ignore:The airflow.security.permissions module"):
                item.add_marker(pytest.mark.filterwarnings(noise))


@pytest.fixture(scope="session")
def bag() -> Any:
    """Every DAG of the project, parsed by Airflow."""
    from dag_parsing import parse

    return parse(PROJECT / "dags")


@pytest.fixture(scope="session")
def airflow_db(bag: Any) -> None:
    """Tables of Airflow in the tests' own home."""
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from airflow.utils.db import initdb

        initdb()
    assert not bag.import_errors

"""Parses DAG files as Airflow does."""

import warnings
from pathlib import Path
from typing import Any


def parse(folder: Path) -> Any:
    """Return the DagBag of a folder; what Airflow warns of about its own inside is not our matter."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from airflow.dag_processing.dagbag import DagBag

        return DagBag(dag_folder=str(folder))

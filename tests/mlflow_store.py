"""A real MLflow store in a folder, and the warnings of MLflow's own that tests on it may meet."""

from pathlib import Path

import pytest

quiet = (
    # MLflow says so about its own chat agents, when it imports them
    pytest.mark.filterwarnings("ignore:.*Any type hint is inferred as AnyType:UserWarning"),
    # MLflow's store uses an option that SQLAlchemy 2.1 will take away
    pytest.mark.filterwarnings("ignore:The ``noload`` loader strategy is deprecated"),
)


def new_store(folder: Path) -> str:
    """Make a SQLite store with artefacts beside it; returns its URI."""
    from mlflow import MlflowClient

    uri = f"sqlite:///{folder / 'mlflow.db'}"
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    client.create_experiment("amends", (folder / "files").as_uri())
    return uri

"""The rollback drill on a real MLflow store: artefacts in files, the smoke test in the sandbox."""

from pathlib import Path
from typing import Any

from amends.adapters.mlflow_registry import MlflowRegistry
from amends.ports import Services
from answering import services
from mlflow_store import new_store, quiet
from rollback_world import AGES, MODEL, begun, frozen_at, released, serves

__all__ = ["services"]  # a fixture by name
pytestmark = list(quiet)
ROWS = AGES[["age"]].assign(income=[1.0, 2.0, 3.0])


def fitted(*columns: str) -> Any:
    """A regression on some columns."""
    from sklearn.linear_model import LogisticRegression

    return LogisticRegression().fit(ROWS[list(columns)], [0, 0, 1])


def mute() -> Any:
    """One that loads, and gives NaN for every row."""
    model = fitted("age")
    model.coef_ = model.coef_ * float("nan")
    return model


def cut(client: Any, number: str) -> None:
    """Lose the end of a version's model."""
    folder = Path(client.get_model_version_download_uri(MODEL, number).removeprefix("file://"))
    (folder / "model.skops").write_bytes((folder / "model.skops").read_bytes()[:-100])


def on_mlflow(services: Services, folder: Path, *models: Any) -> tuple[Services, Any]:
    """A world whose versions are in a real store, and the store's client."""
    from mlflow import MlflowClient

    uri = new_store(folder)
    world = released(services, MlflowRegistry(uri), *models, examples=[ROWS] * len(models))
    return world, MlflowClient(tracking_uri=uri, registry_uri=uri)


def test_a_rollback_falls_through_every_fault_to_the_good_version(services: Services, tmp_path: Path) -> None:
    """Deleted, corrupt, mute and misfit versions are passed over in one go; the oldest, good one serves."""
    models = [fitted("age"), fitted("age", "income"), mute(), *(fitted("age") for _ in range(3))]
    world, client = on_mlflow(services, tmp_path, *models)
    cut(client, "4")
    client.delete_model_version(MODEL, "5")
    assert serves(world, begun(world), "1")


def test_without_a_sound_version_a_person_decides(services: Services, tmp_path: Path) -> None:
    """The only way back is corrupt: nothing is moved, the alias stands at the failing version."""
    world, client = on_mlflow(services, tmp_path, fitted("age"), fitted("age"))
    cut(client, "1")
    assert frozen_at(world, begun(world), "2")

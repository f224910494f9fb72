"""MLflow fails in the ways it really does: lost answers, doubled versions, a server that is gone."""

import threading
import time
from typing import Any

import pandas as pd
import pytest
from amends.adapters.mlflow_registry import MlflowRegistry
from amends.domain.promotion import ModelVersion
from amends.errors import ArtefactError, Unavailable
from mlflow_store import new_store, quiet

pytestmark = list(quiet)
ROWS = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0]})


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store for this module."""
    return new_store(tmp_path_factory.mktemp("mlflow"))


@pytest.fixture
def model(request: pytest.FixtureRequest) -> str:
    """A registered model of the test's own."""
    return "m_" + request.node.originalname


def register(registry: MlflowRegistry, model: str, key: str = "k") -> ModelVersion:
    """Register a small real model."""
    from sklearn.linear_model import LogisticRegression

    estimator = LogisticRegression().fit(ROWS, [0, 0, 1, 1])
    return registry.register(model, estimator, key=key, tags={}, example=ROWS, metrics={})


def creating(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Make the next creation of a version happen so often and its answer get lost; then be well again."""
    from mlflow import MlflowClient
    from mlflow.exceptions import MlflowException

    real = MlflowClient.create_model_version
    failed: list[bool] = []

    def create(self: Any, *args: Any, **named: Any) -> Any:
        if failed:
            return real(self, *args, **named)
        failed.append(True)
        for _ in range(times):
            real(self, *args, **named)
        raise MlflowException("API request failed with exception: connection closed")

    monkeypatch.setattr(MlflowClient, "create_model_version", create)


def test_a_lost_answer_is_looked_up(uri: str, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The version was made though the call failed: it is found by its key and returned."""
    creating(monkeypatch, times=1)

    assert register(MlflowRegistry(uri), model).version == "1"


def test_a_doubled_version_counts_once(uri: str, model: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow's client repeated the call: versions 1 and 2 hold the same key, and only the first is shown."""
    from mlflow import MlflowClient

    creating(monkeypatch, times=2)
    registry = MlflowRegistry(uri)
    made = register(registry, model)

    assert made.version == "1"
    assert [one.version for one in registry.versions(model)] == ["1"]
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    assert len(client.search_model_versions(f"name = '{model}'")) == 2
    assert register(registry, model, "next").version == "3"


def test_a_lost_request_leaves_nothing_and_a_retry_succeeds(
    uri: str, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The version was not made: the caller is told so, and the same call again makes it."""
    creating(monkeypatch, times=0)
    registry = MlflowRegistry(uri)

    with pytest.raises(Unavailable, match="connection closed"):
        register(registry, model)
    assert list(registry.versions(model)) == []
    assert register(registry, model).version == "1"


def test_two_first_writers_of_the_alias_both_come_through(uri: str, model: str) -> None:
    """The alias ends at one of the two versions; who was overtaken hears of it, nobody fails otherwise."""
    registry = MlflowRegistry(uri)
    for key in ("a", "b"):
        register(registry, model, key)
    barrier, outcomes = threading.Barrier(2), []

    def point(version: str) -> None:
        barrier.wait()
        try:
            registry.point_champion(model, version)
            outcomes.append("set")
        except Unavailable as error:
            outcomes.append("overtaken" if "Somebody else moves it" in str(error) else str(error))

    writers = [threading.Thread(target=point, args=[version]) for version in ("1", "2")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()

    assert registry.aliased(model) in {"1", "2"}
    assert set(outcomes) <= {"set", "overtaken"}
    assert "set" in outcomes


def test_an_alias_to_a_deleted_version_can_be_read(
    uri: str, model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A deletion that races with the alias leaves it pointing to nothing: seen on reading back, and named."""
    from mlflow import MlflowClient

    registry = MlflowRegistry(uri)
    for key in ("a", "b"):
        register(registry, model, key)
    real = MlflowClient.set_registered_model_alias

    def racing(self: Any, name: str, _: str, version: str) -> None:
        self.delete_model_version(name, version)
        monkeypatch.setattr(MlflowClient, "set_registered_model_alias", real)

    monkeypatch.setattr(MlflowClient, "set_registered_model_alias", racing)
    with pytest.raises(ArtefactError, match="no version 2"):
        registry.point_champion(model, "2")


def test_an_artefact_that_is_gone_is_named(uri: str, model: str) -> None:
    """The registry knows the version, the store lost its files."""
    import shutil

    from mlflow import MlflowClient

    registry = MlflowRegistry(uri)
    made = register(registry, model)
    source = MlflowClient(tracking_uri=uri, registry_uri=uri).get_model_version_download_uri(model, "1")
    shutil.rmtree(source.removeprefix("file://"))

    with pytest.raises(ArtefactError, match=f"version 1 of {model}: its artefact cannot be fetched"):
        registry.load(made)


def test_a_server_that_is_gone_is_named_within_a_minute() -> None:
    """No call blocks for MLflow's default four minutes; the message shows the address and no password."""
    registry = MlflowRegistry("http://amends:secret@127.0.0.1:9")
    before = time.monotonic()

    with pytest.raises(Unavailable, match=r"MLflow at http://127\.0\.0\.1:9.*MLFLOW_TRACKING_URI") as refused:
        registry.aliased("lending")

    assert time.monotonic() - before < 60
    assert "secret" not in str(refused.value)
    assert "\n" not in str(refused.value)

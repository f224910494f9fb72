"""The model registry's contract, kept by MLflow on a real store and by the fake in memory."""

from collections.abc import Iterator
from typing import Any

import pandas as pd
import pytest
from amends.adapters.mlflow_registry import MlflowRegistry
from amends.domain.promotion import ModelVersion
from amends.errors import ArtefactError
from amends.ports import ModelRegistry
from fake_registry import FakeRegistry
from mlflow_store import new_store, quiet

pytestmark = list(quiet)
ROWS = pd.DataFrame({"income": [1.0, 2.0, 3.0, 4.0], "region": ["north", "south", "north", "south"]})


@pytest.fixture(scope="session")
def mlflow_uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A SQLite store of its own with artefacts beside it."""
    return new_store(tmp_path_factory.mktemp("mlflow"))


@pytest.fixture(params=["mlflow", "fake"])
def registry(request: pytest.FixtureRequest) -> Iterator[ModelRegistry]:
    """Both registries in turn."""
    if request.param == "fake":
        yield FakeRegistry()
    else:
        yield MlflowRegistry(request.getfixturevalue("mlflow_uri"))


@pytest.fixture
def model(request: pytest.FixtureRequest) -> str:
    """A registered model of the test's own in the shared store."""
    return "m_" + request.node.originalname


def fitted(income_of_the_good: float) -> Any:
    """A real pipeline that separates rows at an income."""
    from sklearn.compose import ColumnTransformer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import Pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    columns = [
        ("numeric", StandardScaler(), ["income"]),
        ("categorical", OneHotEncoder(handle_unknown="ignore"), ["region"]),
    ]
    pipeline = Pipeline([("columns", ColumnTransformer(columns)), ("model", LogisticRegression())])
    return pipeline.fit(ROWS, (ROWS["income"] >= income_of_the_good).astype(int))


def register(registry: ModelRegistry, model: str, key: str, estimator: Any = None) -> ModelVersion:
    """Register with the arguments that no test here cares about filled in."""
    return registry.register(
        model, estimator or fitted(3.0), key=key, tags={"amends.incident": "i-1"},
        example=ROWS, metrics={"auc": 0.75, "unknown": float("nan")},
    )  # fmt: skip


def test_an_unknown_model_has_no_versions_and_no_champion(registry: ModelRegistry, model: str) -> None:
    """Asking about a model that was never registered is no error."""
    assert list(registry.versions(model)) == []
    assert registry.aliased(model) is None


def test_versions_count_up_and_come_newest_first(registry: ModelRegistry, model: str) -> None:
    """Two keys make versions 1 and 2; both carry their tags and a content digest."""
    register(registry, model, "first")
    second = register(registry, model, "second")

    assert [one.version for one in registry.versions(model)] == ["2", "1"]
    assert second.tag("amends.incident") == "i-1"
    assert second.digest.startswith("sha256:")
    assert registry.version(model, "2") == second


def test_a_version_says_how_large_its_artefact_is(registry: ModelRegistry, model: str) -> None:
    """The stress test compares sizes: a whole number of bytes, whatever the caller's own tags say."""
    size = register(registry, model, "sized").tag("amends.bytes")

    assert size is not None
    assert 0 < int(size) < 1_000_000


def test_the_same_key_registers_once(registry: ModelRegistry, model: str) -> None:
    """A retried task gets the version that its first attempt made, whatever it brings now."""
    first = register(registry, model, "remedy of i-1")
    again = register(registry, model, "remedy of i-1", fitted(2.0))

    assert again == first
    assert len(registry.versions(model)) == 1


def test_a_loaded_version_scores_as_the_estimator_did(registry: ModelRegistry, model: str) -> None:
    """Scores survive storage, keep the frame's order and index, and ignore columns that are no features."""
    estimator = fitted(3.0)
    version = register(registry, model, "scored", estimator)
    rows = ROWS.assign(sex="female").set_index(pd.Index([10, 11, 12, 13])).iloc[::-1]

    scores = registry.load(version)(rows)

    assert list(scores.index) == [13, 12, 11, 10]
    assert list(scores) == list(estimator.predict_proba(ROWS)[::-1, 1])


def test_a_version_scores_apart_as_it_does_here(registry: ModelRegistry, model: str) -> None:
    """The sandbox gives the same scores, and refuses other bytes than the version's in the same words."""
    version = register(registry, model, "apart", fitted(3.0))
    assert list(registry.apart(version)(ROWS)) == pytest.approx(list(registry.load(version)(ROWS)), abs=1e-12)
    other = ModelVersion(model=model, version=version.version, digest="sha256:" + "1" * 64)
    with pytest.raises(ArtefactError, match=f"version 1 of {model}"):
        registry.apart(other)(ROWS)


def test_the_champion_alias_moves_and_reads_back(registry: ModelRegistry, model: str) -> None:
    """The alias follows the last call; setting it twice is no error."""
    for key in ("first", "second"):
        register(registry, model, key)

    registry.point_champion(model, "1")
    registry.point_champion(model, "2")
    registry.point_champion(model, "2")

    assert registry.aliased(model) == "2"


@pytest.mark.parametrize("number", ["7", "not a number"])
def test_a_version_that_does_not_exist_is_refused(registry: ModelRegistry, model: str, number: str) -> None:
    """Reading, pointing at and loading a missing version all say so, and the alias stays unset."""
    register(registry, model, "only")
    ghost = ModelVersion(model=model, version=number, digest="sha256:" + "0" * 64)

    with pytest.raises(ArtefactError, match=f"no version {number}"):
        registry.version(model, number)
    with pytest.raises(ArtefactError, match=f"no version {number}"):
        registry.point_champion(model, number)
    with pytest.raises(ArtefactError, match=f"no version {number}"):
        registry.load(ghost)
    assert registry.aliased(model) is None


def test_a_version_loads_only_under_its_own_digest(registry: ModelRegistry, model: str) -> None:
    """The same name and number with other content, as after a model was deleted and made anew, is refused."""
    stored = register(registry, model, "mine")
    other = ModelVersion(model=model, version=stored.version, digest="sha256:" + "1" * 64)

    with pytest.raises(ArtefactError, match=f"version 1 of {model}"):
        registry.load(other)

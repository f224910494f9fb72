"""Remedies in a real MLflow store: kept without pickle, loaded under their digest, registered once."""

import json
import os
import shutil
import zipfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from amends.adapters.artefacts import TRUSTED_TYPES, folder_digest, read_artefact, write_artefact
from amends.adapters.fairlearn_mitigation import FairlearnMitigator
from amends.adapters.imputation import TreeImputer
from amends.adapters.mlflow_registry import MlflowRegistry
from amends.errors import ArtefactError, Unavailable
from amends.measures import wrappers
from amends.measures.scoring import scorer_of
from amends.measures.wrappers import GroupShifted, Masked, Recalibrated
from amends.ports import Services
from amends.workflow.remedies.mask import mask
from amends.workflow.remedies.mitigate_bias import mitigate_bias
from amends.workflow.remedies.recalibrate import recalibrate
from amends.workflow.remedies.retrain import retrain
from amends.workflow.remedy import Candidate, candidate_of
from mlflow_store import new_store, quiet
from remedy_story import REFERENCE, SPEC, WINDOW, broken, parent, people, services, shifted, train

pytestmark = [*quiet, pytest.mark.usefixtures("one_thread")]
ROWS = people(REFERENCE, 1).head(500)
NOTHING = np.empty(0)


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An empty store: MLflow takes seconds to lay one out."""
    folder = tmp_path_factory.mktemp("mlflow")
    new_store(folder)
    return folder / "mlflow.db"


@pytest.fixture
def uri(template: Path, tmp_path: Path) -> str:
    """A store of the test's own."""
    return f"sqlite:///{shutil.copy(template, tmp_path / 'mlflow.db')}"


def recalibrated(given: Services) -> Candidate:
    """Recalibrate for incident i-1."""
    return recalibrate(given, SPEC, incident="i-1", parent=parent(given), window=WINDOW)


def masked(given: Services) -> Candidate:
    """Mask income for incident i-1."""
    return mask(
        given, TreeImputer(), SPEC, incident="i-1", parent=parent(given), columns=["income"],
        reference=REFERENCE, window=WINDOW, expires=WINDOW.end + timedelta(days=30),
    )  # fmt: skip


def mitigated(given: Services) -> Candidate:
    """Mitigate for incident i-1, with thresholds by group allowed."""
    return mitigate_bias(
        given, FairlearnMitigator(), SPEC, incident="i-1", until=WINDOW.end, parent=parent(given),
        attribute="sex", at_scoring=True,
    )  # fmt: skip


def without(given: Services) -> Candidate:
    """Retrain without income for incident i-1."""
    return retrain(given, SPEC, incident="i-1", until=WINDOW.end, parent=parent(given), dropped=["income"])


REMEDIES = [recalibrated, masked, mitigated, without]


@pytest.mark.parametrize("build", REMEDIES, ids=lambda one: one.__name__)
def test_a_remedy_lives_in_the_registry(uri: str, build: Callable[[Services], Candidate]) -> None:
    """Stored once with lineage on version and run; it scores from the store, and a retry finds it."""
    from mlflow import MlflowClient

    log = broken() if build is masked else shifted()
    given = services(log, MlflowRegistry(uri))
    made = build(given)
    fresh = services(log, MlflowRegistry(uri))  # as another process would see it

    assert build(fresh) == made
    assert candidate_of(fresh, SPEC, "i-1", made.method) == made
    assert [one.version for one in fresh.registry.versions(SPEC.name)] == ["2", "1"]
    client = MlflowClient(tracking_uri=uri, registry_uri=uri)
    stored = client.get_model_version(SPEC.name, "2")
    run = client.get_run(stored.run_id)
    for name in ("incident", "parent", "parent_digest", "data", "policy", "spec", "code", "method", "facts"):
        assert stored.tags[f"amends.{name}"]
        assert run.data.tags[f"amends.{name}"] == stored.tags[f"amends.{name}"]
    assert json.loads(stored.tags["amends.facts"]) == json.loads(json.dumps(dict(made.facts)))
    scores = fresh.registry.load(made.version)(log.tail(50))
    assert scores.between(0, 1).all()
    assert scores.equals(scorer_of(given.registry.estimator(made.version))(log.tail(50)))


class Killed(BaseException):
    """The process ends here."""


class Dying(MlflowRegistry):
    """A registry whose first call ends at a point of its own: before storing, between, or after it."""

    def __init__(self, uri: str, point: str) -> None:
        super().__init__(uri)
        self.point = point

    def register(self, model: str, estimator: Any, **kept: Any) -> Any:
        """Register, unless the end comes first."""
        point, self.point = (self.point, "") if kept["key"] != "release 1" else ("", self.point)
        if point == "before":
            raise Killed
        if point == "between":
            with pytest.MonkeyPatch.context() as patch:
                patch.setattr("mlflow.MlflowClient.create_model_version", _end)
                return super().register(model, estimator, **kept)
        stored = super().register(model, estimator, **kept)
        if point == "after":
            raise Killed
        if point == "answer lost":
            raise Unavailable("MLflow does not answer. Call again.")
        return stored


def _end(*_: Any, **__: Any) -> None:
    raise Killed


@pytest.mark.parametrize("point", ["before", "between", "after", "answer lost"])
def test_a_killed_remedy_registers_one_version_when_it_is_tried_again(uri: str, point: str) -> None:
    """Wherever the first attempt ended, the second one makes or finds the one version."""
    given = services(shifted(), Dying(uri, point))
    with pytest.raises((Killed, Unavailable)):
        recalibrated(given)
    made = recalibrated(services(shifted(), MlflowRegistry(uri)))

    assert [one.version for one in given.registry.versions(SPEC.name)] == ["2", "1"]
    assert made.version.tag("amends.key") == "recalibrate:i-1"
    assert recalibrated(services(shifted(), MlflowRegistry(uri))) == made


def wrapped() -> dict[str, Any]:
    """One of each wrapper around a pipeline, and one around another."""
    model = train(ROWS, SPEC)
    rest = ["rent", "hours", "region"]
    guesses = {"income": TreeImputer().fit(SPEC, ROWS, "income", rest)}
    level = {"region": TreeImputer().fit(SPEC, ROWS, "region", ["income", "rent", "hours"])}
    constant = Masked(model, {"income": 0.5, "region": None}, {})
    return {
        "platt": Recalibrated(model, "platt", np.array([0.1, 1.2]), NOTHING),
        "isotonic": Recalibrated(model, "isotonic", np.array([0.1, 0.9]), np.array([0.2, 0.8])),
        "constant": constant,
        "guess": Masked(model, {"income": float("nan")}, guesses),
        "level": Masked(model, {"region": None}, level),
        "groups": GroupShifted(model, "sex", {"f": 0.4}),
        "nested": Recalibrated(constant, "shift", np.array([0.3, 1.0]), NOTHING),
    }


@pytest.mark.parametrize("name", list(wrapped()))
def test_a_wrapper_is_stored_without_pickle(name: str, tmp_path: Path) -> None:
    """The file is skops's zip of plain data, and what is read back scores the same."""
    estimator, folder = wrapped()[name], tmp_path / "model"
    digest = write_artefact(estimator, ROWS, folder)
    read = read_artefact(folder, digest)

    assert type(read) is type(estimator)
    assert scorer_of(read)(ROWS).equals(scorer_of(estimator)(ROWS))
    with zipfile.ZipFile(folder / "model.skops") as archive:
        assert {Path(one).suffix for one in archive.namelist()} <= {".json", ".npy", ".npz"}


def test_the_list_of_trusted_types_is_closed() -> None:
    """Of our own classes only the wrappers are on it, each by its whole name, and each is there."""
    ours = {name for name in TRUSTED_TYPES if name.startswith("amends.")}

    assert ours == {f"amends.measures.wrappers.{one}" for one in ("Recalibrated", "Masked", "GroupShifted")}
    assert all(hasattr(wrappers, name.rpartition(".")[2]) for name in ours)
    assert not any("*" in name for name in TRUSTED_TYPES)


def forge(folder: Path, old: bytes, new: bytes) -> str:
    """Change the archive's schema and make the digest fit, as somebody who may write to the store could."""
    path = folder / "model.skops"
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    assert old in files["schema.json"]
    files["schema.json"] = files["schema.json"].replace(old, new)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return folder_digest(folder)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"Recalibrated"', b'"Wrapper"'),
        (b'"amends.measures.wrappers"', b'"amends.measures.masking"'),
        (b'"amends.measures.wrappers"', b'"amends.adapters.training"'),
        (b'"amends.measures.wrappers"', b'"subprocess"'),
        (b'"LogisticRegression"', b'"Popen"'),
    ],
    ids=["base class", "another module of ours", "what runs a function by name", "subprocess", "the parent"],
)
def test_a_wrapper_opens_no_door(old: bytes, new: bytes, tmp_path: Path) -> None:
    """A forged class name in or around a wrapper is refused before it is imported, digest or no digest."""
    folder = tmp_path / "model"
    write_artefact(wrapped()["platt"], ROWS, folder)
    digest = forge(folder, old, new)

    with pytest.raises(ArtefactError, match=r"untrusted types|does not load"):
        read_artefact(folder, digest)


def test_a_wrapper_around_a_function_is_never_stored(tmp_path: Path) -> None:
    """What a wrapper holds is checked as the wrapper is: no function gets in under its name."""
    hostile: Any = GroupShifted(train(ROWS, SPEC), "sex", {"f": 0.1})
    hostile.shifts = os.system

    with pytest.raises(ArtefactError):
        write_artefact(hostile, ROWS, tmp_path / "model")
    assert not (tmp_path / "model").exists()


def test_an_altered_remedy_is_not_loaded(uri: str) -> None:
    """One number of the map changed in the store: the digest no longer fits, and nothing of it is read."""
    from mlflow import MlflowClient

    given = services(shifted(), MlflowRegistry(uri))
    made = recalibrated(given)
    source = MlflowClient(tracking_uri=uri, registry_uri=uri).get_model_version_download_uri(SPEC.name, "2")
    forge(Path(source.removeprefix("file://")), b'"kind"', b'"king"')

    with pytest.raises(ArtefactError, match="does not fit its digest"):
        given.registry.load(made.version)
    assert isinstance(pd.Series(given.registry.load(parent(given))(ROWS)), pd.Series)

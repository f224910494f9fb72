"""Who can write to the artefact store cannot make Amends run code, nor load other bytes than recorded."""

import os
import pickle
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import yaml
from amends.adapters.artefacts import folder_digest
from amends.adapters.mlflow_registry import DIGEST_TAG, MlflowRegistry
from amends.domain.promotion import ModelVersion
from amends.errors import ArtefactError
from mlflow_store import new_store, quiet

pytestmark = list(quiet)
ROWS = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0]})
MODEL = "lending"


@pytest.fixture(scope="module")
def uri(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A store for this module."""
    return new_store(tmp_path_factory.mktemp("mlflow"))


class Attacked:
    """A registered version, its folder as the attacker sees it, and a file that the attacker's code makes."""

    def __init__(self, uri: str, key: str, owned: Path) -> None:
        from mlflow import MlflowClient
        from sklearn.linear_model import LogisticRegression

        self.registry = MlflowRegistry(uri)
        self.version = self.registry.register(
            MODEL, LogisticRegression().fit(ROWS, [0, 0, 1, 1]), key=key, tags={}, example=ROWS, metrics={}
        )
        self.client = MlflowClient(tracking_uri=uri, registry_uri=uri)
        source = self.client.get_model_version_download_uri(MODEL, self.version.version)
        self.folder = Path(source.removeprefix("file://"))
        self.owned = owned

    @property
    def payload(self) -> str:
        """Python that leaves a trace when it is run."""
        return f"import pathlib; pathlib.Path({str(self.owned)!r}).touch()"

    def edit_mlmodel(self, **changes: Any) -> None:
        """Change keys of the two flavours in MLmodel."""
        path = self.folder / "MLmodel"
        document = yaml.safe_load(path.read_text())
        for flavor, values in changes.items():
            document["flavors"][flavor] = {**document["flavors"].get(flavor, {}), **values}
        path.write_text(yaml.safe_dump(document))

    def forge_digest(self) -> ModelVersion:
        """Make the registry vouch for the altered bytes: anybody who may write a tag can."""
        digest = folder_digest(self.folder)
        self.client.set_model_version_tag(MODEL, self.version.version, DIGEST_TAG, digest)
        return self.registry.version(MODEL, self.version.version)


@pytest.fixture
def attacked(uri: str, tmp_path: Path, request: pytest.FixtureRequest) -> Attacked:
    """A version of the test's own."""
    return Attacked(uri, request.node.name, tmp_path / "OWNED")


class _Touch:
    """A pickle that runs a command when it is read."""

    def __init__(self, owned: Path) -> None:
        self.owned = owned

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return os.system, (f"touch {self.owned}",)


def change_a_byte(it: Attacked) -> None:
    """Flip one bit in the middle of the model."""
    path = it.folder / "model.skops"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def truncate(it: Attacked) -> None:
    """Keep the first half of the model, as after a broken upload."""
    path = it.folder / "model.skops"
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def take_a_file_away(it: Attacked) -> None:
    """Remove the list of requirements."""
    (it.folder / "requirements.txt").unlink()


def empty_the_folder(it: Attacked) -> None:
    """Remove every file."""
    for path in it.folder.iterdir():
        path.unlink()


def add_a_file(it: Attacked) -> None:
    """Put a module beside the model."""
    (it.folder / "sitecustomize.py").write_text(it.payload)


def add_a_code_folder(it: Attacked) -> None:
    """Bring code, as MLflow's code_paths do, and have it put on the path."""
    (it.folder / "code").mkdir()
    (it.folder / "code" / "evil.py").write_text(it.payload)
    it.edit_mlmodel(python_function={"code": "code"}, sklearn={"code": "code"})


def name_a_loader(it: Attacked) -> None:
    """Have MLflow import another loader."""
    it.edit_mlmodel(python_function={"loader_module": "evil"})


def name_a_code_path_only(it: Attacked) -> None:
    """Point to code outside the artefact."""
    it.edit_mlmodel(sklearn={"code": str(it.owned.parent)})


def add_a_flavour(it: Attacked) -> None:
    """Offer the model in another form, too."""
    it.edit_mlmodel(pytorch={"model_data": "data"})


def swap_in_a_pickle(it: Attacked) -> None:
    """Replace the model by a pickle under the same name."""
    (it.folder / "model.skops").write_bytes(pickle.dumps(_Touch(it.owned)))


def declare_a_pickle(it: Attacked) -> None:
    """Add a pickle and have MLmodel name it."""
    (it.folder / "model.pkl").write_bytes(pickle.dumps(_Touch(it.owned)))
    it.edit_mlmodel(
        sklearn={"pickled_model": "model.pkl", "serialization_format": "cloudpickle"},
        python_function={"model_path": "model.pkl"},
    )


def declare_the_model_a_pickle(it: Attacked) -> None:
    """Call the skops file a pickle."""
    it.edit_mlmodel(sklearn={"serialization_format": "pickle"})


def trust_more_types(it: Attacked) -> None:
    """Rename a type in the archive to one that runs a command, and extend the artefact's list of trust."""
    path = it.folder / "model.skops"
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    schema = files["schema.json"].replace(b"sklearn.linear_model._logistic", b"subprocess")
    files["schema.json"] = schema.replace(b"LogisticRegression", b"Popen")
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    it.edit_mlmodel(sklearn={"skops_trusted_types": ["subprocess.Popen"]})


def break_mlmodel(it: Attacked) -> None:
    """Write YAML that makes a Python object when it is read carelessly."""
    (it.folder / "MLmodel").write_text(f"!!python/object/apply:os.system ['touch {it.owned}']")


def link_elsewhere(it: Attacked) -> None:
    """Replace a file by a link to another that is no part of the artefact."""
    (it.folder / "conda.yaml").unlink()
    (it.folder / "conda.yaml").symlink_to("/etc/hostname")


def leave_a_pipe(it: Attacked) -> None:
    """Replace a file by a pipe, at which a download would wait for ever."""
    (it.folder / "conda.yaml").unlink()
    os.mkfifo(it.folder / "conda.yaml")


ATTACKS: list[Callable[[Attacked], None]] = [
    change_a_byte, truncate, take_a_file_away, empty_the_folder, add_a_file, add_a_code_folder, name_a_loader,
    name_a_code_path_only, add_a_flavour, swap_in_a_pickle, declare_a_pickle, declare_the_model_a_pickle,
    trust_more_types, break_mlmodel, link_elsewhere, leave_a_pipe,
]  # fmt: skip
FORGERIES = [
    attack
    for attack in ATTACKS
    if attack not in (change_a_byte, take_a_file_away, empty_the_folder, link_elsewhere, leave_a_pipe)
]
"""Attacks that aim at running code: they have to fail also where the registry's digest was made to fit."""


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda one: one.__name__)
def test_an_altered_artefact_is_refused(attacked: Attacked, attack: Callable[[Attacked], None]) -> None:
    """Any change of the folder breaks its digest; nothing of it was run to find out."""
    attacked.registry.load(attacked.version)
    attack(attacked)

    with pytest.raises(ArtefactError, match=f"version {attacked.version.version} of {MODEL}"):
        attacked.registry.load(attacked.version)
    assert not attacked.owned.exists()


@pytest.mark.parametrize("attack", FORGERIES, ids=lambda one: one.__name__)
def test_code_is_refused_even_under_a_forged_digest(
    attacked: Attacked, attack: Callable[[Attacked], None]
) -> None:
    """The form is checked, and skops goes by our list of types: a digest that fits opens no door."""
    attack(attacked)
    forged = attacked.forge_digest()
    assert forged.digest == folder_digest(attacked.folder)

    with pytest.raises(ArtefactError):
        attacked.registry.load(forged)
    assert not attacked.owned.exists()


def test_the_attacks_are_real(attacked: Attacked) -> None:
    """Python's own loader runs the pickle that Amends refuses: the marker can appear."""
    swap_in_a_pickle(attacked)
    pickle.loads((attacked.folder / "model.skops").read_bytes())  # noqa: S301 - our own, to show what it does

    assert attacked.owned.exists()


def test_a_version_that_came_past_amends_is_not_loaded(attacked: Attacked) -> None:
    """A version without a digest on record vouches for nothing."""
    attacked.client.delete_model_version_tag(MODEL, attacked.version.version, DIGEST_TAG)
    bare = attacked.registry.version(MODEL, attacked.version.version)

    with pytest.raises(ArtefactError, match="carries no content digest"):
        attacked.registry.load(bare)


def test_another_versions_digest_does_not_open_this_one(attacked: Attacked, uri: str, tmp_path: Path) -> None:
    """Bytes are bound to the version that the ledger names."""
    other = Attacked(uri, "another one", tmp_path / "OTHER")

    with pytest.raises(ArtefactError, match="does not fit its digest"):
        attacked.registry.load(replace(attacked.version, digest=other.version.digest))


def test_an_estimator_that_needs_code_is_never_registered(uri: str) -> None:
    """A transformer with a function inside is refused before anything is stored."""
    from sklearn.preprocessing import FunctionTransformer

    registry = MlflowRegistry(uri)
    with pytest.raises(ArtefactError, match="untrusted types"):
        registry.register("never", FunctionTransformer(os.system), key="k", tags={}, example=ROWS, metrics={})
    assert list(registry.versions("never")) == []

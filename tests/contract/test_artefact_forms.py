"""More than fifty ways to tamper with a stored artefact: none is loaded, none runs code, none takes long."""

import shutil
import time
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from amends.adapters import artefact_form
from amends.adapters.artefacts import folder_digest, read_artefact, write_artefact
from amends.errors import ArtefactError
from mlflow_store import quiet
from tampering_cases import BYTES_ONLY, FORMS

pytestmark = list(quiet)
ROWS = pd.DataFrame({"x": [1.0, 2.0, 3.0, 4.0] * 10})
LABELS = [0, 0, 1, 1] * 10
LONG = 5.0
"""Seconds; every case takes hundredths, what unfolds would take minutes."""


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A stored model and its digest."""
    from sklearn.linear_model import LogisticRegression

    folder = tmp_path_factory.mktemp("sound") / "model"
    return folder, write_artefact(LogisticRegression().fit(ROWS, LABELS), ROWS, folder)


@pytest.fixture
def copy(sound: tuple[Path, str], tmp_path: Path) -> tuple[Path, str]:
    """A copy of it to tamper with."""
    return shutil.copytree(sound[0], tmp_path / "model"), sound[1]


def refused(folder: Path, digest: str, owned: Path) -> None:
    """It is refused in one line, soon, and no code of it ran."""
    begun = time.monotonic()
    with pytest.raises(ArtefactError) as refusal:
        read_artefact(folder, digest)
    assert time.monotonic() - begun < LONG
    assert "\n" not in str(refusal.value)
    assert not owned.exists()


@pytest.mark.parametrize("name", [*BYTES_ONLY, *FORMS])
def test_an_altered_artefact_is_refused(copy: tuple[Path, str], tmp_path: Path, name: str) -> None:
    """Whatever was changed, the digest on record no longer fits; the untouched copy had loaded."""
    folder, digest = copy
    read_artefact(folder, digest)
    {**BYTES_ONLY, **FORMS}[name](folder, tmp_path / "OWNED")
    refused(folder, digest, tmp_path / "OWNED")


@pytest.mark.parametrize("name", FORMS)
def test_a_forged_digest_opens_no_door(copy: tuple[Path, str], tmp_path: Path, name: str) -> None:
    """Who can also write the digest on record still gets no code run, no endless read, no model loaded."""
    folder, _ = copy
    FORMS[name](folder, tmp_path / "OWNED")
    refused(folder, folder_digest(folder), tmp_path / "OWNED")


def test_the_table_has_at_least_forty_cases_each_a_change(sound: tuple[Path, str], tmp_path: Path) -> None:
    """Every case really changes the folder; a case that changes nothing would test nothing."""
    assert len(BYTES_ONLY) + len(FORMS) >= 40
    for number, (name, attack) in enumerate(FORMS.items()):
        folder = shutil.copytree(sound[0], tmp_path / str(number))
        attack(folder, tmp_path / "OWNED")
        before, after = ({p.relative_to(f): p.is_file() and p.read_bytes() for p in f.rglob("*")}
                         for f in (sound[0], folder))  # fmt: skip
        assert before != after, name


def forest() -> Any:
    """A forest."""
    from sklearn.ensemble import RandomForestClassifier

    return RandomForestClassifier(5, random_state=0).fit(ROWS, LABELS)


def boosting() -> Any:
    """Gradient boosting on histograms."""
    from sklearn.ensemble import HistGradientBoostingClassifier

    return HistGradientBoostingClassifier(max_iter=5).fit(ROWS, LABELS)


def calibrated() -> Any:
    """A calibrated model."""
    from sklearn.calibration import CalibratedClassifierCV
    from sklearn.linear_model import LogisticRegression

    return CalibratedClassifierCV(LogisticRegression(), cv=2).fit(ROWS, LABELS)


@pytest.mark.parametrize("make", [forest, boosting, calibrated], ids=lambda one: one.__name__)
def test_a_sound_artefact_loads_and_scores_as_before(make: Any, tmp_path: Path) -> None:
    """The checks let through what Amends writes itself, for each family of models."""
    estimator = make()
    digest = write_artefact(estimator, ROWS, tmp_path / "model")
    loaded = read_artefact(tmp_path / "model", digest)
    assert loaded.predict_proba(ROWS).tolist() == estimator.predict_proba(ROWS).tolist()


def test_a_schema_beyond_its_bound_is_refused(
    copy: tuple[Path, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """The schema becomes ten times its size in memory, so it has a bound of its own."""
    monkeypatch.setattr(artefact_form, "MOST_SCHEMA", 100)
    refused(*copy, tmp_path / "OWNED")

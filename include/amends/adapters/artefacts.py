"""Model artefacts that can be trusted: no pickle, no code, every byte under one digest.

Loading a model by MLflow's own loader runs what the artefact's ``MLmodel`` names. So nothing here asks
MLflow to load: the folder's digest and form are checked first, then skops rebuilds the estimator from our
own list of types, whatever list the artefact itself carries.
"""

import warnings
from hashlib import file_digest
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from amends.adapters.artefact_form import MODEL_FILE, check_form, check_sizes
from amends.domain.canonical import digest_of
from amends.errors import ArtefactError
from amends.measures.scoring import scorer_of, scores_in

if TYPE_CHECKING:
    import pandas as pd

TRUSTED_TYPES = (
    # what skops does not trust by itself, but linear, forest, boosting and calibrated pipelines are made of
    "numpy.dtype",
    "sklearn.tree._tree.Tree",
    "sklearn.ensemble._hist_gradient_boosting.predictor.TreePredictor",
    "sklearn.calibration._CalibratedClassifier",
    "sklearn.calibration._SigmoidCalibration",
    # what a remedy wraps around a parent: plain data and arithmetic (measures/wrappers.py)
    "amends.measures.wrappers.Recalibrated",
    "amends.measures.wrappers.Masked",
    "amends.measures.wrappers.GroupShifted",
)


def folder_digest(folder: Path) -> str:
    """Content digest of a manifest that lists every file below the folder with its own digest.

    :raises ArtefactError: the folder holds a link or another thing that is no plain file, or too many bytes.
    """
    check_sizes(folder)
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    return digest_of({path.relative_to(folder).as_posix(): _file_digest(path) for path in files})


def _file_digest(path: Path) -> str:
    """The SHA-256 of the file's content, in bounded memory."""
    with path.open("rb") as file:
        return f"sha256:{file_digest(file, 'sha256').hexdigest()}"


def write_artefact(estimator: Any, example: "pd.DataFrame", folder: Path) -> str:
    """Write an estimator in MLflow's sklearn form with skops inside, and return the folder's digest.

    The signature holds column names and types only; no row of ``example`` is stored.

    :raises ArtefactError: the estimator holds types that are not trusted, or no longer loads.
    """
    import mlflow.sklearn
    from mlflow.models import infer_signature

    _refuse_untrusted(estimator)
    scores = scorer_of(estimator)(example)
    mlflow.sklearn.save_model(
        estimator,
        str(folder),
        serialization_format="skops",
        skops_trusted_types=list(TRUSTED_TYPES),
        signature=infer_signature(_inputs(estimator, example), scores_in(scores).to_numpy()),
        pip_requirements=[f"{name}=={version(name)}" for name in ("scikit-learn", "skops")],
    )
    if not scorer_of(read_artefact(folder))(example).equals(scores):
        raise ArtefactError(
            f"{type(estimator).__name__}: scores differ once stored. Use standard estimators."
        )
    return folder_digest(folder)


def read_artefact(folder: Path, digest: str | None = None) -> Any:
    """Check an artefact, then rebuild its estimator; nothing of it is imported or run before the checks.

    :param digest: what the folder must hold, byte for byte; None only for a folder just written.
    :raises ArtefactError: altered, of another form, or with types that are not trusted.
    """
    skops_io = _skops_io()
    from skops.io.exceptions import UntrustedTypesFoundException

    if digest is not None and folder_digest(folder) != digest:
        raise ArtefactError(
            f"artefact does not fit its digest {digest[:19]}...: a file was changed, added or lost. "
            "Restore it or register it anew."
        )
    check_form(folder)
    try:
        estimator = skops_io.load(folder / MODEL_FILE, trusted=list(TRUSTED_TYPES))
    except UntrustedTypesFoundException as error:
        raise ArtefactError(
            f"artefact holds untrusted types: {_line(error)}. Use standard estimators."
        ) from error
    except Exception as error:  # a broken archive fails in as many ways as it has bytes
        raise ArtefactError(f"artefact does not load: {_line(error)}. Register it anew.") from error
    if not callable(getattr(estimator, "predict", None)):
        raise ArtefactError(f"artefact holds a {type(estimator).__name__}, no model. Register it anew.")
    return estimator


def _inputs(estimator: Any, example: "pd.DataFrame") -> "pd.DataFrame":
    """Columns that the estimator reads; whole numbers as floats, which may be missing."""
    inputs = example[list(getattr(estimator, "feature_names_in_", example.columns))]
    return inputs.astype(dict.fromkeys(inputs.select_dtypes("integer").columns, "float64"))


def _skops_io() -> Any:
    """Import skops without its noise.

    It asks every loaded module for every NumPy function, and each lazy module of Airflow warns each time.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import skops.io
    return skops.io


def _refuse_untrusted(estimator: Any) -> None:
    skops_io = _skops_io()
    name = type(estimator).__name__
    try:
        unknown = sorted(
            set(skops_io.get_untrusted_types(data=skops_io.dumps(estimator))) - set(TRUSTED_TYPES)
        )
    except Exception as error:  # skops has no common root for "cannot be written"
        raise ArtefactError(
            f"{name} cannot be stored without pickle: {_line(error)}. Use standard estimators."
        ) from error
    if unknown:
        raise ArtefactError(f"{name} holds untrusted types: {', '.join(unknown)}. Use standard estimators.")


def _line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]

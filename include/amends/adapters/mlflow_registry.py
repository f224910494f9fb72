"""The model registry in MLflow: versions bound to their content, an alias that is always read back.

MLflow's client repeats a call whose answer was lost, so a version may be created twice: of versions with
the same key the first one counts and the others are never shown. MLflow's alias is last writer wins: who is
champion is decided in the ledger, the alias only follows.
"""

import math
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, TypeVar

from amends.adapters.artefacts import read_artefact, write_artefact
from amends.adapters.sandbox import score_apart
from amends.domain.promotion import ModelVersion
from amends.errors import ArtefactError, Unavailable
from amends.measures.scoring import scorer_of

if TYPE_CHECKING:
    import pandas as pd
    from mlflow import MlflowClient

    from amends.ports import Scorer

ALIAS = "champion"
KEY_TAG = "amends.key"
DIGEST_TAG = "amends.digest"
BYTES_TAG = "amends.bytes"
SETTINGS = {
    # by default a call to a server that is down blocks for four minutes
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "15",
    "MLFLOW_DISABLE_TELEMETRY": "true",
    # what a command prints on stdout is its own
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
}
Answer = TypeVar("Answer")


class MlflowRegistry:
    """Model versions and the champion alias behind one MLflow tracking URI.

    :param uri: ``http://...`` of a server, or ``sqlite:///...`` of a store.
    :param experiment: holds one run per registered version, with its metrics and artefact.
    """

    def __init__(self, uri: str, experiment: str = "amends") -> None:
        self._uri = uri
        self._experiment = experiment

    def versions(self, model: str) -> Sequence[ModelVersion]:
        """All versions, newest first; an unknown model has none."""
        quoted = model.replace("'", "''")
        with self._client() as client:
            found = client.search_model_versions(f"name = '{quoted}'")
        first: dict[str, ModelVersion] = {}
        for raw in sorted(found, key=lambda raw: int(raw.version)):
            first.setdefault(raw.tags.get(KEY_TAG, f"no key, version {raw.version}"), _version(raw))
        return list(reversed(first.values()))

    def version(self, model: str, version: str) -> ModelVersion:
        """One version. :raises ArtefactError: it does not exist."""
        with self._client() as client:
            return _version(_existing(client, model, version))

    def aliased(self, model: str) -> str | None:
        """Version number the champion alias points to now, or None."""
        with self._client() as client:
            aliases = _or_none(lambda: client.get_registered_model(model).aliases) or {}
        return str(aliases[ALIAS]) if ALIAS in aliases else None

    def point_champion(self, model: str, version: str) -> None:
        """Set the champion alias and read it back.

        :raises ArtefactError: the version does not exist.
        :raises Unavailable: the registry does not answer, or another version stands there on reading back.
        """
        from mlflow.exceptions import MlflowException

        with self._client() as client:
            _existing(client, model, version)
            try:
                client.set_registered_model_alias(model, ALIAS, version)
            except MlflowException:  # two first writers of one alias collide; the second try updates
                client.set_registered_model_alias(model, ALIAS, version)
            _existing(client, model, version)  # a racing deletion leaves the alias pointing to nothing
        standing = self.aliased(model)
        if standing != version:
            raise Unavailable(
                f"MLflow: champion of {model} was set to version {version} but reads {standing}. "
                "Somebody else moves it; find out who, then try again."
            )

    def register(
        self, model: str, estimator: Any, *, key: str, tags: Mapping[str, str],
        example: "pd.DataFrame", metrics: Mapping[str, float],
    ) -> ModelVersion:  # fmt: skip
        """Store a fitted estimator as a version; a second call with the same key returns the first's version.

        :raises ArtefactError: the estimator cannot be stored without pickle.
        :raises Unavailable: the registry does not answer; call again with the same key.
        """
        if self._by_key(model, key) is None:
            with TemporaryDirectory(prefix="amends-model-") as folder:
                path = Path(folder) / "model"
                digest = write_artefact(estimator, example, path)
                marks = {KEY_TAG: key, DIGEST_TAG: digest, BYTES_TAG: str(_bytes_below(path))}
                self._store(model, path, {**tags, **marks}, metrics)
        stored = self._by_key(model, key)
        if stored is None:
            raise Unavailable(f"MLflow took a version of {model} but does not show it. Try again.")
        return stored

    def load(self, version: ModelVersion) -> "Scorer":
        """Check the artefact against the version's digest, load it, return its scoring function.

        :raises ArtefactError: the artefact is missing, altered or does not load.
        """
        return scorer_of(self.estimator(version))

    def estimator(self, version: ModelVersion) -> Any:
        """Check the artefact against the version's digest and rebuild its estimator.

        :raises ArtefactError: the artefact is missing, altered or does not load.
        """
        place = f"version {version.version} of {version.model}"
        if not version.digest:
            raise ArtefactError(f"{place} carries no content digest. Register it through Amends.")
        with TemporaryDirectory(prefix="amends-model-") as folder:
            artefact = self._download(version, Path(folder))
            try:
                return read_artefact(artefact, version.digest)
            except ArtefactError as error:
                raise ArtefactError(f"{place}: {error}") from error

    def apart(self, version: ModelVersion) -> "Scorer":
        """Return a scoring function that checks, loads and scores in a sandbox (see ``ports``)."""

        def score(rows: "pd.DataFrame") -> "pd.Series[float]":
            place = f"version {version.version} of {version.model}"
            with TemporaryDirectory(prefix="amends-model-") as folder:
                try:
                    return score_apart(self._download(version, Path(folder)), version.digest, rows)
                except ArtefactError as error:
                    raise ArtefactError(f"{place}, in the sandbox: {error}") from error

        return score

    def _store(self, model: str, path: Path, marks: Mapping[str, str], metrics: Mapping[str, float]) -> None:
        from mlflow.exceptions import MlflowException

        with self._client() as client:
            _tolerate("RESOURCE_ALREADY_EXISTS", lambda: client.create_registered_model(model))
            name = f"{model}: {marks[KEY_TAG]}"
            run = client.create_run(self._experiment_id(client), run_name=name, tags=dict(marks)).info
            for metric, value in metrics.items():
                if math.isfinite(value):
                    client.log_metric(run.run_id, metric, value)
            client.log_artifacts(run.run_id, str(path), path.name)
            client.set_terminated(run.run_id)
            source = f"{run.artifact_uri}/{path.name}"
            try:
                client.create_model_version(
                    model, source, run_id=run.run_id, tags=dict(marks), await_creation_for=None
                )
            except MlflowException:
                if self._by_key(model, marks[KEY_TAG]) is None:  # not only the answer was lost
                    raise

    def _by_key(self, model: str, key: str) -> ModelVersion | None:
        return next((one for one in self.versions(model) if one.tag(KEY_TAG) == key), None)

    def _experiment_id(self, client: "MlflowClient") -> str:
        found = client.get_experiment_by_name(self._experiment)
        if found is None:
            _tolerate("RESOURCE_ALREADY_EXISTS", lambda: client.create_experiment(self._experiment))
            found = client.get_experiment_by_name(self._experiment)
        return str(found.experiment_id)

    def _download(self, version: ModelVersion, folder: Path) -> Path:
        import mlflow.artifacts
        from mlflow.exceptions import MlflowException

        with self._client() as client:
            _existing(client, version.model, version.version)
            uri = client.get_model_version_download_uri(version.model, version.version)
            try:
                return Path(
                    mlflow.artifacts.download_artifacts(
                        artifact_uri=uri, dst_path=str(folder), tracking_uri=self._uri
                    )
                )
            except (MlflowException, OSError) as error:
                raise ArtefactError(
                    f"version {version.version} of {version.model}: its artefact cannot be fetched: "
                    f"{_line(error)}. Restore it, or choose another version."
                ) from error

    @contextmanager
    def _client(self) -> "Iterator[MlflowClient]":
        """A client with bounded waits; what MLflow raises leaves as one of our errors."""
        for name, value in SETTINGS.items():
            os.environ.setdefault(name, value)
        from mlflow import MlflowClient
        from mlflow.exceptions import MlflowException

        try:
            yield MlflowClient(tracking_uri=self._uri, registry_uri=self._uri)
        except MlflowException as error:
            raise Unavailable(
                f"MLflow at {_without_password(self._uri)}: {_without_password(_line(error))}. "
                "Check that it runs and that MLFLOW_TRACKING_URI names it."
            ) from error


def _bytes_below(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _version(raw: Any) -> ModelVersion:
    return ModelVersion(
        model=raw.name,
        version=str(raw.version),
        digest=raw.tags.get(DIGEST_TAG, ""),
        tags=tuple(sorted(raw.tags.items())),
    )


def _existing(client: "MlflowClient", model: str, version: str) -> Any:
    found = _or_none(lambda: client.get_model_version(model, version)) if version.isdecimal() else None
    if found is None:
        raise ArtefactError(f"MLflow has no version {version} of {model}. Choose one that exists.")
    return found


def _or_none(question: Callable[[], Answer]) -> Answer | None:
    return _tolerate("RESOURCE_DOES_NOT_EXIST", question)


def _tolerate(code: str, question: Callable[[], Answer]) -> Answer | None:
    from mlflow.exceptions import MlflowException

    try:
        return question()
    except MlflowException as error:
        if error.error_code != code:
            raise
        return None


def _without_password(text: str) -> str:
    return re.sub(r"://[^/@\s]*@", "://", text)


def _line(error: BaseException) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:300]

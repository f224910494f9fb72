"""A model registry in memory, for tests of whatever stands on the ModelRegistry port."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from amends.domain.canonical import digest_of
from amends.domain.promotion import ModelVersion
from amends.errors import ArtefactError, Unavailable
from amends.measures.scoring import scorer_of

if TYPE_CHECKING:
    import pandas as pd
    from amends.ports import Scorer


class FakeRegistry:
    """Keeps estimators in a list; a test may make it go down, lose or alter a version, or move its alias."""

    def __init__(self) -> None:
        self.stored: dict[str, list[tuple[ModelVersion, Any]]] = {}
        self.aliases: dict[str, str] = {}
        self.down = False
        self.altered: set[tuple[str, str]] = set()

    def versions(self, model: str) -> Sequence[ModelVersion]:
        """All versions, newest first."""
        self._answer()
        return [version for version, _ in reversed(self.stored.get(model, []))]

    def version(self, model: str, version: str) -> ModelVersion:
        """One version."""
        return self._find(model, version)[0]

    def aliased(self, model: str) -> str | None:
        """Version number the champion alias points to."""
        self._answer()
        return self.aliases.get(model)

    def point_champion(self, model: str, version: str) -> None:
        """Set the alias of a version that exists."""
        self._find(model, version)
        self.aliases[model] = version

    def register(
        self, model: str, estimator: Any, *, key: str, tags: Mapping[str, str],
        example: "pd.DataFrame", metrics: Mapping[str, float],
    ) -> ModelVersion:  # fmt: skip
        """Keep the estimator under the next number; the same key gives the version it gave before."""
        del example, metrics
        known = next((one for one in self.versions(model) if one.tag("amends.key") == key), None)
        if known is not None:
            return known
        kept = self.stored.setdefault(model, [])
        number = str(1 + max((int(version.version) for version, _ in kept), default=0))
        digest = digest_of([model, number, key])
        size = str(len(repr(estimator)))
        marks = {"amends.bytes": size, **tags, "amends.key": key, "amends.digest": digest}
        version = ModelVersion(model=model, version=number, digest=digest, tags=tuple(sorted(marks.items())))
        kept.append((version, estimator))
        return version

    def load(self, version: ModelVersion) -> "Scorer":
        """Return the estimator's scoring function, or refuse an altered artefact."""
        return scorer_of(self.estimator(version))

    def estimator(self, version: ModelVersion) -> Any:
        """Return the estimator, or refuse an altered artefact."""
        known, estimator = self._find(version.model, version.version)
        if known.digest != version.digest or (version.model, version.version) in self.altered:
            raise ArtefactError(f"version {version.version} of {version.model}: altered. Register it anew.")
        return estimator

    def apart(self, version: ModelVersion) -> "Scorer":
        """Score as :meth:`load`'s function does; whatever goes wrong comes back as the sandbox tells it."""

        def score(rows: "pd.DataFrame") -> "pd.Series[float]":
            try:
                return self.load(version)(rows)
            except Unavailable:
                raise
            except Exception as error:
                place = f"version {version.version} of {version.model}"
                raise ArtefactError(f"{place}, in the sandbox: {error}. Register it anew.") from error

        return score

    def alter(self, model: str, version: str) -> None:
        """Make the version's artefact fail its digest."""
        self.altered.add((model, version))

    def delete(self, model: str, version: str) -> None:
        """Take a version away; an alias that points to it stays, as in MLflow."""
        self.stored[model] = [pair for pair in self.stored[model] if pair[0].version != version]

    def retag(self, model: str, version: str, **tags: str) -> None:
        """Change a version's tags as somebody with write access could."""
        self.stored[model] = [
            (replace(one, tags=tuple(sorted({**dict(one.tags), **tags}.items()))), estimator)
            if one.version == version
            else (one, estimator)
            for one, estimator in self.stored[model]
        ]

    def _find(self, model: str, version: str) -> tuple[ModelVersion, Any]:
        self._answer()
        for pair in self.stored.get(model, []):
            if pair[0].version == version:
                return pair
        raise ArtefactError(f"no version {version} of {model}. Choose one that exists.")

    def _answer(self) -> None:
        if self.down:
            raise Unavailable("the registry does not answer. Start it.")

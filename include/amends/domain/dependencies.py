"""The dependency map: what a model is made of, and whom a change of it touches."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from amends.domain.spec import ModelSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    """Jobs around one data set, by name, as lineage events told them: who writes it, who reads it."""

    writers: tuple[str, ...] = ()
    readers: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependencies:
    """What one model rests on and who rests on it.

    ``data``: the prediction log. ``upstream``: jobs that write it. ``lineage``: facts of the version that
    serves (parent, incident, digest of its training rows, ...). ``downstream``: jobs that read the log.
    ``siblings``: other models that read the same log or are trained by the same function.
    """

    model: str
    owner: str
    data: str | None
    features: tuple[str, ...]
    sensitive: tuple[str, ...]
    training: str | None
    version: str | None
    lineage: Mapping[str, str]
    upstream: tuple[str, ...]
    downstream: tuple[str, ...]
    consumers: tuple[str, ...]
    siblings: tuple[str, ...]

    @property
    def touched(self) -> tuple[str, ...]:
        """Whom a change of the model reaches: consumers, jobs that read the log, models beside it."""
        return (*self.consumers, *self.downstream, *(f"model {name}" for name in self.siblings))

    def document(self) -> dict[str, Any]:
        """Return the map as JSON."""
        plain = {name: list(v) if isinstance(v, tuple) else v for name, v in asdict(self).items()}
        return {"schema_version": 1, **plain, "touched": list(self.touched)}


def dataset_of(spec: ModelSpec) -> str | None:
    """Name of the model's prediction log: ``schema.table``, or the path of its files."""
    return (spec.source.table or spec.source.path) if spec.source else None


def dependencies_of(
    spec: ModelSpec, specs: Iterable[ModelSpec], *, version: str | None = None,
    tags: Sequence[tuple[str, str]] = (), jobs: Jobs | None = None,
) -> Dependencies:  # fmt: skip
    """Draw one model's map.

    :param specs: all specs there are; :param version, tags: of the version that serves, from the registry.
    :param jobs: what lineage events say of the model's log; None where there are none.
    """
    known = jobs or Jobs()
    return Dependencies(
        model=spec.name,
        owner=spec.owner,
        data=dataset_of(spec),
        features=spec.columns.features,
        sensitive=spec.columns.sensitive,
        training=spec.training.function if spec.training else None,
        version=version,
        lineage={name.removeprefix("amends."): value for name, value in tags if name.startswith("amends.")},
        upstream=known.writers,
        downstream=known.readers,
        consumers=spec.consumers,
        siblings=tuple(sorted(one.name for one in specs if one.name != spec.name and _beside(spec, one))),
    )


def _beside(spec: ModelSpec, other: ModelSpec) -> bool:
    same_log = dataset_of(spec) is not None and dataset_of(spec) == dataset_of(other)
    trained_alike = spec.training and other.training and spec.training.function == other.training.function
    return bool(same_log or trained_alike)

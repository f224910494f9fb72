"""The model spec: what a team says once about a model that Amends watches."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from amends.domain.canonical import digest_of
from amends.domain.reading import Reader
from amends.errors import SpecError

TASKS = ("binary_classification", "multiclass_classification", "regression")
IMPORTANCES = ("critical", "high", "medium", "low")
NAME = re.compile(r"[a-z][a-z0-9_]{0,62}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which column plays which part."""

    id: str
    timestamp: str
    score: str
    predicted_label: str
    label: str
    model_version: str | None = None
    latency: str | None = None
    error: str | None = None
    numeric: tuple[str, ...] = ()
    categorical: tuple[str, ...] = ()
    sensitive: tuple[str, ...] = ()
    text: tuple[str, ...] = ()

    @property
    def features(self) -> tuple[str, ...]:
        """Numeric, then categorical feature columns."""
        return self.numeric + self.categorical

    @property
    def all(self) -> tuple[str, ...]:
        """Every column the spec names, once, in a fixed order."""
        answered = (self.id, self.timestamp, self.model_version, self.score, self.predicted_label, self.label)
        single = (*answered, self.latency, self.error)
        named = [name for name in single if name]
        return tuple(dict.fromkeys((*named, *self.features, *self.sensitive, *self.text)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where prediction rows are: a Postgres table behind an Airflow connection, or Parquet files."""

    kind: str
    connection: str | None = None
    table: str | None = None
    path: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """The reference span, the length of a window and how late labels arrive."""

    reference_start: datetime
    reference_end: datetime
    length: timedelta
    label_delay: timedelta = timedelta(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Training:
    """How to retrain: ``module:function`` called with (rows, spec), and where history comes from."""

    function: str
    history: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelSpec:
    """One monitored model."""

    name: str
    task: str
    importance: str
    owner: str
    columns: Columns
    decision_threshold: float = 0.5
    favourable_label: int | str | None = None
    source: Source | None = None
    windows: Windows | None = None
    schedule: str | None = None
    roles: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    training: Training | None = None
    consumers: tuple[str, ...] = ()
    policy: Mapping[str, Any] = field(default_factory=dict)
    document: Mapping[str, Any] = field(default_factory=dict, compare=False, repr=False)

    @property
    def written(self) -> Any:
        """The spec as it was written, as JSON."""
        return _json(self.document)

    @property
    def digest(self) -> str:
        """Content digest of the spec as it was written."""
        return digest_of(self.written)


def spec_from_document(document: Any, where: str) -> ModelSpec:
    """Read a parsed YAML document as a model spec.

    :param where: the file's name, for messages.
    :raises SpecError: an unknown or missing key, or a bad value; the message names the place and the way out.
    """
    top = Reader(document, where, "")
    version = top.take("schema_version")
    if version != 1:
        raise SpecError(
            f"{where}: schema_version is {version!r}; this release reads 1. Write schema_version: 1."
        )
    spec = ModelSpec(
        name=top.matching("name", NAME, "a lower-case letter, then letters, digits or _"),
        task=top.one_of("task", TASKS),
        importance=top.one_of("importance", IMPORTANCES),
        owner=top.text("owner"),
        columns=_columns(top),
        decision_threshold=top.number("decision_threshold", 0.5),
        favourable_label=top.level("favourable_label"),
        source=_optional(top, "source", _source),
        windows=_optional(top, "windows", _windows),
        schedule=top.text("schedule", None),
        roles=_roles(top),
        training=_optional(top, "training", _training),
        consumers=top.texts("consumers"),
        policy=top.mapping("policy"),
        document=dict(document),
    )
    top.done()
    return spec


def _columns(top: Reader) -> Columns:
    read = top.section("columns")
    columns = Columns(
        id=read.text("id"),
        timestamp=read.text("timestamp"),
        score=read.text("score"),
        predicted_label=read.text("predicted_label"),
        label=read.text("label"),
        model_version=read.text("model_version", None),
        latency=read.text("latency", None),
        error=read.text("error", None),
        numeric=read.texts("numeric"),
        categorical=read.texts("categorical"),
        sensitive=read.texts("sensitive"),
        text=read.texts("text"),
    )
    both = sorted(set(columns.numeric) & set(columns.categorical))
    if both:
        raise SpecError(f"{read.where}: column {both[0]!r} is numeric and categorical. Keep it in one list.")
    if columns.label in columns.features:
        raise SpecError(f"{read.where}: the label {columns.label!r} is a feature, too. Take it out there.")
    if columns.label in {columns.id, columns.timestamp, columns.score, columns.predicted_label}:
        raise SpecError(f"{read.where}: the label {columns.label!r} plays two parts. Name another column.")
    read.done()
    return columns


def _source(read: Reader) -> Source:
    source = Source(
        kind=read.one_of("kind", ("postgres", "parquet")),
        connection=read.text("connection", None),
        table=read.text("table", None),
        path=read.text("path", None),
    )
    if source.kind == "postgres" and not (source.connection and source.table):
        raise SpecError(
            f"{read.where}: source of kind postgres needs source.connection and source.table. Add them."
        )
    if source.kind == "parquet" and not source.path:
        raise SpecError(
            f"{read.where}: source of kind parquet needs source.path. Add a file, folder or glob."
        )
    return source


def _windows(read: Reader) -> Windows:
    reference = read.section("reference")
    start, end = (reference.moment(name) for name in ("start", "end"))
    reference.done()
    if start >= end:
        raise SpecError(
            f"{read.where}: windows.reference.start is not before windows.reference.end. Swap them."
        )
    return Windows(
        reference_start=start,
        reference_end=end,
        length=read.days("length_days"),
        label_delay=read.days("label_delay_days", 0),
    )


def _training(read: Reader) -> Training:
    function = read.matching("function", re.compile(r"[\w.]+:\w+"), "package.module:function")
    return Training(function=function, history=read.days("history_days", 0) or None)


def _roles(top: Reader) -> dict[str, tuple[str, ...]]:
    read = top.section("roles", optional=True)
    return {name: read.texts(name) for name in list(read.left)}


def _optional(top: Reader, key: str, build: Any) -> Any:
    if top.left.get(key) is None:
        top.left.pop(key, None)
        return None
    read = top.section(key)
    built = build(read)
    read.done()
    return built


def _json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(key): _json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_json(item) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else value

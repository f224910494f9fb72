"""What all remedies share: a candidate is a version with its lineage, made once, judged on later rows.

A remedy fits something on older rows, leaves the newest out, and hands what it made to
:func:`register_candidate`. Key, incident and method make a retry find the version of the first attempt.
"""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from amends import __version__
from amends.domain.canonical import canonical_json
from amends.domain.events import EventKind
from amends.domain.promotion import ModelVersion
from amends.domain.spec import ModelSpec
from amends.domain.window import Window, as_utc
from amends.errors import ArtefactError, DataError
from amends.measures.arrow import as_moments
from amends.measures.scoring import rescored, scorer_of
from amends.ports import Services
from amends.workflow.gate import compare_versions
from amends.workflow.rows import rows_digest

HOLDOUT = 0.2
"""Share of the rows, the newest, that no remedy is trained on: it is judged where it is going to serve."""
EXAMPLE_ROWS = 100
LEAST_ROWS = 500
"""Fewer labelled rows are not learnt from: the result would depend on which rows they happen to be."""
KEY, INCIDENT = "amends.key", "amends.incident"
RETRAIN = "retrain"
"""Method of candidates whose record names none: versions before other remedies existed were retrained."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A version that a remedy made, and what it was made of; all of it stands in the version's tags.

    ``rows`` were learnt from, from the span ``trained``; ``holdout`` is the span to judge the version on.
    ``facts`` are the method's own, as JSON (the chosen map, the masked columns, the expiry).
    """

    version: ModelVersion
    parent: str
    rows: int
    data: str
    trained: Window
    holdout: Window
    method: str = RETRAIN
    facts: Mapping[str, Any] = field(default_factory=dict)

    def document(self) -> dict[str, Any]:
        """Return the candidate as JSON: the facts of ``candidate_registered``."""
        return {
            "version": self.version.version,
            "digest": self.version.digest,
            "parent": self.parent,
            "rows": self.rows,
            "data": self.data,
            "trained": self.trained.document(),
            "holdout": self.holdout.document(),
            "method": self.method,
            "facts": dict(self.facts),
        }

    @property
    def masked(self) -> tuple[str, ...]:
        """Columns that the version is made to do without: faults of theirs are not held against it."""
        return tuple(self.facts.get("columns", ()))


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """What a remedy made, before it is registered.

    ``learnt`` are the rows it was fitted on, from ``trained``; ``judged`` the labelled ones of ``holdout``,
    None where no label has arrived yet.
    """

    method: str
    estimator: Any
    trained: Window
    learnt: pa.Table
    holdout: Window
    judged: pa.Table | None
    facts: Mapping[str, Any] = field(default_factory=dict)


def register_candidate(
    services: Services, spec: ModelSpec, incident: str, parent: ModelVersion, made: Made
) -> Candidate:
    """Register what a remedy made, with its lineage as tags, once per incident and method.

    :raises ArtefactError: the estimator cannot be stored.
    """
    tags = {
        INCIDENT: incident,
        "amends.method": made.method,
        "amends.facts": canonical_json(made.facts).decode(),
        **_lineage(services, spec, parent),
        "amends.rows": str(made.learnt.num_rows),
        "amends.data": rows_digest(spec, made.learnt),
        "amends.trained_from": made.trained.start.isoformat(),
        "amends.trained_until": made.trained.end.isoformat(),
        "amends.holdout_from": made.holdout.start.isoformat(),
        "amends.holdout_until": made.holdout.end.isoformat(),
    }
    version = services.registry.register(
        spec.name, made.estimator, key=key_of(made.method, incident), tags=tags,
        example=made.learnt.slice(0, EXAMPLE_ROWS).to_pandas(),
        metrics=holdout_metrics(spec, made.estimator, made.judged),
    )  # fmt: skip
    return _from_tags(version)


def candidate_of(
    services: Services, spec: ModelSpec, incident: str, method: str | None = None
) -> Candidate | None:
    """Return the version that was made for an incident (by a method), or None where there is none yet.

    Once the ledger holds it, the ledger's facts count, its digest first: tags can be changed by others.

    :param method: None: the one that was registered last.
    """
    recorded = [
        event.payload
        for event in services.ledger.events(incident=incident, kinds=[EventKind.CANDIDATE_REGISTERED])
        if method in {None, event.payload.get("method", RETRAIN)}
    ]
    if recorded:
        facts = recorded[-1]
        return _from_facts(services.registry.version(spec.name, facts["version"]), facts)
    found = [
        one
        for one in services.registry.versions(spec.name)
        if one.tag(INCIDENT) == incident and method in {None, one.tag("amends.method") or RETRAIN}
    ]
    return _from_tags(found[-1]) if found else None


def key_of(method: str, incident: str) -> str:
    """Key under which the registry keeps a method's version for an incident: the same key, one version."""
    return f"{method}:{incident}"


def split_by_time(spec: ModelSpec, rows: pa.Table, share: float) -> tuple[pa.Table, pa.Table, datetime]:
    """Cut rows in two by time: the older ones, the newest ``share`` of them, and the moment between.

    :param rows: oldest first.
    :raises DataError: the rows are all of one moment.
    """
    moments = as_moments(rows.column(spec.columns.timestamp), spec.columns.timestamp)
    cut = moments[int(rows.num_rows * (1 - share))]
    older = pc.less(moments, cut)
    train, holdout = rows.filter(older), rows.filter(pc.invert(older))
    if not train.num_rows:
        raise DataError(f"model {spec.name!r}: the labelled rows are all of one moment. Log event times.")
    return train, holdout, cut.as_py().astimezone(UTC)


def holdout_metrics(spec: ModelSpec, estimator: Any, holdout: pa.Table | None) -> dict[str, float]:
    """Measure an estimator on rows that it has not seen; empty where there are none with a label."""
    if holdout is None:
        return {}
    scored = rescored(spec, holdout, "", scorer_of(estimator))
    compared = compare_versions(spec, scored, scored)
    values = {f"holdout_{one.metric}": one.candidate.value for one in compared}
    return {name: value for name, value in values.items() if math.isfinite(value)}


def history_of(services: Services, spec: ModelSpec, until: datetime) -> Window:
    """Span that a remedy may learn from: what ``training.history_days`` says, or the whole log.

    :raises DataError: the log has no row before ``until``.
    """
    if spec.training is not None and spec.training.history is not None:
        return Window(spec.name, until - spec.training.history, until)
    span = services.source.span(spec)
    if span is None or span[0] >= until:
        raise DataError(f"model {spec.name!r} has no rows before {until:%Y-%m-%d}. Wait for some.")
    return Window(spec.name, as_utc(span[0]), until)


def check_learnable(spec: ModelSpec, rows: pa.Table) -> None:
    """Refuse rows that make no model. :raises DataError: too few of them, or labels that are all alike."""
    if rows.num_rows < LEAST_ROWS:
        raise DataError(
            f"model {spec.name!r}: {rows.num_rows} labelled rows to train on, {LEAST_ROWS} are needed. "
            "Wait for labels, or widen training.history_days."
        )
    if spec.task != "regression" and len(pc.unique(rows.column(spec.columns.label))) == 1:
        raise DataError(f"model {spec.name!r}: the labels to train on are all alike. Check the label column.")


def spec_without(spec: ModelSpec, columns: tuple[str, ...]) -> ModelSpec:
    """Return the spec with columns taken out of its features."""
    c = spec.columns
    numeric, categorical, text = (
        tuple(name for name in names if name not in columns) for names in (c.numeric, c.categorical, c.text)
    )
    return replace(spec, columns=replace(c, numeric=numeric, categorical=categorical, text=text))


def _lineage(services: Services, spec: ModelSpec, parent: ModelVersion) -> dict[str, str]:
    return {
        "amends.parent": parent.version,
        "amends.parent_digest": parent.digest,
        "amends.policy": services.policy.digest,
        "amends.spec": spec.digest,
        "amends.code": __version__,
    }


def _from_facts(version: ModelVersion, facts: Mapping[str, Any]) -> Candidate:
    return Candidate(
        version=replace(version, digest=facts["digest"]),
        parent=facts["parent"],
        rows=facts["rows"],
        data=facts["data"],
        trained=Window.from_document(facts["trained"]),
        holdout=Window.from_document(facts["holdout"]),
        method=facts.get("method", RETRAIN),
        facts=facts.get("facts", {}),
    )


def _from_tags(version: ModelVersion) -> Candidate:
    def read(name: str, default: str | None = None) -> str:
        value = version.tag(f"amends.{name}") or default
        if value is None:
            raise ArtefactError(
                f"version {version.version} of {version.model} has lost its tag amends.{name}. Retrain anew."
            )
        return value

    start, cut, until = (as_utc(read(name)) for name in ("trained_from", "trained_until", "holdout_until"))
    return Candidate(
        version=version,
        parent=read("parent"),
        rows=int(read("rows")),
        data=read("data"),
        trained=Window(version.model, start, cut),
        holdout=Window(version.model, as_utc(read("holdout_from", cut.isoformat())), until),
        method=read("method", RETRAIN),
        facts=json.loads(read("facts", "{}")),
    )

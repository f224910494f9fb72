"""Make a better version: retrain on recent labelled rows, and keep the newest of them to judge it by."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from amends import __version__
from amends.domain.events import EventKind
from amends.domain.promotion import ModelVersion
from amends.domain.spec import ModelSpec
from amends.domain.window import Window, as_utc
from amends.errors import ArtefactError, DataError
from amends.measures.arrow import as_moments
from amends.measures.comparison import compare_scores
from amends.measures.pairing import pair_rows
from amends.measures.resampling import Resampler
from amends.measures.scoring import rescored, scorer_of
from amends.ports import Services
from amends.workflow.rows import labelled_rows, rows_digest

HOLDOUT = 0.2
"""Share of the rows, the newest, that no remedy is trained on: it is judged where it is going to serve."""
EXAMPLE_ROWS = 100
LEAST_ROWS = 500
"""Fewer labelled rows are not retrained on: the result would depend on which rows they happen to be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A retrained version, and what it was made of; all of it stands in the version's tags.

    ``rows`` were trained on, from the span ``trained``; ``holdout`` is the span to judge the version on.
    """

    version: ModelVersion
    parent: str
    rows: int
    data: str
    trained: Window
    holdout: Window

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
        }


def retrain(
    services: Services, spec: ModelSpec, *, incident: str, until: datetime, parent: ModelVersion,
    without: Sequence[Window] = (),
) -> Candidate:  # fmt: skip
    """Train a version on labelled rows before ``until`` and register it, once per incident.

    The newest fifth of the rows is held out by time. A retry finds the version that was registered before.

    :param parent: the version that the remedy is meant to replace.
    :param without: windows not to learn from, such as those with bad data.
    :raises SpecError: the spec has no training section.
    :raises DataError: too few labelled rows, or all of one class.
    :raises ArtefactError: the trained estimator cannot be stored.
    """
    known = candidate_of(services, spec, incident)
    if known is not None:
        return known
    span = _history(services, spec, until)
    train, holdout, cut = split_by_time(
        spec, labelled_rows(services.source, spec, span, without=without), HOLDOUT
    )
    _check(spec, train)
    frame = train.to_pandas()
    estimator = services.trainer.train(spec, frame)
    tags = {
        "amends.incident": incident,
        **_lineage(services, spec, parent),
        "amends.rows": str(train.num_rows),
        "amends.data": rows_digest(spec, train),
        "amends.trained_from": span.start.isoformat(),
        "amends.trained_until": cut.isoformat(),
        "amends.holdout_until": until.isoformat(),
    }
    version = services.registry.register(
        spec.name, estimator, key=_key(incident), tags=tags, example=frame.head(EXAMPLE_ROWS),
        metrics=holdout_metrics(spec, estimator, holdout),
    )  # fmt: skip
    return _from_tags(version)


def candidate_of(services: Services, spec: ModelSpec, incident: str) -> Candidate | None:
    """Return the version that was retrained for an incident, or None where there is none yet.

    Once the ledger holds it, the ledger's facts count, its digest first: tags can be changed by others.
    """
    recorded = services.ledger.events(incident=incident, kinds=[EventKind.CANDIDATE_REGISTERED])
    if recorded:
        facts = recorded[-1].payload
        return _from_facts(services.registry.version(spec.name, facts["version"]), facts)
    found = [one for one in services.registry.versions(spec.name) if one.tag("amends.incident") == incident]
    return _from_tags(found[-1]) if found else None


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


def holdout_metrics(spec: ModelSpec, estimator: Any, holdout: pa.Table) -> dict[str, float]:
    """Measure an estimator on rows that it has not seen; empty for a task without such measures."""
    if spec.task != "binary_classification":
        return {}
    scored = rescored(spec, holdout, "", scorer_of(estimator))
    pairs = pair_rows(spec, scored, scored)
    compared = compare_scores(pairs, Resampler(pairs.rows))
    return {f"holdout_{one.metric}": one.candidate.value for one in compared}


def _history(services: Services, spec: ModelSpec, until: datetime) -> Window:
    if spec.training is not None and spec.training.history is not None:
        return Window(spec.name, until - spec.training.history, until)
    span = services.source.span(spec)
    if span is None or span[0] >= until:
        raise DataError(f"model {spec.name!r} has no rows before {until:%Y-%m-%d}. Wait for some.")
    return Window(spec.name, span[0], until)


def _lineage(services: Services, spec: ModelSpec, parent: ModelVersion) -> dict[str, str]:
    return {
        "amends.parent": parent.version,
        "amends.parent_digest": parent.digest,
        "amends.policy": services.policy.digest,
        "amends.spec": spec.digest,
        "amends.code": __version__,
    }


def _check(spec: ModelSpec, rows: pa.Table) -> None:
    if rows.num_rows < LEAST_ROWS:
        raise DataError(
            f"model {spec.name!r}: {rows.num_rows} labelled rows to train on, {LEAST_ROWS} are needed. "
            "Wait for labels, or widen training.history_days."
        )
    if spec.task != "regression" and len(pc.unique(rows.column(spec.columns.label))) == 1:
        raise DataError(f"model {spec.name!r}: the labels to train on are all alike. Check the label column.")


def _from_facts(version: ModelVersion, facts: Mapping[str, Any]) -> Candidate:
    return Candidate(
        version=replace(version, digest=facts["digest"]),
        parent=facts["parent"],
        rows=facts["rows"],
        data=facts["data"],
        trained=Window.from_document(facts["trained"]),
        holdout=Window.from_document(facts["holdout"]),
    )


def _from_tags(version: ModelVersion) -> Candidate:
    def read(name: str) -> str:
        value = version.tag(f"amends.{name}")
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
        holdout=Window(version.model, cut, until),
    )


def _key(incident: str) -> str:
    return f"retrain:{incident}"

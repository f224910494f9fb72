"""Retrain: fit a new version on recent labelled rows; on all inputs, or without some that are broken."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from amends.domain.promotion import ModelVersion
from amends.domain.spec import ModelSpec
from amends.domain.window import Window
from amends.errors import DataError, SpecError
from amends.measures.arrow import as_floats, as_moments
from amends.measures.recalibration import log_loss
from amends.measures.scoring import scorer_of
from amends.ports import Services
from amends.workflow.remedy import (
    HOLDOUT,
    LEAST_ROWS,
    RETRAIN,
    Candidate,
    Made,
    candidate_of,
    check_learnable,
    history_of,
    register_candidate,
    spec_without,
    split_by_time,
)
from amends.workflow.rows import complete_rows

if TYPE_CHECKING:
    import pandas as pd

WITHOUT = "retrain_without"
"""Method of a candidate that was retrained without some inputs: the follow-up of a mask."""
CHOICE = 0.25
"""Share of the rows since things changed, the newest, on which two histories to learn from are compared."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _History:
    """Rows to learn from, and what was tried before they were chosen."""

    rows: pa.Table
    start: datetime
    facts: dict[str, Any]


def retrain(
    services: Services, spec: ModelSpec, *, incident: str, until: datetime, parent: ModelVersion,
    without: Sequence[Window] = (), recent: Window | None = None, dropped: Sequence[str] = (),
) -> Candidate:  # fmt: skip
    """Train a version on labelled rows before ``until`` and register it, once per incident.

    Rows so new that labels are still arriving are left out; the newest fifth of the rest is held out.

    :param parent: the version that the remedy is meant to replace.
    :param without: windows not to learn from, such as those with bad data.
    :param recent: where things changed; learning from there on only is tried beside the whole history, and
        the one that does better on the newest quarter of the rows since then is taken (Klinkenberg and
        Joachims 2000, "Detecting concept drift with support vector machines", section 4).
    :param dropped: inputs to do without.
    :raises SpecError: the spec has no training section, or its function reads a dropped input.
    :raises DataError: too few labelled rows, or all of one class.
    :raises ArtefactError: the trained estimator cannot be stored.
    """
    method = WITHOUT if dropped else RETRAIN
    known = candidate_of(services, spec, incident, method)
    if known is not None:
        return known
    seen = spec_without(spec, tuple(dropped))
    span = history_of(services, spec, until)
    rows, end = complete_rows(services.source, spec, span, without=without)
    train, holdout, cut = split_by_time(spec, rows, HOLDOUT)
    check_learnable(spec, train)
    history = _history(services, seen, train, start=span.start, recent=recent, dropped=dropped)
    made = Made(
        method=method, estimator=_fit(services, seen, history.rows, dropped),
        trained=Window(spec.name, history.start, cut), learnt=history.rows,
        holdout=Window(spec.name, cut, end), judged=holdout,
        facts={**history.facts, **({"columns": sorted(dropped)} if dropped else {})},
    )  # fmt: skip
    return register_candidate(services, spec, incident, parent, made)


def _history(
    services: Services, spec: ModelSpec, train: pa.Table,
    *, start: datetime, recent: Window | None, dropped: Sequence[str],
) -> _History:  # fmt: skip
    """Choose between the whole history and the recent part of it."""
    whole = _History(rows=train, start=start, facts={})
    if recent is None or recent.start <= start or spec.task != "binary_classification":
        return whole
    changed = _since(spec, train, recent.start)
    if changed.num_rows < LEAST_ROWS:
        return whole
    older, newer, cut = split_by_time(spec, changed, CHOICE)
    tried = {"whole": _before(spec, train, cut), "recent": older}
    losses: dict[str, float] = {}
    for name, rows in tried.items():
        try:
            check_learnable(spec, rows)
        except DataError:
            continue
        losses[name] = _loss(spec, _fit(services, spec, rows, dropped), newer)
    worse = losses.get("recent", float("inf")) >= losses.get("whole", float("inf"))
    if worse:
        return _History(rows=train, start=start, facts={"history": "whole", "log_loss": losses})
    return _History(rows=changed, start=recent.start, facts={"history": "recent", "log_loss": losses})


def _fit(services: Services, spec: ModelSpec, rows: pa.Table, dropped: Sequence[str]) -> Any:
    frame: pd.DataFrame = rows.drop_columns(list(dropped)).to_pandas()
    estimator = services.trainer.train(spec, frame)
    back = sorted(set(dropped) & set(getattr(estimator, "feature_names_in_", ())))
    if back:
        raise SpecError(
            f"model {spec.name!r}: training.function still reads {back[0]!r}, which is to be left out. "
            "Have it fit on spec.columns.features."
        )
    return estimator


def _loss(spec: ModelSpec, estimator: Any, rows: pa.Table) -> float:
    scores = scorer_of(estimator)(rows.to_pandas()).to_numpy()
    label, _ = as_floats(rows.column(spec.columns.label))
    return log_loss(scores, label.astype("int64"))


def _before(spec: ModelSpec, rows: pa.Table, end: datetime) -> pa.Table:
    moments = as_moments(rows.column(spec.columns.timestamp), spec.columns.timestamp)
    return rows.filter(pc.less(moments, pa.scalar(end, moments.type)))


def _since(spec: ModelSpec, rows: pa.Table, start: datetime) -> pa.Table:
    moments = as_moments(rows.column(spec.columns.timestamp), spec.columns.timestamp)
    return rows.filter(pc.greater_equal(moments, pa.scalar(start, moments.type)))

"""Recalibrate: the parent's scores through a map that was fitted to what happened lately."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from amends.domain.promotion import ModelVersion
from amends.domain.spec import ModelSpec
from amends.domain.window import Window
from amends.errors import DataError, SpecError
from amends.measures.arrow import as_floats
from amends.measures.recalibration import UNCHANGED, Choice, choose_map
from amends.measures.scoring import scorer_of
from amends.measures.wrappers import Recalibrated
from amends.ports import Services
from amends.workflow.remedy import (
    HOLDOUT,
    Candidate,
    Made,
    candidate_of,
    check_learnable,
    register_candidate,
    split_by_time,
)
from amends.workflow.rows import complete_rows

METHOD = "recalibrate"


def recalibrate(
    services: Services, spec: ModelSpec, *, incident: str, parent: ModelVersion, window: Window,
    without: Sequence[Window] = (),
) -> Candidate:  # fmt: skip
    """Wrap the parent in a map of its scores and register it, once per incident.

    A shifted threshold, Platt's line and isotonic steps compete by log-loss on newer rows than they were
    fitted on; the newest fifth of the window is left out of all of it.

    :param window: where the scores no longer mean what they say: the incident's window.
    :raises SpecError: the task has no such scores.
    :raises DataError: too few labelled rows, scores outside [0, 1], or no map does better than none.
    :raises ArtefactError: the parent does not load.
    """
    known = candidate_of(services, spec, incident, METHOD)
    if known is not None:
        return known
    if spec.task != "binary_classification":
        raise SpecError(f"model {spec.name!r}: scores of a {spec.task} are not recalibrated. Retrain it.")
    rows, end = complete_rows(services.source, spec, window, without=without)
    train, holdout, cut = split_by_time(spec, rows, HOLDOUT)
    check_learnable(spec, train)
    base = services.registry.estimator(parent)
    found = _chosen(spec, parent, base, train)
    if found.chosen.kind == UNCHANGED:
        raise DataError(
            f"model {spec.name!r}: no map of version {parent.version}'s scores does better than the scores "
            f"themselves on {found.rows} newer rows (log-loss {found.log_loss[UNCHANGED]:.3f}). Retrain it."
        )
    facts = {
        "map": found.chosen.kind,
        "log_loss": found.log_loss,
        "compared_on": found.rows,
        "threshold_before": found.chosen.threshold_before(spec.decision_threshold),
    }
    made = Made(
        method=METHOD, estimator=Recalibrated(base, found.chosen.kind, found.chosen.x, found.chosen.y),
        trained=Window(spec.name, window.start, cut), learnt=train,
        holdout=Window(spec.name, cut, end), judged=holdout, facts=facts,
    )  # fmt: skip
    return register_candidate(services, spec, incident, parent, made)


def _chosen(spec: ModelSpec, parent: ModelVersion, base: Any, rows: pa.Table) -> Choice:
    """Choose a map for the parent's scores of the rows."""
    scores = scorer_of(base)(rows.to_pandas()).to_numpy()
    if not np.isfinite(scores).all() or scores.min() < 0 or scores.max() > 1:
        raise DataError(f"version {parent.version} of {spec.name} gives scores outside [0, 1]. Retrain it.")
    label, _ = as_floats(rows.column(spec.columns.label))
    return choose_map(scores, label.astype(np.int64))

"""Mask: the parent keeps serving and no longer sees an input that is broken, or that it should not see."""

import contextlib
import json
import math
from collections.abc import Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from amends.domain.promotion import ModelVersion
from amends.domain.spec import ModelSpec
from amends.domain.window import Window, as_utc
from amends.errors import ArtefactError, DataError
from amends.measures.masking import Fill, centre_of
from amends.measures.scoring import DECISION, scorer_of, scores_in
from amends.measures.wrappers import Masked
from amends.ports import Imputer, Services
from amends.workflow.expiry import MASK
from amends.workflow.remedy import Candidate, Made, candidate_of, register_candidate, split_by_time
from amends.workflow.rows import labelled_rows, window_rows

if TYPE_CHECKING:
    import pandas as pd

CHOICE = 0.25
"""Share of the reference rows, the newest, that the ways to fill are compared on."""


def mask(
    services: Services, imputer: Imputer, spec: ModelSpec, *, incident: str, parent: ModelVersion,
    columns: Sequence[str], reference: Window, window: Window, expires: datetime, guess: bool = True,
) -> Candidate:  # fmt: skip
    """Wrap the parent so that it is given something else for some inputs; register it, once per incident.

    On reference rows, where the inputs can still be believed, three ways compete: missing (where the parent
    takes it), the reference's centre, and a guess from the other inputs. The one that moves the parent's
    scores least (mean square) is taken; labels are not needed for it. Judged on the incident's window.

    :param expires: when a person has to look again; a mask is no cure (:func:`expired`, :func:`way_back`).
    :param guess: False where the input must not be made up for, such as a sensitive one.
    :raises DataError: the parent does not read a column, or reads no other; the reference has no rows; no
        way gives scores, as where it has no value and the parent takes no missing one.
    :raises ArtefactError: the parent does not load.
    """
    known = candidate_of(services, spec, incident, MASK)
    if known is not None:
        return known
    base = services.registry.estimator(parent)
    _check_columns(spec, parent, base, columns)
    rows = window_rows(services.source, spec, reference)
    ways = (_missing, _centre, _guessed(imputer)) if guess else (_missing, _centre)
    chosen, moved = _choose(spec, base, rows, sorted(columns), ways)
    facts = {
        "columns": sorted(columns),
        "fill": {name: _told(fill) for name, fill in chosen.items()},
        "score_moved": moved,
        "expires": expires.isoformat(),
        "way_back": parent.version,
    }
    made = Made(
        method=MASK, estimator=_wrapped(base, chosen), trained=reference, learnt=rows, holdout=window,
        judged=_labelled(services, spec, window), facts=facts,
    )  # fmt: skip
    return register_candidate(services, spec, incident, parent, made)


def expired(version: ModelVersion, at: datetime) -> bool:
    """Whether a version is a mask whose time is over: a person looks, repairs, or masks anew."""
    if version.tag("amends.method") != MASK:
        return False
    return at >= as_utc(json.loads(version.tag("amends.facts") or "{}")["expires"])


def way_back(services: Services, candidate: Candidate) -> ModelVersion:
    """Return the version that a mask stands around: it serves again once the input is repaired.

    :raises ArtefactError: it is gone, or holds other bytes than when it was masked.
    """
    parent = services.registry.version(candidate.version.model, candidate.parent)
    wanted = candidate.version.tag("amends.parent_digest")
    if parent.digest != wanted:
        raise ArtefactError(
            f"version {parent.version} of {parent.model} is no longer what was masked. Roll back to another."
        )
    return parent


def _labelled(services: Services, spec: ModelSpec, window: Window) -> pa.Table | None:
    """Labelled rows of the window, where there are some: a mask does not wait for labels."""
    try:
        return labelled_rows(services.source, spec, window)
    except DataError:
        return None


def _check_columns(spec: ModelSpec, parent: ModelVersion, base: Any, columns: Sequence[str]) -> None:
    read = set(getattr(base, "feature_names_in_", ()))
    place = f"version {parent.version} of {spec.name}"
    unread = sorted(set(columns) - read)
    if unread or not columns:
        raise DataError(f"{place} does not read {unread[:1] or 'any'}: masking it changes nothing.")
    if read <= set(columns):
        raise DataError(f"{place} reads nothing but {', '.join(sorted(columns))}. Roll back instead.")


def _choose(
    spec: ModelSpec, base: Any, rows: pa.Table, columns: list[str], ways: Sequence[Any]
) -> tuple[dict[str, Fill], dict[str, float]]:
    """Fit each way on the older reference rows, compare on the newer, refit the best on all."""
    older, newer, _ = split_by_time(spec, rows, CHOICE)
    frame = newer.to_pandas()
    own = scorer_of(base)(frame)
    moved: dict[str, float] = {}
    by_name = {way.__name__.lstrip("_"): way for way in ways}
    for name, way in by_name.items():
        # a parent that takes no missing values says so in its own way
        with contextlib.suppress(ValueError, TypeError, DataError):
            masked = scorer_of(_wrapped(base, way(spec, base, older, columns)))(frame)
            change = _moved(own, masked)
            if math.isfinite(change):
                moved[name] = change
    if not moved:
        raise DataError(
            f"no way to fill in {', '.join(columns)} ({', '.join(by_name)}) gives scores on the "
            "reference. Mask another column, or roll back."
        )
    best = min(moved, key=lambda name: (moved[name], name))
    return by_name[best](spec, base, rows, columns), moved


def _moved(own: "pd.Series[float]", masked: "pd.Series[float]") -> float:
    """Mean square of how far scores moved; all the way where another class became the likeliest."""
    squares = np.square(scores_in(masked).to_numpy() - scores_in(own).to_numpy())
    if own.ndim > 1:
        squares = np.where((own[DECISION] == masked[DECISION]).to_numpy(), squares, 1.0)
    return float(np.mean(squares))


def _missing(spec: ModelSpec, base: Any, rows: pa.Table, columns: Sequence[str]) -> dict[str, Fill]:
    del base, rows
    return {name: Fill("missing", math.nan if name in spec.columns.numeric else None) for name in columns}


def _centre(spec: ModelSpec, base: Any, rows: pa.Table, columns: Sequence[str]) -> dict[str, Fill]:
    del base
    return {
        name: Fill("centre", centre_of(rows.column(name), name, numeric=name in spec.columns.numeric))
        for name in columns
    }


def _guessed(imputer: Imputer) -> Any:
    def guessed(spec: ModelSpec, base: Any, rows: pa.Table, columns: Sequence[str]) -> dict[str, Fill]:
        frame: pd.DataFrame = rows.to_pandas()
        inputs = [name for name in base.feature_names_in_ if name not in columns]
        return {name: Fill("guessed", math.nan, imputer.fit(spec, frame, name, inputs)) for name in columns}

    return guessed


def _wrapped(base: Any, fills: dict[str, Fill]) -> Masked:
    return Masked(
        base,
        {name: fill.value for name, fill in fills.items()},
        {name: fill.guess for name, fill in fills.items() if fill.guess is not None},
    )


def _told(fill: Fill) -> dict[str, Any]:
    """Say how a column is filled; NaN is no JSON, and missing says it already."""
    return {"kind": fill.kind, "value": fill.value if fill.kind == "centre" else None}

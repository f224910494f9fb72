"""Checks on a window as a whole: its time, and whether its decisions follow from its scores."""

from collections.abc import Iterator
from datetime import datetime

from amends.domain.spec import ModelSpec
from amends.measures.counting import SCORE_BINS
from amends.measures.digests import WindowDigest
from amends.measures.quality_record import Check, Limits, at_most

AGREE = 0.01
"""A reference whose decisions differ from its scores by no more than this was decided by the threshold."""


def seconds(window: WindowDigest) -> float | None:
    """Time from a window's first row to its last; None where no row has a time."""
    if window.start is None or window.end is None:
        return None
    return (datetime.fromisoformat(window.end) - datetime.fromisoformat(window.start)).total_seconds()


def lasting(reference: WindowDigest, current: WindowDigest) -> float:
    """How long a window is beside its reference; 0 where that is not known."""
    before, now = seconds(reference), seconds(current)
    return now / before if before and now else 0.0


def time_checks(spec: ModelSpec, reference: WindowDigest, current: WindowDigest) -> Iterator[Check]:
    """Look for one time in all rows that lies before the reference: a default such as 1970-01-01.

    One time after it may be a daily batch.
    """
    before, now = seconds(reference), seconds(current)
    if not before or now is None or reference.start is None or current.end is None:
        return
    early = datetime.fromisoformat(current.end) < datetime.fromisoformat(reference.start)
    note = f"rows span {now:.6g} s and end at {current.end}; the reference begins at {reference.start}"
    default = float(early and now == 0 and current.rows > 1)
    yield at_most("default_time", spec.columns.timestamp, default, 0.0, n=current.rows, note=note)


def decision_checks(
    spec: ModelSpec, reference: WindowDigest, current: WindowDigest, limits: Limits
) -> Iterator[Check]:
    """Compare the share that was decided 1 with the share of scores that reach the threshold.

    Where the scores moved more than the decisions, the scores are judged by themselves and nothing is said.
    """
    before, now = _shares(spec, reference), _shares(spec, current)
    if before is None or now is None or abs(before[0] - before[1]) > AGREE:
        return
    gap = abs(now[0] - now[1]) if abs(now[0] - before[0]) > abs(now[1] - before[1]) else 0.0
    note = f"decisions of 1: {now[0]:.1%}; scores that reach {spec.decision_threshold:g}: {now[1]:.1%}"
    limit, column = limits["decision_mismatch"], spec.columns.predicted_label
    yield at_most("decision_mismatch", column, gap, limit, reference_value=0.0, n=current.rows, note=note)


def _shares(spec: ModelSpec, window: WindowDigest) -> tuple[float, float] | None:
    """Shares decided 1 and scored to the threshold or over; None where they cannot be told."""
    if spec.task != "binary_classification":
        return None
    levels = window.categorical[spec.columns.predicted_label]
    scored = sum(int(counts.sum()) for counts in window.scores.values())
    if not set(levels.counts) <= {"0", "1"} or not levels.count or scored != window.rows:
        return None
    first = int(spec.decision_threshold * SCORE_BINS)
    reached = sum(int(counts[:, first:].sum()) for counts in window.scores.values())
    return levels.counts.get("1", 0) / levels.count, reached / scored

"""A window's size, span and nulls: what a database can count for itself, before any row is sent."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from amends.domain.canonical import digest_of
from amends.domain.spec import ModelSpec
from amends.domain.window import Window, as_utc
from amends.measures.digests import WindowDigest
from amends.measures.quality_record import Check, Limits

STRUCTURE = 0.5
"""Share of rows without an id, a time or an answer, or with an id twice, from which a window is no window."""
HOUR = 3600


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowFacts:
    """Counts of a window as its digest would hold them.

    ``minima`` and ``maxima``: of the finite numbers of each numeric column; None where there is none.
    """

    rows: int
    duplicate_ids: int
    start: str | None
    end: str | None
    nulls: Mapping[str, int]
    minima: Mapping[str, float | None]
    maxima: Mapping[str, float | None]

    @classmethod
    def of(cls, window: WindowDigest) -> "WindowFacts":
        """Read them off a digest."""
        return cls(
            rows=window.rows, duplicate_ids=window.duplicate_ids, start=window.start, end=window.end,
            nulls=dict(window.nulls),
            minima={name: profile.minimum for name, profile in window.numeric.items()},
            maxima={name: profile.maximum for name, profile in window.numeric.items()},
        )  # fmt: skip

    @property
    def digest(self) -> str:
        """Content digest: stands for the window where its rows were never read."""
        return digest_of(self.document())

    def document(self) -> dict[str, Any]:
        """Return the facts as JSON."""
        return asdict(self)


def refusal_checks(
    spec: ModelSpec, window: Window, reference: WindowDigest, facts: WindowFacts, limits: Limits
) -> list[Check]:
    """Check that a window has a body: ids, times and answers, each row once, and rows until its end.

    Stale: no row in the last hours, for longer than ``freshness_gaps`` times the reference's longest gap and
    than ``early_stop_hours``. Here the asked end is known, so that a stop is proven and no guess.
    """
    c = spec.columns
    required = dict.fromkeys((c.id, c.timestamp, c.score, c.predicted_label))
    found = [
        Check(
            metric="required_null_share", column=name, value=facts.nulls[name] / facts.rows, high=STRUCTURE,
            n=facts.rows, note=f"{facts.nulls[name]} of {facts.rows} values are null",
        )
        for name in required
    ]  # fmt: skip
    found.append(
        Check(
            metric="duplicate_id_share", column=c.id, value=facts.duplicate_ids / facts.rows, high=STRUCTURE,
            n=facts.rows, note=f"{facts.duplicate_ids} of {facts.rows} ids stand in more than one row",
        )
    )  # fmt: skip
    if facts.end is not None:
        hours = (window.end - as_utc(facts.end)).total_seconds() / HOUR
        usual = _longest_gap(reference)
        limit = max(limits["early_stop_hours"], limits["freshness_gaps"] * usual)
        found.append(
            Check(
                metric="freshness_hours", column=c.timestamp, value=hours, high=limit, n=facts.rows,
                note=f"the last row is {hours:.1f} hours before the window's end; the reference has no gap "
                f"over {usual:.1f} hours",
            )
        )  # fmt: skip
    return found


def _longest_gap(reference: WindowDigest) -> float:
    """Hours for which the reference had no row at most: from a slot in use to the end of the next one."""
    slots, hours = reference.calendar.slots, reference.calendar.width / HOUR
    gaps = slots[1:] - slots[:-1]
    return float(gaps.max(initial=1)) * hours

"""Checks by time: since when values are missing, and labels that were lost in one piece."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from scipy.special import bdtrc

from amends.domain.findings import Category
from amends.domain.spec import ModelSpec
from amends.measures.arrow import Floats
from amends.measures.calendar import ROWS, Calendar
from amends.measures.digests import WindowDigest
from amends.measures.quality_record import CHANCE, Check, Limits

LEAST_SLOTS = 4
"""Slots under which a window has no course in time to speak of."""
LEAST_ROWS = 50
"""Rows that a stretch has, or is expected to have, before anything is said of it."""
NEVER = 0.01
"""A column whose every slot of the reference has at most this share of nulls was always filled."""
MOST_USUAL = 0.5
BLOCKS = 12
"""Stretches of the reference that its own wandering is seen between."""
SOLID = 20
"""Rows of a slot from which its share says what is usual."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Consecutive slots: where they begin and end, and the rows and nulls in them."""

    start: datetime
    end: datetime
    rows: int
    nulls: int

    def told(self, last: datetime) -> str:
        """Say from when to when, in words; a stretch that reaches the last slot goes on."""
        until = "on" if self.end >= last else f"to {clock(self.end)}"
        return f"from {clock(self.start)} {until}"


def worst_stretch(calendar: Calendar, column: str, usual: float) -> Stretch | None:
    """The stretch in which nulls are most out of the usual; None where there are none.

    The segment with the largest log-likelihood ratio of a share of ``(1 + usual) / 2`` against the usual one.
    Source: Kulldorff (1997), "A spatial scan statistic" (its one-dimensional case).
    """
    rows, nulls = calendar.series(ROWS), calendar.series(column)
    low = min(max(usual, CHANCE), 1 - CHANCE)
    high = (1 + low) / 2
    gain = nulls * math.log(high / low) + (rows - nulls) * math.log((1 - high) / (1 - low))
    begin, end = _best_segment(gain)
    if end <= begin:
        return None
    spots = calendar.slots[[begin, end - 1]]
    return Stretch(
        moment(int(spots[0]), calendar.width), moment(int(spots[1]) + 1, calendar.width),
        int(rows[begin:end].sum()), int(nulls[begin:end].sum()),
    )  # fmt: skip


def _best_segment(gain: Floats) -> tuple[int, int]:
    """Bounds of the consecutive numbers whose sum is largest; (0, 0) where no sum is over 0."""
    totals = np.concatenate([[0.0], np.cumsum(gain)])
    lowest = np.minimum.accumulate(totals)
    end = int(np.argmax(totals - lowest))
    return (int(np.flatnonzero(totals[: end + 1] == lowest[end])[-1]), end) if end else (0, 0)


@dataclass(frozen=True, slots=True)
class Courses:
    """Both windows in time. ``joint``: the current one in slots at least as wide as the reference's."""

    reference: Calendar
    current: Calendar
    joint: Calendar

    @classmethod
    def of(cls, reference: WindowDigest, current: WindowDigest) -> "Courses":
        """Bring the reference to slots at least as wide as the window's, and the other way round."""
        before, now = reference.calendar, current.calendar
        return cls(before.coarsened(now.width), now, now.coarsened(before.width))

    def usual(self, name: str) -> float:
        """The largest share of nulls in a slot of the reference that has rows enough to say so."""
        rows, nulls = self.reference.series(ROWS), self.reference.series(name)
        solid = rows >= SOLID
        return float(max((nulls[solid] / rows[solid]).max(initial=0.0), nulls.sum() / max(rows.sum(), 1)))

    def wander(self, name: str) -> float:
        """How far the null share of a stretch strays beyond chance, as the standard error of a change.

        Rows of one day share their fate. The variance between BLOCKS stretches of the reference, less what
        chance makes of their rows, over as many stretches as the windows last.
        Source: Williams (1982), Applied Statistics 31 (overdispersed shares).
        """
        rows, nulls = (
            np.array([part.sum() for part in np.array_split(self.reference.series(field), BLOCKS)])
            for field in (ROWS, name)
        )
        solid = rows >= SOLID
        if solid.sum() < LEAST_SLOTS or not len(self.current.slots):
            return 0.0
        share = nulls[solid] / rows[solid]
        beyond = max(float(share.var(ddof=1) - (share * (1 - share) / rows[solid]).mean()), 0.0)
        before, now = (
            float(one.slots[-1] - one.slots[0] + 1) * one.width for one in (self.reference, self.current)
        )
        return math.sqrt(beyond * (1 / solid.sum() + 1 / max(BLOCKS * now / before, 1.0)))

    def null_course(self, name: str) -> str:
        """Say when nulls that became more common came, for a reason to end with."""
        found = worst_stretch(self.current, name, self.usual(name))
        nulls = int(self.current.series(name).sum())
        if found is None or len(self.current.slots) < LEAST_SLOTS or found.nulls * 2 < nulls:
            return ""
        return f"; null {found.told(last_of(self.current))}"


def burst_check(name: str, courses: Courses, limits: Limits) -> Iterator[Check]:
    """Look for a stretch in which a column that is else filled is mostly null.

    Compared with the emptiest of the reference's slots, at a width that both windows have: what is null every
    night or weekend is no burst. Hours are compared with days only where the reference was always filled.
    """
    usual = courses.usual(name)
    calendar = courses.current if usual <= NEVER else courses.joint
    rows, nulls = (int(calendar.series(field).sum()) for field in (ROWS, name))
    found = worst_stretch(calendar, name, usual) if len(calendar.slots) >= LEAST_SLOTS and nulls else None
    if found is None or found.rows < LEAST_ROWS:
        return
    usual = max(usual, (nulls - found.nulls) / max(rows - found.rows, 1), 1 / rows)
    chance = float(bdtrc(found.nulls - 1, found.rows, min(usual, 1.0))) * len(calendar.slots) ** 2
    proven = chance < CHANCE and found.rows >= limits["null_burst_rows"] * rows
    rise, limit = found.nulls / found.rows - usual, limits["null_burst"]
    yield Check(
        metric="null_burst", column=name, value=rise, high=limit, reference_value=0.0,
        evidence=rise if proven else min(rise, limit), n=found.rows,
        note=f"{found.nulls} of {found.rows} values are null {found.told(last_of(calendar))}, "
        f"at most {usual:.2%} at other times",
    )  # fmt: skip


def label_checks(spec: ModelSpec, current: WindowDigest, limits: Limits) -> Iterator[Check]:
    """Look for one stretch without labels between rows that have theirs: a batch of labels that was lost.

    Labels that are late leave the end of a window open, and that is no fault.
    """
    name, calendar = spec.columns.label, current.calendar
    rows, nulls = calendar.series(ROWS), calendar.series(name)
    if not 0 < nulls.sum() < rows.sum() or len(calendar.slots) < LEAST_SLOTS:
        return
    found = worst_stretch(calendar, name, min(float(nulls.sum() / rows.sum()), MOST_USUAL))
    if found is None or found.rows < LEAST_ROWS:
        return
    later = calendar.slots * calendar.width >= found.end.timestamp()
    after = float(nulls[later].sum() / max(rows[later].sum(), 1)) if rows[later].sum() >= LEAST_ROWS else 1.0
    inside, outside = found.nulls / found.rows, (nulls.sum() - found.nulls) / max(rows.sum() - found.rows, 1)
    rest, limit = max(after, float(outside)), limits["null_burst"]
    rise = inside - rest if rest < limits["label_gap_rest"] else 0.0
    wide = found.rows >= limits["null_burst_rows"] * rows.sum()
    yield Check(
        metric="label_gap", column=name, category=Category.LABEL_QUALITY, value=rise, high=limit,
        evidence=rise if wide else min(rise, limit), reference_value=0.0, n=found.rows,
        note=f"{found.nulls} of {found.rows} labels are missing {found.told(last_of(calendar))}, "
        f"{outside:.1%} of the others and {after:.1%} of the later ones",
    )  # fmt: skip


def moment(slot: int, width: int) -> datetime:
    """When a slot begins."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=slot * width)


def last_of(calendar: Calendar) -> datetime:
    """When the last slot ends."""
    return moment(int(calendar.slots[-1]) + 1, calendar.width)


def clock(at: datetime) -> str:
    """A time as a person reads it."""
    return f"{at:%Y-%m-%d %H:%M}"

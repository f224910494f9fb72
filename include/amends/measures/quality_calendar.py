"""Checks by time: since when values are missing, hours without rows, rows that stop, labels that jump."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
from scipy.special import bdtrc

from amends.domain.findings import Category
from amends.domain.spec import ModelSpec
from amends.measures.arrow import Counts, Floats
from amends.measures.calendar import ROWS, WIDTHS, Calendar
from amends.measures.digests import WindowDigest
from amends.measures.quality_record import CHANCE, Check, Limits

LEAST_SLOTS = 4
"""Slots under which a window has no course in time to speak of."""
LEAST_ROWS = 50
"""Rows that a stretch has, or is expected to have, before anything is said of it."""
NEVER = 0.01
"""A column whose every slot of the reference has at most this share of nulls was always filled."""
MOST_USUAL = 0.5
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
        until = "on" if self.end >= last else f"to {_clock(self.end)}"
        return f"from {_clock(self.start)} {until}"


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
        _moment(int(spots[0]), calendar.width), _moment(int(spots[1]) + 1, calendar.width),
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

    def null_course(self, name: str) -> str:
        """Say when nulls that became more common came, for a reason to end with."""
        found = worst_stretch(self.current, name, self.usual(name))
        nulls = int(self.current.series(name).sum())
        if found is None or len(self.current.slots) < LEAST_SLOTS or found.nulls * 2 < nulls:
            return ""
        return f"; null {found.told(_last(self.current))}"


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
        note=f"{found.nulls} of {found.rows} values are null {found.told(_last(calendar))}, "
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
        note=f"{found.nulls} of {found.rows} labels are missing {found.told(_last(calendar))}, "
        f"{outside:.1%} of the others and {after:.1%} of the later ones",
    )  # fmt: skip


def volume_checks(reference: WindowDigest, current: WindowDigest, limits: Limits) -> Iterator[Check]:
    """Look for a stretch without any row inside of the window, and for rows that stop before the day is over.

    A gap counts where the reference has none nearly as long, the window itself has no more than a few, and
    rows were to be expected by the rhythm of the window's other days. It is proven where the service never
    closes.
    """
    gap = _longest_gap(reference, current)
    if gap is not None:
        yield _gap(*gap, current, limits)
    early = _stops_early(reference.calendar, current.calendar)
    if early is not None:
        hours, missed = early
        yield Check(
            metric="rows_stop_early", column=None, value=hours, high=limits["early_stop_hours"],
            evidence=min(hours, limits["early_stop_hours"]), n=current.rows,
            note=f"the last row is {hours:g} hours before the other days end, where about {missed:.0f} rows "
            "are usual; the window may have been cut there",
        )  # fmt: skip


def _gap(gap: Stretch, always_open: bool, current: WindowDigest, limits: Limits) -> Check:
    lost = gap.rows / (gap.rows + current.rows)
    proven = gap.rows >= LEAST_ROWS and always_open
    return Check(
        metric="volume_gap_share", column=None, value=lost, high=limits["volume_gap_share"],
        evidence=lost if proven else min(lost, limits["volume_gap_share"]), reference_value=0.0,
        n=current.rows,
        note=f"no row from {_clock(gap.start)} to {_clock(gap.end)}, where about {gap.rows} were to be "
        "expected; the reference has no such gap",
    )  # fmt: skip


LEAST_GAP = {3_600: 3, 86_400: 2}
"""Empty slots that make a gap: three hours, two days (a single day may be a holiday)."""
CLOSED = {3_600: 3, 86_400: 1}
"""Empty slots from which a service has hours or days when it is closed; it may close for a feast, too."""
FORTNIGHT, FEAST = 14, 2
"""Days of a reference that has met all days of a week twice, and days for which a shop closes for a feast."""
OTHER_GAPS = 3
"""A window may have so many gaps that are nearly as long; with more of them they are its rhythm."""
LONGER = 1.5
"""Times the reference's longest gap that a gap has to last."""


def _longest_gap(reference: WindowDigest, current: WindowDigest) -> tuple[Stretch, bool] | None:
    """The longest stretch without rows that nothing explains, with the rows that it should have held.

    :returns: the stretch, and whether the service never closes at other times.
    """
    calendar = current.calendar
    least = LEAST_GAP.get(calendar.width)
    if least is None or len(calendar.slots) < LEAST_SLOTS:
        return None
    empty = np.diff(calendar.slots) - 1
    longest = int(empty.max())
    others = np.sort(empty)[::-1][OTHER_GAPS : OTHER_GAPS + 1].max(initial=0)
    known = _known_gap(reference.calendar, calendar.width)
    if longest < least or known is None or longest <= LONGER * max(known, others):
        return None
    at = int(np.argmax(empty))
    spots = calendar.slots[at] + 1 + np.arange(longest)
    wanted = _rhythm(calendar, spots)
    start, end = (_moment(int(spot), calendar.width) for spot in (spots[0], spots[-1] + 1))
    never_closes = max(known, others) < CLOSED[calendar.width]
    return Stretch(start, end, round(wanted), 0), never_closes or _skips_days(reference.calendar, calendar)


def _skips_days(reference: Calendar, current: Calendar) -> bool:
    """Whether a service that closes by night, but on no day of a fortnight, misses more days than a feast."""
    day = WIDTHS[1]
    before, now = (one.coarsened(day).slots for one in (reference, current))
    if current.width >= day or before[-1] - before[0] + 1 < FORTNIGHT:
        return False
    gaps = np.sort(np.diff(now) - 1)[::-1]
    usual = max(int((np.diff(before) - 1).max()), int(gaps[1:].max(initial=0)))
    return int(gaps[0]) > FEAST and usual < CLOSED[day]


def _known_gap(calendar: Calendar, width: int) -> float | None:
    """The reference's longest gap in slots of a width; None where the reference is too short to tell.

    Seen in wider slots, a reference without any empty one tells nothing shorter than a slot.
    """
    if len(calendar.slots) < LEAST_SLOTS:
        return None
    longest = float((np.diff(calendar.slots) - 1).max()) * max(calendar.width / width, 1.0)
    return longest if calendar.width >= width else float(_coarse_gap(calendar, width))


def _coarse_gap(calendar: Calendar, width: int) -> int:
    slots = calendar.coarsened(width).slots
    return int((np.diff(slots) - 1).max(initial=0))


def _rhythm(calendar: Calendar, spots: Counts) -> float:
    """Rows that slots would hold by the median of the same hours of the other days (days: of all days)."""
    rows, period = calendar.series(ROWS), 24 if calendar.width == WIDTHS[0] else 1
    first, last = int(calendar.slots[0]), int(calendar.slots[-1])
    filled = np.zeros(last - first + 1)
    filled[calendar.slots - first] = rows
    phases = np.arange(first, last + 1) % period
    gone = np.zeros(len(filled), dtype=bool)
    gone[spots - first] = True
    wanted = 0.0
    for phase, times in zip(*np.unique(spots % period, return_counts=True), strict=True):
        others = filled[(phases == phase) & ~gone]
        wanted += float(np.median(others)) * int(times) if len(others) else 0.0
    return wanted


def _stops_early(reference: Calendar, current: Calendar) -> tuple[float, float] | None:
    """Hours, and the rows usual in them, between the last row and the end of the window's usual day."""
    hour, day = WIDTHS[:2]
    if current.width != hour or reference.width not in {hour, day} or len(current.slots) < LEAST_SLOTS:
        return None
    last = int(current.slots[-1])
    if last // 24 - int(current.slots[0]) // 24 < LEAST_SLOTS:
        return None
    missing = np.arange(last + 1, (last // 24 + 1) * 24)
    rows, hours = current.series(ROWS), current.slots % 24
    days = last // 24 - int(current.slots[0]) // 24
    usual = [float(rows[hours == spot % 24].sum()) / days for spot in missing]
    missed = float(np.sum(usual))
    return (float(len(missing)), missed) if missed >= LEAST_ROWS else None


def _moment(slot: int, width: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=slot * width)


def _last(calendar: Calendar) -> datetime:
    return _moment(int(calendar.slots[-1]) + 1, calendar.width)


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M}"

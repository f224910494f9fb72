"""Checks on the number of rows by time: hours and days without rows, rows that stop early."""

from collections.abc import Iterator

import numpy as np
from scipy.special import chdtr

from amends.measures.arrow import Counts
from amends.measures.calendar import ROWS, WIDTHS, Calendar
from amends.measures.digests import WindowDigest
from amends.measures.quality_calendar import LEAST_ROWS, LEAST_SLOTS, Stretch, clock, moment
from amends.measures.quality_record import CHANCE, Check, Limits

LEAST_EVEN = 5
"""Whole slots from which it can be told whether rows come evenly."""


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
        note=f"no row from {clock(gap.start)} to {clock(gap.end)}, where about {gap.rows} were to be "
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
WEEK = 604_800
MOSTLY_MET = 0.5
"""Share of a gap whose days of the week have rows in the reference, so that rows were to be expected."""
LONGER = 1.5
"""Times the reference's longest gap that a gap has to last."""


def _longest_gap(reference: WindowDigest, current: WindowDigest) -> tuple[Stretch, bool] | None:
    """The longest stretch without rows that nothing explains, with the rows that it should have held.

    :returns: the stretch, and whether the service never closes at other times, and not at such ones.
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
    start, end = (moment(int(spot), calendar.width) for spot in (spots[0], spots[-1] + 1))
    never_closes = max(known, others) < CLOSED[calendar.width]
    open_then = never_closes or _skips_days(reference.calendar, calendar)
    met = _share_met(reference.calendar, calendar.width, spots) >= MOSTLY_MET
    return Stretch(start, end, round(wanted), 0), open_then and met


def _share_met(reference: Calendar, width: int, spots: Counts) -> float:
    """Share of slots whose day of the week has rows in the reference: working days teach no weekend."""
    wide = max(reference.width, WIDTHS[1])
    if wide >= WEEK:
        return 1.0
    period = WEEK // wide
    known = np.unique(reference.coarsened(wide).slots % period)
    return float(np.isin(spots * width // wide % period, known).mean())


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


def is_even(calendar: Calendar) -> bool:
    """Whether rows come more evenly than independent ones ever do, by day (by hour in a short window).

    ``sum((n - mean)**2) / mean`` of the slots' rows is chi-squared where rows come by chance, and larger
    where days differ. Source: Fisher (1950), Biometrics 6 (the index of dispersion).
    """
    if not len(calendar.slots):
        return False
    for width in (WIDTHS[1], WIDTHS[0]):
        one = calendar.coarsened(max(width, calendar.width))
        rows = np.bincount(one.slots - one.slots[0], weights=one.series(ROWS))[1:-1]
        if len(rows) >= LEAST_EVEN:
            return bool(rows.sum() and chdtr(len(rows) - 1, rows.var() * len(rows) / rows.mean()) < CHANCE)
    return False

"""Checks on where a column's values lie: far outside the reference's range, or all on one new value."""

import math
from collections.abc import Iterator

import numpy as np

from amends.measures.profiles import NumericProfile
from amends.measures.proportions import wilson
from amends.measures.quality_record import Check, Limits, at_most

CALENDAR_LEVELS = 60
"""Columns with at most so many values (hour, weekday, flags) may rightly be constant in a short window."""
CALENDAR_MARGIN = 5
"""Widths for such a column: months 5 to 7 say nothing against month 10, but something against 99."""
USUAL_GAPS = 3
"""Usual distances of neighbouring values that a placeholder keeps: whole numbers all lie apart."""
FARTHER = "more values lie just beside that range than far outside: it reaches farther now, which is drift"


def range_check(name: str, reference: NumericProfile, current: NumericProfile, limits: Limits) -> Check:
    """Count values that lie far outside the reference's range.

    Nothing is proven where more values lie just beside that range than far outside: values that thin out
    from where others lay belong to a column that reaches farther (another region, growth), and a fault puts
    its values anywhere.
    """
    low, high = _span(reference)
    few = int((reference.counts > 0).sum()) <= CALENDAR_LEVELS
    margin = limits["range_margin"] * (high - low) * (CALENDAR_MARGIN if few else 1)
    far = share_beyond(current, low - margin, high + margin)
    beside = share_beyond(current, low, high) - far
    return at_most(
        "far_out_of_range_share", name, far / current.count, limits["far_out_of_range_share"],
        interval=wilson(far, current.count), n=current.count, doubt=FARTHER if beside > far else "",
        note=f"{far} values lie far outside the reference's [{low:.4g}, {high:.4g}], "
        f"now [{current.minimum:.4g}, {current.maximum:.4g}]",
    )  # fmt: skip


def _span(profile: NumericProfile) -> tuple[float, float]:
    low, high = profile.minimum, profile.maximum
    return (0.0, 0.0) if low is None or high is None else (low, high)


def share_beyond(profile: NumericProfile, low: float, high: float) -> int:
    """Count values outside [low, high], to the width of a bin."""
    used = np.flatnonzero(profile.counts)
    means = profile.sums[used] / profile.counts[used]
    return int(profile.counts[used][(means < low) | (means > high)].sum())


def placeholder_checks(
    name: str, reference: NumericProfile, current: NumericProfile, limits: Limits
) -> Iterator[Check]:
    """Look for one repeated value outside the reference's range and apart from all others (999, -1)."""
    used = np.flatnonzero(current.counts)
    means = current.sums[used] / current.counts[used]
    low, high = _span(reference)
    usual = float(np.median(np.diff(means))) if len(means) > 1 else 0.0
    gap = max(limits["placeholder_gap"] * (high - low), USUAL_GAPS * usual)
    for end, step, extreme in ((0, 1, current.minimum), (-1, -1, current.maximum)):
        value = float(means[end])
        outside = not low <= value <= high and not _is_near(value, low) and not _is_near(value, high)
        apart = len(used) > 1 and abs(means[end + step] - value) >= gap
        if outside and apart and _is_near(value, extreme or 0.0):
            hits = int(current.counts[used[end]])
            yield at_most(
                "placeholder_share", name, hits / current.count, limits["placeholder_share"],
                interval=wilson(hits, current.count), n=current.count,
                note=f"{hits} values are exactly {value:.6g}, apart from all others and never seen before",
            )  # fmt: skip


def _is_near(value: float, other: float) -> bool:
    """Whether two values are one: a bin's mean is its sum divided again, which rounds."""
    return math.isclose(value, other, rel_tol=1e-9, abs_tol=1e-12)

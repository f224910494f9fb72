"""Checks on where a column's values lie; far outside the reference's range is a fault."""

import numpy as np

from amends.measures.profiles import NumericProfile
from amends.measures.proportions import wilson
from amends.measures.quality_record import Check, Limits, at_most

CALENDAR_LEVELS = 60
"""Columns with at most so many values (hour, weekday, flags) may rightly be constant in a short window."""
CALENDAR_MARGIN = 5
"""Widths for such a column: months 5 to 7 say nothing against month 10, but something against 99."""
FARTHER = "more values lie just beside that range than far outside: it reaches farther now, which is drift"


def range_check(name: str, reference: NumericProfile, current: NumericProfile, limits: Limits) -> Check:
    """Count values that lie far outside the reference's range.

    Nothing is proven where more values lie just beside that range than far outside: values that thin out
    from where others lay belong to a column that reaches farther (another region, growth), and a fault puts
    its values anywhere.
    """
    low, high = span(reference)
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


def span(profile: NumericProfile) -> tuple[float, float]:
    """Least and largest value; both 0 where there is none."""
    low, high = profile.minimum, profile.maximum
    return (0.0, 0.0) if low is None or high is None else (low, high)


def share_beyond(profile: NumericProfile, low: float, high: float) -> int:
    """Count values outside [low, high], to the width of a bin."""
    used = np.flatnonzero(profile.counts)
    means = profile.sums[used] / profile.counts[used]
    return int(profile.counts[used][(means < low) | (means > high)].sum())

"""How the service did: answer times, errors and volume of a window beside the reference's."""

import math
from dataclasses import dataclass

import numpy as np

from amends.measures.calendar import ROWS, WIDTHS, Calendar
from amends.measures.profiles import CategoricalProfile, NumericProfile
from amends.measures.proportions import Z

NO_ERROR = frozenset({"", "0", "0.0", "false", "none", "null", "nan"})
"""Levels of an error column that say that there was none, in any case; so does null."""
LEAST_BEYOND = 10
"""Values beyond a quantile on either side, under which its interval is not known."""
LEAST_DAYS = 5
"""Days from which the scatter of a daily volume can be told."""


@dataclass(frozen=True, slots=True)
class Ratio:
    """A number now beside before: value over reference value, with an interval."""

    now: float
    before: float
    interval: tuple[float, float] | None

    @property
    def value(self) -> float:
        """How many times as large it is."""
        return self.now / self.before


def latency_ratio(share: float, reference: NumericProfile, current: NumericProfile) -> Ratio | None:
    """A quantile of the answer times beside the reference's; None where one is unknown or not over 0.

    Range (0, inf), unitless; 1 means no change. The interval runs from the window's lower bound over the
    reference's upper to the other way round; None where fewer than LEAST_BEYOND values lie beyond the
    quantile in a window.
    """
    now, before = current.quantile(share), reference.quantile(share)
    if now is None or before is None or min(now, before) <= 0:
        return None
    bounds = [_quantile_bounds(one, share) for one in (current, reference)]
    if bounds[0] is None or bounds[1] is None or min(*bounds[0], *bounds[1]) <= 0:
        return Ratio(now, before, None)
    (low, high), (low_before, high_before) = bounds
    return Ratio(now, before, (low / high_before, high / low_before))


def _quantile_bounds(profile: NumericProfile, share: float) -> tuple[float, float] | None:
    """Distribution-free bounds of a quantile, from the ranks that a binomial count reaches.

    Source: Conover (1999), Practical Nonparametric Statistics, 3.2.
    """
    n = profile.count
    if n * min(share, 1 - share) < LEAST_BEYOND:
        return None
    half = Z * math.sqrt(share * (1 - share) / n)
    low, high = (profile.quantile(min(max(share + x, 0.0), 1.0)) for x in (-half, half))
    return None if low is None or high is None else (low, high)


def errors_in(levels: CategoricalProfile) -> int:
    """Rows whose error column says that there was one: any level but those of :data:`NO_ERROR`."""
    none = sum(n for level, n in levels.counts.items() if level.strip().casefold() in NO_ERROR)
    return levels.count - none


def volume_ratio(reference: Calendar, current: Calendar) -> Ratio | None:
    """Rows per day beside the reference's, over the days that a window holds in full.

    Range [0, inf), unitless; 1 means no change. The interval is that of a ratio of two means by the days'
    own scatter (Fieller's, on the logarithm): rows of one day come together and are not independent.
    None where a window has fewer than LEAST_DAYS such days.
    """
    days = [_daily(one) for one in (current, reference)]
    if any(one is None or len(one) < LEAST_DAYS or not one.mean() for one in days):
        return None
    now, before = (np.asarray(one, dtype=float) for one in days)
    means = float(now.mean()), float(before.mean())
    error = math.sqrt(
        sum(float(one.var(ddof=1)) / len(one) / float(one.mean()) ** 2 for one in (now, before))
    )
    spread = math.exp(Z * error)
    value = means[0] / means[1]
    return Ratio(*means, (value / spread, value * spread))


def _daily(calendar: Calendar) -> list[int] | None:
    """Rows by day, the first and last day left out, which may be cut; None where slots are wider than a day."""
    if calendar.width > WIDTHS[1] or not len(calendar.slots):
        return None
    daily = calendar.slots * calendar.width // WIDTHS[1]
    counts = np.bincount(daily - daily[0], weights=calendar.series(ROWS))
    return [int(n) for n in counts[1:-1]]

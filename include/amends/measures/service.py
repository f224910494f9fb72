"""How the service did: answer times, errors and volume of a window beside the reference's."""

import math
from dataclasses import dataclass

import numpy as np

from amends.measures.arrow import Floats
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
    mine, theirs = (_quantile_bounds(one, share) for one in (current, reference))
    if mine is None or theirs is None or min(*mine, *theirs) <= 0:
        return Ratio(now, before, None)
    return Ratio(now, before, (mine[0] / theirs[1], mine[1] / theirs[0]))


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
    now, before = _daily(current), _daily(reference)
    if min(len(now), len(before)) < LEAST_DAYS or not now.mean() or not before.mean():
        return None
    error = math.hypot(*(float(one.std(ddof=1) / math.sqrt(len(one)) / one.mean()) for one in (now, before)))
    value, spread = float(now.mean() / before.mean()), math.exp(Z * error)
    return Ratio(float(now.mean()), float(before.mean()), (value / spread, value * spread))


def _daily(calendar: Calendar) -> Floats:
    """Rows by day but the first and last, which may be cut; none where slots are wider than a day."""
    if calendar.width > WIDTHS[1] or not len(calendar.slots):
        return np.zeros(0)
    daily = calendar.slots * calendar.width // WIDTHS[1]
    return np.bincount(daily - daily[0], weights=calendar.series(ROWS))[1:-1].astype(np.float64)

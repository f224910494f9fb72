"""A check for clock columns (hour, weekday, month) that were all moved on by a constant, with wrap-around."""

from collections.abc import Iterator

import numpy as np

from amends.measures.arrow import Counts, Floats
from amends.measures.profiles import CategoricalProfile, NumericProfile
from amends.measures.quality_record import Check, Limits

PERIODS = (24, 12, 7)
"""Hours of a day, months of a year, days of a week."""
COVERED = 0.75
"""Share of a clock's values that a column has to have, so that a part of a day or a year is none."""
LIKENESS = 2.5
"""The turned reference has to be so many times as near as the reference itself; a season comes on top."""
SUMMER_TIME = 1
"""Hours that a clock moves by itself, twice a year."""
LEAST_VALUES = 300
LONGEST = 2
"""Digits of a level that is a clock's."""


def clock_check(
    name: str, reference: NumericProfile | CategoricalProfile, current: NumericProfile | CategoricalProfile,
    limits: Limits,
) -> Iterator[Check]:  # fmt: skip
    """Look for the turn of the clock that puts the window's values where the reference's lie.

    A clock in another time zone, or counted from another day, keeps its shape and moves round. One hour is
    summer time as well, so it is not proven.
    """
    before, now = _values(reference), _values(current)
    if before is None or now is None:
        return
    period = _period(before[0], now[0])
    if period is None or min(before[1].sum(), now[1].sum()) < LEAST_VALUES:
        return
    old, new = (_shares(*one, period) for one in (before, now))
    away = [float(np.abs(new - np.roll(old, turn)).sum() / 2) for turn in range(period)]
    turn = int(np.argmin(away))
    found = turn != 0 and away[turn] * LIKENESS <= away[0]
    value, limit = (away[0] - away[turn] if found else 0.0), limits["clock_turned"]
    by = turn if turn <= period // 2 else turn - period
    proven = not (period == PERIODS[0] and abs(by) == SUMMER_TIME)
    unit = {24: "hours", 12: "months", 7: "days"}[period]
    said = (
        f"every value is {by:+d} {unit} from what it was, round the clock" if found else "values did not turn"
    )
    yield Check(
        metric="clock_turned", column=name, value=value, high=limit,
        evidence=value if proven else min(value, limit), reference_value=0.0, n=int(now[1].sum()),
        note=f"{said}: {value:.0%} of the rows are back in place once it is turned back",
    )  # fmt: skip


def _values(profile: NumericProfile | CategoricalProfile) -> tuple[Counts, Floats] | None:
    """The whole numbers of a column and their rows; None where it holds others."""
    if isinstance(profile, CategoricalProfile):
        levels = profile.counts
        if (
            profile.overflow
            or not levels
            or not all(level.isdecimal() and len(level) <= LONGEST for level in levels)
        ):
            return None
        return np.array([int(level) for level in levels]), np.array(list(levels.values()), dtype=np.float64)
    used = np.flatnonzero(profile.counts)
    if not len(used) or len(used) > PERIODS[0] + 1:
        return None
    means = profile.sums[used] / profile.counts[used]
    if means.min() < 0 or means.max() > max(PERIODS):
        return None
    whole = np.round(means)
    if not np.isclose(means, whole, rtol=0, atol=1e-9).all():
        return None
    return whole.astype(np.int64), profile.counts[used].astype(np.float64)


def _period(before: Counts, now: Counts) -> int | None:
    """The shortest clock that both windows' values fit on, and that the reference goes round."""
    low, high = min(before.min(), now.min()), max(before.max(), now.max())
    for period in sorted(PERIODS):
        fits = low >= 0 and high <= period and before.max() - before.min() < period
        if fits and len(before) >= COVERED * period:
            return period
    return None


def _shares(values: Counts, rows: Floats, period: int) -> Floats:
    shares: Floats = np.bincount(values % period, rows, minlength=period) / rows.sum()
    return shares

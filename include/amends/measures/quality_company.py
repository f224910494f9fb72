"""Whether a column moved alone: a change of unit comes to one column, other people come with all of theirs.

A known ratio of units under the factor from which any ratio is named (inches and centimetres, miles and
kilometres) is also what years of growth may bring: tenure of an ageing cohort, counts of a longer season.
Where other inputs moved as far and no change of unit explains those, neither is a fault proven by the ratio.
"""

from collections.abc import Mapping

import numpy as np

from amends.domain.spec import ModelSpec
from amends.measures.digests import WindowDigest
from amends.measures.profiles import NumericProfile
from amends.measures.quality_columns import (
    LEAST_VALUES,
    TRIM,
    bin_width,
    deviation,
    misfit,
    slices_of,
    unit_factor,
)
from amends.measures.quality_record import Limits

MOST_NAMED = 3


def companies(
    spec: ModelSpec, reference: WindowDigest, current: WindowDigest, limits: Limits
) -> Mapping[str, str]:
    """For each numeric input what speaks against a mild change of its unit; empty where it moved alone."""
    moved = [
        name
        for name in spec.columns.numeric
        if name in current.numeric and _moved(reference.numeric[name], current.numeric[name], limits)
    ]
    return {name: _told([one for one in moved if one != name]) for name in spec.columns.numeric}


def _told(others: list[str]) -> str:
    named = ", ".join(others[:MOST_NAMED])
    return f"other inputs moved, too ({named}): other rows may have come, and no other unit" if named else ""


def _moved(before: NumericProfile, now: NumericProfile, limits: Limits) -> bool:
    """Whether a column's quantiles moved as a changed unit's have to, and no factor explains it."""
    if min(before.count, now.count) < LEAST_VALUES:
        return False
    old, new = slices_of(before), slices_of(now)
    scale = deviation(old[TRIM])
    if not scale or misfit(new[TRIM], old[TRIM], scale) < limits["unit_moved"]:
        return False
    grain = float(bin_width(now, np.median(new)))
    return unit_factor(old, new, limits, rows=(before.count, now.count), grain=grain)[0] == 1.0

"""Checks on values that stand for others: nulls that were filled in, ranges that were cut off."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from amends.measures.profiles import NumericProfile
from amends.measures.proportions import newcombe
from amends.measures.quality_columns import LEAST_VALUES, bin_width
from amends.measures.quality_record import Check, Limits, at_most

EXPLAINED = 0.7
"""Part of what is gone that has to come back as one value."""
ALONE = 3
"""No other value rose by a third as much."""
SHARP = 0.01
"""In deviations: a wider bin does not tell one value from its neighbours."""


def filled_checks(
    name: str, reference: NumericProfile, current: NumericProfile, limits: Limits
) -> Iterator[Check]:
    """Look for one value that took the place of nulls, or of all values beyond it."""
    if min(reference.count, current.count) < LEAST_VALUES:
        return
    yield _filled(name, reference, current, limits)
    yield _capped(name, reference, current, limits)


def _filled(name: str, reference: NumericProfile, current: NumericProfile, limits: Limits) -> Check:
    """Nulls became fewer, and one value by as much more common: a default that hides them."""
    before, now = (one.counts / (one.count + one.nulls) for one in (reference, current))
    rise = now - before
    spot = int(np.argmax(rise))
    rows, rows_before = (one.count + one.nulls for one in (current, reference))
    gone = reference.nulls / rows_before - current.nulls / rows
    value = float(current.sums[spot] / max(int(current.counts[spot]), 1))
    alone = np.delete(rise, spot).max() * ALONE <= rise[spot] and _is_sharp(current, value)
    found = alone and EXPLAINED * gone <= rise[spot] <= gone / EXPLAINED
    interval = newcombe(reference.nulls, rows_before, current.nulls, rows)
    return at_most(
        "nulls_filled_share", name, gone if found else 0.0, limits["null_increase_from_none"],
        interval=interval if found else (0.0, 0.0), reference_value=0.0, n=current.count,
        note=f"{gone:.1%} fewer values are null, and {rise[spot]:.1%} more are {value:.6g}: nulls filled in"
        if found else "nulls were not replaced by one value",
    )  # fmt: skip


def _capped(name: str, reference: NumericProfile, current: NumericProfile, limits: Limits) -> Check:
    """All values beyond one became that one: cut off at a limit, or at the largest number of a type."""
    found = max((_heap(reference, current, end) for end in (0, -1)), key=lambda one: one.beyond)
    value = found.beyond if found.explains else 0.0
    return at_most(
        "capped_share", name, value, limits["capped_share"], reference_value=0.0, n=current.count,
        note=f"none lies beyond {found.value:.6g}, where {found.beyond:.1%} lay, and as many more lie on it"
        if found.explains else "the values' ends are no heaps",
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Heap:
    """The outermost value of a window, the share that lay beyond it, and whether these now lie on it."""

    value: float
    beyond: float
    explains: bool


def _heap(reference: NumericProfile, current: NumericProfile, end: int) -> _Heap:
    spot = int(np.flatnonzero(current.counts)[end])
    before, now = (one.counts / one.count for one in (reference, current))
    outside = before[:spot] if end == 0 else before[spot + 1 :]
    beyond, rise = float(outside.sum()), float(now[spot] - before[spot])
    value = float(current.sums[spot] / current.counts[spot])
    fits = EXPLAINED * beyond <= rise <= beyond / EXPLAINED and _is_sharp(current, value)
    return _Heap(value, beyond, beyond > 0 and fits)


def _is_sharp(profile: NumericProfile, value: float) -> bool:
    return bool(bin_width(profile, value) <= SHARP * (profile.sd or 0.0))

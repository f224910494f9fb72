"""Checks on pairs of columns: two that changed places, each looking like the other.

Only columns that surely moved are paired, and no flags: two values have one share, which many flags have in
common, so that among many of them two seem to have changed places when each moved a little by itself.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations
from typing import TypeVar

from amends.measures.arrow import Floats
from amends.measures.digests import WindowDigest
from amends.measures.drift import Shift, categorical_shift, numeric_shift
from amends.measures.profiles import CategoricalProfile, NumericProfile
from amends.measures.quality_columns import (
    FLAG_LEVELS,
    LEAST_VALUES,
    MOST_GRAIN,
    TRIM,
    bin_width,
    deviation,
    misfit,
    slices_of,
)
from amends.measures.quality_record import CHANCE, Check, Limits, at_most

LIKENESS = 3
"""A column looks like another when it is so many times as near to that one's past as to its own."""

FAR = 1.8
"""Deviations of a move beyond which a season on top of it is no longer forgiven by more."""

P = TypeVar("P", NumericProfile, CategoricalProfile)
Distance = Callable[[str, str], float | None]
"""How far the window's column is from the reference's other one; None where that cannot be said."""


def swapped_checks(
    numeric: Sequence[str], categorical: Sequence[str], reference: WindowDigest, current: WindowDigest,
    limits: Limits,
) -> Iterator[Check]:  # fmt: skip
    """Name each pair of columns whose values stand in each other's place."""
    least = limits["unit_misfit"]
    numbers, levels = (reference.numeric, current.numeric), (reference.categorical, current.categorical)
    moved = _moved(_filled(numeric, *numbers), *numbers, numeric_shift)
    yield from _swapped(moved, numbers[0], _between_numbers(*numbers), least)
    moved = _moved(_filled(categorical, *levels), *levels, categorical_shift)
    yield from _swapped(moved, levels[0], _between_levels(*levels), least)


def _moved(
    names: Sequence[str], before: Mapping[str, P], now: Mapping[str, P], shift: Callable[[P, P], Shift]
) -> list[str]:
    return [name for name in names if shift(before[name], now[name]).p < CHANCE]


def _filled(names: Sequence[str], *windows: Mapping[str, NumericProfile | CategoricalProfile]) -> list[str]:
    return [name for name in names if min(one[name].count for one in windows) >= LEAST_VALUES]


def _swapped(
    names: list[str], before: Mapping[str, NumericProfile | CategoricalProfile], distance: Distance,
    least: float,
) -> Iterator[Check]:  # fmt: skip
    moved = {name: away for name in names if (away := distance(name, name)) is not None and away >= least}
    for pair in combinations(moved, 2):
        if _are_one_flag(before[pair[0]], before[pair[1]]):
            continue
        crossed = [distance(*pair), distance(*reversed(pair))]
        near = (None not in crossed) and all(
            away is not None and away * LIKENESS <= min(moved[name], FAR)
            for away, name in zip(crossed, pair, strict=True)
        )
        if near:
            note = f"{pair[0]} looks like {pair[1]} in the reference, and {pair[1]} like {pair[0]}"
            for one in pair:
                yield at_most("swapped", one, 1.0, 0.0, note=note)


def _are_one_flag(
    one: NumericProfile | CategoricalProfile, other: NumericProfile | CategoricalProfile
) -> bool:
    """Whether two columns hold the same two values."""
    if isinstance(one, CategoricalProfile) or isinstance(other, CategoricalProfile):
        pair = one.counts, other.counts
        return len(pair[0]) <= FLAG_LEVELS and set(pair[0]) == set(pair[1])
    few = max(int((profile.counts > 0).sum()) for profile in (one, other)) <= FLAG_LEVELS
    return few and (one.minimum, one.maximum) == (other.minimum, other.maximum)


def _between_numbers(before: Mapping[str, NumericProfile], now: Mapping[str, NumericProfile]) -> Distance:
    """Mean distance of the middle quantiles, in mean absolute deviations of the reference's column."""
    old = {name: slices_of(profile)[TRIM] for name, profile in before.items() if profile.count}
    new = {name: slices_of(profile)[TRIM] for name, profile in now.items() if profile.count}

    def distance(mine: str, other: str) -> float | None:
        scale = deviation(old[other])
        if not scale:
            return None
        blur = min(_grain(now[mine], new[mine]) / scale / 2, MOST_GRAIN)
        return max(misfit(new[mine], old[other], scale) - (blur if mine != other else 0.0), 0.0)

    return distance


def _grain(profile: NumericProfile, slices: Floats) -> float:
    return float(bin_width(profile, slices[len(slices) // 2]))


def _between_levels(
    before: Mapping[str, CategoricalProfile], now: Mapping[str, CategoricalProfile]
) -> Distance:
    """Total variation: share of rows whose level would have to change. Range [0, 1]."""

    def distance(mine: str, other: str) -> float | None:
        new, old = now[mine], before[other]
        levels = {*new.counts, *old.counts}
        gaps = (abs(new.counts.get(x, 0) / new.count - old.counts.get(x, 0) / old.count) for x in levels)
        return sum(gaps) / 2 if not (new.overflow or old.overflow) else None

    return distance

"""Checks on pairs of columns: two that changed places, each looking like the other."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import combinations

from amends.measures.arrow import Floats
from amends.measures.digests import WindowDigest
from amends.measures.profiles import CategoricalProfile, NumericProfile
from amends.measures.quality_columns import (
    LEAST_VALUES,
    MOST_GRAIN,
    TRIM,
    bin_width,
    deviation,
    misfit,
    slices_of,
)
from amends.measures.quality_record import Check, Limits, at_most

LIKENESS = 3
"""A column looks like another when it is so many times as near to that one's past as to its own."""

FAR = 1.8
"""Deviations of a move beyond which a season on top of it is no longer forgiven by more."""

Distance = Callable[[str, str], float | None]
"""How far the window's column is from the reference's other one; None where that cannot be said."""


def swapped_checks(
    numeric: Sequence[str], categorical: Sequence[str], reference: WindowDigest, current: WindowDigest,
    limits: Limits,
) -> Iterator[Check]:  # fmt: skip
    """Name each pair of columns whose values stand in each other's place."""
    least = limits["unit_misfit"]
    numbers, levels = (reference.numeric, current.numeric), (reference.categorical, current.categorical)
    yield from _swapped(_filled(numeric, *numbers), _between_numbers(*numbers), least)
    yield from _swapped(_filled(categorical, *levels), _between_levels(*levels), least)


def _filled(names: Sequence[str], *windows: Mapping[str, NumericProfile | CategoricalProfile]) -> list[str]:
    return [name for name in names if min(one[name].count for one in windows) >= LEAST_VALUES]


def _swapped(names: list[str], distance: Distance, least: float) -> Iterator[Check]:
    moved = {name: away for name in names if (away := distance(name, name)) is not None and away >= least}
    for pair in combinations(moved, 2):
        crossed = [distance(*pair), distance(*reversed(pair))]
        near = (None not in crossed) and all(
            away is not None and away * LIKENESS <= min(moved[name], FAR)
            for away, name in zip(crossed, pair, strict=True)
        )
        if near:
            note = f"{pair[0]} looks like {pair[1]} in the reference, and {pair[1]} like {pair[0]}"
            for one in pair:
                yield at_most("swapped", one, 1.0, 0.0, note=note)


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

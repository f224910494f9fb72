"""Checks on one column: unit, constancy, unseen levels; its range by :mod:`.quality_range`."""

import math
from collections.abc import Iterator
from typing import Any
from weakref import WeakKeyDictionary

import numpy as np

from amends.measures.arrow import Floats
from amends.measures.profiles import BINS, CategoricalProfile, NumericProfile
from amends.measures.proportions import wilson
from amends.measures.quality_levels import level_checks
from amends.measures.quality_range import CALENDAR_LEVELS, range_check
from amends.measures.quality_record import Check, Limits, at_most, surely_varied

SLICES = 100
TRIM = slice(5, 95)
"""The middle of the quantile slices: what single outliers do not move."""

UNITS = {
    "miles and metres": 1609.344,
    "miles and kilometres": 1.609344,
    "feet and metres": 3.28084,
    "inches and centimetres": 2.54,
    "pounds and kilograms": 2.204623,
    "minutes and seconds, or hours and minutes": 60.0,
    "hours and seconds": 3600.0,
    "days and hours": 24.0,
    "shares and percent, or cents and whole units": 100.0,
    "millimetres and centimetres, or a decimal place": 10.0,
    "seconds and milliseconds, or a thousand": 1000.0,
    "a million": 1e6,
}
"""Known factors between units of measure (BIPM SI brochure; NIST SP 811)."""
AFFINE = {
    "from Celsius to Fahrenheit": (1.8, 32.0),
    "from Fahrenheit to Celsius": (1 / 1.8, -32.0 / 1.8),
    "from Celsius to Kelvin": (1.0, 273.15),
    "from Kelvin to Celsius": (1.0, -273.15),
}
"""Temperature scales: factor and offset."""
SCALE = "the scale"

NEAR, SAME = 1.1, 1.03
"""How close to a known ratio a factor is called by its name: the window differs in other ways, too."""
SURE = 4
"""Standard errors that a ratio has to be beyond the limit by."""
MOST_GRAIN = 0.75
BEYOND = 0.9
"""Share of a column's quantile slices that lie beyond the reference's where its scale changed."""
EXPLAINS = 3
"""A change of scale leaves at most a third of the move to a season."""
EIGHTH = 8
FLAG_LEVELS = 2
HOLD = 1.5
"""How much longer than in all of the reference a value holds that the calendar does not explain."""
MOSTLY = 0.5
"""A value that was as common as this is the column's rest (no rain, no gain), and may be all there is."""
LEAST_VALUES = 100
"""Values under which the shape of a column is not known well enough to speak of its unit."""


def numeric_checks(
    name: str, reference: NumericProfile, current: NumericProfile, limits: Limits, *, bounded: bool,
    lasting: float = 0.0, company: str = "",
) -> Iterator[Check]:  # fmt: skip
    """Checks on a numeric column.

    :param bounded: the column is a probability and has to stay in [0, 1].
    :param lasting: how long the window is beside the reference.
    :param company: what speaks against a mild change of unit (:mod:`amends.measures.quality_company`).
    """
    given = current.count + current.non_finite + current.unreadable
    for metric, count, word in (
        ("unreadable_share", current.unreadable, "are no numbers"),
        ("non_finite_share", current.non_finite, "are infinite"),
    ):
        if count:
            yield at_most(
                metric, name, count / given, limits["unreadable_share"],
                interval=wilson(count, given), n=given, note=f"{count} of {given} values {word}",
            )  # fmt: skip
    if not current.count or current.minimum is None or current.maximum is None:
        return
    if bounded:
        beyond = max(-current.minimum, current.maximum - 1.0, 0.0)
        note = f"scores lie in [{current.minimum:.4g}, {current.maximum:.4g}]"
        yield at_most("score_beyond_0_1", name, beyond, 0.0, n=current.count, note=note)
        if not is_single(reference):
            yield _constant(name, reference, current, lasting)
    elif is_single(reference):
        blind = "the reference holds at most one value: its range and unit cannot be learnt from it"
        yield Check(metric="range", column=name, value=0.0, n=current.count, blind=blind)
    else:
        yield range_check(name, reference, current, limits)
        yield _unit(name, reference, current, limits, company)
        yield _constant(name, reference, current, lasting)


def is_single(profile: NumericProfile) -> bool:
    """Whether a column holds at most one value."""
    return not profile.count or profile.minimum == profile.maximum


def _unit(
    name: str, reference: NumericProfile, current: NumericProfile, limits: Limits, company: str
) -> Check:
    if min(reference.count, current.count) < LEAST_VALUES:
        blind = f"fewer than {LEAST_VALUES} values: too few to speak of a unit"
        return Check(metric="unit_factor", column=name, value=1.0, n=current.count, blind=blind)
    before, now = slices_of(reference), slices_of(current)
    rows = reference.count, current.count
    factor, said = unit_factor(
        before, now, limits, rows=rows, grain=float(bin_width(current, np.median(now)))
    )
    note = f"{said}; median {_middle(current):.4g}, was {_middle(reference):.4g}"
    bound = 1.0 if factor == 1.0 else limits["unit_factor_known"]
    mild = SCALE not in said and is_mild(factor, limits)
    return Check(
        metric="unit_factor", column=name, value=factor, low=1 / bound, high=bound,
        reference_value=1.0, n=current.count, note=note, doubt=company if mild else "",
    )  # fmt: skip


def is_mild(factor: float, limits: Limits) -> bool:
    """Whether growth could have brought a factor, too: it is under the one from which any ratio is named."""
    return factor > 0 and abs(math.log(factor)) < math.log(limits["unit_factor"])


def bin_width(profile: NumericProfile, at: Any) -> Any:
    """Width of the grid's bins at some values: what the profile cannot resolve there."""
    return 2 / BINS * (profile.axis.sd + np.abs(at - profile.axis.mean)) ** 2 / profile.axis.sd


def _middle(profile: NumericProfile) -> float:
    return profile.quantile(0.5) or 0.0


def unit_factor(
    before: Floats, now: Floats, limits: Limits, *, rows: tuple[int, int], grain: float = 0.0
) -> tuple[float, str]:
    """Factor k for which ``now = k * before`` explains a moved column, and its name; 1 where none does.

    ``k`` is the ratio of trimmed mean absolute quantiles. It counts when the quantiles moved by at least
    ``unit_moved`` of the reference's mean absolute deviation, fall back to within ``unit_misfit`` of it once
    divided by k, and k is either a known ratio of units or, by four standard errors, beyond ``unit_factor``.
    Columns that are mostly zero have no scale to speak of.

    :param before: quantile-slice means of the reference, sorted; ``now`` likewise.
    :param rows: values behind them; few values do not tell a ratio.
    :param grain: what ``now`` does not resolve; it widens the misfit, by at most :data:`MOST_GRAIN`.
    """
    old, new = before[TRIM], now[TRIM]
    scale = deviation(old)
    size = float(np.abs(old).mean())
    moved = misfit(new, old, scale) if scale else 0.0
    if scale == 0 or 2 * np.count_nonzero(old) < len(old) or moved < limits["unit_moved"]:
        return 1.0, "values lie where they lay"
    factor = float(np.abs(new).mean()) / size
    for word, (slope, offset) in AFFINE.items():
        near = misfit((new - offset) / slope, old, scale) <= tolerance(moved, limits, most=2.0)
        if near or _scale_and_season(before, now, slope, offset):
            return factor, f"{SCALE} changed {word}" + ("" if near else ", and a season came on top")
    if factor == 0:
        return 1.0, "values moved to zero"
    blur = min(grain / factor / scale / 2, MOST_GRAIN)
    if misfit(new / factor, old, scale) > limits["unit_misfit"] + blur:
        return 1.0, "values moved, but not by a factor"
    error = math.hypot(_variation(old) / math.sqrt(rows[0]), _variation(new) / math.sqrt(rows[1]))
    far = abs(math.log(factor)) - SURE * error >= math.log(limits["unit_factor"])
    known = _known(factor, NEAR if far else SAME) if far or error <= math.log(SAME) else ""
    if not far and not known:
        return 1.0, f"values moved by a factor of {factor:.3g}, which is no known ratio of units"
    return factor, f"every value is {factor:.5g} times what it was" + (f" ({known})" if known else "")


def _scale_and_season(before: Floats, now: Floats, slope: float, offset: float) -> bool:
    """Whether a change of scale explains most of a move that left the reference's range behind.

    Nearly all values lie beyond the reference's, by several times what a season adds to the change of scale,
    and their spread is nearer to the new scale's than to the old one's.
    """
    if np.mean((now < before[0]) | (now > before[-1])) < BEYOND:
        return False
    old, new = before[TRIM], now[TRIM]
    spread = deviation(new) / deviation(old)
    wider = abs(math.log(spread)) if spread else math.inf
    kept = slope == 1.0 or abs(math.log(spread / slope)) < wider if spread else False
    return kept and misfit(new, slope * old + offset, 1.0) * EXPLAINS <= misfit(new, old, 1.0)


_SLICES: WeakKeyDictionary[NumericProfile, Floats] = WeakKeyDictionary()


def slices_of(profile: NumericProfile) -> Floats:
    """SLICES quantile-slice means of a profile; several checks ask for them, so they are kept with it."""
    if profile not in _SLICES:
        _SLICES[profile] = profile.slices(SLICES)
    return _SLICES[profile]


def _variation(slices: Floats) -> float:
    return float(np.abs(slices).std() / (np.abs(slices).mean() or 1.0))


def deviation(slices: Floats) -> float:
    """Mean absolute deviation from the median."""
    return float(np.abs(slices - np.median(slices)).mean())


def misfit(new: Floats, old: Floats, scale: float) -> float:
    """Mean distance of two rows of quantiles, in units of a scale."""
    return float(np.abs(new - old).mean()) / scale


def tolerance(moved: float, limits: Limits, most: float = 1.0) -> float:
    """Misfit up to which a change that leaves no parameter to be fitted explains a move, in deviations.

    Half of ``unit_misfit``, or an eighth of the move where that is more: a season may come on top of the
    fault. At most ``most`` times ``unit_moved``.
    """
    return max(limits["unit_misfit"] / 2, min(moved / EIGHTH, most * limits["unit_moved"]))


def _known(factor: float, tolerance: float) -> str:
    size = abs(math.log(factor))
    off, word = min((abs(size - math.log(ratio)), word) for word, ratio in UNITS.items())
    return f"the ratio of {word}" if off < math.log(tolerance) else ""


def _constant(name: str, reference: NumericProfile, current: NumericProfile, lasting: float) -> Check:
    values, before = (int((one.counts > 0).sum()) for one in (current, reference))
    commonest = int(reference.counts.max()) / reference.count
    seen = 1 if is_single(current) else max(values, 2)
    return _distinct(name, (seen, before), commonest, current.count, lasting)


def _distinct(name: str, values: tuple[int, int], commonest: float, rows: int, lasting: float) -> Check:
    """A column stuck on one value: proven only where neither chance nor the calendar explains it.

    A calendar column (weekday, month, season) holds no value for longer than all its rows of the commonest
    value lasted in the reference; two levels are a flag, which may stay as it is.
    """
    now, before = values
    stuck = now == 1 and surely_varied(commonest, rows)
    outlasts = before > FLAG_LEVELS and lasting >= HOLD * commonest
    proven = stuck and (outlasts or (before > CALENDAR_LEVELS and commonest < MOSTLY))
    unsure = "; too short to tell it from a calendar or flag column" if stuck and not proven else ""
    return Check(
        metric="distinct_values", column=name, value=float(now), low=2.0 if stuck else 1.0,
        evidence=1.0 if proven else 2.0, reference_value=float(before), n=rows,
        note=f"{now} different values, {before} in the reference{unsure}",
    )  # fmt: skip


def categorical_checks(
    name: str, reference: CategoricalProfile, current: CategoricalProfile, limits: Limits,
    *, lasting: float = 0.0,
) -> Iterator[Check]:  # fmt: skip
    """Checks on a categorical column: levels never seen, and one level only.

    :param lasting: how long the window is beside the reference.
    """
    if not reference.count or not current.count:
        return
    if reference.overflow:
        blind = "the reference has too many levels to know them all"
        yield Check(metric="unseen_level_share", column=name, value=0.0, n=current.count, blind=blind)
        return
    yield from level_checks(name, reference, current, limits)
    commonest = max(reference.counts.values()) / reference.count
    yield _distinct(name, (len(current.counts), len(reference.counts)), commonest, current.count, lasting)

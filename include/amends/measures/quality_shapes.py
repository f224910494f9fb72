"""Checks on a numeric column's shape: turned or transformed values, one value over and over, fractions."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from amends.measures.arrow import Counts, Floats
from amends.measures.profiles import NumericProfile
from amends.measures.proportions import wilson
from amends.measures.quality_columns import (
    LEAST_VALUES,
    TRIM,
    bin_width,
    deviation,
    misfit,
    slices_of,
    tolerance,
)
from amends.measures.quality_mixture import mixture_check
from amends.measures.quality_placeholders import is_chosen
from amends.measures.quality_record import Check, Limits, at_most

TRANSFORMS: dict[str, Callable[[Floats], Floats]] = {
    "with their sign turned": lambda x: -x[::-1],
    "as logarithms": np.log,
    "as logarithms of one more": np.log1p,
    "as decimal logarithms": np.log10,
    "standardised to mean 0 and deviation 1": lambda x: (x - x.mean()) / x.std(),
}
"""What a pipeline does to a column when a step runs twice or not at all, by quantiles."""
FEW = 3
"""Values under which whole numbers are a flag and not a count."""
OFTEN = 3
"""A value counts as repeated when it is so many times as common as any value was before."""
ANY_VALUE = 2
"""A value that nobody would fill in has to be so many times as common: a price or a tariff may be new."""
SHARP = 0.01
"""In deviations of the window: wider bins do not tell one value from its neighbours."""
GRID_BLUR = 1e-6
GRIDS = (0.1, 1.0, 10.0, 100.0, 1000.0)
"""Steps that values are rounded to."""
COARSE = 0.25
"""In mean absolute deviations: smaller steps leave the values what they were."""
HALF = 0.5
"""Bins wider than this do not tell whole numbers from fractions."""


def shape_checks(
    name: str, reference: NumericProfile, current: NumericProfile, limits: Limits, company: str = ""
) -> Iterator[Check]:
    """Checks on how the values of a column lie, beside where they lie.

    :param company: what speaks against a mild change of unit (:mod:`amends.measures.quality_company`).
    """
    if min(reference.count, current.count) < LEAST_VALUES:
        return
    yield _repeated(name, reference, current, limits)
    yield from mixture_check(name, reference, current, limits, company)
    if reference.minimum != reference.maximum:
        yield _transformed(name, reference, current, limits)
        yield from _fractions(name, reference, current, limits)
        yield _rounded(name, reference, current, limits)


def _repeated(name: str, reference: NumericProfile, current: NumericProfile, limits: Limits) -> Check:
    """Find one value that fills a column where no value was ever nearly as common: a default, a stuck feed.

    Columns of few common values (tariffs, counts, flags) may move among them, and rounding makes many. The
    commonest of them is no measure where it lost less than half of what the repeated value won: then rows
    did not move from the one to the other. A new mean with fractions is no such value.
    """
    before = reference.counts / reference.count
    rise = current.counts / current.count - before
    spot, top = int(np.argmax(rise)), int(np.argmax(before))
    second = np.delete(rise, spot).max()
    hits, commonest = int(current.counts[spot]), float(before.max())
    if spot != top and -rise[top] < rise[spot] / 2:
        commonest = float(np.delete(before, top).max())
    value = float(current.sums[spot]) / max(hits, 1)
    least = limits["repeated_value_share"] * (1 if is_chosen(value, reference) else ANY_VALUE)
    imputed = before[spot] == 0 and not value.is_integer() and is_chosen(value, reference)
    limit = least if imputed else min(max(least, OFTEN * commonest), 1.0)
    alone = second <= rise[spot] / OFTEN
    if not alone or bin_width(current, value) > SHARP * (current.sd or 0.0):
        hits = 0
    return at_most(
        "repeated_value_share", name, hits / current.count, limit, interval=wilson(hits, current.count),
        reference_value=float(before[spot]), n=current.count,
        note=f"{hits} values are {value:.6g}; the commonest value was {commonest:.1%} of the reference",
    )  # fmt: skip


def _transformed(name: str, reference: NumericProfile, current: NumericProfile, limits: Limits) -> Check:
    now = slices_of(current)
    grain = float(bin_width(current, np.median(now)))
    said = transform(slices_of(reference), now, limits, grain)
    note = f"values lie as the reference's would {said}" if said else "values are not a function of old ones"
    return at_most("transformed", name, float(bool(said)), 0.0, n=current.count, note=note)


def transform(before: Floats, now: Floats, limits: Limits, grain: float = 0.0) -> str:
    """Name the function that takes the reference's quantiles to the window's; empty where none does.

    The values have to have moved by ``unit_moved`` of the reference's mean absolute deviation, and to lie
    within :func:`tolerance` of the transformed ones, in deviations of these.

    :param before: quantile-slice means of the reference, sorted; ``now`` likewise.
    :param grain: what ``now`` does not resolve; it widens the misfit, at most to ``unit_misfit``.
    """
    old, new = before[TRIM], now[TRIM]
    scale = deviation(old)
    moved = misfit(new, old, scale) if scale else 0.0
    if moved < limits["unit_moved"]:
        return ""
    allowed = tolerance(moved, limits)
    for word, function in TRANSFORMS.items():
        with np.errstate(invalid="ignore", divide="ignore"):
            wanted = function(old)
        if not np.isfinite(wanted).all() or not deviation(wanted):
            continue
        blur = min(grain / deviation(wanted) / 2, limits["unit_misfit"] / 2)
        if misfit(new, wanted, deviation(wanted)) <= allowed + blur:
            return word
    return ""


def _fractions(
    name: str, reference: NumericProfile, current: NumericProfile, limits: Limits
) -> Iterator[Check]:
    """Look for fractions in a column of whole numbers whose values moved: they were divided or filled in."""
    means, _ = _used(reference)
    if len(means) < FEW or not _whole(means).all():
        return
    old, new = slices_of(reference)[TRIM], slices_of(current)[TRIM]
    moved = misfit(new, old, deviation(old)) > limits["unit_misfit"] if deviation(old) else False
    values, counts = _used(current)
    fine = bin_width(current, values) < HALF
    hits = int(counts[fine & ~_whole(values)].sum()) if moved else 0
    yield at_most(
        "fraction_share", name, hits / current.count, limits["fraction_share"],
        interval=wilson(hits, current.count), reference_value=0.0, n=current.count,
        note=f"{hits} values are fractions in a column of whole numbers",
    )  # fmt: skip


def _rounded(name: str, reference: NumericProfile, current: NumericProfile, limits: Limits) -> Check:
    """Look for values that lost their last digits: all on a grid that few of them were on before.

    A step that is small beside the spread takes nothing from the model (Sheppard 1898: it adds a twelfth of
    its square to the variance), so it is told and no breach.
    """
    limit = limits["rounded_share"]
    there = [(share, grid) for grid in GRIDS if (share := _on_grid(current, grid)) > limit]
    more = ((share - _on_grid(reference, grid), grid) for share, grid in there)
    value, grid = max(more, default=(0.0, GRIDS[0]))
    coarse = grid >= COARSE * deviation(slices_of(reference))
    return Check(
        metric="rounded_share", column=name, value=value, high=limit, reference_value=0.0, n=current.count,
        evidence=value if coarse else min(value, limit),
        note=f"{value:.0%} more of the values than before are multiples of {grid:g}: rounded or cut off"
        if value > 0
        else "values keep the digits that they had",
    )  # fmt: skip


def _on_grid(profile: NumericProfile, grid: float) -> float:
    """Share of the values, but for the commonest one, that are multiples of a step.

    Bins as wide as half of it tell nothing.
    """
    means, counts = _used(profile)
    steps = means / grid
    on = (np.abs(steps - np.round(steps)) <= GRID_BLUR) & (bin_width(profile, means) < grid / 2)
    on[np.argmax(counts)] = False
    return float(counts[on].sum() / max(int(counts.sum() - counts.max()), 1))


def _used(profile: NumericProfile) -> tuple[Floats, Counts]:
    used = np.flatnonzero(profile.counts)
    means: Floats = profile.sums[used] / profile.counts[used]
    return means, profile.counts[used]


def _whole(values: Floats) -> Any:
    return np.isclose(values, np.round(values), rtol=0, atol=1e-9)

"""A check for values that somebody filled in where there was none: 999, -1, 1900."""

import math
from collections.abc import Iterator

import numpy as np

from amends.measures.profiles import NumericProfile
from amends.measures.proportions import newcombe, wilson
from amends.measures.quality_columns import is_single
from amends.measures.quality_range import span
from amends.measures.quality_record import Check, Limits, at_most

USUAL_GAPS = 3
"""Usual distances of neighbouring values that a placeholder keeps: whole numbers all lie apart."""
TYPE_BITS = (7, 8, 15, 16, 31, 32, 63)
SIGNS = frozenset(
    (1900, 1970, 19000101, 19700101, *(2**n for n in TYPE_BITS), *(2**n - 1 for n in TYPE_BITS))
)
"""First days of a clock and ends of integer types, apart from the sign."""
LARGEST_SIGN = 1e19
NEAR = 0.05
"""Deviations by which the means of two windows differ (some hundred rows)."""


def placeholder_checks(
    name: str, reference: NumericProfile, current: NumericProfile, limits: Limits
) -> Iterator[Check]:
    """Look for one repeated value at an end of the column and apart from all others (999, -1).

    Outside the reference's range any is told, and proven where it is one to fill in; at the range's end it
    has to be a sign for nothing that became commoner.
    """
    if not current.count or is_single(reference):
        return
    used = np.flatnonzero(current.counts)
    means = current.sums[used] / current.counts[used]
    low, high = span(reference)
    usual = float(np.median(np.diff(means))) if len(means) > 1 else 0.0
    gap = max(limits["placeholder_gap"] * (high - low), USUAL_GAPS * usual)
    for end, step, extreme in ((0, 1, current.minimum), (-1, -2, current.maximum)):
        value = float(means[end])
        if len(means) < 2 or abs(means[step] - value) < gap or not _is_near(value, extreme or 0.0):  # noqa: PLR2004
            continue
        if _is_near(value, (low, high)[end]):
            if _is_sign(value):
                yield _more_of_a_sign(name, reference, current, int(used[end]), limits)
        elif not low <= value <= high:
            yield _new_value(name, reference, current, int(used[end]), limits)


def _new_value(
    name: str, reference: NumericProfile, current: NumericProfile, spot: int, limits: Limits
) -> Check:
    hits = int(current.counts[spot])
    value, interval = float(current.sums[spot]) / hits, wilson(hits, current.count)
    limit = limits["placeholder_share"]
    return Check(
        metric="placeholder_share", column=name, value=hits / current.count, high=limit,
        evidence=interval[0] if is_chosen(value, reference) else min(interval[0], limit),
        interval=interval, n=current.count,
        note=f"{hits} values are exactly {value:.6g}, apart from all others and never seen before",
    )  # fmt: skip


def _more_of_a_sign(
    name: str, reference: NumericProfile, current: NumericProfile, spot: int, limits: Limits
) -> Check:
    """A sign for nothing that the reference has here and there, too, and the window often."""
    hits, before = int(current.counts[spot]), int(reference.counts[spot])
    value = float(current.sums[spot]) / hits
    return at_most(
        "placeholder_share", name, hits / current.count - before / reference.count,
        limits["placeholder_share"], n=current.count,
        interval=newcombe(hits, current.count, before, reference.count), reference_value=0.0,
        note=f"{hits} values are exactly {value:.6g}, apart from all others, {before} in the reference",
    )  # fmt: skip


def is_chosen(value: float, reference: NumericProfile) -> bool:
    """Whether somebody would fill in this value: a number that stands for none, or the column's middle.

    0, -1 and 1; 77, 88, 99 and longer runs of one of these digits, 9; ends of integer types, powers of ten;
    the years 1900 and 1970; mean and median, as near as another window's lie (imputed).
    Source: SAS, SPSS and census conventions for missing values (GESIS Survey Guidelines, missing codes).
    """
    digits = _digits(value)
    imputed = (reference.mean, reference.quantile(0.5))
    near = any(one is not None and abs(value - one) <= NEAR * (reference.sd or 0.0) for one in imputed)
    power = digits[:1] == "1" and set(digits[1:]) == {"0"}
    return near or power or digits in {"0", "1", "9"} or _is_sign(value)


def _is_sign(value: float) -> bool:
    """Whether a number is written for nothing only: a run of 7, 8 or 9, an end of a type, the epoch."""
    digits = _digits(value)
    runs = len(digits) > 1 and len(set(digits)) == 1 and digits[0] in "789"
    return runs or (bool(digits) and int(digits) in SIGNS)


def _digits(value: float) -> str:
    """Digits of a whole number without its sign; empty for others."""
    size = abs(value)
    whole = size < LARGEST_SIGN and math.isclose(size, round(size), abs_tol=1e-9)
    return str(round(size)) if whole else ""


def _is_near(value: float, other: float) -> bool:
    """Whether two values are one: a bin's mean is its sum divided again, which rounds."""
    return math.isclose(value, other, rel_tol=1e-9, abs_tol=1e-12)

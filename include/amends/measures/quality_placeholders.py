"""A check for values that somebody filled in where there was none: 999, -1, 1900."""

import math
from collections.abc import Iterator

import numpy as np

from amends.measures.profiles import NumericProfile
from amends.measures.proportions import wilson
from amends.measures.quality_columns import is_single, span
from amends.measures.quality_record import Check, Limits

USUAL_GAPS = 3
"""Usual distances of neighbouring values that a placeholder keeps: whole numbers all lie apart."""
CODES = frozenset(
    (
        0,
        1,
        1900,
        1970,
        19000101,
        19700101,
        *(2**n - 1 for n in (7, 8, 15, 16, 31, 32, 63)),
        *(2**n for n in (15, 31)),
    )
)
"""What programs and people write where there is no value, apart from the sign."""
LARGEST_CODE = 1e18


def placeholder_checks(
    name: str, reference: NumericProfile, current: NumericProfile, limits: Limits
) -> Iterator[Check]:
    """Look for one repeated value outside the reference's range and apart from all others (999, -1)."""
    if not current.count or is_single(reference):
        return
    used = np.flatnonzero(current.counts)
    means = current.sums[used] / current.counts[used]
    low, high = span(reference)
    usual = float(np.median(np.diff(means))) if len(means) > 1 else 0.0
    gap = max(limits["placeholder_gap"] * (high - low), USUAL_GAPS * usual)
    for end, step, extreme in ((0, 1, current.minimum), (-1, -1, current.maximum)):
        value = float(means[end])
        outside = not low <= value <= high and not _is_near(value, low) and not _is_near(value, high)
        apart = len(used) > 1 and abs(means[end + step] - value) >= gap
        if outside and apart and _is_near(value, extreme or 0.0):
            hits = int(current.counts[used[end]])
            limit, interval = limits["placeholder_share"], wilson(hits, current.count)
            evidence = interval[0] if is_chosen(value, reference) else min(interval[0], limit)
            yield Check(
                metric="placeholder_share", column=name, value=hits / current.count, high=limit,
                evidence=evidence, interval=interval, n=current.count,
                note=f"{hits} values are exactly {value:.6g}, apart from all others and never seen before",
            )  # fmt: skip


def is_chosen(value: float, reference: NumericProfile) -> bool:
    """Whether somebody would fill in this value: a sign for nothing, an end of a type, the column's middle.

    0, -1 and 1; 77, 88, 99 and longer runs of one digit; ends of integer types and powers of ten; the years
    1900 and 1970; the reference's mean or median (imputed).
    Source: SAS, SPSS and census conventions for missing values (GESIS Survey Guidelines, missing codes).
    """
    size = abs(value)
    whole = math.isclose(size, round(size), abs_tol=1e-9)
    digits = str(round(size)) if whole and size < LARGEST_CODE else ""
    runs = len(digits) > 1 and len(set(digits)) == 1 and digits[0] in "789"
    coded = whole and (round(size) in CODES or runs or digits == "9" or set(digits[1:]) == {"0"})
    imputed = (reference.mean, reference.quantile(0.5))
    return coded or any(one is not None and math.isclose(value, one, rel_tol=1e-3) for one in imputed)


def _is_near(value: float, other: float) -> bool:
    """Whether two values are one: a bin's mean is its sum divided again, which rounds."""
    return math.isclose(value, other, rel_tol=1e-9, abs_tol=1e-12)

"""A check for columns of which only a part came in another unit: one source, or from a moment on."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from amends.measures.arrow import Floats
from amends.measures.profiles import BINS, NumericProfile
from amends.measures.proportions import wilson
from amends.measures.quality_columns import AFFINE, UNITS, is_mild
from amends.measures.quality_record import Check, Limits, at_most

TAIL = 0.005
"""Share of the reference that lies beyond where new territory begins."""
REACH = 0.7
"""Share of a column in another unit that has to lie in new territory, so that it tells itself apart."""
NEWLY = 3
"""Times the reference's share there that the window has to have."""
LEAST_MOVED = 100
"""Values in new territory from which their shape can be compared."""
LEAST_BINS = 5
LEAST_VARIETY = 20
"""Different values of the reference under which a column is a code, which has no unit."""
LIKE = 0.1
"""Kolmogorov-Smirnov distance up to which two shapes are one, beside what chance makes of so few values."""
KS_95 = 1.36
"""Smirnov (1948): critical value at 95 %."""
WHOLE = 0.98
"""A column of which nearly all moved is judged as a whole."""

UNIT_CHANGES: dict[str, tuple[float, float]] = {
    "the opposite sign": (-1.0, 0.0),
    **{f"{factor:.6g} times what they were ({word})": (factor, 0.0) for word, factor in UNITS.items()},
    **{f"1/{factor:.6g} of what they were ({word})": (1 / factor, 0.0) for word, factor in UNITS.items()},
    **{f"on the scale changed {word}": pair for word, pair in AFFINE.items()},
}
"""Slope and offset of each known change of unit."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a column that changed as a known change of unit would have it."""

    share: float
    said: str
    misfit: float


def mixture_check(
    name: str, reference: NumericProfile, current: NumericProfile, limits: Limits, company: str = ""
) -> Iterator[Check]:
    """Name the change of unit that explains values in new territory, where one does.

    :param company: what speaks against a mild change of unit (:mod:`amends.measures.quality_company`).
    """
    varied = int((reference.counts > 0).sum()) >= LEAST_VARIETY
    part = changed_part(reference, current) if varied and current.count else None
    if part is None or part.share > WHOLE:
        return
    hits = round(part.share * current.count)
    yield at_most(
        "unit_mixture_share", name, part.share, limits["unit_mixture_share"],
        interval=wilson(hits, current.count), reference_value=0.0, n=current.count,
        note=f"about {part.share:.1%} of the values are {part.said}; the others are as before",
        doubt=company if is_mild(UNIT_CHANGES[part.said][0], limits) else "",
    )  # fmt: skip


def changed_part(reference: NumericProfile, current: NumericProfile) -> Part | None:
    """Find the change of unit whose picture of the reference fits the window's values in new territory best.

    With ``F`` the reference's distribution and ``G`` that of values in another unit (the reference's, or the
    window's own other ones), the window is
    ``(1 - w) F + w G``; ``w = (h - a) / (b - a)`` from the shares h, a, b that window, F and G have in new
    territory, which begins where the reference has TAIL of its values. The shape there has to be the
    mixture's, by Kolmogorov-Smirnov.
    """
    before, now = (np.concatenate([[0.0], np.cumsum(one.counts) / one.count]) for one in (reference, current))
    found: list[Part] = []
    for above in (False, True):
        at = _border(before, above=above)
        a, h = (_beyond(one, at, above=above) for one in (before, now))
        if h * current.count < LEAST_MOVED or h < NEWLY * max(a, TAIL):
            continue
        used = int((current.counts[at:] if above else current.counts[:at]).astype(bool).sum())
        if used < LEAST_BINS:
            continue
        edges, blur = _edges(reference), KS_95 / np.sqrt(h * current.count)
        for said, change in UNIT_CHANGES.items():
            for source in (before, _body(now, at, above=above)):
                b, w, misfit = _fit(edges, (before, source, now), at, change, above=above)
                if b >= REACH and misfit <= LIKE + blur:
                    found.append(Part(min(w, 1.0), said, misfit))
    return min(found, key=lambda part: part.misfit, default=None)


def _body(now: Floats, at: int, *, above: bool) -> Floats:
    """Distribution of the window's values that are not in new territory: the old unit, at this season."""
    body: Floats = np.minimum(now, now[at]) if above else np.maximum(now, now[at]) - now[at]
    return body / max(float(body[-1]), 1e-12)


def _border(cumulated: Floats, *, above: bool) -> int:
    """Number of the edge beyond which TAIL of the values lie, at most."""
    if above:
        return int(np.searchsorted(cumulated, 1 - TAIL, side="left"))
    return int(np.searchsorted(cumulated, TAIL, side="right")) - 1


def _beyond(cumulated: Floats, at: int, *, above: bool) -> float:
    return float(1 - cumulated[at] if above else cumulated[at])


def _fit(
    edges: Floats, columns: tuple[Floats, Floats, Floats], at: int, change: tuple[float, float],
    *, above: bool,
) -> tuple[float, float, float]:  # fmt: skip
    """Share of the changed column in new territory, its weight, and the distance of the shapes there.

    :param columns: cumulated shares of the reference, of the values that changed their unit, of the window.
    """
    (before, source, now), (slope, offset) = columns, change
    region = slice(at, None) if above else slice(0, at + 1)
    picture = np.interp((edges[region] - offset) / slope, edges, source)
    picture = 1 - picture if slope < 0 else picture
    old, new = before[region], now[region]
    spot = 0 if above else -1
    a, b, h = (float(1 - one[spot] if above else one[spot]) for one in (old, picture, new))
    if b <= a:
        return 0.0, 0.0, 1.0
    w = (h - a) / (b - a)
    mixed = (1 - w) * old + w * picture
    misfit = float(np.abs(new - mixed).max()) / h
    return b, w, misfit


def _edges(profile: NumericProfile) -> Floats:
    """The grid's edges as values; the outermost ones are finite."""
    u = np.linspace(-1, 1, BINS + 1)
    u[[0, -1]] = [np.nextafter(-1, 0), np.nextafter(1, 0)]
    edges: Floats = profile.axis.mean + profile.axis.sd * u / (1 - np.abs(u))
    return edges

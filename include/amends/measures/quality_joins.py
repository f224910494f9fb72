"""A check for columns whose values are the old ones but stand in other rows: a join by a wrong key."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import combinations

import numpy as np

from amends.measures.arrow import Counts
from amends.measures.association import binned
from amends.measures.digests import WindowDigest
from amends.measures.drift import categorical_shift, numeric_shift
from amends.measures.quality_record import Check, Limits, at_most

MOST_COLUMNS = 40
"""Inputs that are looked at in pairs: the time grows by their square."""
LEAST_ROWS = 500
LARGE = 0.8
"""From here one column nearly follows from the other, and no weather undoes that."""
STEADY = 0.1
"""Stability index up to which a column holds the old values (Siddiqi 2006: no shift worth a look)."""


def join_checks(
    inputs: Sequence[str], reference: WindowDigest, current: WindowDigest, limits: Limits
) -> Iterator[Check]:
    """Name each column that lost what linked it with every other column that it was strongly linked with.

    Links are Cramer's V, by ten slices or twenty levels. Columns that moved are judged by themselves: a fault
    of theirs, or another population, changes links as well. One of those that it was linked with has to keep
    another link, or the link was the only one and large: all fall apart at once when a storm ends.
    """
    steady = [name for name in inputs if _is_steady(name, reference, current)][:MOST_COLUMNS]
    rows = min(reference.sample.rows.num_rows, current.sample.rows.num_rows)
    if rows < LEAST_ROWS or len(steady) < 2:  # noqa: PLR2004 - a pair is two
        return
    links_of = _links(steady, reference, current, limits)
    for name, links in links_of.items():
        if not links:
            continue
        held = any(not lost for other in links for _, lost in links_of[other].values())
        gone = all(lost for _, lost in links.values()) and (held or _is_lone(links))
        others = ", ".join(sorted(links))
        said = (
            "and hardly now: its values may stand in other rows" if gone else "and still is, in part at least"
        )
        yield at_most(
            "misjoined", name, float(gone), 0.0, n=rows, reference_value=0.0,
            note=f"{name} was linked with {others} {said}",
        )  # fmt: skip


def _is_lone(links: Mapping[str, tuple[float, bool]]) -> bool:
    """Whether a column has one link only, which is so large that no weather undoes it."""
    return len(links) == 1 and max(links.values())[0] >= LARGE


def _is_steady(name: str, reference: WindowDigest, current: WindowDigest) -> bool:
    if name in reference.numeric:
        return numeric_shift(reference.numeric[name], current.numeric[name]).psi <= STEADY
    return categorical_shift(reference.categorical[name], current.categorical[name]).psi <= STEADY


def _links(
    names: Sequence[str], reference: WindowDigest, current: WindowDigest, limits: Limits
) -> Mapping[str, dict[str, tuple[float, bool]]]:
    """By column its strong links of the reference, how strong each is, and whether it is lost."""
    samples = reference.sample.rows, current.sample.rows
    cells = {name: binned(*(one.column(name) for one in samples)) for name in names}
    found: dict[str, dict[str, tuple[float, bool]]] = {name: {} for name in names}
    for one, other in combinations(names, 2):
        pairs = zip(cells[one][:2], cells[other][:2], strict=True)
        before, now = (cramers_v(*pair, cells[one][2], cells[other][2]) for pair in pairs)
        if before >= limits["link_strong"]:
            found[one][other] = found[other][one] = (before, now <= limits["link_kept"] * before)
    return found


def cramers_v(one: Counts, other: Counts, width: int, height: int) -> float:
    """How closely two columns' bins go together, without what chance adds; range [0, 1].

    Source: Bergsma (2013), Journal of the Korean Statistical Society 42 (the bias correction).
    """
    table = np.bincount(one * height + other, minlength=width * height).reshape(width, height).astype(float)
    table = table[table.sum(axis=1) > 0][:, table.sum(axis=0) > 0]
    n, (r, c) = table.sum(), table.shape
    if min(r, c) < 2 or n < 2:  # noqa: PLR2004 - a constant goes with nothing
        return 0.0
    wanted = np.outer(table.sum(axis=1), table.sum(axis=0)) / n
    phi = float((np.square(table - wanted) / wanted).sum()) / n - (r - 1) * (c - 1) / (n - 1)
    sides = (r - (r - 1) ** 2 / (n - 1), c - (c - 1) ** 2 / (n - 1))
    return float(np.sqrt(max(phi, 0.0) / max(min(sides) - 1, 1e-9)))

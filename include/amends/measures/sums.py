"""Sums by group beside the counts by group: how far scores and predictions are off, group by group."""

from collections.abc import Sequence

import numpy as np

from amends.measures.arrow import Floats
from amends.measures.counting import Cells, Key

CLASSIFICATION = ("rows", "score", "score_squared")
REGRESSION = ("rows", "error", "error_squared", "error_absolute")
"""What is summed by group: in classification over rows with a finite score, in regression over rows with a
finite error (label less prediction)."""


def sums_by_group(cells: Cells, terms: Sequence[Floats]) -> dict[Key, Floats]:
    """Add up terms by group.

    :param terms: numbers by row; rows in which one is not finite are left out.
    :returns: by group ``(rows, sum of each term...)``.
    """
    keys, place = cells.keys, cells.place
    kept = np.logical_and.reduce([np.isfinite(one) for one in terms])
    if not kept.all():
        place, terms = place[kept], [one[kept] for one in terms]
    found = np.vstack(
        [
            np.bincount(place, minlength=len(keys)),
            *(np.bincount(place, weights=one, minlength=len(keys)) for one in terms),
        ]
    )
    return {key: found[:, i].astype(np.float64) for i, key in enumerate(keys) if found[0, i]}

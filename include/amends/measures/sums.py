"""Sums by group beside the counts by group: how far scores and predictions are off, group by group."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from amends.measures.arrow import Floats
from amends.measures.counting import Key, cells_of

CLASSIFICATION = ("rows", "score", "score_squared")
REGRESSION = ("rows", "error", "error_squared", "error_absolute")
"""What is summed by group: in classification over rows with a finite score, in regression over rows with a
finite error (label less prediction)."""


def sums_by_group(columns: Sequence[pa.DictionaryArray | None], terms: Floats) -> dict[Key, Floats]:
    """Add up terms by all columns jointly.

    :param terms: shape (terms, rows); rows in which one is not finite are left out.
    :returns: by group ``(rows, sum of each term...)``.
    """
    keys, place = cells_of(columns, terms.shape[1])
    kept = np.isfinite(terms).all(axis=0)
    place, terms = place[kept], terms[:, kept]
    found = np.vstack(
        [
            np.bincount(place, minlength=len(keys)),
            *(np.bincount(place, weights=one, minlength=len(keys)) for one in terms),
        ]
    )
    return {key: found[:, i].astype(np.float64) for i, key in enumerate(keys) if found[0, i]}

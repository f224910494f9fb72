"""Whether labels still have to do with the inputs at all: from two samples of rows, one input at a time."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from amends.measures.arrow import Counts
from amends.measures.association import binned
from amends.measures.drift import shift_of
from amends.measures.sample import Sample


def strongest_links(
    reference: Sample, current: Sample, inputs: Sequence[str], label: str
) -> tuple[float, float, int]:
    """How rarely chance links the labels with the inputs as strongly as the strongest link there is.

    In each window the smallest chi-square p value of an input's bins by label, times the number of inputs
    (Bonferroni). Both windows are compared on as many labelled rows: rows stand in random order, so that the
    first ones are a sample. Range [0, 1]; near 1 no input says anything about the labels.

    :returns: that of the reference, that of the window, and the rows of each. Inputs of which nothing is
        known in one of the windows link nothing.
    Source: Pearson (1900), Philosophical Magazine 50; Dunn (1961), JASA 56.
    """
    known = pa.array(["0", "1"])
    labelled = [one.rows.filter(pc.is_in(one.rows.column(label), known)) for one in (reference, current)]
    rows = min(one.num_rows for one in labelled)
    before, now = (one.slice(0, rows) for one in labelled)
    turns = [pc.equal(one.column(label), "1").to_numpy(zero_copy_only=False) for one in (before, now)]
    rarest = [1.0, 1.0]
    for name in inputs:
        for side, codes in enumerate(binned(before.column(name), now.column(name))[:2]):
            rarest[side] = min(rarest[side], _chance(codes, turns[side]))
    least, least_now = (min(p * len(inputs), 1.0) for p in rarest)
    return least, least_now, rows


def _chance(codes: Counts, positive: Counts) -> float:
    """Chi-square p value of bins by label."""
    width = int(codes.max(initial=0)) + 1
    zeros, ones = (np.bincount(codes[positive == side], minlength=width) for side in (False, True))
    return shift_of(zeros.astype(np.float64), ones.astype(np.float64)).p

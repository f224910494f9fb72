"""Up to which row labels have arrived as they usually do: behind it they are still on their way."""

import numpy as np
import numpy.typing as npt

SLICES = 50
"""Slices of equal rows, by time, whose share of labels is compared."""
LEAST = 0.9
"""Of the usual share: a slice with fewer labels is looked at. House rule."""
DEVIATIONS = 3.0
"""Standard errors below the usual share that chance is not taken for (Shewhart 1931: three sigma)."""


def complete_rows_of(labelled: npt.NDArray[np.bool_]) -> int:
    """Count the rows, oldest first, before labels thin out at the end.

    Labels that come late are often of one kind (a default shows later than a repayment), so that the newest
    labelled rows are no sample of the newest rows. The newest slices are left out one after the other while
    their share of labels is below :data:`LEAST` of the median slice's and :data:`DEVIATIONS` standard errors
    below it.

    :param labelled: whether each row's label has arrived, oldest row first.
    """
    edges = np.linspace(0, len(labelled), min(SLICES, len(labelled)) + 1).astype(int)
    if len(labelled) == 0:
        return 0
    rows = np.diff(edges)
    share = np.add.reduceat(labelled.astype(float), edges[:-1]) / rows
    usual = float(np.median(share))
    error = np.sqrt(usual * (1 - usual) / rows)
    thin = (share < LEAST * usual) & (share < usual - DEVIATIONS * error)
    kept = len(rows)
    while kept and thin[kept - 1]:
        kept -= 1
    return int(edges[kept])

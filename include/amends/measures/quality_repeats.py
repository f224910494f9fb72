"""A check for rows that were delivered twice under new ids, read off the sample."""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
from scipy.special import ndtri

from amends.domain.spec import ModelSpec
from amends.measures.arrow import Counts
from amends.measures.digests import WindowDigest
from amends.measures.quality_record import CHANCE, Check, Limits, at_most
from amends.measures.quality_window import lasting
from amends.measures.sample import Sample

LONGER = 1.5
"""A window that lasts so many times as long as the reference may well meet the same customers again."""


def repeat_checks(
    spec: ModelSpec, reference: WindowDigest, current: WindowDigest, limits: Limits
) -> Iterator[Check]:
    """Estimate the share of rows that stand there a second time, in all but id, time and what became of them.

    Of a doubled row both are in a sample of ``s`` of ``n`` rows with chance ``(s / n) ** 2``. Of rows that
    are alike by nature a larger window has as large a share (rows of one session) or a larger one (any rows):
    the larger of both is expected. Where that is over the limit, nothing is said: another population may
    have more. A row counts once, however often it stands there.
    """
    c = spec.columns
    columns = [
        name
        for name in dict.fromkeys((c.score, *c.numeric, *c.categorical, *c.sensitive, c.predicted_label))
        if name in current.types and name in current.sample.rows.column_names
    ]
    sizes = reference.sample.rows.num_rows, current.sample.rows.num_rows
    if not all(sizes) or not 0 < lasting(reference, current) <= LONGER:
        return
    before, now = (repeated(one.sample, columns) for one in (reference, current))
    growth = (sizes[1] / sizes[0]) ** 2
    each, each_before = (one.rows / size**2 for one, size in zip((current, reference), sizes, strict=True))
    limit, expected = limits["duplicate_row_share"], before * max(growth * each, each_before)
    if expected > limit:
        return
    share = now * each - expected
    error = -float(ndtri(CHANCE)) * float(np.sqrt(now + (before + 1) * growth**2)) * each
    share, least, most = (min(max(n, 0.0), 1.0) for n in (share, share - error, share + error))
    yield at_most(
        "duplicate_row_share", c.id, share, limit, interval=(least, most), n=sizes[1],
        reference_value=before * each_before,
        note=f"about {share:.1%} of the rows stand there again under another id",
    )  # fmt: skip


def repeated(sample: Sample, columns: Sequence[str]) -> int:
    """How many rows of a sample, each counted once, have one that is like them in all columns."""
    left = np.arange(sample.rows.num_rows)
    group = np.zeros(len(left), np.int64)
    for name in columns:
        codes = _codes(sample.rows.column(name).take(pa.array(left)))
        _, group, times = np.unique(
            group * (int(codes.max(initial=0)) + 1) + codes, return_inverse=True, return_counts=True
        )
        again = times[group] > 1
        left, group = left[again], group[again]
    return len(np.unique(group))


def _codes(column: pa.ChunkedArray) -> Counts:
    """The same number for the same value, null among them."""
    if pa.types.is_floating(column.type):
        codes: Counts = np.unique(column.to_numpy(), return_inverse=True)[1]
        return codes
    indices = column.combine_chunks().dictionary_encode("encode").indices
    return np.asarray(indices, dtype=np.int64)

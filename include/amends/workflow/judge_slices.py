"""The finding on the worst slice: where in the data the model's loss rose most."""

from dataclasses import replace

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from amends.domain.findings import Category, Finding, Verdict
from amends.domain.policy import Policy
from amends.domain.spec import ModelSpec
from amends.measures.arrow import Floats
from amends.measures.clustering import Fate, fate_of
from amends.measures.digests import WindowDigest
from amends.measures.performance import Estimate
from amends.measures.profiles import bounded
from amends.measures.sample import KEY
from amends.measures.slices import Rows, Slice, level_cells, mean_of, numeric_cells, worst_slice

METRICS = {
    "binary_classification": "worst_slice_log_loss",
    "multiclass_classification": "worst_slice_error_rate",
    "regression": "worst_slice_absolute_error",
}
LIMITS = {
    "binary_classification": "slices.log_loss_rise",
    "multiclass_classification": "slices.error_rate_rise",
    "regression": "slices.absolute_error_rise",
}
CLIP = 0.001
"""Scores are held this far from 0 and 1, so that one row adds at most 6.9 nats to a slice."""
HALVES = 2
MOST_ROWS = 10_000
"""Sampled rows of either window that are searched: a slice of a twentieth has 250 in each half."""


def judge_slices(spec: ModelSpec, policy: Policy, reference: WindowDigest, current: WindowDigest) -> Finding:
    """Judge the slice whose loss rose most: surely by more than a slice may, on rows not used to find it.

    The slice stands in ``column`` and in the reason.
    """
    rows = _rows(spec, reference, current)
    least = policy.limit("slices.min_rows")
    worst = worst_slice(rows, least, policy.limit("slices.min_share")) if rows else None
    if rows is None or worst is None:
        return Finding(
            category=Category.PERFORMANCE, metric=METRICS[spec.task], verdict=Verdict.NO_DATA,
            reason=f"no slice has {least:g} labelled rows in each half of the sample",
        )  # fmt: skip
    scale = mean_of(rows.loss[rows.now == 0]).value if spec.task == "regression" else 1.0
    fates = (fate_of(one.calendar, spec.columns.label) for one in (reference, current))
    worst = _by_days(worst, *fates)
    return _finding(spec, policy, worst, policy.limit(LIMITS[spec.task]) * scale)


def _by_days(worst: Slice, before: Fate, now: Fate) -> Slice:
    """The slice with errors that count the rows of one day as the few independent ones that they are."""
    pairs = zip((worst.before, worst.now), (before, now), worst.sizes, strict=True)
    wider = [replace(one, error=one.error * fate.inflation(rows)) for one, fate, rows in pairs]
    return replace(worst, before=wider[0], now=wider[1])


def _finding(spec: ModelSpec, policy: Policy, worst: Slice, limit: float) -> Finding:
    confidence = policy.limit("performance.confidence")
    low, high = worst.rise.interval(confidence, HALVES)
    verdict = Verdict.PASS
    if worst.rise.value > limit:
        verdict = Verdict.BREACH if low > limit else Verdict.INCONCLUSIVE
    columns = tuple(column for column, _ in worst.where)
    words = " and ".join(f"{column} {said}" for column, said in worst.where)
    return Finding(
        category=Category.PERFORMANCE, metric=METRICS[spec.task], verdict=verdict,
        column=columns[0] if len(columns) == 1 else columns,
        reason=f"where {words}: loss {worst.now.value:.3f}, reference {worst.before.value:.3f}; change "
        f"{worst.rise.value:+.3f} [{low:+.3f}, {high:+.3f}] on rows not used to find it, limit {limit:.3g}",
        value=worst.now.value, reference_value=worst.before.value, threshold=limit,
        interval=_finite(worst.now, confidence), n=worst.sizes[1],
    )  # fmt: skip


def _finite(now: Estimate, confidence: float) -> tuple[float, float] | None:
    return now.interval(confidence) if np.isfinite(now.error) else None


def _rows(spec: ModelSpec, reference: WindowDigest, current: WindowDigest) -> Rows | None:
    """Sampled rows of both windows that have a loss; None where there are no columns to slice by."""
    c, windows = spec.columns, (reference.sample, current.sample)
    losses = [_losses(spec, window) for window in (reference, current)]
    kept = [np.flatnonzero(np.isfinite(loss))[:MOST_ROWS] for loss in losses]
    cells = []
    for name in dict.fromkeys((*c.features, *c.sensitive)):
        if name in reference.numeric:
            numbers = [one.numbers(name)[mine] for one, mine in zip(windows, kept, strict=True)]
            cells.append(numeric_cells(name, *numbers))
        else:
            levels = [
                one.rows.column(name).take(pa.array(mine)) for one, mine in zip(windows, kept, strict=True)
            ]
            cells.append(level_cells(name, *levels))
    if not cells or not all(mine.size for mine in kept):
        return None
    keys = np.concatenate(
        [one.rows.column(KEY).to_numpy()[mine] for one, mine in zip(windows, kept, strict=True)]
    )
    return Rows(
        conditions=tuple(condition for condition, _ in cells),
        codes=np.vstack([codes for _, codes in cells]),
        loss=np.concatenate([loss[mine] for loss, mine in zip(losses, kept, strict=True)]),
        now=np.repeat([0, 1], [mine.size for mine in kept]),
        half=(keys & np.uint64(1)).astype(np.int64),
    )


def _losses(spec: ModelSpec, window: WindowDigest) -> Floats:
    """Loss of each sampled row; NaN where it has no label, prediction or score."""
    c, sample = spec.columns, window.sample
    if spec.task == "regression":
        return np.abs(bounded(sample.numbers(c.label)) - bounded(sample.numbers(c.predicted_label)))
    label, predicted = sample.rows.column(c.label), sample.rows.column(c.predicted_label)
    if spec.task == "binary_classification":
        score = np.clip(sample.numbers(c.score), CLIP, 1 - CLIP)
        scored = (sample.numbers(c.score) >= 0) & (sample.numbers(c.score) <= 1)
        ones, zeros = (pc.fill_null(pc.equal(label, name), False).to_numpy() for name in ("1", "0"))
        loss = np.select([ones, zeros], [-np.log(score), -np.log1p(-score)], np.nan)
        return np.where(scored, loss, np.nan)
    wrong: Floats = pc.not_equal(label, predicted).cast(pa.float64()).to_numpy()
    return wrong

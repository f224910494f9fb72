"""Champion against candidate in a regression: errors of both, in multiples of the champion's own."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from amends.measures.arrow import Counts, Floats
from amends.measures.comparison import PAIR, Comparison, compare
from amends.measures.pairing import PairedErrors
from amends.measures.resampling import Estimate, Resampler, Statistic

GROUP_METRICS = {"mean_error_difference": False, "mean_absolute_error_difference": True}
"""Gap to whether errors lose their sign in it."""


def compare_errors(rows: PairedErrors, resampler: Resampler) -> list[Comparison]:
    """Size, spread and direction of both versions' errors, and the share of the labels that they explain."""
    label = rows.label - rows.label.mean()
    ours = np.abs(rows.champion), np.square(rows.champion)
    sides = [
        _sums(resampler, error, np.abs(error), np.square(error), *ours, label, np.square(label))
        for error in (rows.champion, rows.candidate)
    ]
    table: tuple[tuple[str, Statistic, bool, float], ...] = (
        ("mean_absolute_error", absolute_error_ratio, True, float(ours[0].mean())),
        ("root_mean_squared_error", squared_error_ratio, True, float(np.sqrt(ours[1].mean()))),
        ("r2", explained_of, False, 1.0),
        ("bias", bias_of, True, 1.0),
    )
    return [
        _scaled(compare(resampler, name, (sides[0], sides[1]), one, rising=rising, n=rows.rows), scale)
        for name, one, rising, scale in table
    ]


def compare_group_errors(
    rows: PairedErrors, resampler: Resampler, attribute: tuple[str, ...], least: float
) -> Iterator[tuple[str, Comparison | None, Floats, list[int]]]:
    """Compare gaps between groups in mean error and in mean absolute error.

    In standard deviations of the champion's errors (Cohen's d), so that the label's unit does not matter.

    :returns: metric, comparison (None where under two groups are large enough), the candidate's mean of each
        group, and the groups left out.
    """
    number, names = rows.groups[attribute]
    counts = np.bincount(number, minlength=len(names))
    judged = np.flatnonzero(counts >= max(least, 1))
    left_out = [int(one) for one in np.flatnonzero(counts < max(least, 1))]
    for metric, absolute in GROUP_METRICS.items():
        errors = (np.abs(rows.champion), np.abs(rows.candidate)) if absolute else None
        sides = [
            _group_sums(resampler, number, len(names), error, rows.champion)
            for error in errors or (rows.champion, rows.candidate)
        ]
        means = _group_means(sides[1].sum(axis=0), len(names))
        if len(judged) < PAIR:
            yield metric, None, means, left_out
            continue
        n = int(counts[judged].sum())
        gap = _gap(len(names), judged)
        yield metric, compare(resampler, metric, (sides[0], sides[1]), gap, rising=True, n=n), means, left_out


def absolute_error_ratio(sums: Floats) -> Floats:
    """Mean absolute error in multiples of the champion's. At least 0; 1 means as far off as the champion.

    Source: Willmott, Matsuura (2005), "Advantages of the mean absolute error over the root mean square
    error".
    """
    return _over(sums[..., 2], sums[..., 4])


def squared_error_ratio(sums: Floats) -> Floats:
    """Root mean squared error in multiples of the champion's. At least 0; 1 means as far off."""
    return np.sqrt(_over(sums[..., 3], sums[..., 5]))


def explained_of(sums: Floats) -> Floats:
    """R squared: ``1 - sum error^2 / sum (label - mean)^2``.

    Range (-inf, 1]; 1 is always right, 0 is as good as the labels' mean. NaN where labels do not vary.
    """
    spread = sums[..., 7] - np.square(sums[..., 6]) / sums[..., 0]
    share: Floats = np.where(spread > 0, 1 - sums[..., 3] / spread, np.nan)
    return share


def bias_of(sums: Floats) -> Floats:
    """Mean error without its sign, in multiples of the champion's mean absolute error.

    ``|sum error| / sum |champion's error|``. At least 0; 0 means that predictions are right on average.
    """
    return _over(np.abs(sums[..., 1]), sums[..., 4])


def _over(part: Floats, whole: Floats) -> Floats:
    """Part over whole; nothing over nothing is 0, something over nothing has no number."""
    with np.errstate(invalid="ignore", divide="ignore"):
        share: Floats = np.where(whole > 0, part / whole, np.where(part > 0, np.nan, 0.0))
    return share


def _scaled(one: Comparison, scale: float) -> Comparison:
    """Give the two values in the label's unit; the loss stays in multiples of the champion's."""
    if scale == 1:
        return one

    def times(estimate: Estimate) -> Estimate:
        return Estimate(*(number * scale for number in (estimate.value, estimate.low, estimate.high)))

    return replace(one, champion=times(one.champion), candidate=times(one.candidate), scale=scale)


def _sums(resampler: Resampler, *terms: Floats) -> Floats:
    """Rows, and each term's sum: shape (blocks, 1 + terms)."""
    together = np.zeros(len(terms[0]), np.int64)
    return np.concatenate(
        [resampler.sums(together, 1), *(resampler.sums(together, 1, one) for one in terms)], axis=1
    )


def _group_sums(resampler: Resampler, number: Counts, width: int, error: Floats, champion: Floats) -> Floats:
    """Rows and errors by group, then rows, errors and squares of the champion's: (blocks, 2 width + 3)."""
    by_group = [resampler.sums(number, width), resampler.sums(number, width, error)]
    return np.concatenate([*by_group, _sums(resampler, champion, np.square(champion))], axis=1)


def _group_means(sums: Floats, width: int) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        means: Floats = sums[..., width : 2 * width] / sums[..., :width]
    return means


def _gap(width: int, judged: Counts) -> Statistic:
    """Highest group mean less the lowest, over the spread of the champion's errors. At least 0; 0 is equal.

    Source: Cohen (1988), Statistical Power Analysis, 2.2 (a difference in standard deviations).
    """

    def statistic(sums: Floats) -> Floats:
        means = _group_means(sums, width)[..., judged]
        n, total, square = (sums[..., 2 * width + i] for i in range(3))
        spread = np.sqrt(np.maximum(square / n - np.square(total / n), 0.0))
        return _over(means.max(axis=-1) - means.min(axis=-1), spread)

    return statistic

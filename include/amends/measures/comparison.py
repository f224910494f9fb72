"""Champion against candidate on the same rows: every measure, and how much worse the candidate is."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from amends.measures.arrow import Counts, Floats
from amends.measures.cutting import cut_at, edges_of
from amends.measures.pairing import PairedRows, Side
from amends.measures.resampling import Estimate, Resampler, Statistic, interval

SCORE_BINS = 1024
"""Bins of equal mass for AUC: exact up to so many scores, else within ``1 / (2 * SCORE_BINS)``."""
CALIBRATION_BINS = 10
"""Bins of equal mass for the calibration error (Naeini et al. 2015 use 10)."""
PAIR = 2
"""Groups that a gap needs."""
Table: TypeAlias = tuple[tuple[str, tuple[Floats, ...], Statistic, bool], ...]
"""By measure: the sums of champion and candidate, the statistic on them, whether a higher value is worse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """One measure of both versions on the same rows.

    ``worse``: how much worse the candidate is; below 0 it is better. ``scale``: its unit, in the measure's:
    1, or what the champion has where the label's unit must not matter.
    ``rising``: True where a higher value is worse.
    """

    metric: str
    rising: bool
    champion: Estimate
    candidate: Estimate
    worse: Estimate
    n: int
    scale: float = 1.0


def compare(
    resampler: Resampler, metric: str, sums: tuple[Floats, Floats], statistic: Statistic,
    *, rising: bool, n: int,
) -> Comparison:  # fmt: skip
    """Compare one statistic on the sums of champion and candidate (same blocks, so the noise is shared)."""
    sign = 1.0 if rising else -1.0
    with np.errstate(invalid="ignore", divide="ignore"):
        value, other = (float(statistic(one.sum(axis=0))) for one in sums)
        drawn, other_drawn = (statistic(resampler.draw(one)) for one in sums)
    return Comparison(
        metric=metric,
        rising=rising,
        champion=interval(value, drawn),
        candidate=interval(other, other_drawn),
        worse=interval(sign * (other - value), sign * (other_drawn - drawn)),
        n=n,
    )


def compare_table(resampler: Resampler, table: Table, n: int) -> list[Comparison]:
    """Compare several statistics on the same rows."""
    return [
        compare(resampler, metric, (sums[0], sums[1]), statistic, rising=rising, n=n)
        for metric, sums, statistic, rising in table
    ]


def compare_scores(rows: PairedRows, resampler: Resampler) -> list[Comparison]:
    """Discrimination, decisions and calibration of both versions."""
    sides = rows.champion, rows.candidate
    auc = tuple(_ranked(resampler, rows.label, side.score) for side in sides)
    confusion = tuple(_confusion(resampler, rows.label, side) for side in sides)
    error = tuple(_squared(resampler, rows.label, side.score) for side in sides)
    reliable = tuple(reliability(resampler, rows.label, side.score) for side in sides)
    table: Table = (
        ("auc", auc, auc_of, False),
        ("balanced_accuracy", confusion, balanced_accuracy_of, False),
        ("brier_score", error, mean_of, True),
        ("calibration_error", reliable, calibration_error_of, True),
    )
    return compare_table(resampler, table, rows.rows)


def _ranked(resampler: Resampler, label: Counts, score: Floats) -> Floats:
    known, number = np.unique(score, return_inverse=True)
    if len(known) > SCORE_BINS:
        number = cut_at(edges_of(score, SCORE_BINS), score, "right")
    bins = int(number.max()) + 1 if len(number) else 1
    padded = np.zeros((resampler.blocks, 2 * SCORE_BINS))
    summed = resampler.sums(label * bins + number, 2 * bins)
    padded[:, :bins], padded[:, SCORE_BINS : SCORE_BINS + bins] = summed[:, :bins], summed[:, bins:]
    return padded


def auc_of(sums: Floats) -> Floats:
    """Chance that a positive scores above a negative, ties counting half.

    Range [0, 1]; 1 means perfect order, 0.5 none. NaN where a class is absent.
    Source: Hanley and McNeil (1982), "The meaning and use of the area under a ROC curve".
    """
    negative, positive = sums[..., :SCORE_BINS], sums[..., SCORE_BINS:]
    below = np.cumsum(negative, axis=-1) - negative / 2
    pairs = positive.sum(axis=-1) * negative.sum(axis=-1)
    area: Floats = (positive * below).sum(axis=-1) / pairs
    return area


def _confusion(resampler: Resampler, label: Counts, side: Side) -> Floats:
    return resampler.sums(label * 2 + side.decision, 4)


def balanced_accuracy_of(sums: Floats) -> Floats:
    """Mean of the true positive and the true negative rate at the decision threshold.

    Range [0, 1]; 1 means no error, 0.5 what a coin gets. NaN where a class is absent.
    Source: Brodersen et al. (2010), "The balanced accuracy and its posterior distribution".
    """
    negative, positive = sums[..., 0] + sums[..., 1], sums[..., 2] + sums[..., 3]
    accuracy: Floats = (sums[..., 0] / negative + sums[..., 3] / positive) / 2
    return accuracy


def _squared(resampler: Resampler, label: Counts, score: Floats) -> Floats:
    one = np.zeros_like(label)
    error = resampler.sums(one, 1, np.square(score - label))
    return np.concatenate([error, resampler.sums(one, 1)], axis=1)


def mean_of(sums: Floats) -> Floats:
    """Mean: first sum over second; for squared errors the Brier score.

    Range of the Brier score [0, 1]; 0 is perfect, ``p (1 - p)`` is what the base rate ``p`` alone gets.
    Source: Brier (1950), "Verification of forecasts expressed in terms of probability".
    """
    mean: Floats = sums[..., 0] / sums[..., 1]
    return mean


def reliability(resampler: Resampler, label: Counts, score: Floats) -> Floats:
    """Sums of score less outcome, and of rows, by bin of the scores: shape (blocks, 2 * CALIBRATION_BINS)."""
    edges = np.quantile(score, np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1])
    number = np.searchsorted(edges, score, side="right").astype(np.int64)
    excess = resampler.sums(number, CALIBRATION_BINS, score - label)
    return np.concatenate([excess, resampler.sums(number, CALIBRATION_BINS)], axis=1)


def calibration_error_of(sums: Floats) -> Floats:
    """Expected calibration error: mean distance of score and outcome over bins of equal mass.

    ``sum_b |sum_{i in b} (score_i - label_i)| / n``. Range [0, 1]; 0 means that scores are shares.
    Source: Naeini, Cooper, Hauskrecht (2015), "Obtaining well calibrated probabilities using Bayesian
    binning", AAAI.
    """
    excess, count = sums[..., :CALIBRATION_BINS], sums[..., CALIBRATION_BINS:]
    error: Floats = np.abs(excess).sum(axis=-1) / count.sum(axis=-1)
    return error


def group_table(rows: PairedRows, resampler: Resampler, attribute: tuple[str, ...]) -> tuple[Floats, Floats]:
    """Sums by (group, label, decision) for champion and candidate: shape (blocks, groups * 4)."""
    number, names = rows.groups[attribute]
    width = 4 * len(names)
    champion, candidate = (
        resampler.sums(number * 4 + rows.label * 2 + side.decision, width)
        for side in (rows.champion, rows.candidate)
    )
    return champion, candidate


def compare_groups(
    resampler: Resampler, sums: tuple[Floats, Floats], favourable: int, least: dict[str, float]
) -> Iterator[tuple[str, Comparison | None, list[int]]]:
    """Compare group gaps of both versions.

    :param favourable: the decision (0 or 1) that is good for the person.
    :param least: ``min_group`` rows and ``min_class`` rows of an outcome that a group needs to be judged.
    :returns: metric, comparison (None where under two groups are large enough), and the groups left out.
    """
    counts = sums[0].sum(axis=0).reshape(-1, 2, 2)
    rows, outcomes = counts.sum(axis=(1, 2)), counts.sum(axis=2)
    big = rows >= least["min_group"]
    for metric, rising, enough in (
        ("selection_rate_ratio", False, big),
        ("true_positive_rate_difference", True, big & (outcomes[:, 1] >= least["min_class"])),
        ("false_positive_rate_difference", True, big & (outcomes[:, 0] >= least["min_class"])),
    ):
        judged = np.flatnonzero(enough)
        left_out = [int(one) for one in np.flatnonzero(~enough)]
        if len(judged) < PAIR:
            yield metric, None, left_out
            continue
        statistic = _gap(metric, judged, favourable)
        n = int(rows[judged].sum())
        yield metric, compare(resampler, metric, sums, statistic, rising=rising, n=n), left_out


def group_rates(metric: str, table: Floats, favourable: int) -> Floats:
    """Rate per group from counts (..., groups, label, decision)."""
    rates: Floats
    if metric == "selection_rate_ratio":
        rates = table[..., favourable].sum(axis=-1) / table.sum(axis=(-1, -2))
    else:
        label = int(metric.startswith("true_positive"))
        rates = table[..., label, 1] / table[..., label, :].sum(axis=-1)
    return rates


def _gap(metric: str, judged: Counts, favourable: int) -> Statistic:
    """Largest gap between two of the judged groups.

    Ratio of the lowest to the highest favourable rate: range [0, 1], 1 means equal; below 0.8 the four-fifths
    rule of 29 CFR 1607.4(D) is broken. Rate differences: highest minus lowest, range [0, 1], 0 means equal
    (Hardt, Price, Srebro 2016, "Equality of Opportunity in Supervised Learning").
    """

    def statistic(sums: Floats) -> Floats:
        table = sums.reshape(*sums.shape[:-1], -1, 2, 2)[..., judged, :, :]
        rates = group_rates(metric, table, favourable)
        low, high = rates.min(axis=-1), rates.max(axis=-1)
        gap: Floats = np.where(high > 0, low / high, np.nan) if metric.endswith("ratio") else high - low
        return gap

    return statistic

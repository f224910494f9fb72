"""Champion against candidate where there are several classes: what both got right, class by class."""

from dataclasses import dataclass

import numpy as np

from amends.measures.arrow import Counts, Floats
from amends.measures.comparison import Comparison, Table, calibration_error_of, compare_table, reliability
from amends.measures.pairing import PairedRows, Side
from amends.measures.performance import two_sided
from amends.measures.resampling import TAIL, Estimate, Resampler

CONFIDENCE = 1 - 2 * TAIL / 100
"""Of the intervals of single classes, which they share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClassLoss:
    """How much of one class's F1 the candidate lost. ``among``: classes that were looked at."""

    name: str
    champion: float
    candidate: float
    worse: Estimate
    n: int
    among: int


def compare_classes(rows: PairedRows, resampler: Resampler) -> list[Comparison]:
    """Decisions of both versions, and whether their confidence is what it says."""
    sides = rows.champion, rows.candidate
    counted = tuple(_counted(resampler, rows, side) for side in sides)
    confident = tuple(
        reliability(resampler, (rows.label == side.decision).astype(np.int64), side.score) for side in sides
    )
    table: Table = (
        ("accuracy", counted, accuracy_of, False),
        ("balanced_accuracy", counted, balanced_accuracy_of, False),
        ("macro_f1", counted, macro_f1_of, False),
        ("calibration_error", confident, calibration_error_of, True),
    )
    return compare_table(resampler, table, rows.rows)


def worst_class(rows: PairedRows, resampler: Resampler, least: float, margin: float) -> ClassLoss | None:
    """Find the class of which the candidate loses most; None where no class has ``least`` rows.

    ``F1_k(champion) - F1_k(candidate)``. Range [-1, 1]; 0 means that the class is told as well. Recall alone
    would fall, too, where a class is no longer decided too often. The normal intervals of all classes hold
    at once (Bonferroni); a loss that is proven comes before a larger one.
    """
    champion, candidate = (_counted(resampler, rows, side) for side in (rows.champion, rows.candidate))
    size = champion.sum(axis=0)[0::3]
    large = np.flatnonzero(size >= max(least, 1))
    if not len(large):
        return None
    before, after = (_class_f1(sums.sum(axis=0))[large] for sums in (champion, candidate))
    drawn = _class_f1(resampler.draw(champion)) - _class_f1(resampler.draw(candidate))
    half = two_sided(CONFIDENCE, len(large)) * np.nanstd(drawn[:, large], axis=0)
    loss = before - after
    proven = (loss - half > 0) & (loss > margin)
    at = int(np.argmax(np.where(proven, loss, -np.inf) if proven.any() else loss))
    value, wide = float(loss[at]), float(half[at])
    return ClassLoss(
        name=rows.classes[large[at]], champion=float(before[at]), candidate=float(after[at]),
        worse=Estimate(value, value - wide, value + wide), n=int(size[large[at]]), among=len(large),
    )  # fmt: skip


def of_class(rows: PairedRows, name: str) -> PairedRows:
    """Return the rows as a binary question: this class, or another."""
    number = rows.classes.index(name) if name in rows.classes else -1

    def side(one: Side) -> Side:
        return Side(score=one.score, decision=_equal(one.decision, number))

    return PairedRows(
        rows=rows.rows, kept=rows.kept, groups=rows.groups, given=rows.given, unscored=rows.unscored,
        label=_equal(rows.label, number), champion=side(rows.champion), candidate=side(rows.candidate),
    )  # fmt: skip


def accuracy_of(sums: Floats) -> Floats:
    """Share of rows whose decision is the label. Range [0, 1]; 1 is always right."""
    share: Floats = sums[..., 2::3].sum(axis=-1) / sums[..., 0::3].sum(axis=-1)
    return share


def balanced_accuracy_of(sums: Floats) -> Floats:
    """Mean recall over the classes that labels have.

    Range [0, 1]; 1 is always right, 1 over the number of classes is what one answer for all gets.
    Source: Brodersen et al. (2010), "The balanced accuracy and its posterior distribution".
    """
    return _mean(_recalls(sums))


def macro_f1_of(sums: Floats) -> Floats:
    """Mean over classes (of labels or decisions) of ``2 hits / (labelled + decided)``.

    Range [0, 1]; 1 is always right. It falls where a rare class is decided too often, as recall does not.
    Source: Sokolova and Lapalme (2009), "A systematic analysis of performance measures", IPM 45.
    """
    return _mean(_class_f1(sums))


def _counted(resampler: Resampler, rows: PairedRows, side: Side) -> Floats:
    """Rows labelled, decided and both, by class: shape (blocks, 3 * classes)."""
    width = len(rows.classes)
    hits = (rows.label == side.decision).astype(np.float64)
    counted = np.empty((resampler.blocks, 3 * width))
    counted[:, 0::3] = resampler.sums(rows.label, width)
    counted[:, 1::3] = resampler.sums(side.decision, width)
    counted[:, 2::3] = resampler.sums(rows.label, width, hits)
    return counted


def _recalls(sums: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        recalls: Floats = sums[..., 2::3] / sums[..., 0::3]
    return recalls


def _class_f1(sums: Floats) -> Floats:
    with np.errstate(invalid="ignore", divide="ignore"):
        scores: Floats = 2 * sums[..., 2::3] / (sums[..., 0::3] + sums[..., 1::3])
    return scores


def _mean(by_class: Floats) -> Floats:
    """Mean over the classes that have a number."""
    known = np.isfinite(by_class)
    mean: Floats = np.where(known, by_class, 0.0).sum(axis=-1) / known.sum(axis=-1)
    return mean


def _equal(codes: Counts, number: int) -> Counts:
    equal: Counts = (codes == number).astype(np.int64)
    return equal

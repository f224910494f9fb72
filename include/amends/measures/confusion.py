"""How often decisions were right, from counts by label and predicted label."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from amends.measures.arrow import Floats
from amends.measures.counting import Key
from amends.measures.performance import Estimate, share

SMOOTHED = 0.5
"""Added to each count for standard errors only: a cell that is empty is not known to be empty."""


@dataclass(frozen=True, eq=False, slots=True)
class Confusion:
    """Rows by label and predicted label.

    ``classes``: both axes, sorted. ``counts``: shape (classes, classes), first axis the label.
    """

    classes: tuple[str, ...]
    counts: Floats

    @classmethod
    def of(cls, table: Mapping[Key, int], version: str | None = None) -> "Confusion":
        """Count a digest's table by its last two dimensions; rows that lack either are left out.

        :param version: count this version's rows only (``""``: none recorded).
        """
        cells: dict[tuple[str, str], int] = {}
        for (served, *_, label, predicted), n in table.items():
            if label is not None and predicted is not None and version in {None, served or ""}:
                cells[label, predicted] = cells.get((label, predicted), 0) + n
        classes = tuple(sorted({name for cell in cells for name in cell}))
        place = {name: i for i, name in enumerate(classes)}
        counts = np.zeros((len(classes), len(classes)))
        for (label, predicted), n in cells.items():
            counts[place[label], place[predicted]] = n
        return cls(classes, counts)

    @property
    def rows(self) -> int:
        """Rows with a label and a prediction."""
        return int(self.counts.sum())

    @property
    def is_binary(self) -> bool:
        """Whether labels and predictions are 0 and 1 and nothing else."""
        return set(self.classes) <= {"0", "1"} and self.rows > 0

    def cells(self) -> tuple[int, int, int, int]:
        """True negatives, false positives, false negatives and true positives of a binary table."""
        found = np.zeros((2, 2))
        for i, label in enumerate(self.classes):
            for j, predicted in enumerate(self.classes):
                found[int(label), int(predicted)] = self.counts[i, j]
        (tn, fp), (fn, tp) = found
        return int(tn), int(fp), int(fn), int(tp)


def accuracy(table: Confusion) -> Estimate:
    """Share of rows whose predicted label is the label. Range [0, 1]; 1 is always right."""
    return share(int(np.trace(table.counts)), table.rows)


def balanced_accuracy(table: Confusion) -> Estimate:
    """Mean over the labels' classes of the share of their rows that are predicted right.

    ``1 / K sum_k n_kk / n_k.`` over classes with a row. Range [0, 1]; 1 / K is what one answer for all gets.
    Source: Brodersen et al. (2010), "The balanced accuracy and its posterior distribution".
    """
    rows = table.counts.sum(axis=1)
    recalls = [share(int(table.counts[k, k]), int(rows[k])) for k in np.flatnonzero(rows)]
    error = float(np.sqrt(sum(one.error**2 for one in recalls))) / len(recalls)
    return Estimate(sum(one.value for one in recalls) / len(recalls), error)


def precision(table: Confusion) -> Estimate | None:
    """``TP / (TP + FP)``: share of rows predicted 1 that are 1. Range [0, 1]; None where none is predicted 1.

    It falls with the share of label 1 alone, whatever the model does.
    """
    _, fp, _, tp = table.cells()
    return share(tp, tp + fp) if tp + fp else None


def recall(table: Confusion) -> Estimate | None:
    """``TP / (TP + FN)``: share of rows of label 1 predicted 1. Range [0, 1]; None where no label is 1."""
    _, _, fn, tp = table.cells()
    return share(tp, tp + fn) if tp + fn else None


def f1(table: Confusion) -> Estimate | None:
    """``2 TP / (2 TP + FP + FN)``: harmonic mean of precision and recall. Range [0, 1]; None without any 1.

    Standard error by the delta method on the multinomial counts.
    Source: van Rijsbergen (1979), "Information Retrieval", chapter 7; the error: Takahashi et al. (2022).
    """
    tn, fp, fn, tp = table.cells()
    if tp + fp + fn == 0:
        return None
    scores, gradients = _class_f1(np.array([[tn, fp], [fn, tp]], dtype=float) + SMOOTHED)
    smoothed = np.array([[tn, fp], [fn, tp]]) + SMOOTHED
    error = float(np.sqrt((smoothed * np.square(gradients[1])).sum()))
    return Estimate(2 * tp / (2 * tp + fp + fn), error) if np.isfinite(scores).all() else None


def macro_f1(table: Confusion) -> Estimate:
    """Mean of every class's F1, over classes that are a label or a prediction of some row. Range [0, 1].

    Standard error by the delta method: F1 is homogeneous in the counts, so it is ``sum n_ij g_ij^2``.
    Source: Takahashi, Yamamoto, Kuchiba, Koyama (2022), "Confidence interval for micro-averaged F1 and
    macro-averaged F1 scores", Applied Intelligence 52.
    """
    value = float(_class_f1(table.counts)[0].mean())
    smoothed = table.counts + SMOOTHED / max(len(table.classes), 1)
    gradient = _class_f1(smoothed)[1].mean(axis=0)
    return Estimate(value, float(np.sqrt((smoothed * np.square(gradient)).sum())))


def _class_f1(counts: Floats) -> tuple[Floats, Floats]:
    """F1 of each class, and its gradient by cell: shapes (K,), (K, K, K)."""
    size = len(counts)
    hits, both = np.diag(counts), counts.sum(axis=0) + counts.sum(axis=1)
    scores: Floats = 2 * hits / both
    gradients = np.zeros((size, size, size))
    for k in range(size):
        gradients[k, k, :] -= 2 * hits[k] / both[k] ** 2
        gradients[k, :, k] -= 2 * hits[k] / both[k] ** 2
        gradients[k, k, k] += 2 / both[k]
    return scores, gradients

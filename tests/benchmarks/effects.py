"""Effects of stated size, planted in healthy windows, and what counts as having found them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from amends.domain.findings import Category, Finding
from streams import Rows

Plant = Callable[[Rows, float], None]
Found = Callable[[Finding], bool]


@dataclass(frozen=True)
class Effect:
    """One kind of fault. ``stated``: the size from which it has to be found in nine windows of ten.

    ``standing``: the reference has it, too.
    """

    name: str
    unit: str
    sizes: Sequence[float]
    stated: float
    plant: Plant
    found: Found
    standing: bool = False
    ascending: bool = True


def of(*categories: Category, column: str | None = None, metric: str = "") -> Found:
    """A breach of one of these categories, on this column, of a metric with this in its name."""

    def found(one: Finding) -> bool:
        mine = one.is_breach and one.category in categories and metric in one.metric
        named = one.column == column or (isinstance(one.column, tuple) and column in one.column)
        return mine and (column is None or named)

    return found


def drift(rows: Rows, size: float) -> None:
    """A normal feature moves by so many of its standard deviations."""
    rows.columns["n0"] = rows.columns["n0"] + size * 10


def ranking_loss(rows: Rows, size: float) -> None:
    """Outcomes of a share of the rows are a coin's; size is the loss of AUC, 0.30 of the share."""
    lost = rows.draw.random(len(rows.label)) < size / 0.299
    rows.label[lost] = rows.draw.integers(0, 2, int(lost.sum()))


def selection_gap(rows: Rows, ratio: float) -> None:
    """One group's true and stated odds are lower, so that its selection rate is so much of the other's."""
    from scipy.stats import norm

    shift = -1.5 * norm.ppf(ratio * 0.5)
    behind = rows.columns["group0"] == "g1"
    rows.true = rows.said = np.where(behind, rows.true - shift, rows.true)
    rows.label = (rows.draw.random(len(rows.true)) < 1 / (1 + np.exp(-rows.true))).astype(float)


def false_alarms(rows: Rows, size: float) -> None:
    """One group's negatives get higher scores: so many more of them are selected wrongly."""
    wronged = (rows.columns["group0"] == "g1") & (rows.label == 0) & (rows.said < 0)
    share = size * (rows.label == 0).mean() / ((rows.label == 0) & (rows.said < 0)).mean()
    picked = wronged & (rows.draw.random(len(rows.label)) < share)
    rows.said = np.where(picked, -rows.said, rows.said)


def miscalibration(rows: Rows, size: float) -> None:
    """Scores are too high by so much on average; their order holds."""
    rows.said = rows.said + size / 0.172


def nulls(rows: Rows, size: float) -> None:
    """A share of a feature is missing."""
    column = rows.columns["n0"].copy()
    column[rows.draw.random(len(column)) < size] = np.nan
    rows.columns["n0"] = column


def unit(rows: Rows, size: float) -> None:
    """A heavy-tailed feature arrives in another unit."""
    rows.columns["n1"] = rows.columns["n1"] * size


def flips(rows: Rows, size: float) -> None:
    """A share of the labels is the opposite."""
    turned = rows.draw.random(len(rows.label)) < size
    rows.label = np.where(turned, 1 - rows.label, rows.label)


QUALITY, DRIFT, LABELS = Category.DATA_QUALITY, Category.DATA_DRIFT, Category.LABEL_QUALITY
JUDGED = (Category.PERFORMANCE, Category.CALIBRATION_DRIFT)
EFFECTS = [
    Effect("drift of one feature", "deviations", (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.75, 1.0), 0.75, drift,
           of(DRIFT, QUALITY, column="n0")),
    Effect("loss of ranking", "AUC", (0.01, 0.02, 0.03, 0.04, 0.06, 0.08, 0.1), 0.06, ranking_loss,
           of(Category.PERFORMANCE)),
    Effect("selection-rate ratio", "ratio", (1.0, 0.9, 0.85, 0.8, 0.75, 0.7, 0.6), 0.7, selection_gap,
           of(Category.FAIRNESS, metric="selection"), standing=True, ascending=False),
    Effect("false positive rate gap", "difference", (0.02, 0.05, 0.08, 0.1, 0.12, 0.15, 0.2), 0.15,
           false_alarms, of(Category.FAIRNESS, metric="false_positive")),
    Effect("calibration in the large", "mean score less mean label", (0.02, 0.04, 0.05, 0.06, 0.08, 0.1),
           0.08, miscalibration, of(*JUDGED)),
    Effect("null burst", "share", (0.005, 0.01, 0.02, 0.03, 0.05, 0.1), 0.05, nulls,
           of(QUALITY, column="n0")),
    Effect("unit error", "factor", (1.1, 1.3, 1.609344, 2.20462, 2.54, 3.6, 10), 2.54, unit,
           of(QUALITY, DRIFT, column="n1")),
    Effect("labels flipped", "share", (0.02, 0.05, 0.1, 0.15, 0.2, 0.3), 0.2, flips, of(LABELS, *JUDGED)),
]  # fmt: skip

"""What a smaller gap between groups costs: each attempt's accuracy beside its gaps, and which to take."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from amends.domain.canonical import strict
from amends.measures.arrow import Counts, Floats
from amends.measures.comparison import group_rates
from amends.measures.recalibration import log_odds
from amends.measures.resampling import Resampler

PARITY, ODDS = "demographic_parity", "equalized_odds"
CONSTRAINTS = (PARITY, ODDS)
PAIR = 2
NORMAL = 1.96
"""Standard errors from the middle of a 95 % interval to its end."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One point of the trade-off curve, measured on rows that it was not fitted on.

    ``gap`` is what the constraint is about: 1 - selection-rate ratio, or the wider of the two rate
    differences; infinite where it has no value (nobody is selected, fewer than two groups to judge).
    ``gap_error`` is its standard error. ``lowest``: the group with the lowest rate of favourable decisions.
    ``uses_attribute``: when it scores.
    """

    method: str
    strength: float
    accuracy: float
    auc: float
    selection_rate_ratio: float
    true_positive_rate_difference: float
    false_positive_rate_difference: float
    gap: float
    gap_error: float
    lowest: str | None
    rows: int
    groups: tuple[str, ...]
    left_out: tuple[str, ...]
    uses_attribute: bool = False

    def keeps(self, limit: float) -> bool:
        """Whether the gap keeps the limit with one standard error to spare.

        The value alone would be at the limit by chance as often as not: of several attempts the luckiest is
        taken. Source: Breiman et al. (1984), "Classification and regression trees", 3.4.3 (1-SE rule).
        """
        return self.gap + self.gap_error <= limit

    def document(self) -> dict[str, Any]:
        """Return the attempt as JSON: one row of the curve."""
        fields: dict[str, Any] = strict(asdict(self))
        return fields


@dataclass(frozen=True, eq=False, kw_only=True)
class Judged:
    """Rows that attempts are measured on; ``group`` numbers the names in ``groups``.

    ``least``: rows, and rows of an outcome, that a group needs to be judged.
    """

    label: Counts
    group: Counts
    groups: tuple[str, ...]
    favourable: int
    least: Mapping[str, float]
    threshold: float

    def measure(
        self, method: str, strength: float, scores: Floats, constraint: str, *, uses_attribute: bool = False
    ) -> Attempt:
        """Measure one attempt. Groups too small to judge are left out of the gaps and named."""
        decision = (scores >= self.threshold).astype(np.int64)
        resampler = Resampler(len(self.label))
        sums = resampler.sums(self.group * 4 + self.label * 2 + decision, 4 * len(self.groups))
        table = sums.sum(axis=0).reshape(-1, 2, 2)
        judged = self._judged(table)
        gap = resampler.estimate(sums, lambda drawn: self._gap(drawn, judged, constraint))
        rates = group_rates("selection_rate_ratio", table, self.favourable)
        gaps = {name: self._value(sums, judged, name) for name in GAPS}
        return Attempt(
            method=method,
            strength=strength,
            accuracy=float((decision == self.label).mean()),
            auc=_auc(scores, self.label),
            **gaps,
            gap=gap.value if np.isfinite(gap.value) else float("inf"),
            gap_error=(gap.high - gap.low) / (2 * NORMAL),
            lowest=self.groups[judged[rates[judged].argmin()]] if len(judged) else None,
            rows=len(self.label),
            groups=tuple(self.groups[i] for i in judged),
            left_out=tuple(name for i, name in enumerate(self.groups) if i not in judged),
            uses_attribute=uses_attribute,
        )

    def _judged(self, table: Floats) -> Counts:
        outcomes = table.sum(axis=2)
        enough = (outcomes.sum(axis=1) >= self.least["min_group"]) & (
            outcomes.min(axis=1) >= self.least["min_class"]
        )
        return np.flatnonzero(enough)

    def _value(self, sums: Floats, judged: Counts, name: str) -> float:
        return float(_gap_of(sums.sum(axis=0), judged, name, self.favourable))

    def _gap(self, sums: Floats, judged: Counts, constraint: str) -> Floats:
        if constraint == PARITY:
            return 1 - _gap_of(sums, judged, "selection_rate_ratio", self.favourable)
        both = [_gap_of(sums, judged, name, self.favourable) for name in GAPS[1:]]
        wider: Floats = np.maximum(*both)
        return wider


GAPS = ("selection_rate_ratio", "true_positive_rate_difference", "false_positive_rate_difference")


def choose(attempts: Sequence[Attempt], limit: float) -> Attempt:
    """Take the attempt with the highest accuracy among those that keep the limit of the gap.

    With one standard error to spare; where none does, the value decides; where none keeps the limit either,
    the smallest gap is taken. Of equals the weakest strength.

    :param limit: of ``Attempt.gap``; 0.2 for the four-fifths rule.
    """
    for kept in (
        [one for one in attempts if one.keeps(limit)],
        [one for one in attempts if one.gap <= limit],
    ):
        if kept:
            return min(kept, key=lambda one: (-one.accuracy, one.strength))
    return min(attempts, key=lambda one: (one.gap, one.strength))


def reweighing(label: Counts, group: Counts) -> Floats:
    """Weights under which label and group are independent: ``P(A = a) P(Y = y) / P(A = a, Y = y)``.

    Range (0, inf), mean 1; 1 for every row means that they are independent already.
    Source: Kamiran and Calders (2012), "Data preprocessing techniques for classification without
    discrimination".
    """
    cells = np.zeros((int(group.max()) + 1, int(label.max()) + 1))
    np.add.at(cells, (group, label), 1)
    expected = np.outer(cells.sum(axis=1), cells.sum(axis=0)) / cells.sum()
    weights: Floats = expected[group, label] / cells[group, label]
    return weights


def group_shifts(scores: Floats, judged: Judged, constraint: str, strength: float) -> dict[str, float]:
    """Shifts of the log odds that bring the groups' rates together, by group.

    Each group's threshold is put where its rate of decisions 1 becomes ``(1 - strength) own + strength
    overall``: the rate among all rows for demographic parity, among the positives for equalized odds (which
    with one threshold a group is equal opportunity). 0 changes nothing, 1 makes the rates equal. Groups that
    are too small are left alone.
    Source: Hardt, Price, Srebro (2016), "Equality of Opportunity in Supervised Learning", section 3.
    """
    counted = np.ones(len(scores), dtype=bool) if constraint == PARITY else judged.label == 1
    overall = float((scores[counted] >= judged.threshold).mean())
    shifts: dict[str, float] = {}
    for number, name in enumerate(judged.groups):
        own = scores[counted & (judged.group == number)]
        if len(own) < judged.least["min_group"]:
            continue
        wanted = (1 - strength) * float((own >= judged.threshold).mean()) + strength * overall
        cut = np.quantile(own, 1 - wanted)
        shifts[name] = float(log_odds(np.array(judged.threshold)) - log_odds(cut))
    return shifts


def _gap_of(sums: Floats, judged: Counts, metric: str, favourable: int) -> Floats:
    """Ratio of lowest to highest favourable rate, 1 is equal; or highest minus lowest error rate, 0 is."""
    if len(judged) < PAIR:
        return np.full(sums.shape[:-1], np.nan)
    table = sums.reshape(*sums.shape[:-1], -1, 2, 2)[..., judged, :, :]
    rates = group_rates(metric, table, favourable)
    low, high = rates.min(axis=-1), rates.max(axis=-1)
    with np.errstate(invalid="ignore", divide="ignore"):
        gap: Floats = np.where(high > 0, low / high, np.nan) if metric.endswith("ratio") else high - low
    return gap


def _auc(scores: Floats, label: Counts) -> float:
    """Chance that a positive scores above a negative, by mid-ranks (Hanley and McNeil 1982)."""
    known, number, rows = np.unique(scores, return_inverse=True, return_counts=True)
    rank = np.cumsum(rows) - (rows - 1) / 2
    positive = int(label.sum())
    negative = len(label) - positive
    if not positive or not negative or not len(known):
        return float("nan")
    return float((rank[number][label == 1].sum() - positive * (positive + 1) / 2) / (positive * negative))

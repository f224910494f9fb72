"""How far the rows of one day share their fate: a storm, a strike or a holiday is in many rows at once."""

from dataclasses import dataclass

import numpy as np

from amends.measures.calendar import POSITIVES, ROWS, WIDTHS, Calendar

LEAST_DAYS = 5
"""Days (or wider slots) with labels from which their differences can be told from chance."""


@dataclass(frozen=True, slots=True)
class Fate:
    """``shared``: correlation of the outcomes of two rows of one day, in [0, 1]; ``days``: their number."""

    shared: float
    days: int

    def inflation(self, rows: int) -> float:
        """How many times larger a standard error is than that of so many independent rows.

        The root of the design effect ``1 + (m - 1) rho`` with m rows a day. Source: Kish (1965), 5.4.
        """
        return float(np.sqrt(1 + self.shared * max(rows / max(self.days, 1) - 1, 0.0)))


def fate_of(calendar: Calendar, label: str) -> Fate:
    """Measure it by the share of positive labels (of right answers, with several classes) of each day.

    Analysis of variance of a binary outcome. Source: Donner and Klar (2000), "Design and Analysis of Cluster
    Randomization Trials", 6.3; Fleiss (1981), 13.2.
    """
    days = calendar.coarsened(WIDTHS[1])
    rows = (days.series(ROWS) - days.series(label)).astype(np.float64)
    hits = days.series(POSITIVES)[rows > 0].astype(np.float64)
    rows = rows[rows > 0]
    total, count = float(rows.sum()), len(rows)
    if count < LEAST_DAYS or total <= count:
        return Fate(0.0, max(count, 1))
    share, level = hits / rows, float(hits.sum() / total)
    between = float(rows @ np.square(share - level)) / (count - 1)
    within = float((hits * (1 - share)).sum()) / (total - count)
    size = (total - float((rows**2).sum()) / total) / (count - 1)
    scale = between + (size - 1) * within
    return Fate(min(max((between - within) / scale, 0.0), 1.0) if scale > 0 else 0.0, count)

"""Gaps between groups, with intervals that hold for all pairs at once."""

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from amends.domain.spec import ModelSpec
from amends.errors import DataError
from amends.measures.digests import WindowDigest
from amends.measures.performance import Estimate, share

if TYPE_CHECKING:
    import pandas as pd

PENDING = -1
"""Label of rows whose outcome has not arrived."""


@dataclass(frozen=True, slots=True)
class GroupRate:
    """One group's rate: ``hits`` of ``rows``."""

    group: tuple[str, ...]
    hits: int
    rows: int

    @property
    def value(self) -> float:
        """The rate, in [0, 1]."""
        return self.hits / self.rows

    @property
    def name(self) -> str:
        """The group's levels as people read them."""
        return " & ".join(self.group)


def decisions(spec: ModelSpec, window: WindowDigest, names: tuple[str, ...]) -> "pd.DataFrame":
    """Counts by group, label (1, 0, or -1: pending) and predicted label (1, 0).

    Labels 0 and 1 stand for themselves; of other labels the favourable one is 1. Rows without a group or a
    decision are left out.

    :raises DataError: the labels are not 0 and 1, and none is the favourable one.
    """
    frame = window.contingency().dropna(subset=[*names, "predicted_label"])
    levels = {*frame["predicted_label"], *frame["label"].dropna()}
    positive = "1" if levels <= {"0", "1"} else str(spec.favourable_label)
    if levels and not levels & {positive, "0"}:
        raise DataError(f"no label and no prediction is {positive!r} (favourable_label). Correct the spec.")
    known = frame["label"].notna()
    frame["predicted_label"] = (frame["predicted_label"] == positive).astype(int)
    frame["label"] = (frame["label"] == positive).astype(int).where(known, PENDING)
    keys = [*names, "label", "predicted_label"]
    table: pd.DataFrame = frame.groupby(keys, as_index=False)["count"].sum()
    return table


def group_rates(
    frame: "pd.DataFrame", names: tuple[str, ...], rate: str, base: str, *, flipped: bool
) -> dict[tuple[str, ...], GroupRate]:
    """One rate by group, from a frame of rates; ``flipped``: the share of those who were not selected."""
    found = {}
    for row in frame.to_dict("records"):
        group, rows = tuple(str(row[name]) for name in names), int(row[base])
        hits = round(row[rate] * rows) if rows else 0
        found[group] = GroupRate(group, rows - hits if flipped else hits, rows)
    return found


def extremes(rates: Iterable[GroupRate]) -> tuple[GroupRate, GroupRate]:
    """The group with the lowest and the one with the highest rate; ties by name."""
    ordered = sorted(rates, key=lambda rate: (rate.value, rate.group))
    return ordered[0], ordered[-1]


def ratio_interval(low: GroupRate, high: GroupRate, z: float) -> tuple[float, float]:
    """Interval of ``low.value / high.value``; half a row is added to each cell where the lower one has none.

    Range [0, inf); 1 is parity.
    Source: Katz, Baptista, Azen, Pike (1978), "Obtaining confidence intervals for the risk ratio".
    """
    extra = 0.5 if low.hits == 0 else 0.0
    a, n, b, m = low.hits + extra, low.rows + 2 * extra, high.hits + extra, high.rows + 2 * extra
    half = z * math.sqrt(max(1 / a - 1 / n + 1 / b - 1 / m, 0.0))
    centre = math.log((a / n) / (b / m))
    return math.exp(centre - half), math.exp(centre + half)


def gap(low: GroupRate, high: GroupRate) -> Estimate:
    """``high.value - low.value`` with its standard error. Range [-1, 1]; 0 is parity."""
    return share(high.hits, high.rows).minus(share(low.hits, low.rows))

"""The record of one measured check, before a gate says what it means."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

from amends.domain.findings import Category

Limits: TypeAlias = Mapping[str, float]
"""Numbers of the policy by name."""

LIMITS = (
    "capped_share", "clock_turned", "decision_mismatch", "duplicate_id_share", "duplicate_row_share",
    "early_stop_hours", "far_out_of_range_share", "fraction_share", "label_gap_rest", "link_kept",
    "link_strong", "null_burst", "null_burst_rows", "null_increase", "null_increase_from_none",
    "placeholder_gap", "placeholder_share", "range_margin", "recoded_level_share",
    "repeated_value_share", "required_null_share", "rounded_share", "unit_factor", "unit_factor_known",
    "unit_misfit", "unit_mixture_share", "unit_moved", "unknown_class_share", "unreadable_share",
    "unseen_level_share", "volume_gap_share", "volume_ratio_high", "volume_ratio_low",
)  # fmt: skip
"""The numbers that the checks ask the policy for, there under ``quality.``"""

CHANCE = 1e-6
"""What is rarer than this by chance did not come by chance."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A number, the limits it has to keep, and what the rows prove of it.

    ``evidence``: the end of the interval that is kindest to the window. A limit that even the evidence does
    not keep is broken; one that only the value does not keep needs more rows.
    ``blind``: why nothing can be said; then there is no value to judge. ``doubt``: what else than a fault
    explains the value, however many rows show it; then nothing is proven.
    """

    metric: str
    column: str | None
    value: float
    low: float = -math.inf
    high: float = math.inf
    evidence: float | None = None
    category: Category = Category.DATA_QUALITY
    reference_value: float | None = None
    interval: tuple[float, float] | None = None
    n: int | None = None
    note: str = ""
    blind: str = ""
    doubt: str = ""

    @property
    def proven(self) -> float:
        """What the rows prove; without an interval the value itself, and in doubt nothing."""
        if self.doubt:
            return min(max(self.value, self.low), self.high)
        return self.value if self.evidence is None else self.evidence

    @property
    def threshold(self) -> float | None:
        """The limit that the value is nearest to breaking, or None where none is set."""
        if self.value < self.low or not math.isfinite(self.high):
            return self.low if math.isfinite(self.low) else None
        return self.high


def at_most(
    metric: str, column: str | None, value: float, limit: float,
    *, interval: tuple[float, float] | None = None, **facts: Any,
) -> Check:  # fmt: skip
    """Check that a value stays at or under a limit; the interval's lower end is the evidence."""
    evidence = interval[0] if interval else None
    return Check(
        metric=metric, column=column, value=value, high=limit, interval=interval, evidence=evidence, **facts
    )


def surely_varied(commonest: float, rows: int) -> bool:
    """Whether rows that are all alike are a surprise, where the commonest value had this share before."""
    return commonest < 1 and (commonest == 0 or rows * math.log(commonest) < math.log(CHANCE))

"""The two ports of an assessment in a few lines: as the vendors judge, at a tenth of the time.

Simulations and fuzzing use them for most windows; on a share both check that the vendors say the same.
"""

from collections.abc import Sequence
from typing import Any
from unittest.mock import patch

import pandas as pd
import pyarrow as pa
from amends.adapters.fairlearn_metrics import _refuse_open_failure
from amends.adapters.great_expectations import GreatExpectationsGate
from amends.domain.findings import Finding

PENDING = -1


class PlainGate(GreatExpectationsGate):
    """The gate with its comparisons made here."""

    def check(self, *windows: Any) -> Sequence[Finding]:
        """Findings as the gate makes them."""
        with patch("amends.adapters.great_expectations.broken", _broken):
            return super().check(*windows)


def _broken(checks: dict[str, list[float]]) -> tuple[set[int], set[int]]:
    table = pd.DataFrame(checks)
    failed = [
        ~((table["low"] <= table[name]) & (table[name] <= table["high"])) for name in ("value", "evidence")
    ]
    by_value, by_evidence = ({int(row) for row in table.index[one]} for one in failed)
    return by_value, by_evidence


RATES = {
    "selection_rate": ("chosen", "count"),
    "true_positive_rate": ("found", "positives"),
    "false_positive_rate": ("alarmed", "negatives"),
    "precision": ("found", "selected"),
}


class PlainMetrics:
    """Rates by group from sums of counts."""

    def by_group(self, table: pa.Table, attributes: Sequence[str]) -> pa.Table:
        """Rates per group, null where they have no row to rest on."""
        table = table.to_pandas()
        _refuse_open_failure(table, attributes)
        label, said, count = (table[name] for name in ("label", "predicted_label", "count"))
        sums = table[list(attributes)].assign(
            count=count, chosen=said * count, found=(said * count).where(label == 1, 0),
            positives=count.where(label == 1, 0), negatives=count.where(label == 0, 0),
            alarmed=(said * count).where(label == 0, 0), selected=(said * count).where(label != PENDING, 0),
        )  # fmt: skip
        frame = sums.groupby(list(attributes), as_index=False).sum()
        for rate, (hits, base) in RATES.items():
            frame[rate] = (frame[hits] / frame[base]).where(frame[base] > 0)
        frame = frame[frame["count"] > 0].reset_index(drop=True)
        kept = [*attributes, *RATES, "count", "positives", "negatives", "selected"]
        return pa.Table.from_pandas(frame[kept], preserve_index=False)

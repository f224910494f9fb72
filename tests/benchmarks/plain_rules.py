"""The plain rules that monitors start from, on the same windows: what they would have alarmed on."""

from typing import Any

import numpy as np
import pyarrow as pa
from scipy.spatial.distance import jensenshannon
from scipy.stats import chi2_contingency, ks_2samp, wasserstein_distance

LARGE = 1000
"""Rows of the reference over which Evidently measures distances instead of testing."""
MOST = 40
"""Columns that are tested; each of the rules only alarms more often on more."""


def alarms(stream: Any, reference: pa.Table, current: pa.Table) -> dict[str, bool]:
    """Which rules alarm on a window."""
    columns = [*stream.numeric, *stream.categorical][:MOST]
    pairs = {name: (reference[name].to_numpy(), current[name].to_numpy()) for name in columns}
    tested = [p_value(*pair, numeric=name in stream.numeric) for name, pair in pairs.items()]
    drifted = [evidently(*pair, numeric=name in stream.numeric) for name, pair in pairs.items()]
    rates = [_rates(current, name) for name in stream.sensitive]
    return {
        "any column p < 0.05": min(tested) < 0.05,
        "Evidently: half of the columns": sum(drifted) >= 0.5 * len(drifted),
        "Evidently: any column": any(drifted),
        "four-fifths": any(min(one) < 0.8 * max(one) for one in rates),
        "parity difference > 0.1": any(max(one) - min(one) > 0.1 for one in rates),
    }


def p_value(before: Any, now: Any, *, numeric: bool) -> float:
    """Kolmogorov-Smirnov, or chi-square of the levels."""
    if numeric:
        return float(ks_2samp(before, now, method="asymp").pvalue)
    return float(chi2_contingency(_counts(before, now) + 1e-9).pvalue)


def evidently(before: Any, now: Any, *, numeric: bool) -> bool:
    """Evidently's default by column: distance over 0.1 on a large reference, a test on a small one."""
    if len(before) <= LARGE:
        return p_value(before, now, numeric=numeric) < 0.05
    if numeric:
        return bool(wasserstein_distance(before, now) / max(np.std(before), 0.001) >= 0.1)
    return bool(jensenshannon(*_counts(before, now), base=2) >= 0.1)


def _counts(before: Any, now: Any) -> Any:
    levels = sorted({*before, *now})
    return np.array([[(one == level).sum() for level in levels] for one in (before, now)], dtype=float)


def _rates(current: pa.Table, name: str) -> list[float]:
    groups, said = current[name].to_numpy(), current["predicted"].to_numpy()
    return [float(said[groups == group].mean()) for group in sorted(set(groups))]

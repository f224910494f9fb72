"""What the gate asks of a regression: how far predictions are off, in which direction, and for whom."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from amends.domain.findings import Category, Finding
from amends.domain.noninferiority import proven
from amends.measures.arrow import Floats
from amends.measures.comparison_errors import compare_errors, compare_group_errors
from amends.measures.fairness import SMALL_CELL
from amends.measures.pairing import PairedErrors
from amends.measures.resampling import Resampler
from amends.workflow.gate_rulings import LEVELS, Gap, change, judge_gaps, level, span

if TYPE_CHECKING:
    from amends.domain.policy import Policy


def judge_regression(policy: "Policy", rows: PairedErrors, margins: Mapping[str, str]) -> Iterator[Finding]:
    """Errors in multiples of the champion's, R squared, bias, and the gaps between groups.

    A bias that is proven to keep its limit is harmless however it moved: the size of errors is judged, too.
    """
    resampler = Resampler(rows.rows)
    for one in compare_errors(rows, resampler):
        bias = one.metric == "bias"
        category = Category.CALIBRATION_DRIFT if bias else Category.PERFORMANCE
        harmless = False
        if one.metric in LEVELS:
            limit = policy.limit(LEVELS[one.metric])
            yield level(one, category, limit)
            harmless = bias and proven(span(one.candidate), limit, rising=True)
        yield change(one, category, policy.limit(margins[one.metric]), harmless=harmless)
    for attribute in rows.groups:
        yield from _gaps(policy, rows, resampler, attribute)


def _gaps(
    policy: "Policy", rows: PairedErrors, resampler: Resampler, attribute: tuple[str, ...]
) -> Iterator[Finding]:
    least = max(policy.limit("fairness.min_group"), SMALL_CELL)
    names = rows.groups[attribute][1]
    gaps = (
        Gap(metric, one, _ends(names, means, left_out) if one else (), left_out)
        for metric, one, means, left_out in compare_group_errors(rows, resampler, attribute, least)
    )
    return judge_gaps(policy, rows, attribute, gaps, f"{least:g} rows")


def _ends(names: Sequence[str], means: Floats, left_out: Sequence[int]) -> tuple[str, str]:
    """The groups of the lowest and of the highest mean."""
    shown = means.copy()
    shown[list(left_out)] = np.nan
    return names[int(np.nanargmin(shown))], names[int(np.nanargmax(shown))]

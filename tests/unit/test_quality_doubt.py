"""What looks like a fault of the data and may be none: growth, another region, times that were made up."""

from typing import Any

import numpy as np
import pandas as pd
from amends.adapters.files import load_policy
from amends.adapters.great_expectations import GreatExpectationsGate
from amends.domain.findings import Finding, Verdict
from lending import applicants, digested, lending_spec, scored
from weather import SPEC as WEATHER
from weather import digested as observed
from weather import readings

SPEC = lending_spec()
GATE = GreatExpectationsGate(load_policy())
REFERENCE = applicants(4000, seed=1)
PEOPLE = applicants(3000, seed=2)


def verdicts(found: Any, metric: str) -> dict[Any, Verdict]:
    """Verdicts of a metric by column."""
    return {one.column: one.verdict for one in found if one.metric == metric}


def findings(now: pd.DataFrame, before: pd.DataFrame = REFERENCE) -> list[Finding]:
    """What the gate says of applicants."""
    reference = digested(SPEC, scored(before, before["truth"]))
    return list(GATE.check(SPEC, reference, digested(SPEC, scored(now, now["truth"]), reference.grid)))


def weather(**changes: float) -> list[Finding]:
    """What the gate says of readings of which columns are multiplied, in a spring and in a warm summer."""
    reference, now = observed(readings(1, rows=6000)), readings(2)
    summer = changes.pop("warmer", 0.0)
    now = now.assign(celsius=now["celsius"] + summer, **{k: now[k] * v for k, v in changes.items()})
    return list(GATE.check(WEATHER, reference, observed(now, reference)))


def test_a_mild_factor_of_a_column_that_moved_alone_is_another_unit() -> None:
    """Inches became centimetres, and nothing else moved."""
    assert verdicts(weather(seconds=2.54), "unit_factor")["seconds"] is Verdict.BREACH


def test_a_mild_factor_among_columns_that_moved_is_left_open() -> None:
    """Temperatures rose by ten degrees, too: a longer stay in summer is as likely as another unit."""
    found = weather(seconds=2.54, warmer=10.0)
    assert verdicts(found, "unit_factor")["seconds"] is Verdict.INCONCLUSIVE
    (said,) = (one.reason for one in found if one.metric == "unit_factor" and one.column == "seconds")
    assert "other inputs moved, too (celsius)" in said


def test_a_large_factor_is_another_unit_in_any_company() -> None:
    """Sixty times as long is no season."""
    assert verdicts(weather(seconds=60, warmer=10.0), "unit_factor")["seconds"] is Verdict.BREACH


def test_values_that_go_on_beyond_the_range_are_drift() -> None:
    """Most incomes lie just above all earlier ones, one in nine more than a range above: richer people."""
    richer = PEOPLE.assign(income=np.random.default_rng(3).normal(9, 1.2, len(PEOPLE)))
    assert verdicts(findings(richer), "far_out_of_range_share")["income"] is Verdict.INCONCLUSIVE


def test_values_that_lie_apart_from_the_range_are_a_fault() -> None:
    """One income in fifty is a hundred times as large, and next to none lies in between."""
    broken = PEOPLE.assign(income=PEOPLE["income"].where(PEOPLE.index % 50 != 0, PEOPLE["income"] * 100))
    assert verdicts(findings(broken), "far_out_of_range_share")["income"] is Verdict.BREACH


def spread(rows: int, days: int) -> Any:
    """Times at equal distances."""
    return pd.Timestamp("2026-03-01") + pd.to_timedelta(np.arange(rows) * (days * 86_400 / rows), unit="s")


def test_rows_spread_evenly_over_a_month_count_no_traffic() -> None:
    """300 rows at equal distances, 4000 before: whoever gave them their times did not meet them."""
    before, few = REFERENCE.assign(at=spread(4000, 30)), PEOPLE[:300].assign(at=spread(300, 30))
    assert verdicts(findings(few, before), "volume_ratio") == {None: Verdict.INCONCLUSIVE}


def test_rows_that_thinned_out_by_chance_are_lost_traffic() -> None:
    """A twelfth of the same rows, drawn at random."""
    before = REFERENCE.assign(at=spread(4000, 30))
    few = before.sample(330, random_state=1).sort_values("at")
    assert verdicts(findings(few, before), "volume_ratio") == {None: Verdict.BREACH}


def heaped(people: pd.DataFrame) -> pd.DataFrame:
    """A sixth of the applicants live at the branch: no miles."""
    return people.assign(miles=people["miles"].where(people.index % 6 != 0, 0.0))


def test_a_default_beside_a_usual_heap_is_repeated() -> None:
    """15 % of the rows have 5.0 miles, whatever they had; the heap at none kept what is left of it."""
    now = heaped(PEOPLE)
    now = now.assign(miles=now["miles"].where(np.random.default_rng(1).random(len(now)) > 0.15, 5.0))
    assert verdicts(findings(now, heaped(REFERENCE)), "repeated_value_share")["miles"] is Verdict.BREACH


def test_a_heap_that_moved_to_another_value_is_no_default() -> None:
    """The branch moved: those who had no miles have 1.37."""
    now = PEOPLE.assign(miles=PEOPLE["miles"].where(PEOPLE.index % 6 != 0, 1.37))
    assert verdicts(findings(now, heaped(REFERENCE)), "repeated_value_share")["miles"] is Verdict.PASS

"""The quality gate: each planted fault is named by its column, and healthy data stay quiet."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from amends.adapters.expectations import broken
from amends.adapters.files import load_policy
from amends.adapters.great_expectations import GreatExpectationsGate, profile_table
from amends.domain.findings import Category, Finding, Verdict
from amends.measures.proportions import newcombe, wilson
from amends.measures.quality_columns import unit_factor
from amends.measures.quality_record import Check, surely_varied
from lending import applicants, digested, lending_spec, scored

SPEC = lending_spec()
GATE = GreatExpectationsGate(load_policy())
REFERENCE = applicants(4000, seed=1)
Change = Callable[[pd.DataFrame], pd.DataFrame]


def findings(current: pa.Table, reference: pa.Table | None = None, spec: Any = SPEC) -> list[Finding]:
    """What the gate says of a window beside the healthy reference."""
    before = digested(spec, scored(REFERENCE, REFERENCE["truth"]) if reference is None else reference)
    return list(GATE.check(spec, before, digested(spec, current, before.grid)))


def window(change: Change, rows: int = 3000, seed: int = 2) -> pa.Table:
    """Healthy rows of another period, changed."""
    people = applicants(rows, seed=seed)
    return scored(change(people), people["truth"])


def named(found: list[Finding], verdict: Verdict = Verdict.BREACH) -> set[tuple[str, Any]]:
    """Metric and column of the findings with a verdict."""
    return {(one.metric, one.column) for one in found if one.verdict is verdict}


def some(people: pd.DataFrame, share: float) -> Any:
    """A mask of a share of the rows."""
    return np.arange(len(people)) % 1000 < 1000 * share


def callers(rows: int) -> Any:
    """Times of rows that come by chance, one in half an hour on average."""
    seconds = np.sort(np.random.default_rng(5).integers(0, rows * 1800, rows))
    return pd.Timestamp("2026-01-01") + pd.to_timedelta(seconds, unit="s")


FAULTS: dict[str, tuple[Change, set[tuple[str, str]]]] = {
    "a tenth of the values lost": (
        lambda p: p.assign(income=p["income"].mask(some(p, 0.1))), {("null_increase", "income")},
    ),
    "a column lost altogether": (
        lambda p: p.assign(region=None), {("null_increase", "region")},
    ),
    "miles became metres": (
        lambda p: p.assign(miles=p["miles"] * 1609.344),
        {("unit_factor", "miles"), ("far_out_of_range_share", "miles")},
    ),
    "metres became miles": (
        lambda p: p.assign(miles=p["miles"] / 1609.344), {("unit_factor", "miles")},
    ),
    "miles became kilometres": (
        lambda p: p.assign(miles=p["miles"] * 1.609344), {("unit_factor", "miles")},
    ),
    "a placeholder for what is not known": (
        lambda p: p.assign(income=p["income"].mask(some(p, 0.05), -99.0)),
        {("placeholder_share", "income"), ("far_out_of_range_share", "income")},
    ),
    "a twentieth of the rows in another unit": (
        lambda p: p.assign(miles=p["miles"].where(~some(p, 0.05), p["miles"] * 1000)),
        {("far_out_of_range_share", "miles"), ("unit_mixture_share", "miles")},
    ),
    "zeros where values were": (
        lambda p: p.assign(miles=p["miles"].where(some(p, 0.1), 0.0)), {("repeated_value_share", "miles")},
    ),
    "a sensor that is stuck": (
        lambda p: p.assign(income=0.25), {("distinct_values", "income")},
    ),
    "values cut down to whole numbers": (
        lambda p: p.assign(income=p["income"].round()), {("rounded_share", "income")},
    ),
    "levels renamed": (
        lambda p: p.assign(region=p["region"].str.upper()),
        {("unseen_level_share", "region"), ("recoded_level_share", "region")},
    ),
    "texts among the numbers": (
        lambda p: p.assign(income=[f"{x:.3f}" if i % 20 else "n/a" for i, x in enumerate(p["income"])]),
        {("unreadable_share", "income"), ("type_changed", "income")},
    ),
    "infinite numbers": (
        lambda p: p.assign(income=p["income"].mask(some(p, 0.03), np.inf)), {("non_finite_share", "income")},
    ),
    "a batch delivered twice": (
        lambda p: p.assign(id=[f"2-{i // 2:06d}" for i in range(len(p))]), {("duplicate_id_share", "id")},
    ),
    "a thirtieth of the traffic": (
        lambda p: p.assign(at=callers(len(p))), {("volume_ratio", None)},
    ),
    "labels of one class": (lambda p: p.assign(label=0), {("classes", "label")}),
    "a third class of labels": (
        lambda p: p.assign(label=p["label"].mask(some(p, 0.05), 7)), {("unknown_class_share", "label")},
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_a_planted_fault_is_named_and_nothing_else(name: str) -> None:
    """The breaches name the broken column and the kind of fault, and no healthy column."""
    change, expected = FAULTS[name]
    assert named(findings(window(change))) == expected


HEALTHY: dict[str, Change] = {
    "another period": lambda p: p,
    "a moderate shift": lambda p: p.assign(income=p["income"] + 0.4),
    "growth by a half": lambda p: p.assign(miles=p["miles"] * 1.5),
    "a new tail": lambda p: p.assign(miles=p["miles"].mask(p.index < 5, 60.0)),
    "one value in a hundred lost": lambda p: p.assign(income=p["income"].mask(some(p, 0.01))),
    "a new region that opens": lambda p: p.assign(region=p["region"].mask(some(p, 0.02), "east")),
    "prices without cents": lambda p: p.assign(miles=p["miles"].round(1)),
    "labels still arriving": lambda p: p.assign(label=p["label"].astype("Int64").mask(some(p, 0.6))),
    "half the traffic": lambda p: p.assign(at=pd.date_range("2026-02-01", periods=len(p), freq="2min")),
}


@pytest.mark.parametrize("name", HEALTHY)
@pytest.mark.parametrize("seed", [11, 12])
def test_healthy_change_stays_quiet(name: str, seed: int) -> None:
    """What real windows do from month to month is no breach of data quality."""
    found = findings(window(HEALTHY[name], seed=seed))
    assert named(found) == set()
    assert named(found, Verdict.ERROR) == set()


def test_no_alarm_in_two_hundred_unchanged_windows_of_small_size() -> None:
    """Two hundred windows of 60 rows of the same population: none breaches (95 % bound: under 1.5 %)."""
    before = digested(SPEC, scored(REFERENCE, REFERENCE["truth"]))
    alarms = 0
    for seed in range(100, 300):
        current = digested(SPEC, window(lambda p: p, rows=60, seed=seed), before.grid)
        alarms += bool(named(list(_quick(before, current))))
    assert alarms == 0


def _quick(before: Any, current: Any) -> list[Finding]:
    """The gate's verdicts without Great Expectations, whose judgement of a table another test covers."""
    from amends.adapters import great_expectations as adapter
    from amends.measures.quality import quality_checks

    checks = [one for one in quality_checks(SPEC, before, current, GATE.limits) if not one.blind]
    outside = [one for one in checks if not one.low <= one.proven <= one.high]
    return [adapter._finding(one, Verdict.BREACH) for one in outside]


def test_few_rows_do_not_prove_a_fault() -> None:
    """One null in twelve rows is beyond the limit but may be chance: inconclusive."""
    found = findings(window(lambda p: p.assign(income=p["income"].mask(p.index < 1)), rows=12))
    assert ("null_increase", "income") in named(found, Verdict.INCONCLUSIVE)
    assert named(found) == set()


def test_no_labels_yet_is_no_data() -> None:
    """Labels that have not arrived are not a fault and not a pass."""
    found = findings(window(lambda p: p.assign(label=pd.Series([None] * len(p), dtype="Int64"))))
    (one,) = (f for f in found if f.metric == "label_availability")
    assert (one.category, one.verdict) == (Category.LABEL_QUALITY, Verdict.NO_DATA)
    assert named(found) == set()


def test_a_reference_of_one_value_teaches_no_range() -> None:
    """Where the reference is constant, nothing is said of the range, and what varies now is no breach."""
    before = scored(REFERENCE.assign(miles=1.0), REFERENCE["truth"])
    found = findings(window(lambda p: p), before)
    assert ("range", "miles") in named(found, Verdict.NO_DATA)
    assert named(found) == set()


def test_a_calendar_column_may_be_constant() -> None:
    """A weekday or a flag that holds one value in a short window is not proven to be stuck."""
    weekday = np.arange(4000) % 7
    before = scored(REFERENCE.assign(miles=weekday.astype(float)), REFERENCE["truth"])
    found = findings(window(lambda p: p.assign(miles=3.0), rows=300), before)
    assert named(found) == set()
    assert ("distinct_values", "miles") in named(found, Verdict.INCONCLUSIVE)


def test_later_months_are_no_placeholder() -> None:
    """A month column learnt from May to July keeps quiet in October and speaks of 99."""
    before = scored(REFERENCE.assign(miles=5.0 + np.arange(4000) % 3), REFERENCE["truth"])
    later = window(lambda p: p.assign(miles=8.0 + np.arange(len(p)) % 3))
    assert named(findings(later, before)) == set()
    odd = window(
        lambda p: p.assign(miles=(5.0 + np.arange(len(p)) % 3)).assign(
            miles=lambda q: q["miles"].mask(some(q, 0.05), 99.0)
        )
    )
    assert ("placeholder_share", "miles") in named(findings(odd, before))


def test_a_heap_at_the_end_of_the_range_is_no_placeholder() -> None:
    """A quarter of both windows lies exactly at the reference's minimum, which no binary fraction meets."""
    codes = np.array([-0.619427, -0.214563, 0.1, 2.7])
    before = scored(REFERENCE.assign(miles=codes[np.arange(4000) % 4]), REFERENCE["truth"])
    for rows in (2777, 3000, 3333):
        later = window(lambda p: p.assign(miles=codes[np.arange(len(p)) % 4]), rows=rows)
        assert named(findings(later, before)) == set()


def test_few_or_mostly_zero_values_do_not_tell_a_unit() -> None:
    """A factor of 3.2 in 50 widely spread values may be chance; in 5000 it is not."""
    spread = np.sort(np.random.default_rng(0).lognormal(0, 1.2, 100))
    assert unit_factor(spread, 3.2 * spread, GATE.limits, rows=(5000, 50))[0] == 1.0
    assert unit_factor(spread, 4.0 * spread, GATE.limits, rows=(5000, 5000))[0] == pytest.approx(4.0)
    zeros = np.where(np.arange(100) < 80, 0.0, spread)
    assert unit_factor(zeros, 10 * zeros, GATE.limits, rows=(5000, 5000))[0] == 1.0


def test_the_unit_is_named_in_words() -> None:
    """The reason names the factor and the ratio of units that it is."""
    found = findings(window(lambda p: p.assign(miles=p["miles"] * 1609.344)))
    (one,) = (f for f in found if f.metric == "unit_factor" and f.column == "miles")
    assert "miles and metres" in one.reason
    assert one.value == pytest.approx(1609, rel=0.05)


def test_temperature_scales_are_told_apart() -> None:
    """15 +- 8 degrees Celsius as Fahrenheit (59 +- 14.4) or Kelvin (288.15 +- 8): both are named."""
    celsius = np.sort(np.random.default_rng(0).normal(15, 8, 100))
    assert (
        "Celsius to Fahrenheit" in unit_factor(celsius, 1.8 * celsius + 32, GATE.limits, rows=(1000, 1000))[1]
    )
    assert "Celsius to Kelvin" in unit_factor(celsius, celsius + 273.15, GATE.limits, rows=(1000, 1000))[1]
    assert unit_factor(celsius, celsius + 5, GATE.limits, rows=(1000, 1000))[0] == 1.0


def test_a_recoding_by_case_is_said() -> None:
    """Levels that differ by case or spaces only are told so, without naming a value."""
    found = findings(window(lambda p: p.assign(region=" " + p["region"].str.upper())))
    (one,) = (f for f in found if f.metric == "unseen_level_share" and f.column == "region")
    assert "by case or spaces only" in one.reason
    assert "NORTH" not in one.reason


def test_single_levels_of_the_reference_make_new_ones_likely() -> None:
    """A column where every tenth value is one of a kind will show new values: they are no breach."""

    def rare(people: pd.DataFrame, sign: str) -> pd.DataFrame:
        return people.assign(region=[f"{sign}{i}" if i % 10 == 0 else "north" for i in range(len(people))])

    before = scored(rare(REFERENCE, "a"), REFERENCE["truth"])
    assert named(findings(window(lambda p: rare(p, "b")), before)) == set()


def test_the_gate_shows_no_value_of_the_data() -> None:
    """Names of levels, ids and texts of the rows stand in no reason."""
    secret = "078-05-1120"
    changed = window(lambda p: p.assign(region=secret, id=[f"{secret}-{i}" for i in range(len(p))]))
    assert not [one for one in findings(changed) if secret in one.reason]


def test_great_expectations_judges_the_table_both_ways() -> None:
    """Rows under the low, within, and over the high limit: value and evidence are judged apart."""
    checks = [
        Check(metric="m", column=None, value=v, evidence=e, low=1.0, high=2.0)
        for v, e in ((0.5, 1.5), (1.5, 1.5), (2.5, 2.5), (1.0, 2.0))
    ]
    assert broken(profile_table(checks)) == ({0, 2}, {2})


def test_a_score_is_a_probability() -> None:
    """A score of 1.3 is beyond [0, 1] and breaches, however few rows have it."""
    people = applicants(3000, seed=2)
    table = scored(people, people["truth"])
    scores = table.column("score").to_pylist()
    wrong = table.set_column(table.column_names.index("score"), "score", pa.array([1.3, *scores[1:]]))
    assert ("score_beyond_0_1", "score") in named(findings(wrong))


def test_wilson_interval_is_the_published_one() -> None:
    """10 of 20 at 95 %: 0.2993 to 0.7007 (Agresti and Coull 1998)."""
    assert wilson(10, 20, z=1.96) == pytest.approx((0.2993, 0.7007), abs=1e-4)
    assert wilson(0, 0) == (0.0, 1.0)


def test_newcombe_interval_is_the_published_one() -> None:
    """56 of 70 less 48 of 80: 0.0524 to 0.3339 at 95 % (Newcombe 1998, table II, method 10)."""
    assert newcombe(56, 70, 48, 80, z=1.959964) == pytest.approx((0.0524, 0.3339), abs=1e-4)


def test_chance_explains_a_constant_window_of_a_rare_flag() -> None:
    """A flag set in one row of a thousand is absent from 500 rows in 61 % of windows; from 50 000 never."""
    assert not surely_varied(0.999, 500)
    assert surely_varied(0.999, 50_000)

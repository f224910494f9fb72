"""Gaps between groups are judged by size and by what chance would do; what cannot be judged says so."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from amends.domain.findings import Finding, Verdict
from group_rows import judged, one, people, spec

SEX = spec("sex")
EVEN = {("f",): (70, 30, 20, 180), ("m",): (70, 30, 20, 180)}
HARDT = {("f",): (50, 50, 20, 180), ("m",): (80, 20, 20, 180)}
"""Women who would pay back are found half of the time, men four times in five."""


def frame(counts: Any, *attributes: str) -> pd.DataFrame:
    """Rows, ten times each count."""
    return people({key: [10 * n for n in cells] for key, cells in counts.items()}, *(attributes or ("sex",)))


def breaches(findings: list[Finding]) -> set[str]:
    """Metrics that breached."""
    return {each.metric for each in findings if each.is_breach}


def test_equal_opportunity_is_hardts() -> None:
    """By hand: true positive rates 0.5 and 0.8 are 0.3 apart (Hardt, Price, Srebro 2016); nothing else is."""
    found = judged(SEX, frame(HARDT), frame(HARDT))
    gap = one(found, "true_positive_rate_difference")
    assert (gap.verdict, gap.groups, gap.n) == (Verdict.BREACH, ("f", "m"), 2000)
    assert gap.value == pytest.approx(0.3)
    assert gap.interval is not None
    assert 0.2 < gap.interval[0] < 0.3 < gap.interval[1] < 0.4
    assert one(found, "false_positive_rate_difference").value == pytest.approx(0)


def test_every_number_is_the_one_by_hand() -> None:
    """Of 3000 each 700 and 1000 are selected; of 1000 good ones 500 and 800; of 2000 others 200 each."""
    found = judged(SEX, frame(HARDT), frame(HARDT))
    expected = {
        "selection_rate_ratio": 0.7,
        "selection_rate_difference": 0.1,
        "true_positive_rate_difference": 0.3,
        "false_negative_rate_difference": 0.3,
        "false_positive_rate_difference": 0.0,
        "precision_difference": 800 / 1000 - 500 / 700,
        "equalized_odds_difference": 0.3,
        "calibration_difference": (0.75 * 700 + 0.25 * 2300 - 1000) / 3000
        - (0.75 * 1000 + 0.25 * 2000 - 1000) / 3000,
    }
    for metric, value in expected.items():
        assert one(found, metric).value == pytest.approx(abs(value), abs=1e-9), metric


def test_standing_and_change_are_two_findings() -> None:
    """The gap stood in the reference: it breaches as it stands, and not as a change; a new one does both."""
    assert breaches(judged(SEX, frame(HARDT), frame(HARDT))) == {
        "selection_rate_ratio", "true_positive_rate_difference",
    }  # fmt: skip
    assert breaches(judged(SEX, frame(EVEN), frame(HARDT))) == {
        "selection_rate_ratio", "true_positive_rate_difference",
        "true_positive_rate_gap_change", "selection_rate_gap_change",
    }  # fmt: skip


def test_unequal_base_rates_do_not_accuse_by_precision_or_calibration() -> None:
    """Equal error rates on base rates of 0.6 and 0.2 make unequal precision (Chouldechova 2017)."""
    rows = frame({("f",): (42, 18, 4, 36), ("m",): (14, 6, 8, 72)})
    found = judged(SEX, rows, rows)
    precision = one(found, "precision_difference")
    assert precision.value == pytest.approx(42 / 46 - 14 / 22)
    assert precision.interval is not None
    assert precision.interval[0] > 0.1
    assert (precision.verdict, precision.threshold) == (Verdict.PASS, None)
    assert one(found, "calibration_difference").verdict is Verdict.PASS
    assert breaches(found) == {"selection_rate_ratio"}


def test_a_policy_may_make_precision_a_breach() -> None:
    """A limit under 1 is judged."""
    rows = frame({("f",): (42, 18, 4, 36), ("m",): (14, 6, 8, 72)})
    found = judged(SEX, rows, rows, precision_difference=0.1, calibration_difference=0.05)
    assert {"precision_difference", "calibration_difference"} <= breaches(found)


def test_a_small_group_at_the_end_does_not_hide_a_gap_between_large_ones() -> None:
    """0.40 of 60 people is no proof; 0.44 and 0.56 of a thousand each are, and are named."""
    rows = people(
        {("a",): (24, 36, 60, 540), ("b",): (440, 560, 200, 1800), ("c",): (560, 440, 200, 1800)}, "sex"
    )
    gap = one(judged(SEX, rows, rows), "true_positive_rate_difference")
    assert (gap.verdict, gap.groups) == (Verdict.BREACH, ("b", "c"))


def test_the_worst_intersection_is_named() -> None:
    """Each attribute by itself is even; young women and old men are found half as often as the others."""
    good, bad = (80, 20, 20, 180), (40, 60, 20, 180)
    counts = {("f", "young"): bad, ("f", "old"): good, ("m", "young"): good, ("m", "old"): bad}
    model, rows = spec("sex", "age"), frame(counts, "sex", "age")
    found = judged(model, rows, rows)
    assert one(found, "true_positive_rate_difference", "sex").value == pytest.approx(0)
    worst = one(found, "true_positive_rate_difference", ("sex", "age"))
    assert worst.is_breach
    assert worst.groups[0] in {"f & young", "m & old"}


def test_three_attributes_are_looked_at_jointly_too() -> None:
    """Pairs are even; only all three together show who is left behind (parity of the three)."""
    good, bad = (80, 20, 20, 180), (40, 60, 20, 180)
    counts = {
        (a, b, c): bad if (a + b + c).count("1") % 2 else good
        for a in ("a0", "a1")
        for b in ("b0", "b1")
        for c in ("c0", "c1")
    }
    model, rows = spec("a", "b", "c"), frame(counts, "a", "b", "c")
    found = judged(model, rows, rows)
    assert {each.attribute for each in found if each.is_breach} == {("a", "b", "c")}
    assert {each.attribute for each in found} == {
        "a", "b", "c", ("a", "b"), ("a", "c"), ("b", "c"), ("a", "b", "c"),
    }  # fmt: skip


def test_selection_is_counted_for_the_favourable_decision() -> None:
    """Where 0 is good for the person, those who are flagged twice as often are selected less."""
    rows = frame({("f",): (40, 10, 20, 30), ("m",): (20, 10, 10, 60)})
    ratio = one(judged(spec("sex", favourable_label=0), rows, rows), "selection_rate_ratio")
    assert ratio.groups == ("f", "m")
    assert ratio.value == pytest.approx(0.4 / 0.7)


def test_words_and_several_classes_are_judged_on_the_favourable_one() -> None:
    """Three classes: `approve` against the rest, by hand 0.5 and 0.8 of those who should be approved."""
    rows = frame(HARDT)
    names = {1: "approve", 0: "refer"}
    words = rows.assign(decision=rows["decision"].map(names), label=rows["label"].map(names))
    words.loc[(words["label"] == "refer") & (words.index % 2 == 0), "label"] = "refuse"
    model = spec("sex", task="multiclass_classification", favourable_label="approve")
    gap = one(judged(model, words, words), "true_positive_rate_difference")
    assert (gap.is_breach, gap.groups) == (True, ("f", "m"))
    assert gap.value == pytest.approx(0.3)


def late(rows: pd.DataFrame) -> pd.DataFrame:
    """Only one label in five has arrived."""
    return rows.assign(label=rows["label"].where(rows.index % 5 == 0))


UNUSABLE: dict[str, tuple[dict[str, Any], str, Verdict, str]] = {
    "labels as words": (
        {"label": lambda f: f["label"].map({1.0: "yes", 0.0: "no"})},
        "true_positive_rate_difference", Verdict.ERROR, "labels are not '0' and '1'",
    ),
    "labels as probabilities": (
        {"label": lambda f: np.linspace(0.1, 0.9, len(f))},
        "true_positive_rate_difference", Verdict.ERROR, "labels are not '0' and '1'",
    ),
    "decisions as words": (
        {"decision": lambda f: f["decision"].map({1: "yes", 0: "no"})},
        "selection_rate_ratio", Verdict.ERROR, "predicted labels are not '0' and '1'",
    ),
    "decisions as probabilities": (
        {"decision": lambda f: f["score"]},
        "selection_rate_ratio", Verdict.ERROR, "predicted labels are not '0' and '1'",
    ),
    "no decision": (
        {"decision": None}, "selection_rate_ratio", Verdict.NO_DATA, "no decision is recorded",
    ),
    "nobody selected": (
        {"decision": 0}, "selection_rate_ratio", Verdict.INCONCLUSIVE, "nobody got the favourable decision",
    ),
    "no group recorded": ({"sex": None}, "selection_rate_ratio", Verdict.NO_DATA, "no sex is recorded"),
    "one group": ({"sex": "f"}, "selection_rate_ratio", Verdict.INCONCLUSIVE, "fewer than two groups"),
    "a group of one": (
        {"sex": lambda f: np.where(f.index == 0, "x", "f")},
        "selection_rate_ratio", Verdict.INCONCLUSIVE, "fewer than two groups",
    ),
    "everyone a group": (
        {"sex": lambda f: [f"s{i}" for i in range(len(f))]},
        "selection_rate_ratio", Verdict.INCONCLUSIVE, "fewer than two groups",
    ),
    "no label": (
        {"label": None}, "true_positive_rate_difference", Verdict.NO_DATA, "no label has arrived",
    ),
    "few labels": (
        {"label": lambda f: late(f)["label"]},
        "true_positive_rate_difference", Verdict.INCONCLUSIVE, "20% of the labels have arrived",
    ),
    "one class of labels": (
        {"label": 0.0}, "true_positive_rate_difference", Verdict.INCONCLUSIVE, "fewer than two groups",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", UNUSABLE)
def test_what_makes_fairlearn_fail_open_gets_a_verdict_and_a_reason(name: str) -> None:
    """Where Fairlearn says 0.0, NaN or a traceback, nothing passes: the reason says what is missing."""
    changes, metric, verdict, said = UNUSABLE[name]
    rows = frame(EVEN)
    found = judged(SEX, rows, rows.assign(**changes))
    finding = one(found, metric)
    assert finding.verdict is verdict
    assert said in finding.reason
    assert breaches(found) == set()


def test_a_reference_that_cannot_be_coded_is_an_error_and_no_pass() -> None:
    """The same holds where the reference is what is malformed."""
    rows = frame(EVEN)
    words = rows.assign(decision=rows["decision"].map({1: "yes", 0: "no"}))
    assert {each.verdict for each in judged(SEX, words, rows)} == {Verdict.ERROR}


def test_people_without_a_recorded_group_are_told_of() -> None:
    """A quarter of the rows has no sex: the others are judged, and the share is said."""
    rows = frame(EVEN)
    ratio = one(
        judged(SEX, rows, rows.assign(sex=rows["sex"].where(rows.index % 4 != 0))), "selection_rate_ratio"
    )
    assert ratio.verdict is Verdict.PASS
    assert "25% of rows have no group" in ratio.reason


def test_an_empty_list_of_attributes_asks_nothing() -> None:
    """And neither does a model that decides about nobody."""
    rows = frame(HARDT)
    assert judged(spec(), rows, rows) == []
    assert judged(spec("sex", favourable_label=None), rows, rows) == []


def test_a_group_that_was_small_before_is_judged_as_it_stands_only() -> None:
    """Its change cannot be told, and the finding says so; that of the two others can."""
    few = {**HARDT, ("x",): (1, 2, 1, 3)}
    many = {**HARDT, ("x",): (20, 80, 20, 180)}
    found = judged(SEX, frame(few), frame(many))
    assert one(found, "true_positive_rate_difference").groups == ("x", "m")
    change = one(found, "true_positive_rate_gap_change")
    assert change.groups == ("f", "m")
    assert "left out, under 50 rows in one of the windows: x" in change.reason


def test_groups_past_the_hundred_largest_are_not_compared_and_told_of() -> None:
    """60 x 2 intersections of 100 rows each: a hundred are compared, and the others are not called small."""
    counts = {(f"t{i:02d}", sex): (35, 15, 5, 45) for i in range(60) for sex in "fm"}
    rows = people(counts, "town", "sex")
    found = judged(spec("town", "sex"), rows, rows)
    ratio = one(found, "selection_rate_ratio", ("town", "sex"))
    assert ratio.verdict is Verdict.PASS
    assert "not compared: 20 more, past the 100 largest" in ratio.reason
    assert "left out" not in ratio.reason


def test_levels_that_a_digest_pools_are_no_group() -> None:
    """Of 80 towns a batch keeps 64 apart; the other 16 are many groups in one, and not compared as one."""
    counts = {(f"t{i:02d}",): (35, 15, 5, 45) for i in range(64)}
    counts |= {(f"u{i:02d}",): (1, 49, 5, 35) for i in range(16)}
    rows = people(counts, "town")
    found = judged(spec("town"), rows, rows)
    assert not [each for each in found if "(other)" in each.groups or "(other)" in each.reason]
    assert breaches(found) == set()
    assert "not compared: 1 more" in one(found, "selection_rate_ratio", "town").reason

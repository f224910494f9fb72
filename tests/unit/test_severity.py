"""How grave an incident is: by effect, breadth, importance, persistence and reversibility, each by hand."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from amends.adapters.files import load_policy
from amends.domain.decision import Situation, Standing, decide
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.severity import times_limit

POLICY = load_policy()
INPUTS = ("a", "b", "c", "d")


def breach(category: Category, metric: str = "m", **numbers: Any) -> Finding:
    """A breach."""
    return Finding(category=category, metric=metric, verdict=Verdict.BREACH, reason="why", **numbers)


def shift(column: str, psi: float) -> Finding:
    """An input that drifted."""
    return breach(Category.DATA_DRIFT, "population_stability_index", column=column, value=psi, threshold=0.25)


@pytest.mark.parametrize(
    ("finding", "times"),
    [
        (shift("a", 0.75), 3),
        (breach(Category.FAIRNESS, "selection_rate_ratio", value=0.4, reference_value=0.9, threshold=0.8), 3),
        (breach(Category.FAIRNESS, "true_positive_rate_difference", value=0.25, threshold=0.1), 2.5),
        (breach(Category.FAIRNESS, "gap_change", value=0.3, reference_value=0.2, threshold=0.05), 2),
        (breach(Category.PERFORMANCE, "auc", value=0.74, reference_value=0.80, threshold=0.03), 2),
        (breach(Category.PERFORMANCE, "log_loss", value=0.9, reference_value=0.4, threshold=0.1), 5),
        (breach(Category.CALIBRATION_DRIFT, "slope", value=0.4, reference_value=1.0, threshold=0.3), 2),
        (breach(Category.DATA_QUALITY, "null_increase", value=0.2, reference_value=0.0, threshold=0.05), 4),
        (breach(Category.DATA_QUALITY, "column_missing", value=1.0, threshold=0.0), None),
        (breach(Category.USER_REPORT), None),
        (breach(Category.PERFORMANCE, "auc", value=float("nan"), reference_value=0.8, threshold=0.03), None),
        (breach(Category.DATA_DRIFT, value=1e300, threshold=1e-300), None),
    ],
)  # fmt: skip
def test_an_effect_is_told_in_times_its_limit(finding: Finding, times: float | None) -> None:
    """Limits of a value, of a floor and of a change; None where nothing can be divided."""
    assert times_limit(finding) == (None if times is None else pytest.approx(times))


NARROW, WIDE = [shift("a", 0.9)], [shift("a", 0.9), shift("b", 0.3), shift("c", 0.3)]
MILD_WIDE = [shift("a", 0.3), shift("b", 0.3), shift("c", 0.3)]
LEAK = [breach(Category.PRIVACY_LEAK, "email_share", value=0.02, threshold=0.01)]
LEAKS = [breach(Category.PRIVACY_LEAK, "email_share", value=0.04, threshold=0.01)]
INPUT = [breach(Category.DATA_QUALITY, "unreadable_share", column="a", value=0.6, threshold=0.005)]
ROWS = [breach(Category.DATA_QUALITY, "duplicate_id_share", column="id", value=0.6, threshold=0.005)]
FEW_ROWS = [breach(Category.DATA_QUALITY, "duplicate_id_share", column="id", value=0.4, threshold=0.005)]
SEX = breach(Category.FAIRNESS, "selection_rate_ratio", attribute="sex", value=0.3, threshold=0.8)
RACE = breach(Category.FAIRNESS, "selection_rate_ratio", attribute="race", value=0.7, threshold=0.8)
BOTH = breach(Category.FAIRNESS, "selection_rate_ratio", attribute=("sex", "race"), value=0.2, threshold=0.8)
GREW = breach(
    Category.FAIRNESS, "gap_change", attribute="sex", value=0.3, reference_value=0.2, threshold=0.05
)
SLICE = [
    breach(
        Category.PERFORMANCE, "worst_slice_auc", column="a", value=0.75, reference_value=0.8, threshold=0.03
    )
]
GROSS_SLICE = [
    breach(
        Category.PERFORMANCE, "worst_slice_auc", column="a", value=0.5, reference_value=0.8, threshold=0.03
    )
]


@pytest.mark.parametrize(
    ("findings", "importance", "windows", "severity"),
    [
        (NARROW, "high", 1, "SEV3"),  # gross in one of four inputs
        (WIDE, "high", 1, "SEV2"),  # gross, and three of four inputs
        (MILD_WIDE, "high", 1, "SEV3"),  # three of four, none of them gross
        (MILD_WIDE, "high", 2, "SEV3"),
        (MILD_WIDE, "high", 3, "SEV2"),  # lasts
        (WIDE, "low", 1, "SEV3"),
        (LEAK, "medium", 1, "SEV2"),
        (LEAKS, "medium", 1, "SEV1"),  # gross, and cannot be taken back
        (LEAKS, "high", 3, "SEV1"),  # nothing is graver than SEV1
        (INPUT, "high", 1, "SEV2"),  # one broken input is one, in however many rows
        (ROWS, "high", 1, "SEV1"),  # more than half of the rows
        (FEW_ROWS, "high", 1, "SEV2"),
        ([SEX], "high", 1, "SEV2"),
        ([SEX, BOTH], "high", 1, "SEV2"),  # an intersection is no second attribute
        ([SEX, RACE], "high", 1, "SEV2"),  # two attributes, and both gaps stood before
        ([SEX, RACE, GREW], "high", 1, "SEV1"),
        ([SEX, GREW], "high", 1, "SEV2"),
        (SLICE, "high", 1, "SEV3"),  # some rows only
        (GROSS_SLICE, "high", 1, "SEV2"),
        (SLICE, "low", 1, "SEV4"),  # nothing is milder than SEV4
        ([*SLICE, SEX], "medium", 1, "SEV2"),  # the gravest of them counts
    ],
)
def test_severity_follows_from_the_written_rules(
    findings: list[Finding], importance: str, windows: int, severity: str
) -> None:
    """Effect, breadth, importance, persistence and reversibility move the table's severity by a step."""
    standing = Standing(in_a_row={str(one.category): windows for one in findings})
    call = decide(
        findings, importance=importance, policy=POLICY, situation=Situation(inputs=INPUTS), standing=standing
    )
    assert call is not None
    assert call.severity == severity


@pytest.mark.parametrize("findings", [WIDE, LEAKS, ROWS, GROSS_SLICE, [SEX, RACE, GREW]])
def test_a_measures_own_number_type_decides_as_a_plain_one(findings: list[Finding]) -> None:
    """Numpy's floats compare to numpy's booleans; what was measured and what was read back decide alike."""
    measured = [
        replace(one, value=np.float64(one.value), threshold=np.float64(one.threshold))  # type: ignore[arg-type]
        for one in findings
    ]
    calls = [
        decide(some, importance="medium", policy=POLICY, situation=Situation(inputs=INPUTS))
        for some in (findings, measured)
    ]
    assert calls[0] == calls[1]


def test_a_raised_severity_names_its_rule() -> None:
    """`because` begins with the severity, and says what raised or lowered it."""
    raised = decide(WIDE, importance="high", policy=POLICY, situation=Situation(inputs=INPUTS))
    lowered = decide(SLICE, importance="high", policy=POLICY)
    assert raised is not None
    assert raised.because[0] == (
        "severity SEV3: data_drift on a model of high importance; raised to SEV2 by rule gross-and-broad: "
        "far beyond its limit and not confined"
    )
    assert lowered is not None
    assert "lowered to SEV3 by rule slice-alone" in lowered.because[0]


def test_every_severity_rule_says_what_it_rests_on_and_when() -> None:
    """Reason, source and the day of the last review stand in the file."""
    assert POLICY.document["reviewed_on"] == "2026-11-24"
    for rule in POLICY.severity_rules:
        assert rule.why, rule.name
        assert rule.source, rule.name

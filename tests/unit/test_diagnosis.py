"""Which playbook follows from which signs: every branch of the table, against calls written by hand."""

from typing import Any

import pytest
from amends.adapters.files import load_policy
from amends.domain.decision import Situation, decide, facts_of
from amends.domain.findings import Category, Finding, Verdict

POLICY = load_policy()
INPUTS = ("income", "debt", "age", "region")
P, B, U = Verdict.PASS, Verdict.BREACH, Verdict.INCONCLUSIVE


def said(category: Category, verdict: Verdict = B, metric: str = "m", **about: Any) -> Finding:
    """A finding."""
    return Finding(category=category, metric=metric, verdict=verdict, reason=f"{category} {metric}", **about)


def bad(*columns: str | None) -> list[Finding]:
    """Failed quality checks."""
    return [said(Category.DATA_QUALITY, column=column) for column in columns]


def auc(verdict: Verdict, version: str = "") -> Finding:
    """Ranking of the window, or of one of its versions."""
    return said(Category.PERFORMANCE, verdict, "auc", groups=(version,) if version else ())


def loss(verdict: Verdict = B) -> Finding:
    """Another measure of performance than ranking."""
    return said(Category.PERFORMANCE, verdict, "log_loss")


def scale(verdict: Verdict, version: str = "") -> Finding:
    """Calibration of the window, or of one of its versions."""
    groups = (version,) if version else ()
    return said(Category.CALIBRATION_DRIFT, verdict, "calibration_in_the_large", groups=groups)


def worst(verdict: Verdict = B) -> Finding:
    """The worst slice of the rows."""
    return said(
        Category.PERFORMANCE, verdict, "worst_slice_accuracy", column=("age", "region"), groups=("<25", "N")
    )


DRIFT, BASE_RATE = said(Category.DATA_DRIFT, column="income"), said(Category.LABEL_DRIFT, column="label")
SCORES = said(Category.PREDICTION_DRIFT, column="score")
OTHERS = said(Category.ATTRIBUTION_SHIFT)
GAP = said(Category.FAIRNESS, metric="selection_rate_ratio", attribute="sex")
GREW = said(Category.FAIRNESS, metric="selection_rate_gap_change", attribute="sex")
LABELS = said(Category.LABEL_QUALITY, column="label")

TABLE: dict[str, tuple[list[Finding], str | None, list[str]]] = {
    # by feature
    "one broken column is masked": (bad("income"), None, ["mask"]),
    "two of four broken columns are a starved model": (bad("income", "debt"), None, ["quarantine"]),
    "a batch that fails as a whole is kept out": (bad(None), None, ["quarantine"]),
    "a broken column that is no input cannot be masked": (bad("row_id"), None, ["quarantine"]),
    "labels that are not believed are kept out": ([LABELS], None, ["quarantine"]),
    # what follows from bad data waits for them
    "a loss on bad data": ([*bad("income"), auc(B)], None, ["mask", "revalidate"]),
    "a loss on bad labels": ([LABELS, auc(B), BASE_RATE], None, ["quarantine", "revalidate", "observe"]),
    "a gap on bad data": ([*bad("income"), GAP], None, ["mask", "revalidate"]),
    "scales on bad data": ([*bad("income"), scale(B)], None, ["mask", "revalidate"]),
    "drift on bad data": ([*bad("income"), DRIFT], None, ["mask", "observe"]),
    "scores on bad data": ([*bad("income"), SCORES], None, ["mask", "observe"]),
    # by version
    "a bad version beside a good one": ([auc(B), auc(B, "2"), auc(P, "1")], "2", ["rollback", "retrain"]),
    "the same while inputs drift": ([DRIFT, auc(B), auc(B, "2"), auc(P, "1")], "2", ["rollback", "retrain"]),
    "a new version that serves alone": ([auc(B)], "2", ["rollback", "retrain"]),
    "a new version beside one in doubt": ([auc(B, "2"), auc(U, "1")], "2", ["rollback", "retrain"]),
    # by concept
    "both versions fell": ([auc(B), auc(B, "2"), auc(B, "1")], "2", ["retrain"]),
    "a new version while inputs drift": ([DRIFT, auc(B)], "2", ["retrain"]),
    "a loss without a new version": ([auc(B)], None, ["retrain"]),
    "a loss with drift": ([DRIFT, auc(B)], None, ["retrain"]),
    "a loss with other outcomes": ([BASE_RATE, auc(B)], None, ["retrain"]),
    # by calibration
    "only the scale moved": ([auc(P), scale(B)], None, ["recalibrate"]),
    "the scale moved, and so the loss": ([auc(P), loss(), scale(B)], None, ["recalibrate"]),
    "the scale moved and the order fell": ([auc(B), scale(B)], None, ["retrain"]),
    "the scale of a new version": ([auc(P), scale(B)], "2", ["rollback", "recalibrate"]),
    "its scale beside one that holds": (
        [DRIFT, auc(P), scale(B, "2"), scale(P, "1")], "2", ["rollback", "recalibrate", "observe"],
    ),
    "the scale of both versions": ([auc(P), scale(B, "2"), scale(B, "1")], "2", ["recalibrate"]),
    # by slice
    "a slice alone is looked at": ([auc(P), worst()], None, ["revalidate"]),
    "a slice alone of a new version": ([auc(P), worst()], "2", ["revalidate"]),
    "a slice alone while inputs drift": ([DRIFT, auc(P), worst()], None, ["revalidate", "observe"]),
    "a slice alone, overall in doubt": ([auc(U), worst()], None, ["revalidate"]),
    "a slice where the scale moved throughout": ([auc(P), scale(B), worst()], None, ["recalibrate"]),
    "the same of a new version": ([auc(P), scale(B), worst()], "2", ["rollback", "recalibrate"]),
    "a slice and a gap that came with a new version": (
        [auc(P), scale(B), worst(), GAP, GREW], "2", ["rollback", "retrain", "recalibrate"],
    ),
    "the scale throughout, of both versions": (
        [auc(P), scale(B), scale(B, "1"), scale(B, "2"), worst()], "2", ["recalibrate"],
    ),
    "a slice beside a loss is part of it": ([auc(B), worst()], None, ["retrain"]),
    # by group
    "a standing gap": ([GAP], None, ["mitigate_bias", "revalidate"]),
    "a gap that grew without a new version": ([GREW], None, ["mitigate_bias", "revalidate"]),
    "a gap that came with a new version": ([GAP, GREW], "2", ["rollback", "retrain"]),
    "a standing gap of a new version": ([GAP], "2", ["mitigate_bias", "revalidate"]),
    "a gap that grew while inputs drift": (
        [DRIFT, GREW, auc(P)], "2", ["mitigate_bias", "revalidate", "observe"],
    ),
    # what moved without harm, or without labels
    "drift under a model that holds": ([DRIFT, auc(P)], None, ["observe"]),
    "drift without labels": ([DRIFT], None, ["revalidate"]),
    "drift, and only the scale moved": ([DRIFT, auc(P), loss(), scale(B)], None, ["recalibrate", "observe"]),
    "other outcomes under a model that holds": ([BASE_RATE, auc(P)], None, ["observe"]),
    "other scores under a model that holds": ([SCORES, auc(P)], None, ["observe"]),
    "other scores without labels": ([SCORES], None, ["revalidate"]),
    "other scores of a new version without labels": ([SCORES], "2", ["revalidate"]),
    # the same version answers otherwise
    "a loss while scores follow other inputs": ([auc(B), OTHERS], None, ["revalidate"]),
    "another scale while they do": ([auc(P), scale(B), OTHERS], None, ["revalidate"]),
    "a loss of a new version that does": ([auc(B), OTHERS], "2", ["rollback", "retrain", "revalidate"]),
    "a loss while they follow what drifts": ([DRIFT, auc(B), OTHERS], None, ["retrain", "observe"]),
    # the rest
    "a leak": ([said(Category.PRIVACY_LEAK, column="notes")], None, ["mask"]),
    "other inputs matter": ([said(Category.ATTRIBUTION_SHIFT)], None, ["revalidate"]),
    "other inputs matter while they drift": (
        [DRIFT, auc(P), said(Category.ATTRIBUTION_SHIFT)], None, ["observe"],
    ),
    "other outcomes and a lost scale": ([BASE_RATE, auc(P), loss()], None, ["retrain", "observe"]),
    "an estimate": ([said(Category.PERFORMANCE_ESTIMATED)], None, ["revalidate"]),
    "a slow service": ([said(Category.SERVICE_HEALTH)], None, ["observe"]),
    "a broken monitor": ([said(Category.FAIRNESS, Verdict.ERROR)], None, ["observe"]),
    "an alias that somebody moved": ([said(Category.REGISTRY_TAMPER)], None, ["rollback"]),
    "an auditor's finding": ([said(Category.AUDIT_FINDING)], None, ["revalidate"]),
    "a report": ([said(Category.USER_REPORT)], None, ["revalidate"]),
}  # fmt: skip


@pytest.mark.parametrize("signs", list(TABLE))
def test_the_signs_lead_to_the_playbooks_an_expert_would_name(signs: str) -> None:
    """What is found, with or without a new version, gives these playbooks in this order."""
    findings, new_version, playbooks = TABLE[signs]
    situation = Situation(inputs=INPUTS, new_version=new_version)
    call = decide(findings, importance="high", policy=POLICY, situation=situation)
    assert call is not None
    assert list(call.playbooks) == playbooks


def test_every_rule_is_reached_by_some_signs() -> None:
    """No row of the default table goes untried above."""
    spoken = set()
    for findings, new_version, _ in TABLE.values():
        situation = Situation(inputs=INPUTS, new_version=new_version)
        call = decide(findings, importance="high", policy=POLICY, situation=situation)
        assert call is not None
        spoken |= {line.split()[1].rstrip(":") for line in call.because if line.startswith("rule ")}
    assert {rule.name for rule in POLICY.rules} == spoken


def test_a_slice_is_no_version() -> None:
    """The levels that name a slice are not read as versions that hold or fell."""
    facts = facts_of([auc(P), worst()], POLICY, Situation(inputs=INPUTS, new_version="2"))
    assert facts["slice_alone"]
    assert not facts["performance_lost"]
    assert not facts["others_fell"]


@pytest.mark.parametrize(
    ("others", "hold", "fell"),
    [
        ([], False, False),
        ([auc(P, "1")], True, False),
        ([auc(P, "1"), scale(B, "1")], False, True),
        ([auc(U, "1")], False, False),
        ([auc(U, "1"), scale(P, "1")], False, False),
        ([auc(U, "1"), scale(B, "1")], False, True),
        ([auc(P, "1"), auc(B, "0")], True, False),
    ],
)
def test_other_versions_hold_or_fell_or_cannot_be_told(others: list[Finding], hold: bool, fell: bool) -> None:
    """One that holds is enough to hold; one in doubt neither holds nor fell."""
    facts = facts_of([auc(B, "2"), *others], POLICY, Situation(new_version="2"))
    assert (facts["others_hold"], facts["others_fell"]) == (hold, fell)

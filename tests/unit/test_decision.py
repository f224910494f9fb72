"""Findings and policy give one call, whatever their order: the right one, and the same one every time."""

import json
from typing import Any

from amends.adapters.files import load_policy
from amends.domain.canonical import canonical_json
from amends.domain.decision import Situation, decide, facts_of
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.policy import policy_from_document

POLICY = load_policy()


def finding(category: Category, verdict: Verdict = Verdict.BREACH, **about: Any) -> Finding:
    """A finding of a category."""
    return Finding(**{"category": category, "metric": "m", "verdict": verdict, "reason": "why", **about})


def test_silence_and_doubt_never_act() -> None:
    """Inconclusive, missing and passing findings open no incident."""
    quiet = [finding(c, v) for c in Category for v in (Verdict.PASS, Verdict.INCONCLUSIVE, Verdict.NO_DATA)]
    assert decide(quiet, importance="critical", policy=POLICY) is None
    assert decide([], importance="critical", policy=POLICY) is None


def test_a_check_that_could_not_run_is_an_incident_of_its_own() -> None:
    """An error is no breach, and it is not health."""
    call = decide([finding(Category.FAIRNESS, Verdict.ERROR)], importance="high", policy=POLICY)
    assert call is not None
    assert (call.category, call.playbooks) == ("monitor_failure", ("observe",))


def test_the_gravest_speaker_names_the_incident_whatever_the_order() -> None:
    """Findings in any order give the same call."""
    findings = [finding(Category.DATA_DRIFT), finding(Category.FAIRNESS), finding(Category.PERFORMANCE)]
    calls = [decide(order, importance="high", policy=POLICY) for order in (findings, findings[::-1])]
    assert calls[0] == calls[1]
    assert calls[0] is not None
    assert calls[0].categories == ("performance", "fairness", "data_drift")


def test_breadth_raises_severity_by_one_step() -> None:
    """Four independent categories on a model of medium importance: SEV2 becomes SEV1; three leave it."""
    four = [Category.PERFORMANCE, Category.FAIRNESS, Category.CALIBRATION_DRIFT, Category.DATA_DRIFT]
    calls = [
        decide([finding(one) for one in some], importance="medium", policy=POLICY)
        for some in (four, four[:3])
    ]
    assert [call.severity for call in calls if call] == ["SEV1", "SEV2"]


def test_what_follows_from_bad_data_does_not_raise_severity() -> None:
    """One broken column that pulls everything else with it is one fault."""
    bad = finding(Category.DATA_QUALITY, column="income")
    rest = [Category.PERFORMANCE, Category.CALIBRATION_DRIFT, Category.PREDICTION_DRIFT, Category.FAIRNESS]
    inputs = Situation(inputs=("income", "debt", "region", "age"))
    call = decide([bad, *(finding(one) for one in rest)], importance="high", policy=POLICY, situation=inputs)
    assert call is not None
    assert (call.severity, call.playbook) == ("SEV2", "mask")


def test_labels_that_are_not_believed_neither_judge_nor_train() -> None:
    """A loss measured on broken labels is no loss yet."""
    call = decide(
        [finding(Category.LABEL_QUALITY), finding(Category.PERFORMANCE)], importance="high", policy=POLICY
    )
    assert call is not None
    assert call.playbooks == ("quarantine", "revalidate")


def test_a_call_says_which_rule_and_which_finding() -> None:
    """`because` names the rule and the fact it rests on."""
    call = decide([finding(Category.PRIVACY_LEAK, reason="e-mail in notes")], importance="low", policy=POLICY)
    assert call is not None
    assert call.because[1] == "rule leak: what leaks is taken out first (e-mail in notes)"


def test_a_finding_that_does_not_name_its_column_is_told_with_it() -> None:
    """Several columns may be null for one reason: each stands before it, and none is named twice."""
    found = [
        finding(Category.DATA_QUALITY, column="wind", reason="9 of 9 values are null"),
        finding(Category.DATA_QUALITY, column=("up", "down"), reason="up looks like the other"),
    ]
    call = decide(found, importance="low", policy=POLICY, situation=Situation(inputs=("up", "down", "wind")))
    assert call is not None
    assert "wind: 9 of 9 values are null" in call.because[1]
    assert "down: up looks like the other" in call.because[1]


def test_scores_that_follow_inputs_that_moved_are_a_symptom() -> None:
    """One version before and after: its scores follow its inputs, whose drift names the incident."""
    found = [
        finding(Category.ATTRIBUTION_SHIFT), finding(Category.DATA_DRIFT, column="age"),
        finding(Category.PERFORMANCE, Verdict.PASS, metric="auc"),
    ]  # fmt: skip
    call = decide(found, importance="high", policy=POLICY)
    assert call is not None
    assert (call.category, call.playbooks) == ("data_drift", ("observe",))
    other = decide(found, importance="high", policy=POLICY, situation=Situation(new_version="v2"))
    assert other is not None
    assert other.playbooks == ("observe", "revalidate")
    alone = decide(found[:1], importance="high", policy=POLICY)
    assert alone is not None
    assert alone.playbooks == ("revalidate",)


def test_nothing_is_said_to_hold_beside_a_loss() -> None:
    """Drift, or another base rate, beside a loss whose ranking holds: neither line says the model holds."""
    found = [
        finding(Category.PERFORMANCE, metric="log_loss"),
        finding(Category.PERFORMANCE, Verdict.PASS, metric="auc"),
        finding(Category.CALIBRATION_DRIFT), finding(Category.DATA_DRIFT), finding(Category.LABEL_DRIFT),
    ]  # fmt: skip
    call = decide(found, importance="high", policy=POLICY)
    assert call is not None
    assert call.playbook == "recalibrate"
    assert not any("still holds" in line for line in call.because)


def test_a_ranking_that_is_in_doubt_does_not_hold() -> None:
    """Recalibration is for windows whose AUC passed, not for those whose AUC is unknown."""
    passed = finding(Category.PERFORMANCE, Verdict.PASS, metric="auc")
    doubtful = finding(Category.PERFORMANCE, Verdict.INCONCLUSIVE, metric="auc")
    assert facts_of([passed], POLICY, Situation())["ranking_holds"]
    assert not facts_of([doubtful], POLICY, Situation())["ranking_holds"]
    assert not facts_of([], POLICY, Situation())["ranking_holds"]


def test_a_policy_read_back_in_another_order_of_keys_decides_the_same() -> None:
    """A mapping's order is in no digest, so no decision may rest on it."""
    findings = [
        Finding(category=Category(name), metric="m", verdict=Verdict.BREACH, reason="r")
        for name in ("fairness", "performance", "calibration_drift")
    ]
    sorted_again = policy_from_document(json.loads(canonical_json(POLICY.document)), "sorted.yaml")
    assert sorted_again.digest == POLICY.digest
    calls = [decide(findings, importance="high", policy=policy) for policy in (POLICY, sorted_again)]
    assert calls[0] == calls[1]

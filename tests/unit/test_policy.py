"""A policy is total and free of contradictions, or it is refused with the way out."""

import copy
import json
from itertools import pairwise, product
from typing import Any

import pytest
import yaml
from amends.adapters.files import load_policy
from amends.domain.canonical import canonical_json
from amends.domain.decision import Situation, decide, facts_of
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.policy import FACTS, PLAYBOOKS, SEVERITIES, Policy, policy_from_document
from amends.domain.severity import severity_of
from amends.domain.spec import IMPORTANCES
from amends.errors import PolicyError

POLICY = load_policy()


def written() -> dict[str, Any]:
    """The default policy as written, free to be spoiled."""
    document: dict[str, Any] = copy.deepcopy(dict(POLICY.document))
    return document


def finding(category: Category, verdict: Verdict = Verdict.BREACH, **about: Any) -> Finding:
    """A finding of a category."""
    return Finding(**{"category": category, "metric": "m", "verdict": verdict, "reason": "why", **about})


def test_every_category_has_an_answer_under_all_facts() -> None:
    """The table is total: 16 categories, 4 importances, every combination of facts."""
    for category, importance in product(Category, IMPORTANCES):
        severity, _ = severity_of([category], importance, POLICY)
        assert severity in SEVERITIES
        for values in product([True, False], repeat=len(FACTS)):
            rule = POLICY.rule_for(category, dict(zip(FACTS, values, strict=True)))
            assert set(rule.run) <= set(PLAYBOOKS)
            assert rule.run


def test_nothing_is_trained_on_bad_data() -> None:
    """Whatever else is true, no rule retrains, recalibrates or rolls back while a quality check fails."""
    others = [fact for fact in FACTS if fact != "bad_data"]
    for category in (
        Category.PERFORMANCE,
        Category.FAIRNESS,
        Category.CALIBRATION_DRIFT,
        Category.DATA_DRIFT,
    ):
        for values in product([True, False], repeat=len(others)):
            facts = {**dict(zip(others, values, strict=True)), "bad_data": True}
            assert not {"retrain", "recalibrate", "rollback"} & set(POLICY.rule_for(category, facts).run)


def test_every_limit_says_why_and_what_it_rests_on() -> None:
    """A number without a reason and a source is not shipped."""
    for name, row in POLICY.document["limits"].items():
        assert row["why"], name
        assert row["source"], name


def test_graver_incidents_ask_more_roles_and_give_less_time() -> None:
    """Approvals grow and time shrinks with severity."""
    graver = [(set(POLICY.approving_roles(s)), POLICY.response_timeout(s)) for s in SEVERITIES]
    for (more, sooner), (fewer, later) in pairwise(graver):
        assert more >= fewer
        assert sooner <= later
    assert graver[0][0] == {"data-science", "product", "legal"}


def test_only_what_can_be_undone_is_carried_out_unasked() -> None:
    """A rollback returns to an approved version; a retrained one never serves without approval."""
    assert POLICY.may_contain("rollback")
    assert not POLICY.may_contain("retrain")


def test_the_same_policy_has_the_same_digest() -> None:
    """And any change of a number another one."""
    assert load_policy().digest == POLICY.digest
    assert POLICY.overridden({"limits": {"drift.psi": 0.2}}, "m").digest != POLICY.digest


def test_a_spec_overrides_limits_by_name() -> None:
    """Only what the policy knows, and twice is the same as once."""
    once = POLICY.overridden({"limits": {"drift.psi": 0.2}, "baking_windows": 2}, "m")
    assert once.limit("drift.psi") == 0.2
    assert once.limit("drift.min_rows") == POLICY.limit("drift.min_rows")
    assert once.baking_windows == 2
    assert once.overridden({"limits": {"drift.psi": 0.2}, "baking_windows": 2}, "m").digest == once.digest
    with pytest.raises(PolicyError, match=r"unknown key 'drift.psy'. Did you mean 'drift.psi'"):
        POLICY.overridden({"limits": {"drift.psy": 1}}, "m")


def _spoil_unknown(document: dict[str, Any]) -> None:
    document["limit"] = {}


def _spoil_missing(document: dict[str, Any]) -> None:
    del document["breadth"]


def _spoil_reason(document: dict[str, Any]) -> None:
    document["limits"]["drift.psi"] = {"value": 0.2}


def _spoil_number(document: dict[str, Any]) -> None:
    document["limits"]["drift.psi"]["value"] = float("nan")


def _spoil_gap(document: dict[str, Any]) -> None:
    document["rules"] = [row for row in document["rules"] if row["name"] != "fairness-standing"]


def _spoil_order(document: dict[str, Any]) -> None:
    document["rules"].reverse()


def _spoil_severity(document: dict[str, Any]) -> None:
    del document["severity"]["fairness"]["low"]


def _spoil_precedence(document: dict[str, Any]) -> None:
    document["precedence"].remove("fairness")


def _spoil_repetition(document: dict[str, Any]) -> None:
    document["precedence"].append("fairness")


def _spoil_playbook(document: dict[str, Any]) -> None:
    document["rules"][0]["run"] = ["pray"]


def _spoil_fact(document: dict[str, Any]) -> None:
    document["rules"][2]["when"] = {"wid": True}


def _spoil_role(document: dict[str, Any]) -> None:
    document["approvals"]["SEV1"] = ["the-boss"]


def _spoil_hours(document: dict[str, Any]) -> None:
    document["response_hours"]["SEV1"] = 0


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (_spoil_unknown, "unknown key 'limit'. Did you mean 'limits'"),
        (_spoil_missing, "key 'breadth' is missing"),
        (_spoil_reason, "limits.drift.psi needs a value and a why"),
        (_spoil_number, "limits.drift.psi.value is nan"),
        (_spoil_gap, "no rule without a when for fairness"),
        (_spoil_order, "can never fire after"),
        (_spoil_severity, "has no row for low"),
        (_spoil_precedence, "precedence has no fairness"),
        (_spoil_repetition, "precedence names a category twice"),
        (_spoil_playbook, "choose from: observe"),
        (_spoil_fact, "unknown key 'wid'. Did you mean 'wide'"),
        (_spoil_role, "choose from: data-science"),
        (_spoil_hours, "write a number over 0"),
    ],
)
def test_a_policy_that_is_wrong_is_refused_with_the_way_out(spoil: Any, said: str) -> None:
    """Gaps, rows that never fire, unknown words and senseless numbers are found at load."""
    document = written()
    spoil(document)
    with pytest.raises(PolicyError) as refused:
        policy_from_document(document, "mine.yaml")
    assert said in str(refused.value)
    assert str(refused.value).startswith("mine.yaml")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("document", [None, [], "text", {"schema_version": 1}])
def test_what_is_no_policy_at_all_is_refused(document: Any) -> None:
    """Any parsed YAML may arrive here."""
    with pytest.raises(PolicyError):
        policy_from_document(document, "mine.yaml")


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
    four = ["performance", "fairness", "calibration_drift", "data_drift"]
    assert severity_of(four, "medium", POLICY)[0] == "SEV1"
    assert severity_of(four[:3], "medium", POLICY)[0] == "SEV2"


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


def test_a_ranking_that_is_in_doubt_does_not_hold() -> None:
    """Recalibration is for windows whose AUC passed, not for those whose AUC is unknown."""
    passed = finding(Category.PERFORMANCE, Verdict.PASS, metric="auc")
    doubtful = finding(Category.PERFORMANCE, Verdict.INCONCLUSIVE, metric="auc")
    assert facts_of([passed], POLICY, Situation())["ranking_holds"]
    assert not facts_of([doubtful], POLICY, Situation())["ranking_holds"]
    assert not facts_of([], POLICY, Situation())["ranking_holds"]


def test_the_packaged_policy_is_plain_yaml() -> None:
    """It is read by other tools, too: no tags, no anchors, one document."""
    assert isinstance(POLICY, Policy)
    assert yaml.safe_load(yaml.safe_dump(written())) == written()


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

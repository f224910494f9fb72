"""A policy is total and free of contradictions, or it is refused with the way out."""

import copy
from itertools import pairwise, product
from pathlib import Path
from typing import Any

import pytest
import yaml
from amends.adapters.files import load_policy
from amends.domain.findings import Category
from amends.domain.policy import FACTS, PLAYBOOKS, SEVERITIES, Policy, policy_from_document
from amends.domain.rules import GRADES
from amends.domain.severity import grade
from amends.domain.spec import IMPORTANCES
from amends.errors import PolicyError

POLICY = load_policy()


def written() -> dict[str, Any]:
    """The default policy as written, free to be spoiled."""
    document: dict[str, Any] = copy.deepcopy(dict(POLICY.document))
    return document


def test_every_category_has_an_answer_under_all_facts() -> None:
    """The table is total: 16 categories, 4 importances, every combination of facts."""
    for category, importance in product(Category, IMPORTANCES):
        for values in product([True, False], repeat=len(GRADES)):
            facts = dict(zip(GRADES, values, strict=True))
            assert grade(category, importance, POLICY, facts).severity in SEVERITIES
    for category in Category:
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


def _spoil_twice(document: dict[str, Any]) -> None:
    document["rules"].append({**document["rules"][0]})


def _spoil_contradiction(document: dict[str, Any]) -> None:
    document["rules"].append({**document["rules"][0], "name": "tamper-too", "run": ["observe"]})


def _spoil_together(document: dict[str, Any]) -> None:
    rules = [{"name": f"drift-{wanted}", "category": "data_drift", "when": {"drifted": wanted},
              "run": ["observe"], "why": "both together cover all"} for wanted in (True, False)]  # fmt: skip
    document["rules"] = [*rules, *document["rules"]]


def _spoil_impossible(document: dict[str, Any]) -> None:
    row = {"name": "never", "category": "performance", "run": ["observe"], "why": "w",
           "when": {"others_hold": True, "others_fell": True}}  # fmt: skip
    document["rules"] = [row, *document["rules"]]


def _spoil_fitting(document: dict[str, Any]) -> None:
    document["rules"] = [row for row in document["rules"] if row["name"] != "fairness-on-bad-data"]


def _spoil_nothing_to_run(document: dict[str, Any]) -> None:
    document["rules"][0]["run"] = []


def _spoil_watch_and_act(document: dict[str, Any]) -> None:
    document["rules"][0]["run"] = ["observe", "rollback"]


def _spoil_importance(document: dict[str, Any]) -> None:
    document["severity"]["fairness"]["low"] = "SEV1"


def _spoil_severity_gap(document: dict[str, Any]) -> None:
    document["severity_rules"].pop()


def _spoil_severity_order(document: dict[str, Any]) -> None:
    document["severity_rules"].reverse()


def _spoil_severity_contradiction(document: dict[str, Any]) -> None:
    lasting = next(row for row in document["severity_rules"] if row["name"] == "lasting")
    document["severity_rules"].insert(0, {**lasting, "name": "lasting-is-milder", "steps": -1})


def _spoil_severity_source(document: dict[str, Any]) -> None:
    del document["severity_rules"][0]["source"]


def _spoil_severity_steps(document: dict[str, Any]) -> None:
    document["severity_rules"][0]["steps"] = 9


def _spoil_severity_fact(document: dict[str, Any]) -> None:
    document["severity_rules"][0]["when"] = {"gros": True}


def _spoil_persistence_gap(document: dict[str, Any]) -> None:
    document["persistence"][0]["categories"].remove("fairness")


def _spoil_persistence_twice(document: dict[str, Any]) -> None:
    document["persistence"][1]["categories"].append("fairness")


def _spoil_persistence_count(document: dict[str, Any]) -> None:
    document["persistence"][1]["breached"] = 4


def _spoil_duties_order(document: dict[str, Any]) -> None:
    document["duties"]["SEV1"]["resolve_hours"] = 9


def _spoil_duties_clock(document: dict[str, Any]) -> None:
    document["duties"]["SEV4"]["acknowledge_minutes"] = 168 * 60 + 1


def _spoil_duties_ladder(document: dict[str, Any]) -> None:
    document["duties"]["SEV4"]["ladder"] = []


def _spoil_containment(document: dict[str, Any]) -> None:
    document["containment"] = ["rollback", "retrain"]


def _spoil_review(document: dict[str, Any]) -> None:
    document["reviewed_on"] = "last week"


def _spoil_schema(document: dict[str, Any]) -> None:
    document["schema_version"] = 1


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
        (_spoil_playbook, "names playbook 'pray', which is not there. Known: observe"),
        (_spoil_fact, "unknown key 'wid'. Did you mean 'wide'"),
        (_spoil_role, "choose from: data-science"),
        (_spoil_hours, "write a number over 0"),
        (_spoil_twice, "two rules are called 'tamper'"),
        (_spoil_contradiction, "rules 'tamper' and 'tamper-too' have the same when and contradict"),
        (_spoil_together, "can never fire after 'drift-True' and 'drift-False'"),
        (_spoil_impossible, "others_hold: true and others_fell: true exclude each other"),
        (_spoil_fitting, "rule 'fairness-standing' would mitigate_bias on bad data. Put a row for fairness"),
        (_spoil_nothing_to_run, "write each playbook once, at least one"),
        (_spoil_watch_and_act, "observe only alone"),
        (_spoil_importance, "severity.fairness is milder for a more important model"),
        (_spoil_severity_gap, "no severity rule without a when"),
        (_spoil_severity_order, "can never fire after 'as-usual'"),
        (_spoil_severity_contradiction, "rules 'lasting-is-milder' and 'lasting' have the same when"),
        (_spoil_severity_source, "key 'source' is missing"),
        (_spoil_severity_steps, "write a whole number from -3 to 3"),
        (_spoil_severity_fact, "unknown key 'gros'. Did you mean 'gross'"),
        (_spoil_persistence_gap, "persistence has no row for fairness"),
        (_spoil_persistence_twice, "fairness stands in row 'at-once' already"),
        (_spoil_persistence_count, "4 of 3 windows can never be"),
        (_spoil_duties_order, "duties give SEV1 more time than SEV2"),
        (_spoil_duties_clock, "resolved before it is acknowledged"),
        (_spoil_duties_ladder, "name each who answers once"),
        (_spoil_containment, "containment holds retrain, and a new fit never serves unasked"),
        (_spoil_review, "write a day such as 2026-12-31"),
        (_spoil_schema, "schema_version is 1; this release reads 2"),
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


def test_the_packaged_policy_is_plain_yaml() -> None:
    """It is read by other tools, too: no tags, no anchors, one document."""
    assert isinstance(POLICY, Policy)
    assert yaml.safe_load(yaml.safe_dump(written())) == written()


def test_a_rule_may_run_a_teams_own_playbook_where_it_is_there() -> None:
    """Known by name it is read, by digest and override, too; unknown it is refused with the nearest known."""
    document = written()
    for rule in document["rules"]:
        if rule["name"] == "leak":
            rule["run"] = ["warn_desk", "mask"]
    known = (*PLAYBOOKS, "warn_desk")
    policy = policy_from_document(document, "mine.yaml", known)
    assert policy.rule_for(Category.PRIVACY_LEAK, dict.fromkeys(FACTS, False)).run == ("warn_desk", "mask")
    changed = policy.overridden({"baking_windows": 2}, "model 'm'")
    assert changed.rule_for(Category.PRIVACY_LEAK, dict.fromkeys(FACTS, False)).run == ("warn_desk", "mask")
    with pytest.raises(PolicyError, match=r"'warn_desk', which is not there\. Known: observe, "):
        policy_from_document(document, "mine.yaml")
    with pytest.raises(PolicyError, match=r"'warn_desk', which is not there\. Did you mean 'warn_disk'\?"):
        policy_from_document(document, "mine.yaml", (*PLAYBOOKS, "warn_disk"))


def test_own_playbooks_that_cannot_be_read_are_not_known(tmp_path: Path) -> None:
    """A broken file is told by whoever reads playbooks; a policy cannot name it."""
    document = written()
    document["rules"][0]["run"] = ["unplug"]
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(document))
    (tmp_path / "unplug.yaml").write_text("- no playbook")
    with pytest.raises(PolicyError, match="'unplug', which is not there"):
        load_policy(tmp_path / "mine.yaml", tmp_path)

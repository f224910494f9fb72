"""The packaged policy answers every case, gives its reasons, and has one digest."""

from itertools import pairwise, product
from pathlib import Path

import pytest
import yaml
from amends.adapters.files import load_policy
from amends.domain.findings import Category
from amends.domain.policy import FACTS, PLAYBOOKS, SEVERITIES, Policy, policy_from_document
from amends.domain.rules import GRADES
from amends.domain.severity import grade
from amends.domain.spec import IMPORTANCES
from amends.errors import PolicyError
from samples import written

POLICY = load_policy()


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

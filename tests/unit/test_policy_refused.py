"""A policy with a gap, a contradiction or a row that can never fire is refused with the way out."""

from typing import Any

import pytest
from amends.domain.policy import policy_from_document
from amends.errors import PolicyError
from samples import written


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

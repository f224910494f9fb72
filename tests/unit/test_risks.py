"""Accepted risks are shown and not raised until they run out; rehearsing checks say what they would do."""

from datetime import date
from typing import Any

import pytest
from amends.adapters.files import load_policy
from amends.domain.decision import Situation, decide, facts_of, weigh
from amends.domain.explanation import aside_lines, told_aside
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.policy import Policy
from amends.errors import PolicyError

POLICY = load_policy()
RISK = {
    "category": "fairness",
    "attribute": "sex",
    "until": "2026-06-30",
    "reason": "law asks for it",
    "by": "ada",
}
SEX = Finding(category=Category.FAIRNESS, metric="selection_rate_ratio", verdict=Verdict.BREACH,
              reason="women 0.7 of men", attribute="sex", value=0.7, threshold=0.8)  # fmt: skip
RACE = Finding(category=Category.FAIRNESS, metric="selection_rate_ratio", verdict=Verdict.BREACH,
               reason="race gap", attribute="race", value=0.7, threshold=0.8)  # fmt: skip
DRIFT = Finding(category=Category.DATA_DRIFT, metric="population_stability_index", verdict=Verdict.BREACH,
                reason="income shifted", column="income", value=0.5, threshold=0.25)  # fmt: skip


def policy(**changes: Any) -> Policy:
    """The default policy with a spec's changes."""
    return POLICY.overridden(changes, "model 'm'")


def at(day: str) -> Situation:
    """A window whose last row is of that day, late in the evening."""
    return Situation(inputs=("income", "debt"), window_end=f"{day}T23:59:59+00:00")


def said(changed: Policy, day: str, *findings: Finding) -> tuple[Any, dict[str, Any]]:
    """The call, and what is told beside it."""
    given: dict[str, Any] = {"importance": "high", "policy": changed, "situation": at(day)}
    return decide(findings, **given), told_aside(findings, **given)


def test_an_accepted_risk_is_shown_and_not_raised() -> None:
    """On the last day of its time it still holds; finding and risk are named together."""
    call, beside = said(policy(accepted_risks=[RISK]), "2026-06-30", SEX)
    assert call is None
    (accepted,) = beside["accepted"]
    assert accepted["finding"]["reason"] == "women 0.7 of men"
    assert accepted["risk"] == {**RISK, "metric": None, "column": None}
    assert aside_lines(beside) == ["accepted by ada until 2026-06-30 (law asks for it): women 0.7 of men"]


def test_an_expired_risk_is_raised_and_says_so() -> None:
    """The day after, the same finding opens an incident that names the acceptance."""
    call, beside = said(policy(accepted_risks=[RISK]), "2026-07-01", SEX)
    assert call.category == "fairness"
    assert call.because[-1] == "the risk of fairness that ada accepted until 2026-06-30 has run out"
    assert beside["accepted"] == []


def test_a_window_without_times_accepts_nothing() -> None:
    """What cannot be told to hold does not hold."""
    changed = policy(accepted_risks=[RISK])
    assert decide([SEX], importance="high", policy=changed, situation=Situation()) is not None


def test_a_risk_covers_what_it_names_and_nothing_else() -> None:
    """Another attribute is raised; so is an intersection of the accepted one."""
    both = Finding(category=Category.FAIRNESS, metric="m", verdict=Verdict.BREACH, reason="r",
                   attribute=("sex", "race"))  # fmt: skip
    changed = policy(accepted_risks=[RISK])
    for other in (RACE, both, DRIFT):
        call, beside = said(changed, "2026-06-01", SEX, other)
        assert call.categories == (str(other.category),)
        assert len(beside["accepted"]) == 1


def test_a_risk_may_name_several_columns_together_or_a_metric() -> None:
    """A list stands for an intersection; a metric narrows further."""
    both = Finding(category=Category.FAIRNESS, metric="m", verdict=Verdict.BREACH, reason="r",
                   attribute=("sex", "race"))  # fmt: skip
    assert (
        said(policy(accepted_risks=[{**RISK, "attribute": ["sex", "race"]}]), "2026-06-01", both)[0] is None
    )
    assert said(policy(accepted_risks=[{**RISK, "metric": "other"}]), "2026-06-01", SEX)[0] is not None


def test_a_check_that_could_not_run_is_nobodys_accepted_risk() -> None:
    """An error of an accepted check is a monitor failure as ever."""
    broken = Finding(
        category=Category.FAIRNESS, metric="m", verdict=Verdict.ERROR, reason="r", attribute="sex"
    )
    call, _ = said(policy(accepted_risks=[RISK]), "2026-06-01", broken)
    assert call.category == "monitor_failure"


def test_a_longer_acceptance_of_the_same_risk_holds() -> None:
    """An old entry that ran out does not speak where a newer one holds."""
    newer = {**RISK, "until": "2026-12-31", "by": "bob"}
    call, beside = said(policy(accepted_risks=[RISK, newer]), "2026-07-01", SEX)
    assert call is None
    assert beside["accepted"][0]["risk"]["by"] == "bob"


def test_days_may_be_written_as_yaml_has_them() -> None:
    """A day without quotes is read as one, and gives the same digest."""
    as_day = policy(accepted_risks=[{**RISK, "until": date(2026, 6, 30)}])
    assert as_day.digest == policy(accepted_risks=[RISK]).digest


def without(key: str) -> dict[str, Any]:
    """A risk that lacks a key."""
    return {name: value for name, value in RISK.items() if name != key}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"accepted_risks": [without("until")]}, "accepted_risks[0]: key 'until' is missing. Add it"),
        ({"accepted_risks": [without("by")]}, "key 'by' is missing"),
        ({"accepted_risks": [{**RISK, "reason": " "}]}, "write a text that says why"),
        ({"accepted_risks": [{**RISK, "until": "some day"}]}, "write a day such as 2026-12-31"),
        ({"accepted_risks": [{**RISK, "until": None}]}, "write a day such as 2026-12-31"),
        ({"accepted_risks": [{**RISK, "category": "fairnes"}]}, "choose from: data_quality"),
        (
            {"accepted_risks": [{**RISK, "atribute": "sex"}]},
            "unknown key 'atribute'. Did you mean 'attribute'",
        ),
        ({"accepted_risks": [{**RISK, "column": 3}]}, "write one name, or a list of names"),
        ({"accepted_risks": RISK}, "accepted_risks is not a list of rows"),
        ({"accepted_risks": None}, "accepted_risks is not a list of rows"),
        ({"accepted_risks": ["fairness"]}, "write a mapping of keys to values"),
        ({"rehearse": ["fairnes"]}, "'fairnes' is no category. Did you mean 'fairness'"),
        ({"rehearse": [3]}, "write the name of a metric or a category"),
        ({"rehearse": "fairness"}, "rehearse is not a list of rows"),
        ({"accepted": []}, "unknown key 'accepted'. Did you mean 'accepted_risks'"),
    ],
)
def test_a_wrong_entry_is_refused_with_the_way_out(changes: dict[str, Any], words: str) -> None:
    """One line names the model, the place and what to write."""
    with pytest.raises(PolicyError) as refused:
        policy(**changes)
    assert words in str(refused.value)
    assert str(refused.value).startswith("model 'm'")
    assert "\n" not in str(refused.value)


@pytest.mark.parametrize("name", ["data_drift", "population_stability_index"])
def test_a_rehearsing_check_opens_nothing_and_says_what_it_would_have(name: str) -> None:
    """By category or by metric; the finding stays on record."""
    call, beside = said(policy(rehearse=[name]), "2026-06-01", DRIFT)
    assert call is None
    assert beside["rehearsed"]["would_have"]["playbooks"] == ["revalidate"]
    assert [one["column"] for one in beside["rehearsed"]["findings"]] == ["income"]
    assert aside_lines(beside) == [
        "rehearsed: income shifted",
        "rehearsed: would have opened SEV3 data_drift; revalidate",
    ]


def test_a_rehearsing_check_does_not_bend_what_others_decide() -> None:
    """Drift that rehearses does not turn a bad release into a retrain."""
    loss = Finding(category=Category.PERFORMANCE, metric="auc", verdict=Verdict.BREACH, reason="auc fell")
    situation = Situation(inputs=("income",), new_version="2", window_end="2026-06-01T00:00:00")
    for rehearse, playbooks in (([], ("retrain",)), (["data_drift"], ("rollback", "retrain"))):
        changed = policy(rehearse=rehearse)
        call = decide([loss, DRIFT], importance="high", policy=changed, situation=situation)
        assert call is not None
        assert call.playbooks[: len(playbooks)] == playbooks
    acting = weigh([loss, DRIFT], importance="high", policy=changed, situation=situation).parts.acting
    assert not facts_of(acting, changed, situation)["drifted"]


def test_a_name_that_no_check_has_is_said() -> None:
    """A mistyped metric would otherwise go live unseen."""
    _, beside = said(policy(rehearse=["psii", "data_drift"]), "2026-06-01", DRIFT)
    assert beside["rehearsed"]["idle"] == ["psii"]
    assert "rehearse names psii, which no check of this window has" in aside_lines(beside)


def test_without_either_the_document_says_so() -> None:
    """The keys are always there."""
    assert said(POLICY, "2026-06-01", SEX)[1] == {"accepted": [], "rehearsed": None}

"""Explanation: each rule that fired, each that nearly did and what it lacked, and what was held back."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

from amends.domain.decision import ALONE, Situation, Standing, Weighed, decide, of_category
from amends.domain.findings import Finding, Verdict
from amends.domain.policy import Policy
from amends.domain.risks import AcceptedRisk, sort_out
from amends.domain.rules import Rule, SeverityRule

Document = dict[str, Any]


def explanation(
    weighed: Weighed, policy: Policy, *, importance: str, standing: Standing = ALONE,
    overridden: Sequence[str] = (),
) -> Document:  # fmt: skip
    """Explain a decision as JSON: rules, severity rules, what was held back, risks, doubts."""
    return {
        "facts": dict(weighed.facts),
        "rules": [_fired(rule, weighed) for rule in weighed.rules],
        "nearly": [one for rule in weighed.rules for one in _nearly(rule, policy, weighed.facts)],
        "severity": [
            {
                "category": one.category,
                "importance": importance,
                "usual": one.usual,
                "severity": one.severity,
                "rule": one.rule.name,
                "why": one.rule.why,
                "counted": one.category in weighed.counted,
                "facts": dict(one.facts),
                "nearly": [_lacking(rule, one.facts, one.rule) for rule in policy.severity_rules
                           if _is_near(rule, one.facts, one.rule)],
            }
            for one in weighed.grades
        ],
        "held": dict(standing.held),
        "in_a_row": dict(standing.in_a_row),
        "overridden": list(overridden),
        "accepted": accepted_document(weighed.parts.accepted),
        "expired": accepted_document(weighed.parts.expired),
        "rehearsed": [about(one) for one in weighed.parts.rehearsed if one.verdict is not Verdict.PASS],
        "undecided": _undecided(weighed),
    }  # fmt: skip


def told_aside(
    findings: Sequence[Finding], *, importance: str, policy: Policy, situation: Situation
) -> Document:
    """What an assessment says beside its call: accepted risks, and what rehearsing checks would have done."""
    parts = sort_out(findings, policy.accepted_risks, policy.rehearse, situation.window_end)
    if not policy.rehearse:
        return {"accepted": accepted_document(parts.accepted), "rehearsed": None}
    call = decide(findings, importance=importance, policy=policy, situation=situation)
    in_earnest = replace(policy, rehearse=())
    would = decide(findings, importance=importance, policy=in_earnest, situation=situation)
    names = {name for one in findings for name in (one.metric, str(one.category))}
    return {
        "accepted": accepted_document(parts.accepted),
        "rehearsed": {
            "would_have": would.document() if would and would != call else None,
            "findings": [about(one) for one in parts.rehearsed if one.is_breach],
            "idle": [name for name in policy.rehearse if name not in names],
        },
    }


def aside_lines(document: Mapping[str, Any]) -> list[str]:
    """Tell :func:`told_aside` to people."""
    rehearsed = document["rehearsed"] or {"would_have": None, "findings": [], "idle": []}
    would = rehearsed["would_have"]
    return [
        *(_accepted_line(one) for one in document["accepted"]),
        *(f"rehearsed: {one['reason']}" for one in rehearsed["findings"]),
        *([_would_have(would)] if would else []),
        *(f"rehearse names {name}, which no check of this window has" for name in rehearsed["idle"]),
    ]  # fmt: skip


def _would_have(call: Mapping[str, Any]) -> str:
    return f"rehearsed: would have opened {call['severity']} {call['category']}; {_listed(call['playbooks'])}"


def accepted_document(pairs: Sequence[tuple[Finding, AcceptedRisk]]) -> list[Document]:
    """Findings with the risk that speaks of each."""
    return [{"finding": about(finding), "risk": risk.document()} for finding, risk in pairs]


def about(finding: Finding) -> Document:
    """What a finding is about, and what it says."""
    wanted = ("category", "metric", "column", "attribute", "groups", "verdict", "reason")
    return {name: value for name, value in finding.document().items() if name in wanted}


def _fired(rule: Rule, weighed: Weighed) -> Document:
    mine = of_category(weighed.parts.acting, rule.category)
    return {**_plain(rule), "findings": [one.reason for one in mine]}


def _nearly(fired: Rule, policy: Policy, facts: Mapping[str, bool]) -> list[Document]:
    mine = [rule for rule in policy.rules if rule.category == fired.category]
    return [_lacking(rule, facts, fired) for rule in mine if _is_near(rule, facts, fired)]


def _is_near(rule: Rule | SeverityRule, facts: Mapping[str, bool], fired: Rule | SeverityRule) -> bool:
    """Whether all of a row's conditions but one were met, or all and an earlier row spoke first."""
    lacking = len(rule.missing(facts))
    return rule is not fired and bool(rule.when) and lacking < min(2, len(rule.when))


def _lacking(rule: Rule | SeverityRule, facts: Mapping[str, bool], fired: Rule | SeverityRule) -> Document:
    missing = rule.missing(facts)
    return {**_plain(rule), "missing": missing, "after": None if missing else fired.name}


def _plain(rule: Rule | SeverityRule) -> Document:
    return {
        name: list(v) if isinstance(v, tuple) else v for name, v in asdict(rule).items() if name != "source"
    }


def _undecided(weighed: Weighed) -> list[Document]:
    doubtful = [one for one in weighed.parts.acting if one.verdict is Verdict.INCONCLUSIVE]
    return [about(one) for one in doubtful if str(one.category) not in weighed.categories]


def lines(document: Mapping[str, Any]) -> list[str]:
    """Tell an explanation to people, one line each."""
    if "error" in document:
        return [f"it cannot be explained: {document['error']}"]
    return [
        *(f"rule {one['name']} fired: {_conditions(one['when'])}; {_listed(one['run'])}"
          for one in document["rules"]),
        *(f"rule {one['name']} nearly fired: {_why_not(one)}; it would {_listed(one['run'])}"
          for one in document["nearly"]),
        *(line for one in document["severity"] for line in _severity_lines(one)),
        *(f"{category} was held back: {why}" for category, why in document["held"].items()),
        *(f"{category} acted in {n} windows in a row, unanswered"
          for category, n in document["in_a_row"].items() if n > 1),
        *document["overridden"],
        *(_accepted_line(one) for one in document["accepted"]),
        *(f"{_accepted_line(one)}, and it has run out" for one in document["expired"]),
        *(f"rehearsed only: {one['reason']}" for one in document["rehearsed"]),
        *(f"{one['category']} cannot be told: {one['reason']}" for one in document["undecided"]),
    ]  # fmt: skip


def _severity_lines(one: Mapping[str, Any]) -> list[str]:
    follows = "" if one["counted"] else "; it follows from bad data and does not count"
    first = (
        f"severity of {one['category']}: {one['usual']} by importance {one['importance']}, "
        f"{one['severity']} by rule {one['rule']}{follows}"
    )
    return [first, *(f"severity rule {near['name']} nearly fired for {one['category']}: {_why_not(near)}"
                     for near in one["nearly"])]  # fmt: skip


def _accepted_line(one: Mapping[str, Any]) -> str:
    risk = one["risk"]
    return f"accepted by {risk['by']} until {risk['until']} ({risk['reason']}): {one['finding']['reason']}"


def _why_not(one: Mapping[str, Any]) -> str:
    return f"it lacks {_conditions(one['missing'])}" if one["missing"] else f"rule {one['after']} came first"


def _conditions(when: Mapping[str, bool]) -> str:
    said = [
        name.replace("_", " ") if wanted else f"not {name.replace('_', ' ')}" for name, wanted in when.items()
    ]
    return " and ".join(said) or "no condition"


def _listed(run: Sequence[str]) -> str:
    return ", then ".join(run)

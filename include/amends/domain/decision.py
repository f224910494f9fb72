"""The decision: what findings ask for under a policy. Pure, total, the same every time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from amends.domain.assessment import Call
from amends.domain.canonical import canonical_json
from amends.domain.diagnosis import CHANGE, RANKING, Situation, columns_of, facts_of
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.policy import Policy
from amends.domain.risks import AcceptedRisk, Sorted, sort_out
from amends.domain.rules import Rule
from amends.domain.severity import Grade, grade, grading_facts, gravest, times_limit, told

__all__ = ["ALONE", "CHANGE", "RANKING", "Situation", "Standing", "Weighed", "decide", "facts_of", "weigh"]

MOST_REASONS = 3
"""Findings that one line of a decision names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """What the windows before this one add.

    ``held``: categories that do not act yet, and why. ``in_a_row``: windows, this one included, in which a
    category acted and was not answered.
    """

    held: Mapping[str, str] = field(default_factory=dict)
    in_a_row: Mapping[str, int] = field(default_factory=dict)


ALONE = Standing()
"""A window of which nothing is known beside its own findings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """A decision with all that it rests on.

    ``rules`` and ``grades`` stand in the order of ``categories``; ``counted``: categories that count for the
    severity, since they do not just follow from bad data.
    """

    parts: Sorted
    facts: Mapping[str, bool]
    categories: tuple[str, ...]
    rules: tuple[Rule, ...]
    grades: tuple[Grade, ...]
    counted: tuple[str, ...]

    @property
    def grade(self) -> Grade:
        """The grade that the incident has."""
        return gravest([one for one in self.grades if one.category in self.counted])

    def call(self, importance: str) -> Call | None:
        """The call, or None where nothing has to be done."""
        if not self.categories:
            return None
        playbooks = tuple(dict.fromkeys(playbook for rule in self.rules for playbook in rule.run))
        return Call(
            category=self.categories[0],
            categories=self.categories,
            severity=self.grade.severity,
            playbook=playbooks[0],
            playbooks=playbooks,
            because=(
                told(self.grade, importance),
                *(_because(rule, self.parts.acting) for rule in self.rules),
                *sorted({_expired(*pair) for pair in self.parts.expired}),
            ),
        )


def decide(
    findings: Sequence[Finding], *, importance: str, policy: Policy, situation: Situation | None = None,
    standing: Standing = ALONE,
) -> Call | None:  # fmt: skip
    """Say what has to be done, or None where nothing has to be.

    Only a breach asks for an incident; a check that could not run (``error``) is a monitor failure.
    Inconclusive and missing evidence are shown to people but never act by themselves; neither does an
    accepted risk, nor a check that only rehearses.
    """
    weighed = weigh(findings, importance=importance, policy=policy, situation=situation, standing=standing)
    return weighed.call(importance)


def weigh(
    findings: Sequence[Finding], *, importance: str, policy: Policy, situation: Situation | None = None,
    standing: Standing = ALONE,
) -> Weighed:  # fmt: skip
    """Decide, and keep what the decision rests on."""
    situation = situation or Situation()
    parts = sort_out(findings, policy.accepted_risks, policy.rehearse, situation.window_end)
    facts = facts_of(parts.acting, policy, situation)
    categories = tuple(one for one in breached(parts.acting, policy) if one not in standing.held)
    rules = tuple(policy.rule_for(category, facts) for category in categories)
    counted = tuple(rule.category for rule in rules if not rule.when.get("bad_data")) or categories
    grades = tuple(
        grade(category, importance, policy, grading_facts(
            category, of_category(parts.acting, category), policy, inputs=situation.inputs,
            categories=len(counted), windows=standing.in_a_row.get(category, 1),
            slice_alone=facts["slice_alone"],
        ))
        for category in categories
    )  # fmt: skip
    return Weighed(
        parts=parts, facts=facts, categories=categories, rules=rules, grades=grades, counted=counted
    )


def breached(findings: Sequence[Finding], policy: Policy) -> tuple[str, ...]:
    """Breached categories in the policy's order."""
    found = {str(finding.category) for finding in findings if finding.is_breach}
    if any(finding.verdict is Verdict.ERROR for finding in findings):
        found.add(str(Category.MONITOR_FAILURE))
    return tuple(category for category in policy.precedence if category in found)


def of_category(findings: Sequence[Finding], category: str) -> list[Finding]:
    """Findings that make a category breach, the largest effect first, in an order of their own."""
    mine = [one for one in findings if one.category == category and one.is_breach]
    if category == Category.MONITOR_FAILURE:
        mine += [one for one in findings if one.verdict is Verdict.ERROR]
    return sorted(mine, key=lambda one: (-(times_limit(one) or 0.0), canonical_json(one.document())))


def _because(rule: Rule, findings: Sequence[Finding]) -> str:
    """One line: the rule, why it says so, and the findings it rests on."""
    mine = of_category(findings, rule.category)
    named = "; ".join(_named(finding) for finding in mine[:MOST_REASONS])
    more = f" and {len(mine) - MOST_REASONS} more" if len(mine) > MOST_REASONS else ""
    return f"rule {rule.name}: {rule.why} ({named}{more})"


def _named(finding: Finding) -> str:
    """A finding's reason, the column in front where the reason does not name it."""
    absent = [name for name in columns_of(finding) if name not in finding.reason]
    return f"{', '.join(absent)}: {finding.reason}" if absent else finding.reason


def _expired(finding: Finding, risk: AcceptedRisk) -> str:
    return f"the risk of {finding.category} that {risk.by} accepted until {risk.until} has run out"

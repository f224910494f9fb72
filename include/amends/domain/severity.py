"""How grave an incident is: the gravest of its categories, each moved by the severity rule that fits it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from amends.domain.canonical import finite
from amends.domain.diagnosis import CHANGE, columns_of
from amends.domain.findings import Category, Finding
from amends.domain.policy import SEVERITIES, Policy
from amends.domain.rules import SeverityRule

BY_CHANGE = (Category.PERFORMANCE, Category.CALIBRATION_DRIFT)
"""Categories whose threshold limits the change from the reference, not the value."""
SHARE_OF_ROWS = "_share"
"""Ending of a metric that is a share of the window's rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grade:
    """Severity of one category, and the rule that moved it there.

    ``usual``: by the table. ``facts``: what the rules asked.
    """

    category: str
    usual: str
    severity: str
    rule: SeverityRule
    facts: Mapping[str, bool]


def times_limit(finding: Finding) -> float | None:
    """How many times what is tolerated a value is.

    ``|value - reference| / limit`` where the limit is one of change, ``(1 - value) / (1 - limit)`` where a
    value lies under a floor (1 is best: a ratio, a share), else ``value / limit``.

    Range [0, inf), unitless; 1 is the limit itself. None where value or limit is unknown, or nothing at all
    is tolerated. A house rule, dated 2026-11-24.
    """
    value, limit, reference = (
        _number(n) for n in (finding.value, finding.threshold, finding.reference_value)
    )
    if value is None or limit is None:
        return None
    by_change = finding.category in BY_CHANGE or finding.metric.endswith(CHANGE)
    if by_change and reference is not None:
        distance = abs(value - reference)
    elif value < limit:
        distance, limit = 1 - value, 1 - limit
    else:
        distance = abs(value)
    return finite(distance / limit) if limit > 0 else None


def _number(value: float | None) -> float | None:
    """A plain finite number: a measure's own type must not reach a decision."""
    return None if value is None else finite(float(value))


def grading_facts(
    category: str, mine: Sequence[Finding], policy: Policy, *,
    inputs: Sequence[str] = (), categories: int = 1, windows: int = 1, slice_alone: bool = False,
) -> dict[str, bool]:  # fmt: skip
    """Answer what severity rules may ask about a category.

    - ``gross``: a breach is at least ``severity.gross`` times its limit;
    - ``broad``: more than ``severity.broad_share`` of the inputs, or of the rows where rows fail and no input
      does; or at least ``severity.broad_attributes`` sensitive attributes, each by itself;
    - ``many``: at least ``breadth`` categories breached at once;
    - ``lasting``: unanswered for so many windows in a row as ``severity.lasting_windows`` says;
    - ``irreversible``: no earlier version takes the harm back;
    - ``standing``: a gap between groups that the reference had already, and that did not grow;
    - ``slice_alone``: some slices of the rows, and nothing beyond them.
    """
    breaches = [finding for finding in mine if finding.is_breach]
    effects = [times_limit(finding) or 0.0 for finding in breaches]
    return {
        "gross": max(effects, default=0.0) >= policy.limit("severity.gross"),
        "broad": _is_broad(breaches, policy, inputs),
        "many": categories >= policy.breadth,
        "lasting": windows >= policy.limit("severity.lasting_windows"),
        "irreversible": category in policy.irreversible,
        "standing": category == Category.FAIRNESS
        and not any(one.metric.endswith(CHANGE) for one in breaches),
        "slice_alone": slice_alone and category == Category.PERFORMANCE,
    }


def _is_broad(breaches: Sequence[Finding], policy: Policy, inputs: Sequence[str]) -> bool:
    share = policy.limit("severity.broad_share")
    columns = {name for finding in breaches for name in columns_of(finding)} & set(inputs)
    attributes = {finding.attribute for finding in breaches if isinstance(finding.attribute, str)}
    whole = [one for one in breaches if not set(columns_of(one)) & set(inputs)]
    rows = [one.value for one in whole if one.metric.endswith(SHARE_OF_ROWS) and one.value is not None]
    return (
        (len(columns) > 1 and len(columns) > share * len(inputs))
        or len(attributes) >= policy.limit("severity.broad_attributes")
        or any(float(value) > share for value in rows)
    )


def grade(category: str, importance: str, policy: Policy, facts: Mapping[str, bool]) -> Grade:
    """Grade one category on a model of some importance."""
    usual, rule = policy.severities[category][importance], policy.severity_rule_for(facts)
    place = min(max(SEVERITIES.index(usual) - rule.steps, 0), len(SEVERITIES) - 1)
    return Grade(category=category, usual=usual, severity=SEVERITIES[place], rule=rule, facts=facts)


def gravest(grades: Sequence[Grade]) -> Grade:
    """The gravest grade; of several the first one. Unsure: the higher (PagerDuty)."""
    return min(grades, key=lambda one: one.severity)


def told(one: Grade, importance: str) -> str:
    """One line: the severity, and the rule that moved it."""
    line = f"severity {one.usual}: {one.category} on a model of {importance} importance"
    if one.severity == one.usual:
        return line
    verb = "raised" if one.severity < one.usual else "lowered"
    return f"{line}; {verb} to {one.severity} by rule {one.rule.name}: {one.rule.why}"

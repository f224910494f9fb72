"""The decision: what findings ask for under a policy. Pure, total, the same every time."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from amends.domain.assessment import Call
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.policy import Policy, Rule
from amends.domain.severity import severity_of

CHANGE = "_change"
"""Ending of a metric that compares the window with the reference."""
QUALITY = (Category.DATA_QUALITY, Category.LABEL_QUALITY)
RANKING = "auc"
"""Metric that recalibration cannot change: where it holds, the order of the scores is as good as before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What a decision has to know beside the findings.

    ``inputs``: the model's input columns.
    ``new_version``: a newly arrived version that answers for the window.
    """

    inputs: tuple[str, ...] = ()
    new_version: str | None = None

    def document(self) -> dict[str, Any]:
        """Return the situation as JSON."""
        return {**asdict(self), "inputs": list(self.inputs)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Situation":
        """Rebuild a situation from :meth:`document`."""
        return cls(inputs=tuple(document["inputs"]), new_version=document["new_version"])


def decide(
    findings: Sequence[Finding], *, importance: str, policy: Policy, situation: Situation | None = None
) -> Call | None:
    """Say what has to be done, or None where nothing has to be.

    Only a breach asks for an incident; a check that could not run (``error``) is a monitor failure.
    Inconclusive and missing evidence are shown to people but never act by themselves.
    """
    breached = _breached(findings, policy)
    if not breached:
        return None
    facts = facts_of(findings, policy, situation or Situation())
    rules = [policy.rule_for(category, facts) for category in breached]
    independent = [rule.category for rule in rules if not rule.when.get("bad_data")]
    severity, graded = severity_of(independent, importance, policy)
    playbooks = tuple(dict.fromkeys(playbook for rule in rules for playbook in rule.run))
    return Call(
        category=breached[0],
        categories=breached,
        severity=severity,
        playbook=(playbooks or ("observe",))[0],
        playbooks=playbooks or ("observe",),
        because=(graded, *(_because(rule, findings) for rule in rules)),
    )


def facts_of(findings: Sequence[Finding], policy: Policy, situation: Situation) -> dict[str, bool]:
    """Answer the questions that rules may ask.

    - ``bad_data``: a check of the data's or the labels' quality failed; ``wide``: the data failed as a batch,
      in a column that is no input, or in more than ``quality.wide_share`` of the inputs;
    - ``drifted``: an input drifted; ``new_version``: as :class:`Situation` says;
    - ``worsened``: a fairness gap grew;
    - ``performance_lost`` and ``performance_known``: by the labels that have arrived;
    - ``ranking_holds``: the order of the scores is as good as before; ``miscalibrated``: their size is not;
    - ``others_hold``: another version of the same window is as good as before in all that was judged of it.
    """
    breaches = [finding for finding in findings if finding.is_breach]
    bad = [finding for finding in breaches if finding.category is Category.DATA_QUALITY]
    fairness = [finding for finding in breaches if finding.category is Category.FAIRNESS]
    judged = {Verdict.PASS, Verdict.BREACH}
    performance = [finding for finding in findings if finding.category is Category.PERFORMANCE]
    ranking = [finding for finding in performance if finding.metric == RANKING and not finding.groups]
    return {
        "bad_data": any(finding.category in QUALITY for finding in breaches),
        "wide": _is_wide(bad, policy, situation),
        "drifted": any(finding.category is Category.DATA_DRIFT for finding in breaches),
        "new_version": situation.new_version is not None,
        "worsened": any(finding.metric.endswith(CHANGE) for finding in fairness),
        "performance_lost": any(finding.is_breach for finding in performance),
        "performance_known": any(finding.verdict in judged for finding in performance),
        "ranking_holds": bool(ranking) and all(finding.verdict is Verdict.PASS for finding in ranking),
        "others_hold": _others_hold(findings, situation),
        "miscalibrated": any(finding.category is Category.CALIBRATION_DRIFT for finding in breaches),
    }


def _others_hold(findings: Sequence[Finding], situation: Situation) -> bool:
    verdicts: dict[str, list[bool]] = {}
    for one in findings:
        if one.category in {Category.PERFORMANCE, Category.CALIBRATION_DRIFT} and one.groups:
            verdicts.setdefault(one.groups[0], []).append(one.verdict is Verdict.PASS)
    return any(all(passed) for version, passed in verdicts.items() if version != situation.new_version)


def _breached(findings: Sequence[Finding], policy: Policy) -> tuple[str, ...]:
    """Breached categories in the policy's order."""
    found = {str(finding.category) for finding in findings if finding.is_breach}
    if any(finding.verdict is Verdict.ERROR for finding in findings):
        found.add(str(Category.MONITOR_FAILURE))
    return tuple(category for category in policy.precedence if category in found)


def _is_wide(bad: Sequence[Finding], policy: Policy, situation: Situation) -> bool:
    columns = {name for finding in bad for name in _columns(finding)}
    if any(not _columns(finding) for finding in bad) or not columns <= set(situation.inputs):
        return bool(bad)
    return len(columns) > policy.limit("quality.wide_share") * len(situation.inputs) and len(columns) > 1


def _columns(finding: Finding) -> tuple[str, ...]:
    column = finding.column
    return (column,) if isinstance(column, str) else column or ()


def _because(rule: Rule, findings: Sequence[Finding]) -> str:
    """One line: the rule, why it says so, and the findings it rests on."""
    mine = [finding for finding in findings if finding.category == rule.category and finding.is_breach]
    mine = mine or [finding for finding in findings if finding.verdict is Verdict.ERROR]
    named = "; ".join(finding.reason for finding in mine[:3])
    more = f" and {len(mine) - 3} more" if len(mine) > 3 else ""  # noqa: PLR2004 - three are enough for a line
    return f"rule {rule.name}: {rule.why} ({named}{more})"

"""Diagnosis: the questions that the decision table asks about a window, answered from its findings."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from amends.domain.findings import Category, Finding, Verdict
from amends.domain.policy import Policy

CHANGE = "_change"
"""Ending of a metric that compares the window with the reference."""
SLICE = "worst_slice"
"""Beginning of a metric that speaks of one slice of the rows, named by ``column`` and ``groups``."""
QUALITY = (Category.DATA_QUALITY, Category.LABEL_QUALITY)
JUDGED = (Verdict.PASS, Verdict.BREACH)
BY_VERSION = (Category.PERFORMANCE, Category.CALIBRATION_DRIFT)
"""Categories that are judged by version, too."""
RANKING = "auc"
"""Metric that recalibration cannot change: where it holds, the order of the scores is as good as before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Situation:
    """What a decision has to know beside the findings.

    ``inputs``: the model's input columns.
    ``new_version``: a newly arrived version that answers for the window.
    ``window_end``: last event time of the window (ISO 8601), against which accepted risks run out.
    """

    inputs: tuple[str, ...] = ()
    new_version: str | None = None
    window_end: str | None = None

    def document(self) -> dict[str, Any]:
        """Return the situation as JSON."""
        return {**asdict(self), "inputs": list(self.inputs)}

    @classmethod
    def from_document(cls, document: Mapping[str, Any]) -> "Situation":
        """Rebuild a situation from :meth:`document`."""
        return cls(
            inputs=tuple(document["inputs"]),
            new_version=document["new_version"],
            window_end=document.get("window_end"),
        )


def facts_of(findings: Sequence[Finding], policy: Policy, situation: Situation) -> dict[str, bool]:
    """Answer the questions that rules may ask.

    - ``bad_data``: a check of the data's or the labels' quality failed; ``wide``: the data failed as a batch,
      in a column that is no input, or in more than ``quality.wide_share`` of the inputs;
    - ``drifted``: an input drifted; ``new_version``: as :class:`Situation` says;
    - ``worsened``: a fairness gap grew; ``other_answers``: scores follow other inputs than they did;
    - ``performance_lost`` and ``performance_known``: by the labels that have arrived;
    - ``slice_alone``: performance was lost on slices of the rows, and neither overall nor for a version;
    - ``ranking_holds``: the order of the scores is as good as before; ``miscalibrated``: their size is not;
    - ``others_hold``: another version of the same window is as good as before in all that was judged of it;
    - ``others_fell``: another version is worse than before, too, and none of them holds.
    """
    breaches = [finding for finding in findings if finding.is_breach]
    bad = [finding for finding in breaches if finding.category is Category.DATA_QUALITY]
    others = _other_versions(findings, situation)
    hold = any(said == {Verdict.PASS} for said in others)
    return {
        "bad_data": any(finding.category in QUALITY for finding in breaches),
        "wide": _is_wide(bad, policy, situation),
        "drifted": any(finding.category is Category.DATA_DRIFT for finding in breaches),
        "new_version": situation.new_version is not None,
        "worsened": any(
            one.category is Category.FAIRNESS and one.metric.endswith(CHANGE) for one in breaches
        ),
        "other_answers": any(finding.category is Category.ATTRIBUTION_SHIFT for finding in breaches),
        "miscalibrated": any(finding.category is Category.CALIBRATION_DRIFT for finding in breaches),
        "others_hold": hold,
        "others_fell": not hold and any(Verdict.BREACH in said for said in others),
        **_performance_facts(findings),
    }


def _performance_facts(findings: Sequence[Finding]) -> dict[str, bool]:
    performance = [finding for finding in findings if finding.category is Category.PERFORMANCE]
    lost = any(one.is_breach and not is_slice(one) for one in performance)
    ranking = [one for one in performance if one.metric == RANKING and not one.groups]
    return {
        "performance_known": any(one.verdict in JUDGED for one in performance),
        "performance_lost": lost,
        "slice_alone": not lost and any(one.is_breach for one in performance),
        "ranking_holds": bool(ranking) and all(one.verdict is Verdict.PASS for one in ranking),
    }


def is_slice(finding: Finding) -> bool:
    """Whether a finding on performance speaks of some rows only."""
    return finding.metric.startswith(SLICE)


def version_of(finding: Finding) -> str | None:
    """The version that a finding on performance or calibration speaks of; None where it is all rows."""
    about_rows = finding.column is None and finding.attribute is None and not is_slice(finding)
    return finding.groups[0] if finding.category in BY_VERSION and about_rows and finding.groups else None


def _other_versions(findings: Sequence[Finding], situation: Situation) -> list[set[Verdict]]:
    """What was said of each version of the window but the new one."""
    verdicts: dict[str, set[Verdict]] = {}
    for finding in findings:
        version = version_of(finding)
        if version is not None and version != situation.new_version:
            verdicts.setdefault(version, set()).add(finding.verdict)
    return list(verdicts.values())


def _is_wide(bad: Sequence[Finding], policy: Policy, situation: Situation) -> bool:
    columns = {name for finding in bad for name in columns_of(finding)}
    if any(not columns_of(finding) for finding in bad) or not columns <= set(situation.inputs):
        return bool(bad)
    return len(columns) > policy.limit("quality.wide_share") * len(situation.inputs) and len(columns) > 1


def columns_of(finding: Finding) -> tuple[str, ...]:
    """Columns that a finding speaks of."""
    column = finding.column
    return (column,) if isinstance(column, str) else column or ()

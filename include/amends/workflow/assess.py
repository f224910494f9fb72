"""Assess a window against its reference, from its rows' quality to its service's health; then decide."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from amends import __version__
from amends.domain.assessment import Assessment, WindowSummary
from amends.domain.decision import RANKING, Situation, decide
from amends.domain.diagnosis import version_of
from amends.domain.explanation import told_aside
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.policy import Policy
from amends.domain.spec import ModelSpec
from amends.measures.digests import WindowDigest, require_comparable
from amends.ports import Aside, FairnessMetrics, QualityGate, at_once
from amends.workflow.judge_attribution import disbelieved, judge_attribution
from amends.workflow.judge_drift import judge_drift
from amends.workflow.judge_fairness import judge_fairness
from amends.workflow.judge_labels import judge_labels
from amends.workflow.judge_leaks import judge_leaks
from amends.workflow.judge_mix import judge_mix
from amends.workflow.judge_performance import judge_performance
from amends.workflow.judge_proxies import judge_proxies
from amends.workflow.judge_service import judge_service


def assess(
    spec: ModelSpec, policy: Policy, reference: WindowDigest, current: WindowDigest,
    *, quality: QualityGate, fairness: FairnessMetrics, further: Sequence[Finding] = (),
    aside: Aside = at_once,
) -> Assessment:  # fmt: skip
    """Make every finding on a window and the call that the policy makes on them.

    The spec's ``policy`` section is applied to the policy first.

    :param further: findings that need more than digests, such as those of the versions themselves.
    :param aside: starts what no other finding is needed for.
    :raises DataError: the digests are not of this spec, or not on one grid.
    """
    policy = policy.overridden(spec.policy, f"model {spec.name!r}")
    require_comparable(spec, reference, current)
    pair = (spec, policy, reference, current)
    apart = aside(_apart, *pair)
    with ThreadPoolExecutor(1) as outside:  # both vendors may answer from another process: nobody waits idly
        gate = outside.submit(quality.check, spec, reference, current)
        gaps = outside.submit(judge_fairness, *pair, fairness)
        believed = tuple(gate.result())
        broken = _broken(believed)
        drift = judge_drift(*pair, broken)
        moved = {str(one.column) for one in drift if one.is_breach and one.category is Category.DATA_DRIFT}
        proxies = judge_proxies(*pair, broken=broken, drifted=moved)
        (performance, leaks, service, attribution), summaries = apart()
        findings = (
            *believed, *drift, *disbelieved(spec, policy, attribution, broken), *further, *performance,
            *gaps.result(), *leaks, *proxies, *service,
        )  # fmt: skip
    if spec.task == "binary_classification" and _as_before(policy, reference, current, findings):
        findings = (*findings, *judge_labels(*pair))
    newcomer = _new_version(policy, reference, current, findings)
    findings = judge_mix(spec, policy, (reference, current), findings, newcomer)
    situation = Situation(
        inputs=spec.columns.features,
        new_version=newcomer,
        window_end=current.end,
    )
    return Assessment(
        model=spec.name,
        code_version=__version__,
        policy_name=policy.name,
        policy_digest=policy.digest,
        reference=summaries[0],
        current=summaries[1],
        findings=findings,
        incident=decide(findings, importance=spec.importance, policy=policy, situation=situation),
        details=_beside(spec, policy, findings, situation),
    )


def _apart(
    *pair: *tuple[ModelSpec, Policy, WindowDigest, WindowDigest],
) -> tuple[tuple[list[Finding], ...], tuple[WindowSummary, WindowSummary]]:
    """The findings that wait for no other finding, and both windows in short."""
    found = judge_performance(*pair), judge_leaks(*pair), judge_service(*pair), judge_attribution(*pair)
    return found, (_summary(pair[2]), _summary(pair[3]))


def _beside(
    spec: ModelSpec, policy: Policy, findings: Sequence[Finding], situation: Situation
) -> dict[str, Any]:
    """What stands beside the call: what it rests on, accepted risks, rehearsals."""
    return {
        "situation": {**situation.document(), "importance": spec.importance},
        **told_aside(findings, importance=spec.importance, policy=policy, situation=situation),
    }


def _as_before(
    policy: Policy, reference: WindowDigest, current: WindowDigest, findings: Sequence[Finding]
) -> bool:
    """Whether rows, inputs, scores and version are as they were, and performance can be judged."""
    moved = {Category.DATA_QUALITY, Category.LABEL_QUALITY, Category.DATA_DRIFT, Category.PREDICTION_DRIFT}
    judged = any(one.metric == RANKING and one.verdict in {Verdict.PASS, Verdict.BREACH} for one in findings)
    steady = not any(one.is_breach and one.category in moved for one in findings)
    return judged and steady and _new_version(policy, reference, current, findings) is None


def _broken(findings: Sequence[Finding]) -> dict[str, str]:
    """Columns that the gate does not believe, by the first check that failed."""
    broken: dict[str, str] = {}
    for finding in findings:
        if finding.is_breach and isinstance(finding.column, str):
            broken.setdefault(finding.column, finding.metric)
    return broken


def _new_version(
    policy: Policy, reference: WindowDigest, current: WindowDigest, findings: Sequence[Finding]
) -> str | None:
    """A version that the reference hardly knows, and that answers most of the window or failed by itself."""
    failed = {version_of(finding) for finding in findings if finding.is_breach}
    for version, rows in sorted(current.versions.items(), key=lambda pair: (-pair[1], pair[0])):
        rare = reference.versions.get(version, 0) <= policy.limit("versions.rare") * reference.rows
        main = rows >= policy.limit("versions.main") * current.rows
        if version and rare and (main or version in failed):
            return version
    return None


def _summary(window: WindowDigest) -> WindowSummary:
    return WindowSummary(rows=window.rows, start=window.start, end=window.end, digest=window.digest)

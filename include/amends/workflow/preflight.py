"""Refuse a window that is none before its rows are read: empty, stale, or without ids, times, answers."""

from amends import __version__
from amends.domain.assessment import Assessment, WindowSummary
from amends.domain.decision import Situation, decide
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.policy import Policy
from amends.domain.spec import ModelSpec
from amends.domain.window import Window
from amends.errors import DataError
from amends.measures.digests import WindowDigest
from amends.measures.facts import WindowFacts, refusal_checks
from amends.measures.quality_record import Check
from amends.ports import CountedSource, WindowSource


def refused(
    spec: ModelSpec, policy: Policy, source: WindowSource, window: Window, reference: WindowDigest
) -> Assessment | None:
    """Judge a window by what its source can count; None where its rows are worth reading.

    A source that cannot count refuses nothing.

    :raises DataError: the window has no rows, so that nothing can be judged.
    """
    if not isinstance(source, CountedSource):
        return None
    facts = source.facts(spec, window)
    if not facts.rows:
        raise DataError(
            f"the window of {spec.name!r} from {window.start.isoformat()} to {window.end.isoformat()} has no "
            "rows. Look whether the service logs; give a window that has some."
        )
    policy = policy.overridden(spec.policy, f"model {spec.name!r}")
    limits = {name: policy.limit(f"quality.{name}") for name in ("early_stop_hours", "freshness_gaps")}
    checks = refusal_checks(spec, window, reference, facts, limits)
    findings = tuple(_finding(one) for one in checks)
    if not any(one.is_breach for one in findings):
        return None
    return _assessment(spec, policy, reference, facts, findings)


def _assessment(
    spec: ModelSpec, policy: Policy, reference: WindowDigest, facts: WindowFacts,
    findings: tuple[Finding, ...],
) -> Assessment:  # fmt: skip
    situation = Situation(inputs=spec.columns.features)
    return Assessment(
        model=spec.name,
        code_version=__version__,
        policy_name=policy.name,
        policy_digest=policy.digest,
        reference=WindowSummary(
            rows=reference.rows, start=reference.start, end=reference.end, digest=reference.digest
        ),
        current=WindowSummary(rows=facts.rows, start=facts.start, end=facts.end, digest=facts.digest),
        findings=findings,
        incident=decide(findings, importance=spec.importance, policy=policy, situation=situation),
        details={"situation": {**situation.document(), "importance": spec.importance}, "rows_read": False},
    )


def _finding(check: Check) -> Finding:
    kept = check.value <= check.high
    return Finding(
        category=Category.DATA_QUALITY, metric=check.metric, column=check.column,
        verdict=Verdict.PASS if kept else Verdict.BREACH, value=check.value, threshold=check.high, n=check.n,
        reason=check.note if kept else f"{check.note}; the window's rows were not read",
    )  # fmt: skip

"""Great Expectations judges a window's profile: counts and shares, never rows.

The checks are laid out as a table of one row each (value, evidence, limits), which
:mod:`amends.adapters.expectations` lets Great Expectations judge.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from amends.adapters.expectations import broken
from amends.domain.canonical import finite
from amends.domain.findings import Finding, Verdict
from amends.domain.spec import ModelSpec
from amends.measures.quality_record import LIMITS, Check
from amends.ports import Ask, here

if TYPE_CHECKING:
    from amends.domain.policy import Policy
    from amends.measures.digests import WindowDigest


class GreatExpectationsGate:
    """The :class:`amends.ports.QualityGate` on Great Expectations."""

    def __init__(self, policy: "Policy", ask: Ask = here) -> None:
        """Take the policy's limits, and what calls a function where Great Expectations is loaded.

        :raises PolicyError: a limit is missing.
        """
        self.limits = {name: policy.limit(f"quality.{name}") for name in LIMITS}
        self._ask = ask

    def check(self, spec: ModelSpec, reference: "WindowDigest", current: "WindowDigest") -> Sequence[Finding]:
        """Findings of category data_quality and label_quality, in the order they were measured."""
        from amends.measures.quality import quality_checks  # scipy: most tasks judge nothing

        checks = quality_checks(spec, reference, current, self.limits)
        seen = [check for check in checks if not check.blind]
        by_value, by_evidence = self._ask(broken, profile_table(seen)) if seen else (set(), set())
        rows = {id(check): row for row, check in enumerate(seen)}
        return [_finding(check, _verdict(rows.get(id(check)), by_value, by_evidence)) for check in checks]


def _verdict(row: int | None, by_value: set[int], by_evidence: set[int]) -> Verdict:
    if row is None:
        return Verdict.NO_DATA
    if row in by_evidence:
        return Verdict.BREACH
    return Verdict.INCONCLUSIVE if row in by_value else Verdict.PASS


def profile_table(checks: Sequence[Check]) -> dict[str, list[float]]:
    """Lay the checks out, a row each: ``low <= value <= high`` and ``low <= evidence <= high`` must hold."""
    return {
        "value": [check.value for check in checks],
        "evidence": [check.proven for check in checks],
        "low": [check.low for check in checks],
        "high": [check.high for check in checks],
    }


def _finding(check: Check, verdict: Verdict) -> Finding:
    if check.blind:
        reason = check.blind
    elif verdict is Verdict.INCONCLUSIVE:
        why = check.doubt or "so few rows do not prove it"
        reason = f"{check.note}; beyond the limit {check.threshold:.4g}, but {why}"
    elif verdict is Verdict.BREACH:
        reason = f"{check.note}; the limit is {check.threshold:.4g}"
    else:
        reason = check.note
    return Finding(
        category=check.category, metric=check.metric, column=check.column, verdict=verdict, reason=reason,
        value=None if check.blind else finite(check.value), reference_value=check.reference_value,
        threshold=check.threshold, interval=check.interval, n=check.n,
    )  # fmt: skip

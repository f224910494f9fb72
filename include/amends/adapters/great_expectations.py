"""Great Expectations judges a window's profile: counts and shares, never rows.

The checks are laid out as a table of one row each (value, evidence, limits), and an ephemeral context
runs expectations on it. No value of the data is in that table, so none can be in a result; Data Docs,
which would run what is in the data, are not built.
"""

import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from amends.domain.canonical import finite
from amends.domain.findings import Finding, Verdict
from amends.domain.spec import ModelSpec
from amends.measures.quality import quality_checks
from amends.measures.quality_record import LIMITS, Check
from amends.ports import Ask, here

if TYPE_CHECKING:
    from amends.domain.policy import Policy
    from amends.measures.digests import WindowDigest

RESULT_FORMAT = {"result_format": "COMPLETE", "exclude_unexpected_values": True}
"""Row numbers of the profile that failed, without any value."""


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


def broken(table: dict[str, list[float]]) -> tuple[set[int], set[int]]:
    """Let Great Expectations judge the profile.

    :returns: rows whose value breaks a limit, and rows whose evidence breaks one.
    """
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    import great_expectations as gx
    import pandas as pd
    from great_expectations.data_context.types.base import DataContextConfig, InMemoryStoreBackendDefaults

    settings = DataContextConfig(
        store_backend_defaults=InMemoryStoreBackendDefaults(),
        analytics_enabled=False,
        progress_bars={"globally": False},
    )
    context = gx.get_context(mode="ephemeral", project_config=settings)
    asset = context.data_sources.add_pandas("profile").add_dataframe_asset("checks")
    batch = asset.add_batch_definition_whole_dataframe("window").get_batch({"dataframe": pd.DataFrame(table)})
    expectation = gx.expectations.ExpectColumnPairValuesAToBeGreaterThanB
    failed = {
        name: {
            row
            for larger, smaller in (("high", name), (name, "low"))
            for row in _rows(
                batch.validate(
                    expectation(column_A=larger, column_B=smaller, or_equal=True),
                    result_format=RESULT_FORMAT,
                )
            )
        }
        for name in ("value", "evidence")
    }
    return failed["value"], failed["evidence"]


def _rows(result: Any) -> Sequence[int]:
    """Row numbers that failed an expectation. :raises RuntimeError: the expectation itself did not run."""
    if "unexpected_index_list" in result.result:
        return result.result["unexpected_index_list"] or []
    if result.success:
        return []
    raise RuntimeError(f"Great Expectations did not judge the profile: {result.exception_info}")


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

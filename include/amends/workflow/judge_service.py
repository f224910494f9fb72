"""Findings on the service's health: answer times, errors and volume, where the log has such columns."""

from collections.abc import Iterator

from amends.domain.findings import Category, Finding, Verdict
from amends.domain.policy import Policy
from amends.domain.spec import ModelSpec
from amends.measures.digests import WindowDigest
from amends.measures.proportions import newcombe, wilson
from amends.measures.service import Ratio, errors_in, latency_ratio, volume_ratio

QUANTILES = {"p50": 0.5, "p95": 0.95, "p99": 0.99}


def judge_service(
    spec: ModelSpec, policy: Policy, reference: WindowDigest, current: WindowDigest
) -> list[Finding]:
    """Judge what the log says of the service: nothing, where the spec names neither latency nor error."""
    c = spec.columns
    if not (c.latency or c.error):
        return []
    return [
        *(_latency(c.latency, policy, reference, current) if c.latency else ()),
        *(_errors(c.error, policy, reference, current) if c.error else ()),
        *_volume(policy, reference, current),
    ]


def _latency(
    column: str, policy: Policy, reference: WindowDigest, current: WindowDigest
) -> Iterator[Finding]:
    profile, before = current.numeric[column], reference.numeric[column]
    if not profile.count or not before.count:
        yield Finding(
            category=Category.SERVICE_HEALTH, metric="latency", column=column, verdict=Verdict.NO_DATA,
            reason=f"{column}: no answer time in one of the windows", n=profile.count,
        )  # fmt: skip
        return
    for name, share in QUANTILES.items():
        ratio = latency_ratio(share, before, profile)
        if ratio is not None:
            limit = policy.limit(f"service.latency_{name}_ratio")
            yield _ratio(f"latency_{name}_ratio", column, ratio, (0.0, limit), profile.count)


def _errors(column: str, policy: Policy, reference: WindowDigest, current: WindowDigest) -> Iterator[Finding]:
    """Judge the share of rows with an error by itself, and by how much it rose."""
    hits, before = (errors_in(one.categorical[column]) for one in (current, reference))
    share, usual = hits / current.rows, before / reference.rows
    told = f"{column}: {hits} of {current.rows} rows have an error, {before} of {reference.rows} before"
    for metric, value, interval in (
        ("error_share", share, wilson(hits, current.rows)),
        ("error_share_change", share - usual, newcombe(hits, current.rows, before, reference.rows)),
    ):
        limit = policy.limit(f"service.{metric}")
        verdict = _verdict(value, interval, (-1.0, limit))
        yield Finding(
            category=Category.SERVICE_HEALTH, metric=metric, column=column, verdict=verdict,
            reason=f"{told}; limit {limit:g}", value=value, reference_value=usual, threshold=limit,
            interval=interval, n=current.rows,
        )  # fmt: skip


def _volume(policy: Policy, reference: WindowDigest, current: WindowDigest) -> Iterator[Finding]:
    ratio = volume_ratio(reference.calendar, current.calendar)
    if ratio is not None:
        limits = policy.limit("service.volume_low"), policy.limit("service.volume_high")
        yield _ratio("daily_volume_ratio", None, ratio, limits, current.rows)


def _ratio(metric: str, column: str | None, ratio: Ratio, limits: tuple[float, float], n: int) -> Finding:
    """Judge a ratio against a low and a high limit; without an interval nothing is proven."""
    low, high = limits
    verdict = _verdict(ratio.value, ratio.interval, limits)
    what = f"{column or 'rows a day'}: {ratio.now:.4g}, {ratio.before:.4g} in the reference"
    few = "; so few rows do not prove it" if verdict is Verdict.INCONCLUSIVE else ""
    limit = low if ratio.value < low else high
    return Finding(
        category=Category.SERVICE_HEALTH, metric=metric, column=column, verdict=verdict,
        reason=f"{what}, {ratio.value:.3g} times as much; limit {limit:g}{few}",
        value=ratio.value, reference_value=1.0, threshold=limit, interval=ratio.interval, n=n,
    )  # fmt: skip


def _verdict(value: float, interval: tuple[float, float] | None, limits: tuple[float, float]) -> Verdict:
    low, high = limits
    if low <= value <= high:
        return Verdict.PASS
    if interval and (interval[0] > high or interval[1] < low):
        return Verdict.BREACH
    return Verdict.INCONCLUSIVE

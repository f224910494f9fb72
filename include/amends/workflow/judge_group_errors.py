"""Findings on fairness of a regression: for whom predictions are further off, or off in one direction."""

from collections.abc import Iterator, Sequence
from dataclasses import replace

from amends.domain.findings import Finding, Verdict
from amends.domain.policy import Policy
from amends.domain.spec import ModelSpec
from amends.measures.digests import WindowDigest
from amends.measures.fairness import MOST_GROUPS, SMALL_CELL
from amends.measures.group_errors import group_errors, spread_of_errors
from amends.measures.performance import two_sided
from amends.workflow.group_gaps import Asked, finding, judge_change, judge_standing

KINDS = (("mean_error", False, "fairness.error_difference"), ("mean_absolute_error", True, None))
"""What is judged, whether it is without sign, and the limit of the standing gap. Groups whose outcomes vary
more have a larger absolute error under any model: that gap is reported, and only its growth is judged."""


def judge_group_errors(
    policy: Policy, spec: ModelSpec, reference: WindowDigest, current: WindowDigest,
    sets: Sequence[tuple[str, ...]],
) -> list[Finding]:  # fmt: skip
    """Judge errors by group. Limits are in standard deviations of the reference's errors (Cohen's d)."""
    unit = spread_of_errors(reference)
    asked = [one for names in sets for one in _asked(policy, spec, names, (reference, current), unit)]
    sizes = {one.attribute: 0 for one in asked}
    for one in asked:
        sizes[one.attribute] += one.comparisons
    shared = max(sum(size > 0 for size in sizes.values()), 1)
    findings: list[Finding] = []
    for one in asked:
        z = two_sided(policy.limit("fairness.confidence"), shared * max(sizes[one.attribute], 1))
        findings += _judge(replace(one, z=z), current, unit)
    return findings


def _asked(
    policy: Policy, spec: ModelSpec, names: tuple[str, ...],
    digests: tuple[WindowDigest, WindowDigest], unit: float,
) -> Iterator[Asked]:  # fmt: skip
    rise = policy.limit("fairness.error_gap_rise") * unit
    for key, absolute, limit in KINDS:
        before, now = (group_errors(spec, one, names, absolute=absolute) for one in digests)
        rows = int(now.rows.sum())
        least = max(int(policy.limit("fairness.min_group")), SMALL_CELL)
        large = now.largest(MOST_GROUPS)
        small = [name for name, n in zip(now.names, now.rows, strict=True) if SMALL_CELL <= n < least]
        yield Asked(
            attribute=names, key=key, spoken=key.replace("_", " "),
            least=least, limit=policy.limit(limit) * unit if limit else None, rise=rise, floor=rise,
            totals=(rows, digests[1].labelled), names=(*large.large(least).names, *small),
            hidden=bool((now.rows < SMALL_CELL).any()), before=before, now=large,
        )  # fmt: skip


def _judge(asked: Asked, current: WindowDigest, unit: float) -> Iterator[Finding]:
    metric = f"{asked.key}_difference"
    if not current.labelled:
        yield finding(asked, metric, Verdict.NO_DATA, "no label has arrived yet")
    elif not 0 < unit < float("inf"):
        reason = "the errors of the reference do not vary: there is no unit to judge a gap in"
        yield finding(asked, metric, Verdict.INCONCLUSIVE, reason)
    else:
        yield judge_standing(asked)
        yield judge_change(asked)

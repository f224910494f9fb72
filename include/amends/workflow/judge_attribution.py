"""Finding on attribution: whether the scores still follow the inputs that they followed."""

from collections.abc import Mapping

from amends.domain.findings import Category, Finding, Verdict
from amends.domain.policy import Policy
from amends.domain.spec import ModelSpec
from amends.measures.attribution import Agreement, agreement, agreement_of
from amends.measures.digests import WindowDigest

Importances = tuple[Mapping[str, float], Mapping[str, float]]
"""Importance by input in the reference and now, where the model itself was asked (permutation, SHAP)."""

MOST_LOST = 0.5
"""Where inputs with more than half of the holds have left the reference's values, ranks say little."""


def judge_attribution(
    spec: ModelSpec, policy: Policy, reference: WindowDigest, current: WindowDigest,
    broken: Mapping[str, str], *, importances: Importances | None = None,
) -> list[Finding]:  # fmt: skip
    """Judge what the scores follow: a breach where all of the rank agreement's interval is under the limit.

    :param broken: columns that the quality gate does not believe: scores that follow them are no news.
    :param importances: what the model itself says; without it the samples' association is taken.
    """
    inputs, score = tuple(dict.fromkeys(spec.columns.features)), spec.columns.score
    unbelieved = next((name for name in (*inputs, score) if name in broken), None)
    if unbelieved:
        reason = f"{unbelieved} is not believed ({broken[unbelieved]}), so what scores follow is not judged"
        return [_blind(policy, Verdict.INCONCLUSIVE, reason)]
    if len(inputs) < 2:  # noqa: PLR2004 - one input has one rank
        return [_blind(policy, Verdict.NO_DATA, "fewer than two inputs: ranks cannot change")]
    samples = reference.sample, current.sample
    found = agreement_of(*importances) if importances else agreement(*samples, inputs, score)
    if found is None:
        reason = f"{score} has no two values that differ in one of the windows"
        return [_blind(policy, Verdict.NO_DATA, reason)]
    unjudged = _unjudged(policy, found)
    if unjudged:
        return [_blind(policy, Verdict.INCONCLUSIVE, unjudged, found.rows)]
    return [_judged(policy, found)]


def _unjudged(policy: Policy, found: Agreement) -> str:
    """Why the ranks cannot be compared; empty where they can."""
    least, least_share = policy.limit("attribution.min_rows"), policy.limit("attribution.least_share")
    most = max(found.before.values(), default=0.0)
    if found.rows is not None and found.rows < least:
        return f"rows with a score that compare with the other window's: {found.rows}, fewer than {least:g}"
    if found.lost > MOST_LOST:
        return (
            f"inputs with {found.lost:.0%} of the hold on scores have no values in common with the reference"
        )
    if most < least_share:
        return f"no input explains more than {most:.1%} of the scores' order: there is no ranking to compare"
    return ""


def _judged(policy: Policy, found: Agreement) -> Finding:
    limit, value = policy.limit("attribution.ndcg"), found.ndcg
    span = f" [{value.low:.3f}, {value.high:.3f}]" if found.rows is not None else ""
    agreed = f"rank agreement {value.value:.3f}{span}, limit {limit:g}"
    moved = "; ".join(f"{name} {found.before[name]:.0%}, now {found.now[name]:.0%}" for name in found.moved)
    if value.value >= limit:
        verdict, reason = Verdict.PASS, f"scores follow the same inputs: {agreed}"
    elif value.high < limit:
        verdict, reason = Verdict.BREACH, f"scores follow other inputs: {agreed} (hold on scores: {moved})"
    else:
        verdict, reason = Verdict.INCONCLUSIVE, f"{agreed}; it may be chance"
    return Finding(
        category=Category.ATTRIBUTION_SHIFT, metric="attribution_ndcg", verdict=verdict, reason=reason,
        column=(found.moved or None) if value.value < limit else None,
        value=value.value, threshold=limit, n=found.rows,
        interval=(value.low, value.high) if found.rows is not None else None,
    )  # fmt: skip


def _blind(policy: Policy, verdict: Verdict, reason: str, n: int | None = None) -> Finding:
    return Finding(
        category=Category.ATTRIBUTION_SHIFT, metric="attribution_ndcg", verdict=verdict, reason=reason,
        threshold=policy.limit("attribution.ndcg"), n=n,
    )  # fmt: skip

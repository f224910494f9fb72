"""Finding on attribution: whether the scores still follow the inputs that they followed."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from amends.domain.findings import Category, Finding, Verdict
from amends.domain.policy import Policy
from amends.domain.spec import ModelSpec
from amends.domain.window import Window
from amends.errors import ArtefactError, BadInput, Unavailable
from amends.measures.attribution import MOST_INPUTS, Agreement, agreement, agreement_asked, shares_of
from amends.measures.digests import WindowDigest
from amends.measures.permutation import reliance
from amends.workflow.rows import spread_rows

if TYPE_CHECKING:
    from amends.measures.arrow import Floats
    from amends.ports import Services

LOGGED, ASKED = "attribution_ndcg", "version_attribution_ndcg"
"""What the logged scores follow; what the registered versions say when they are asked."""
MOST_ASKED = 1000
"""Rows of a window that a version is asked about, once and once more for each input."""
MOST_LOST = 0.5
"""Where inputs with more than half of the holds have left the reference's values, ranks say little."""


def judge_attribution(
    spec: ModelSpec, policy: Policy, reference: WindowDigest, current: WindowDigest
) -> list[Finding]:
    """Judge what the scores follow: a breach where the rank agreement's whole interval is under the limit."""
    inputs, score = tuple(dict.fromkeys(spec.columns.features)), spec.columns.score
    if len(inputs) < 2:  # noqa: PLR2004 - one input has one rank
        return [_blind(policy, Verdict.NO_DATA, "fewer than two inputs: ranks cannot change")]
    found = agreement(reference.sample, current.sample, inputs, score)
    if found is None:
        reason = f"{score} has no two values that differ in one of the windows"
        return [_blind(policy, Verdict.NO_DATA, reason)]
    unjudged = _unjudged(policy, found)
    if unjudged:
        return [_blind(policy, Verdict.INCONCLUSIVE, unjudged, found.rows)]
    return [_judged(policy, found)]


def disbelieved(
    spec: ModelSpec, policy: Policy, found: list[Finding], broken: Mapping[str, str]
) -> list[Finding]:
    """The findings of :func:`judge_attribution`, or that nothing is judged: scores follow what is broken.

    :param broken: columns that the quality gate does not believe, and by which check.
    """
    asked = (*spec.columns.features, spec.columns.score)
    unbelieved = next((name for name in asked if name in broken), None)
    if unbelieved is None:
        return found
    reason = f"{unbelieved} is not believed ({broken[unbelieved]}), so what scores follow is not judged"
    return [_blind(policy, Verdict.INCONCLUSIVE, reason)]


def judge_versions_attribution(
    services: "Services", spec: ModelSpec,
    reference: tuple[Window, WindowDigest], current: tuple[Window, WindowDigest],
) -> list[Finding]:  # fmt: skip
    """Ask the registered versions what they lean on, where another one answers than in the reference.

    Permutation importance, in the registry's sandbox, each version on rows that it answered. Twins among the
    inputs that replaced each other show here, and not in the logged scores.
    """
    was, now = reference[1].main_version, current[1].main_version
    if not was or not now or was == now or len(spec.columns.features) < 2:  # noqa: PLR2004 - one rank
        return []
    policy = services.policy.overridden(spec.policy, f"model {spec.name!r}")
    inputs = _leading(spec, reference[1], current[1])

    def ask(version: str, window: Window, digest: WindowDigest) -> "Floats | str":
        try:
            rows = spread_rows(services.source, spec, window, of=digest.rows, most=MOST_ASKED)
            score = services.registry.apart(services.registry.version(spec.name, version))
            return reliance(score, rows.to_pandas(), inputs)
        except (ArtefactError, BadInput, Unavailable) as error:
            return f"version {version} was not asked: {error}"

    with ThreadPoolExecutor(2) as pool:  # each version answers in a process of its own
        answers = pool.submit(ask, was, *reference), pool.submit(ask, now, *current)
    before, after = (one.result() for one in answers)
    if isinstance(before, str) or isinstance(after, str):
        refusal = before if isinstance(before, str) else str(after)
        return [_blind(policy, Verdict.NO_DATA, refusal, metric=ASKED)]
    found = agreement_asked(inputs, before, after)
    unjudged = _unjudged(policy, found)
    if unjudged:
        return [_blind(policy, Verdict.INCONCLUSIVE, unjudged, found.rows, metric=ASKED)]
    return [_judged(policy, found, ASKED)]


def _leading(spec: ModelSpec, *windows: WindowDigest) -> list[str]:
    """Inputs to ask about: all of them, or of many those that the scores follow most in either window."""
    inputs = list(dict.fromkeys(spec.columns.features))
    shares = [shares_of(one.sample, inputs, spec.columns.score) for one in windows]
    most = {name: max(one.get(name, 0.0) for one in shares) for name in inputs}
    return sorted(inputs, key=lambda name: (-most[name], name))[:MOST_INPUTS]


def _unjudged(policy: Policy, found: Agreement) -> str:
    """Why the ranks cannot be compared; empty where they can."""
    least, least_share = policy.limit("attribution.min_rows"), policy.limit("attribution.least_share")
    most = max(found.before.values(), default=0.0)
    if found.rows < least:
        return f"rows with a score that compare with the other window's: {found.rows}, fewer than {least:g}"
    if found.lost > MOST_LOST:
        return (
            f"inputs with {found.lost:.0%} of the hold on scores have no values in common with the reference"
        )
    if most < least_share:
        return f"no input explains more than {most:.1%} of the scores' order: there is no ranking to compare"
    return ""


def _judged(policy: Policy, found: Agreement, metric: str = LOGGED) -> Finding:
    limit, value = policy.limit("attribution.ndcg"), found.ndcg
    agreed = f"rank agreement {value.value:.3f} [{value.low:.3f}, {value.high:.3f}], limit {limit:g}"
    subject, what = ("scores", "hold on scores") if metric == LOGGED else ("the versions", "effect on scores")
    follow = "follow" if metric == LOGGED else "lean on"
    moved = "; ".join(f"{name} {found.before[name]:.0%}, now {found.now[name]:.0%}" for name in found.moved)
    if value.value >= limit:
        verdict, reason = Verdict.PASS, f"{subject} {follow} the same inputs: {agreed}"
    elif value.high < limit:
        verdict, reason = Verdict.BREACH, f"{subject} {follow} other inputs: {agreed} ({what}: {moved})"
    else:
        verdict, reason = Verdict.INCONCLUSIVE, f"{agreed}; it may be chance"
    return Finding(
        category=Category.ATTRIBUTION_SHIFT, metric=metric, verdict=verdict, reason=reason,
        column=(found.moved or None) if value.value < limit else None,
        value=value.value, threshold=limit, n=found.rows,
        interval=(value.low, value.high),
    )  # fmt: skip


def _blind(
    policy: Policy, verdict: Verdict, reason: str, n: int | None = None, metric: str = LOGGED
) -> Finding:
    return Finding(
        category=Category.ATTRIBUTION_SHIFT, metric=metric, verdict=verdict, reason=reason,
        threshold=policy.limit("attribution.ndcg"), n=n,
    )  # fmt: skip

"""One way to judge a number of performance: as it changed against the reference, and as it stands."""

from dataclasses import dataclass, replace

from amends.domain.findings import Category, Finding, Verdict
from amends.domain.policy import Policy
from amends.measures.performance import Estimate

WORSE_UP, WORSE_DOWN, WORSE_BOTH = 1, -1, 0
"""Which way a number gets worse."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """What a number is called and how far it may go.

    ``limit``: the policy's limit of its change for the worse; ``floor``: that of its level, where 0 asks for
    none. ``ideal``: what a number that may go wrong on both sides should be. ``comparisons``: how many
    numbers share the policy's chance of an error with this one.
    """

    metric: str
    limit: str
    worse: int
    category: Category = Category.PERFORMANCE
    floor: str | None = None
    ideal: float = 0.0
    comparisons: int = 1

    def among(self, number: int) -> "Measure":
        """Return the same measure where so many (versions, say) share its chance of an error."""
        return replace(self, comparisons=self.comparisons * max(number, 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A number of the reference and of the window, the window's rows behind it, and whom it is about.

    ``version``: a model version, where the number is of its rows only. ``scale``: what the policy's limit is
    a multiple of.
    """

    before: Estimate
    now: Estimate
    n: int
    version: str = ""
    scale: float = 1.0


def judge_change(policy: Policy, measure: Measure, pair: Pair) -> Finding:
    """Judge a change for the worse: more than the limit, and not by chance."""
    confidence = policy.limit("performance.confidence")
    limit = policy.limit(measure.limit) * pair.scale
    change = pair.now.minus(pair.before)
    about = f"{measure.metric} of version {pair.version}" if pair.version else measure.metric
    if not change.is_known:
        return unknown(measure.category, measure.metric, about, pair)
    low, high = change.interval(confidence, measure.comparisons)
    verdict = Verdict.PASS
    if (measure.worse * change.value if measure.worse else _led_away(measure, pair)) > limit:
        verdict = Verdict.INCONCLUSIVE if low <= 0 <= high else Verdict.BREACH
    moved = f"change {change.value:+.3f} [{low:+.3f}, {high:+.3f}], limit {limit:.3g}"
    return Finding(
        category=measure.category, metric=measure.metric, verdict=verdict,
        groups=(pair.version,) if pair.version else (),
        reason=f"{about} {pair.now.value:.3f}, reference {pair.before.value:.3f}; {moved}",
        value=pair.now.value, reference_value=pair.before.value, threshold=limit, n=pair.n,
        interval=pair.now.interval(confidence),
    )  # fmt: skip


def _led_away(measure: Measure, pair: Pair) -> float:
    """What part of a change leads away from the ideal: one that ends nearer to it is no change for the worse.

    On one side of the ideal, how much farther the number is from it now; where it crossed it, all of the
    distance on the other side.
    """
    before, now = pair.before.value - measure.ideal, pair.now.value - measure.ideal
    return abs(now) if before * now < 0 else abs(now) - abs(before)


def judge_level(policy: Policy, measure: Measure, pair: Pair) -> list[Finding]:
    """Judge a number as it stands: surely under the floor, whatever it was. Nothing without a floor."""
    floor = policy.limit(measure.floor) if measure.floor else 0
    if not floor:
        return []
    if not pair.now.is_known:
        return [unknown(measure.category, f"{measure.metric}_floor", measure.metric, pair)]
    low, high = pair.now.interval(policy.limit("performance.confidence"))
    verdict = (
        Verdict.BREACH if high < floor else Verdict.INCONCLUSIVE if pair.now.value < floor else Verdict.PASS
    )
    return [
        Finding(
            category=measure.category, metric=f"{measure.metric}_floor", verdict=verdict,
            reason=f"{measure.metric} {pair.now.value:.3f} [{low:.3f}, {high:.3f}], floor {floor:g}",
            value=pair.now.value, reference_value=pair.before.value, threshold=floor, n=pair.n,
            interval=(low, high),
        )
    ]  # fmt: skip


def unknown(category: Category, metric: str, about: str, pair: Pair) -> Finding:
    """Say that a number cannot be had from so few rows: that is no pass."""
    return Finding(
        category=category, metric=metric, verdict=Verdict.INCONCLUSIVE, n=pair.n,
        groups=(pair.version,) if pair.version else (),
        reason=f"{about} cannot be told from {pair.n} rows of the window and those of the reference",
    )  # fmt: skip

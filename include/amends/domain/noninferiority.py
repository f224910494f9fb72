"""Is a candidate good enough, and is it no worse than the champion? Both are asked of every measure.

The absolute limit is a level that nobody should serve beyond; the change limit is how much worse than the
champion is still the same. A new version has to *prove* that it is no worse (non-inferiority): the whole
interval of the loss lies within the limit. For a level the value itself decides, since a limit says where
harm begins and not how sure we are; only a proven excess is a breach, an unproven one asks for more rows.

A disparity that stands already: a candidate which does not worsen it passes the change limit, and the
absolute limit still counts. An expert would not sign a known harm only because it is old. But where the
champion is beyond the limit, too, and the candidate is *clearly* better (the whole interval of the change
is on the good side), refusing it would keep the worse version in production: it passes, and says so to
those who approve.

A group gap that is small in both versions moves by chance: where the change cannot be told but the whole
interval of the candidate's gap keeps the absolute limit, no harm is left to exclude, and it passes. The same
goes for the calibration error of a candidate that keeps its limit and whose Brier score, of which calibration
is a part, is clearly better (Murphy 1973, "A new vector partition of the probability score").
"""

import math
from dataclasses import dataclass

from amends.domain.findings import Verdict
from amends.domain.validation import STANDING

MOST_ROWS = 10_000_000


@dataclass(frozen=True, slots=True)
class Span:
    """A number and its interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Ruling:
    """A verdict and its reason."""

    verdict: Verdict
    reason: str


def rule_change(worse: Span, margin: float, n: int, *, harmless: bool = False) -> Ruling:
    """Say whether the candidate is no worse than the champion by more than the margin.

    :param worse: loss of the candidate in the measure's unit; below 0 it is better.
    :param n: rows that it rests on.
    :param harmless: the candidate is proven to keep the absolute limit, and keeping it is all that matters.
    """
    said = f"{_loss(worse.value)} ({worse.low:+.3f} to {worse.high:+.3f} worse, tolerated {margin:g})"
    if not math.isfinite(worse.value):
        return Ruling(Verdict.INCONCLUSIVE, f"cannot be computed on these {n} rows")
    if worse.high <= margin:
        return Ruling(Verdict.PASS, said)
    if worse.low > 0 and worse.value > margin:
        return Ruling(Verdict.BREACH, said)
    if harmless:
        return Ruling(Verdict.PASS, f"{said}; not told by these {n} rows, but the limit is kept")
    return Ruling(Verdict.INCONCLUSIVE, f"{said}; {_needed(worse, margin, n)}")


def rule_level(candidate: Span, champion: Span, worse: Span, limit: float, *, rising: bool, n: int) -> Ruling:
    """Say whether the candidate keeps the absolute limit.

    :param rising: True where a higher value is worse.
    """
    word = "at most" if rising else "at least"
    said = f"{candidate.value:.3f}, wanted {word} {limit:g}"
    if not math.isfinite(candidate.value):
        return Ruling(Verdict.INCONCLUSIVE, f"cannot be computed on these {n} rows")
    if _keeps(candidate.value, limit, rising):
        return Ruling(Verdict.PASS, said)
    if not _keeps(champion.value, limit, rising) and worse.high < 0:
        return Ruling(
            Verdict.PASS,
            f"{STANDING}: {said}, but the champion's is {champion.value:.3f} and the candidate is clearly "
            f"better (by {-worse.high:.3f} to {-worse.low:.3f})",
        )
    standing = " The champion is beyond it, too." if not _keeps(champion.value, limit, rising) else ""
    if not _keeps(candidate.low if rising else candidate.high, limit, rising):
        return Ruling(Verdict.BREACH, f"{said}.{standing}" if standing else said)
    interval = f"the interval {candidate.low:.3f} to {candidate.high:.3f} leaves it open"
    return Ruling(Verdict.INCONCLUSIVE, f"{said}; {interval}.{standing}")


def rule_again(candidate: Span, then: Span, worse: Span, limit: float, *, rising: bool) -> Ruling:
    """Say whether a candidate repeats a fault on the rows that showed it.

    As bad as then: beyond the limit, not clearly better than what served then, and the fault is proven on
    these rows for one of the two. A candidate that is clearly better than then does not repeat it.
    """
    if not all(math.isfinite(one.value) for one in (candidate, then, worse)):
        return Ruling(Verdict.INCONCLUSIVE, "cannot be computed on these rows")
    if _keeps(candidate.value, limit, rising):
        return Ruling(Verdict.PASS, "it keeps the limit")
    if worse.high < 0:
        return Ruling(Verdict.PASS, "beyond the limit, but clearly better than it was then")
    shown = [_keeps(one.low if rising else one.high, limit, rising) for one in (candidate, then)]
    if not all(shown):
        return Ruling(Verdict.BREACH, "the fault is back")
    return Ruling(Verdict.INCONCLUSIVE, "these rows do not tell whether the fault is back")


def proven(candidate: Span, limit: float, *, rising: bool) -> bool:
    """Whether the whole interval keeps the absolute limit."""
    return _keeps(candidate.high if rising else candidate.low, limit, rising)


def _keeps(value: float, limit: float, rising: bool) -> bool:
    return value <= limit if rising else value >= limit


def _loss(value: float) -> str:
    if value == 0:
        return "the same as the champion"
    return f"{abs(value):.3f} {'worse' if value > 0 else 'better'} than the champion"


def _needed(worse: Span, margin: float, n: int) -> str:
    """Rows at which the interval would be narrow enough, by its width going with one over the root of n."""
    room, width = (
        (margin - worse.value, worse.high - worse.value)
        if worse.value < margin
        else (worse.value, worse.value - worse.low)
    )
    if not math.isfinite(width):
        return "these rows do not tell"
    rows = n * (width / room) ** 2 if room > 0 else math.inf
    if rows > MOST_ROWS:
        return "it lies at the limit: more rows alone will hardly tell"
    return f"these {n} rows do not tell, about {_rounded(rows)} would"


def _rounded(rows: float) -> int:
    scale = 10 ** max(math.floor(math.log10(max(rows, 1))) - 1, 0)
    return int(math.ceil(rows / scale) * scale)

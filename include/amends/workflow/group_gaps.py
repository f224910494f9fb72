"""Findings on gaps between groups, standing and changed, with intervals that hold for all pairs at once."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from amends.domain.decision import CHANGE
from amends.domain.findings import Category, Finding, Verdict
from amends.measures.arrow import Floats
from amends.measures.fairness import SMALL_CELL
from amends.measures.groups import Gaps, GroupMeasure, differences, ratios, rises

PAIR = 2
"""Groups that a gap needs."""
MOST_NAMED = 5
HIDDEN = f"(under {SMALL_CELL} rows)"
"""Stands for every group that is too small to be named."""
EITHER = " in one of the windows"
REPORTED = "; reported only: no limit is set"
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """One number by group of one attribute or intersection, and how it is judged.

    ``key``: the number's name in metrics; ``spoken``: in sentences. ``least``: fewest rows of a group that it
    may rest on. ``limit`` and ``rise``: tolerated gap and growth of a gap, in the number's unit; None: only
    reported. ``floor``: a gap up to this is small, however much it grew. ``ratio``: the limit is one of
    ``low / high``. ``z``: normal quantile that the intervals of all pairs share. ``totals``: rows of the
    window, and those with a group, from which too small a rest must not be told. ``names``: all groups of
    at least SMALL_CELL rows; ``hidden``: whether there are smaller ones. ``note``: what a
    reader has to know besides.
    """

    attribute: tuple[str, ...]
    key: str
    spoken: str
    least: int
    limit: float | None
    rise: float | None
    floor: float = 0.0
    z: float = 0.0
    ratio: bool = False
    totals: tuple[int, ...] = ()
    names: tuple[str, ...] = ()
    hidden: bool = False
    note: str = ""
    before: GroupMeasure
    now: GroupMeasure

    @property
    def judged(self) -> GroupMeasure:
        """The groups that are large enough."""
        return self.now.large(self.least)

    @property
    def earlier(self) -> GroupMeasure:
        """The groups that were large enough in the reference."""
        return self.before.large(self.least)

    @property
    def comparisons(self) -> int:
        """Comparisons that may end in a breach."""
        pairs = len(self.judged) * (len(self.judged) - 1) // 2
        return pairs * ((self.limit is not None) + (self.rise is not None))

    def left_out(self, judged: Sequence[str], where: str = "") -> str:
        """Who was too few to be judged; who is too few to be named is not."""
        small = sorted(set(self.names) - set(judged))
        more = [f"{len(small) - MOST_NAMED} more"] if len(small) > MOST_NAMED else []
        named = [*small[:MOST_NAMED], *more, *([HIDDEN] if self.hidden else [])]
        return f"; left out, under {self.least} rows{where}: {', '.join(named)}" if named else ""


@dataclass(frozen=True, slots=True)
class _Pick:
    """The pair that a finding speaks of."""

    place: int
    verdict: Verdict
    others: int


def judge_standing(asked: Asked) -> Finding:
    """Judge the widest gap as it stands: a breach is beyond the limit, and its interval excludes parity."""
    judged = asked.judged
    metric = f"{asked.key}_ratio" if asked.ratio else f"{asked.key}_difference"
    if len(judged) < PAIR:
        return too_few(asked, metric)
    gaps = ratios(judged, asked.z) if asked.ratio else differences(judged, asked.z)
    if not np.isfinite(gaps.value).any():
        said = "nobody got the favourable decision" if asked.ratio else f"no {asked.spoken} is a number"
        return finding(asked, metric, Verdict.INCONCLUSIVE, said + asked.left_out(judged.names) + asked.note)
    if asked.ratio:
        pick = _pick(gaps, -gaps.value, asked.limit, gaps.upper < 1, -(asked.limit or 0.0))
    else:
        pick = _pick(gaps, gaps.value, asked.limit, gaps.lower > 0, asked.limit or 0.0)
    at = pick.place
    low, high = int(gaps.low[at]), int(gaps.high[at])
    said = _ratio_said(asked, judged, gaps, at) if asked.ratio else _gap_said(asked, judged, gaps, at)
    reason = said + _others(pick) + asked.left_out(judged.names) + asked.note
    value = _before(asked, judged.names[low], judged.names[high])
    return finding(
        asked, metric, pick.verdict, reason,
        groups=(judged.names[low], judged.names[high]), rows=int(judged.rows[low] + judged.rows[high]),
        value=float(gaps.value[at]), reference_value=value, threshold=asked.limit,
        interval=(float(gaps.lower[at]), float(gaps.upper[at])),
    )  # fmt: skip


def judge_change(asked: Asked) -> Finding:
    """Judge how gaps grew; the interval is that of the growth.

    A breach grew by more than the limit, with an interval that excludes none, and is wider than it may grow:
    a gap that closed, or turned and is small, is none.
    """
    metric = f"{asked.key}_gap{CHANGE}"
    now, before = asked.judged, asked.earlier
    common = [name for name in now.names if name in before.names]
    if len(now) < PAIR:
        return too_few(asked, metric)
    now, before = now.among(common), before.among(common)
    if len(common) < PAIR:
        reason = f"fewer than two groups had the {asked.least} rows in the reference, too"
        return finding(asked, metric, Verdict.INCONCLUSIVE, reason + asked.left_out((), EITHER) + asked.note)
    gaps, was = rises(before, now, asked.z)
    gap = gaps.value + was
    extent = np.where(gap > asked.floor, gaps.value, -np.inf)
    pick = _pick(gaps, extent, asked.rise, gaps.lower > 0, asked.rise or 0.0, otherwise=gap)
    at = pick.place
    low, high = now.names[int(gaps.low[at])], now.names[int(gaps.high[at])]
    may = f"; may grow by {asked.rise:.3g}" if asked.rise is not None else REPORTED
    reason = (
        f"gap in {asked.spoken} between {high} and {low} went from {was[at]:.3f} to {gap[at]:.3f}{may}"
        f"{_others(pick)}{asked.left_out(common, EITHER)}{asked.note}"
    )
    return finding(
        asked, metric, pick.verdict, reason, groups=(low, high),
        rows=int(now.rows[gaps.low[at]] + now.rows[gaps.high[at]]),
        value=float(gap[at]), reference_value=float(was[at]), threshold=asked.rise,
        interval=(float(gaps.lower[at]), float(gaps.upper[at])),
    )  # fmt: skip


def too_few(asked: Asked, metric: str) -> Finding:
    """Say that no two groups are large enough, and who there is."""
    said = f"fewer than two groups have the {asked.least} rows that a {asked.spoken} has to rest on"
    return finding(
        asked, metric, Verdict.INCONCLUSIVE, said + asked.left_out(asked.judged.names) + asked.note
    )


def _pick(
    gaps: Gaps, extent: Floats, limit: float | None, proven: Mask, bound: float, *,
    otherwise: Floats | None = None,
) -> _Pick:  # fmt: skip
    """The widest gap that is proven and beyond the bound; else the widest one, and whether it is beyond.

    Pairs without a number are not looked at; there is one that has.
    """
    known = np.isfinite(gaps.value)
    beyond = known & (extent > bound) if limit is not None else np.zeros_like(known)
    breach = beyond & proven
    if breach.any():
        return _Pick(_widest(extent, breach), Verdict.BREACH, int(breach.sum()) - 1)
    if beyond.any():
        return _Pick(_widest(extent, beyond), Verdict.INCONCLUSIVE, 0)
    return _Pick(_widest(extent if otherwise is None else otherwise, known), Verdict.PASS, 0)


def _widest(extent: Floats, among: Mask) -> int:
    return int(np.argmax(np.where(among, extent, -np.inf)))


def _others(pick: _Pick) -> str:
    return f"; beyond it in {pick.others + 1} pairs of groups" if pick.others else ""


def _gap_said(asked: Asked, judged: GroupMeasure, gaps: Gaps, at: int) -> str:
    low, high = int(gaps.low[at]), int(gaps.high[at])
    limit = f", limit {asked.limit:.3g}" if asked.limit is not None else REPORTED
    return (
        f"{asked.spoken} {judged.value[high]:.3f} for {judged.names[high]}, {judged.value[low]:.3f} for "
        f"{judged.names[low]}: {gaps.value[at]:.3f} apart{limit}"
    )


def _ratio_said(asked: Asked, judged: GroupMeasure, gaps: Gaps, at: int) -> str:
    low, high = int(gaps.low[at]), int(gaps.high[at])
    return (
        f"{judged.names[low]} get the favourable decision {gaps.value[at]:.2f} times as often as "
        f"{judged.names[high]} ({judged.value[low]:.3f} to {judged.value[high]:.3f}), limit {asked.limit:g}"
    )


def _before(asked: Asked, low: str, high: str) -> float | None:
    """The same gap of the same two groups in the reference."""
    pair = asked.earlier.among((low, high))
    if len(pair) < PAIR:
        return None
    lower, higher = (float(one) for one in pair.value)
    if not asked.ratio:
        return higher - lower
    return lower / higher if higher > 0 else None


def finding(
    asked: Asked, metric: str, verdict: Verdict, reason: str, *, groups: tuple[str, ...] = (),
    rows: int | None = None, value: float | None = None, reference_value: float | None = None,
    threshold: float | None = None, interval: tuple[float, float] | None = None,
) -> Finding:  # fmt: skip
    """Make a finding; its ``n`` is withheld where what is left of the window would be a small group."""
    rests = [total - rows for total in asked.totals] if rows is not None else []
    withheld = any(0 < rest < SMALL_CELL for rest in rests)
    names = asked.attribute
    return Finding(
        category=Category.FAIRNESS, metric=metric, verdict=verdict, reason=reason,
        attribute=names[0] if len(names) == 1 else names, groups=groups, n=None if withheld else rows,
        value=value, reference_value=reference_value, threshold=threshold, interval=interval,
    )  # fmt: skip

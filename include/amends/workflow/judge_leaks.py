"""Findings on leaks of personal data: what stands in texts and ids, and what came into any column."""

from collections.abc import Iterator
from dataclasses import dataclass

from amends.domain.decision import CHANGE
from amends.domain.findings import Category, Finding, Verdict
from amends.domain.policy import Policy
from amends.domain.spec import ModelSpec
from amends.measures.digests import WindowDigest, categorical_columns, scanned_columns
from amends.measures.leaks import LeakProfile
from amends.measures.personal import NAMES

SMALL_CELL = 11
"""Counts below this are not shown: they could point at somebody."""


@dataclass(frozen=True, slots=True)
class _Seen:
    """One pattern in one column, in both windows."""

    column: str
    pattern: str
    before: LeakProfile
    now: LeakProfile


def judge_leaks(
    spec: ModelSpec, policy: Policy, reference: WindowDigest, current: WindowDigest
) -> list[Finding]:
    """Judge texts and ids by what stands in them and by what is new, levels by what is new."""
    scanned = scanned_columns(spec)
    columns = dict.fromkeys((*scanned, *categorical_columns(spec)))
    return [
        finding
        for name in columns
        for finding in _column(name, policy, *(_profile(one, name) for one in (reference, current)),
                               standing=name in scanned)
    ]  # fmt: skip


def _profile(window: WindowDigest, name: str) -> LeakProfile:
    return window.leaks[name] if name in window.leaks else LeakProfile.of_levels(window.categorical[name])


def _column(
    name: str, policy: Policy, before: LeakProfile, now: LeakProfile, *, standing: bool
) -> Iterator[Finding]:
    patterns = [pattern for pattern in NAMES if before.hits(pattern) or now.hits(pattern)]
    if not now.values or not patterns:
        yield _none(name, now, policy.limit("privacy.share" if standing else "privacy.rise"))
        return
    for pattern in patterns:
        seen = _Seen(name, pattern, before, now)
        if standing:
            yield _standing(seen, policy.limit("privacy.share"))
        yield _change(seen, policy.limit("privacy.rise"))


def _none(name: str, now: LeakProfile, limit: float) -> Finding:
    known = now.values > 0
    return Finding(
        category=Category.PRIVACY_LEAK, metric="personal_data_share", column=name,
        verdict=Verdict.PASS if known else Verdict.NO_DATA, value=0.0 if known else None, threshold=limit,
        n=now.values,
        reason=f"{name}: no pattern of personal data in {now.values} values" if known
        else f"{name}: no value in the window to be searched for personal data",
    )  # fmt: skip


def _standing(seen: _Seen, limit: float) -> Finding:
    interval = seen.now.interval(seen.pattern)
    return _finding(seen, "_share", seen.now.share(seen.pattern), interval, limit)


def _change(seen: _Seen, limit: float) -> Finding:
    value = seen.now.share(seen.pattern) - seen.before.share(seen.pattern)
    return _finding(seen, CHANGE, value, seen.now.change(seen.pattern, seen.before), limit)


def _finding(seen: _Seen, kind: str, value: float, interval: tuple[float, float], limit: float) -> Finding:
    """Judge a share or its change; where it rests on a small cell its size is not shown."""
    verdict = Verdict.PASS
    if value > limit:
        verdict = Verdict.BREACH if interval[0] > limit else Verdict.INCONCLUSIVE
    small = any(0 < one.hits(seen.pattern) < SMALL_CELL for one in (seen.now, seen.before))
    few = "; so few values do not prove it" if verdict is Verdict.INCONCLUSIVE else ""
    limited = f"limit {limit:g}" if kind != CHANGE else f"a rise of {limit:g} is the limit"
    return Finding(
        category=Category.PRIVACY_LEAK, metric=f"{seen.pattern}{kind}", column=seen.column, verdict=verdict,
        reason=f"{seen.column}: {seen.pattern.replace('_', ' ')} in {_told(seen.pattern, seen.now)}, "
        f"in the reference {_told(seen.pattern, seen.before)}; {limited}{few}",
        value=None if small else value, threshold=limit, interval=None if small else interval,
        reference_value=None if small else seen.before.share(seen.pattern), n=seen.now.values,
    )  # fmt: skip


def _told(pattern: str, profile: LeakProfile) -> str:
    """Name a share without a small count in it."""
    if 0 < profile.hits(pattern) < SMALL_CELL:
        return f"fewer than {SMALL_CELL} of {profile.values} values"
    return f"{profile.share(pattern):.2%} of {profile.values} values"

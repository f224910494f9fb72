"""Findings on drift: of each input, of the score, of the label."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

from amends.domain.findings import Category, Finding, Verdict
from amends.domain.policy import Policy
from amends.domain.spec import ModelSpec
from amends.measures.attribution import shares_of
from amends.measures.digests import WindowDigest
from amends.measures.drift import Shift, categorical_shift, discoveries, is_constant, is_empty, numeric_shift
from amends.measures.profiles import CategoricalProfile, NumericProfile
from amends.workflow.judge_arrival import selected_labels

Profile: TypeAlias = NumericProfile | CategoricalProfile

PSI, CROSSED = "population_stability_index", "share_crossed"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Test:
    """One column's comparison; ``note``: what is odd about it; ``empty``: no window has a value."""

    category: Category
    column: str
    rows: tuple[int, int]
    shift: Shift
    note: str
    empty: bool


def judge_drift(
    spec: ModelSpec, policy: Policy, reference: WindowDigest, current: WindowDigest, broken: Mapping[str, str]
) -> list[Finding]:
    """Judge each column by itself: one badly shifted input is not outvoted by the others.

    A column breaches when its shift is large enough to matter and is none of the few that chance would name
    among so many columns. Its size is the stability index; where that stays under its limit, a large share of
    rows that crossed is a finding of its own.

    :param broken: columns that the quality gate does not believe, and why; their drift is not judged.
    """
    c = spec.columns
    columns = dict.fromkeys(c.features, Category.DATA_DRIFT)
    columns |= dict.fromkeys((c.score, c.predicted_label), Category.PREDICTION_DRIFT)
    columns |= {c.label: Category.LABEL_DRIFT}
    selected = selected_labels(spec, policy, reference, current)
    broken = {**broken, c.label: selected} if selected else broken
    tests = [_test(category, name, reference, current) for name, category in columns.items()]
    judged = [one for one in tests if one.column not in broken and min(one.rows) > 0 and not one.empty]
    stands = discoveries([test.shift.p for test in judged], policy.limit("drift.false_discovery_rate"))
    real = {test.column for test, stood in zip(judged, stands, strict=True) if stood}
    findings = [
        finding
        for test in tests
        for finding in _findings(test, policy, broken.get(test.column), real=test.column in real)
    ]
    return _weighed(spec, reference, findings)


def _test(category: Category, name: str, reference: WindowDigest, current: WindowDigest) -> _Test:
    """A label that is null has not arrived; in any other column null is a value that can shift."""
    pending = category is Category.LABEL_DRIFT
    sizes = (reference.labelled, current.labelled) if pending else (reference.rows, current.rows)
    numbers, levels = _pair(name, reference, current)
    if pending:
        numbers = tuple(replace(one, nulls=0) for one in numbers)
        levels = tuple(replace(one, nulls=0) for one in levels)
    before, now = numbers or levels
    return _Test(
        category=category, column=name, rows=sizes,
        shift=numeric_shift(*numbers) if numbers else categorical_shift(*levels),
        note=_note(before, now), empty=is_empty(before) and is_empty(now),
    )  # fmt: skip


def _pair(
    name: str, reference: WindowDigest, current: WindowDigest
) -> tuple[tuple[NumericProfile, ...], tuple[CategoricalProfile, ...]]:
    """The column's two profiles, as numbers or as levels; the other kind is empty."""
    if name in reference.numeric:
        return (reference.numeric[name], current.numeric[name]), ()
    return (), (reference.categorical[name], current.categorical[name])


def _note(before: Profile, now: Profile) -> str:
    """Say where a column has no value, or only one."""
    for what, is_so in (("empty", is_empty), ("constant", is_constant)):
        where = [name for name, one in (("reference", before), ("window", now)) if is_so(one)]
        if where:
            return f"it is {what} in " + ("both windows" if len(where) > 1 else f"the {where[0]}")
    return ""


def _findings(test: _Test, policy: Policy, broken: str | None, *, real: bool) -> list[Finding]:
    unjudged = _unjudged(test, policy, broken)
    if unjudged:
        judged = unjudged[0] is Verdict.INCONCLUSIVE and not broken
        return [_finding(test, policy, PSI, *unjudged, judged=judged)]
    found = [_sized(test, policy, metric, real=real) for metric in (PSI, CROSSED)]
    first, second = found
    more = second.is_breach or first.verdict is Verdict.PASS
    return found if more and not first.is_breach and second.verdict is not Verdict.PASS else [first]


def _unjudged(test: _Test, policy: Policy, broken: str | None) -> tuple[Verdict, str] | None:
    """Why a column's drift cannot be judged, or None where it can."""
    name, fewest, least = test.column, min(test.rows), policy.limit("drift.min_rows")
    if broken:
        return Verdict.INCONCLUSIVE, f"{name} is not believed ({broken}), so its drift is not judged"
    if fewest == 0:
        return Verdict.NO_DATA, f"{name}: no value in one of the windows"
    if test.empty:
        return Verdict.NO_DATA, f"{name}: {test.note}, so nothing can have moved"
    if fewest < least:
        reason = f"{name}: n={fewest} < {least:g} rows, too few to tell a shift from chance"
        return Verdict.INCONCLUSIVE, reason
    return None


def _sized(test: _Test, policy: Policy, metric: str, *, real: bool) -> Finding:
    limit, shift = policy.limit(_limit(metric)), test.shift
    note = f"; {test.note}" if test.note else ""
    if metric == PSI:
        size, said = shift.psi, f"{test.column}: shift {shift.psi:.3f}, limit {limit:g}{note}"
        told = f"{test.column} shifted by {shift.psi:.3f}, limit {limit:g}{note}"
    else:
        size, said = shift.crossed.value, f"{test.column}: {shift.crossed.value:.0%} of the rows moved"
        told = f"{said}, limit {limit:.1%}{note}"
    if size <= limit:
        return _finding(test, policy, metric, Verdict.PASS, said)
    if real:
        return _finding(test, policy, metric, Verdict.BREACH, told)
    reason = f"{said}; among so many columns it may be chance"
    return _finding(test, policy, metric, Verdict.INCONCLUSIVE, reason)


def _finding(
    test: _Test, policy: Policy, metric: str, verdict: Verdict, reason: str, *, judged: bool = True
) -> Finding:
    shift = test.shift
    sizes = {
        PSI: (shift.psi, shift.interval),
        CROSSED: (shift.crossed.value, (shift.crossed.low, shift.crossed.high)),
    }
    value, interval = sizes[metric]
    return Finding(
        category=test.category, metric=metric, column=test.column, verdict=verdict, reason=reason,
        value=value if judged else None, interval=interval if judged else None,
        threshold=policy.limit(_limit(metric)), n=test.rows[1],
    )  # fmt: skip


def _limit(metric: str) -> str:
    return {PSI: "drift.psi", CROSSED: "drift.share_crossed"}[metric]


def _weighed(spec: ModelSpec, reference: WindowDigest, findings: list[Finding]) -> list[Finding]:
    """Say of each input that drifted how much of the scores it carries."""
    if not any(_is_drift(one) for one in findings):
        return findings
    shares = shares_of(reference.sample, spec.columns.features, spec.columns.score)
    return [_with_weight(one, shares) if _is_drift(one) else one for one in findings]


def _is_drift(finding: Finding) -> bool:
    return finding.is_breach and finding.category is Category.DATA_DRIFT


def _with_weight(finding: Finding, shares: Mapping[str, float]) -> Finding:
    name = finding.column
    if not isinstance(name, str) or name not in shares:
        return finding
    rank = 1 + sum(share > shares[name] for share in shares.values())
    weight = f"{shares[name]:.0%} of what scores follow, input {rank} of {len(shares)}"
    return replace(finding, reason=f"{finding.reason} ({weight})")

"""Findings on drift: of each input, of the score, of the label."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from amends.domain.findings import Category, Finding, Verdict
from amends.domain.policy import Policy
from amends.domain.spec import ModelSpec
from amends.measures.digests import WindowDigest
from amends.measures.drift import Shift, categorical_shift, discoveries, numeric_shift


@dataclass(frozen=True, slots=True)
class _Test:
    category: Category
    column: str
    rows: tuple[int, int]
    shift: Shift


def judge_drift(
    spec: ModelSpec, policy: Policy, reference: WindowDigest, current: WindowDigest, broken: Mapping[str, str]
) -> list[Finding]:
    """Judge each column by itself: one badly shifted input is not outvoted by the others.

    A column breaches when its shift is large enough to matter and is none of the few that chance would name
    among so many columns.

    :param broken: columns that the quality gate does not believe, and why; their drift is not judged.
    """
    c = spec.columns
    columns = dict.fromkeys(c.features, Category.DATA_DRIFT)
    columns |= {c.score: Category.PREDICTION_DRIFT, c.label: Category.LABEL_DRIFT}
    tests = [_test(category, name, reference, current) for name, category in columns.items()]
    judged = [test for test in tests if test.column not in broken and min(test.rows) > 0]
    stands = discoveries([test.shift.p for test in judged], policy.limit("drift.false_discovery_rate"))
    real = {test.column for test, stood in zip(judged, stands, strict=True) if stood}
    return [_finding(test, policy, broken.get(test.column), real=test.column in real) for test in tests]


def _test(category: Category, name: str, reference: WindowDigest, current: WindowDigest) -> _Test:
    if category is Category.LABEL_DRIFT:
        sizes = reference.labelled, current.labelled
    else:
        sizes = reference.rows, current.rows
    return _Test(category, name, sizes, _shift(category, name, reference, current))


def _shift(category: Category, name: str, reference: WindowDigest, current: WindowDigest) -> Shift:
    """A label that is null has not arrived; in any other column null is a value that can shift."""
    pending = category is Category.LABEL_DRIFT
    if name in reference.numeric:
        numbers = [one.numeric[name] for one in (reference, current)]
        return numeric_shift(*(replace(one, nulls=0) if pending else one for one in numbers))
    levels = [one.categorical[name] for one in (reference, current)]
    return categorical_shift(*(replace(one, nulls=0) if pending else one for one in levels))


def _finding(test: _Test, policy: Policy, broken: str | None, *, real: bool) -> Finding:
    limit, least = policy.limit("drift.psi"), policy.limit("drift.min_rows")
    verdict, reason = Verdict.PASS, f"{test.column}: shift {test.shift.psi:.3f}, limit {limit:g}"
    if broken:
        verdict, reason = (
            Verdict.INCONCLUSIVE,
            f"{test.column} is not believed ({broken}), so its drift is not judged",
        )
    elif min(test.rows) == 0:
        verdict, reason = Verdict.NO_DATA, f"{test.column}: no value in one of the windows"
    elif min(test.rows) < least:
        verdict = Verdict.INCONCLUSIVE
        reason = f"{test.column}: n={min(test.rows)} < {least:g} rows, too few to tell a shift from chance"
    elif test.shift.psi > limit and real:
        verdict, reason = Verdict.BREACH, f"{test.column} shifted by {test.shift.psi:.3f}, limit {limit:g}"
    elif test.shift.psi > limit:
        verdict, reason = Verdict.INCONCLUSIVE, f"{reason}; among so many columns it may be chance"
    judged = verdict is not Verdict.NO_DATA and not broken
    return Finding(
        category=test.category, metric="population_stability_index", column=test.column, verdict=verdict,
        reason=reason, value=test.shift.psi if judged else None, threshold=limit, n=test.rows[1],
    )  # fmt: skip

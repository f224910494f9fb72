"""Findings on proxies: inputs that came to tell a sensitive attribute, or the label itself."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
from scipy.special import ndtri

from amends.domain.findings import Category, Finding, Verdict
from amends.domain.policy import Policy
from amends.domain.spec import ModelSpec
from amends.measures.arrow import Counts
from amends.measures.digests import WindowDigest
from amends.measures.proxies import (
    Coded,
    Measure,
    association,
    best_area,
    coded,
    codes_of,
    evidence,
    separation,
)

NAMED = 3
"""Inputs that a reason names, the strongest first."""
MOST_GROUPS = 20
"""Groups of an attribute that are told apart; the rest is too thin to say anything."""
PAIR = 2


@dataclass(frozen=True, slots=True)
class _Side:
    """One window's sample in cells, the group of each row (-1: of none), and rows by cell and group."""

    coded: Coded
    target: Counts
    tables: dict[str, Counts]

    def separation(self, columns: Sequence[str], group: int) -> Measure:
        """How well columns together tell one group from the others."""
        known = self.target >= 0
        tables = [self.against(name, group) for name in columns]
        odds = evidence(tables, [self.coded.codes[name][known] for name in columns], self.coded.blocks[known])
        return separation(odds, (self.target[known] == group).astype(np.int64))

    def against(self, column: str, group: int) -> Counts:
        """Rows by block and cell: of the other groups, of the group."""
        table = self.tables[column]
        mine = table[:, :, group]
        return np.stack([table.sum(axis=2) - mine, mine], axis=2)


@dataclass(frozen=True, slots=True)
class _Pair:
    """Both windows, and the groups that are large enough in both."""

    reference: _Side
    current: _Side
    groups: int

    def associations(self, column: str) -> tuple[Measure, Measure]:
        """How much a column tells of the target: in the reference, in the window."""
        before, now = (association(side.tables[column]) for side in (self.reference, self.current))
        return before, now

    def separations(self, columns: Sequence[str], group: int) -> tuple[Measure, Measure]:
        """How well columns together tell a group: in the reference, in the window."""
        before, now = (side.separation(columns, group) for side in (self.reference, self.current))
        return before, now

    @property
    def rows(self) -> int:
        """Sampled rows of the window that are of a group."""
        return int((self.current.target >= 0).sum())


def judge_proxies(
    spec: ModelSpec, policy: Policy, reference: WindowDigest, current: WindowDigest,
    *, broken: Collection[str] = (), drifted: Collection[str] = (),
) -> list[Finding]:  # fmt: skip
    """Judge each sensitive attribute by the inputs that tell it, and the label by each input alone.

    Only what is new breaches. An input that always went with an attribute is reported with its value; an
    attribute that is itself an input is no proxy of itself.

    :param broken: columns that the quality gate does not believe: two that were swapped are no new proxies.
    :param drifted: inputs that drifted. Where several did, these are other people, among whom an input may
        well say more of an attribute: inconclusive.
    """
    inputs = [name for name in spec.columns.features if name in current.types and name not in broken]
    numeric = frozenset(reference.numeric)
    cells = coded(inputs, numeric, reference.sample, current.sample)
    found: list[Finding] = []
    for attribute in spec.columns.sensitive:
        columns = [name for name in inputs if name != attribute]
        if columns and attribute in current.types:
            found += _attribute(attribute, columns, policy, cells, (reference, current))
    steady = len(set(drifted)) <= max(1.0, policy.limit("leak.drifted_share") * len(inputs))
    found = found if steady else [_doubted(one, len(set(drifted))) for one in found]
    if spec.task != "regression" and inputs:
        found += _label(spec, inputs, policy, cells, (reference, current))
    return found


def _doubted(finding: Finding, drifted: int) -> Finding:
    """The same finding, where other people explain it as well."""
    if not finding.is_breach:
        return finding
    reason = f"{finding.reason}; {drifted} inputs drifted, so these are other people, which may explain it"
    return replace(finding, verdict=Verdict.INCONCLUSIVE, reason=reason)


def _attribute(
    attribute: str, columns: list[str], policy: Policy, cells: tuple[Coded, Coded],
    windows: tuple[WindowDigest, WindowDigest],
) -> Iterator[Finding]:  # fmt: skip
    pair = _paired(attribute, cells, windows, policy.limit("leak.min_group"))
    if pair is None:
        yield Finding(
            category=Category.PRIVACY_LEAK, metric="proxy_auc", attribute=attribute, verdict=Verdict.NO_DATA,
            reason=f"{attribute}: fewer than two groups have "
            f"{policy.limit('leak.min_group'):g} sampled rows in both windows",
        )  # fmt: skip
        return
    seen = {name: pair.associations(name) for name in columns}
    yield _together(attribute, columns, policy, pair, seen)
    z = _quantile(policy, len(columns))
    limit, least = policy.limit("leak.proxy_rise"), policy.limit("leak.proxy_association")
    for name, (before, now) in seen.items():
        rise, error = now.value - before.value, float(np.hypot(now.error, before.error))
        if rise > limit and now.value > least:
            proven = rise - z * error > limit
            few = "" if proven else "; so few rows do not prove it"
            yield Finding(
                category=Category.PRIVACY_LEAK, metric="proxy_association_change", column=name,
                attribute=attribute, verdict=Verdict.BREACH if proven else Verdict.INCONCLUSIVE, value=rise,
                reference_value=before.value, threshold=limit,
                interval=(rise - z * error, rise + z * error), n=pair.rows,
                reason=f"{name} came to tell {attribute}: association {now.value:.2f}, "
                f"{before.value:.2f} in the reference; a rise of {limit:g} is the limit{few}",
            )  # fmt: skip


def _together(
    attribute: str, columns: list[str], policy: Policy, pair: _Pair, seen: dict[str, tuple[Measure, Measure]]
) -> Finding:
    """How well all inputs together tell the group that they tell best, now beside before."""
    both = [pair.separations(columns, group) for group in range(pair.groups)]
    z, limit = _quantile(policy, pair.groups), policy.limit("leak.proxy_auc_rise")
    before, now = max(both, key=lambda one: one[1].value - one[0].value)
    if now.value - before.value <= limit:
        before, now = max(both, key=lambda one: one[1].value)
    rise, error = now.value - before.value, float(np.hypot(now.error, before.error))
    verdict = Verdict.PASS
    if rise > limit:
        verdict = Verdict.BREACH if rise - z * error > limit else Verdict.INCONCLUSIVE
    strongest = sorted(columns, key=lambda name: -seen[name][1].value)[:NAMED]
    if verdict is Verdict.BREACH:
        strongest = _risen(seen)
    named = ", ".join(f"{name} {seen[name][1].value:.2f}" for name in strongest)
    return Finding(
        category=Category.PRIVACY_LEAK, metric="proxy_auc", attribute=attribute, column=tuple(strongest),
        verdict=verdict, value=now.value, reference_value=before.value, threshold=before.value + limit,
        interval=(now.value - z * now.error, now.value + z * now.error), n=pair.rows,
        reason=f"the inputs tell {attribute} with an auc of {now.value:.3f}, {before.value:.3f} in the "
        f"reference; strongest: {named}; a rise of {limit:g} is the limit",
    )  # fmt: skip


def _risen(seen: dict[str, tuple[Measure, Measure]]) -> list[str]:
    """The inputs that came to tell more of the attribute: at least half as much more as the first one."""
    rise = {name: now.value - before.value for name, (before, now) in seen.items()}
    most = max(rise.values())
    return sorted((name for name in rise if rise[name] >= most / 2), key=lambda name: -rise[name])[:NAMED]


def _label(
    spec: ModelSpec, columns: list[str], policy: Policy, cells: tuple[Coded, Coded],
    windows: tuple[WindowDigest, WindowDigest],
) -> Iterator[Finding]:  # fmt: skip
    """Judge whether an input tells the label nearly for certain, and did not before."""
    name = spec.columns.label
    pair = _paired(name, cells, windows, policy.limit("leak.min_group"))
    if pair is None:
        return
    limit, rise = policy.limit("leak.label_auc"), policy.limit("leak.label_auc_rise")
    groups = (1,) if pair.groups == PAIR else range(pair.groups)
    bound = {
        column: min(best_area(pair.current.against(column, group)) for group in groups) for column in columns
    }
    likely = [one for one in columns if bound[one] > limit] or [max(columns, key=lambda one: bound[one])]
    seen = {
        one: min((pair.separations([one], group) for group in groups), key=lambda both: both[1].value)
        for one in likely
    }
    leaks = [one for one, (was, now) in seen.items() if now.value > limit and now.value - was.value > rise]
    for column in leaks or [max(likely, key=lambda one: seen[one][1].value)]:
        before, now = seen[column]
        said = "came to tell the label nearly for certain" if leaks else "tells the label, best of all inputs"
        yield Finding(
            category=Category.DATA_QUALITY, metric="label_leak", column=column,
            verdict=Verdict.BREACH if leaks else Verdict.PASS, value=now.value, reference_value=before.value,
            threshold=limit, n=pair.rows,
            reason=f"{column} by itself {said}: auc {now.value:.3f}, {before.value:.3f} in the reference",
        )  # fmt: skip


def _paired(
    target: str, cells: tuple[Coded, Coded], windows: tuple[WindowDigest, WindowDigest], least: float
) -> _Pair | None:
    """Rows by group of a column; None where fewer than two groups are large enough in both samples."""
    columns = [one.sample.rows.column(target).combine_chunks() for one in windows]
    names = sorted(set(windows[0].categorical[target].counts) & set(windows[1].categorical[target].counts))
    sizes = [np.bincount(codes_of(one, names, len(names)), minlength=len(names) + 2) for one in columns]
    enough = [names[i] for i in range(len(names)) if min(size[i] for size in sizes) >= least]
    if not PAIR <= len(enough) <= MOST_GROUPS:
        return None
    codes = [codes_of(one, enough, len(enough)) for one in columns]
    targets = [np.where(one < len(enough), one, -1) for one in codes]
    before, now = (
        _Side(one, target, one.tables(target, len(enough)))
        for one, target in zip(cells, targets, strict=True)
    )
    return _Pair(before, now, len(enough))


def _quantile(policy: Policy, tests: int) -> float:
    """Standard errors of an interval that holds for all tests together (Bonferroni)."""
    return float(ndtri(1 - (1 - policy.limit("leak.confidence")) / 2 / max(tests, 1)))

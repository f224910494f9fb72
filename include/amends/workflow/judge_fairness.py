"""Findings on fairness: gaps between groups in decisions and errors, of each attribute and intersection."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import count as numbers
from typing import TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

from amends.domain.findings import Category, Finding, Verdict
from amends.domain.policy import Policy
from amends.domain.spec import ModelSpec
from amends.errors import DataError
from amends.measures.digests import WindowDigest
from amends.measures.fairness import (
    GROUP,
    MOST_GROUPS,
    SMALL_CELL,
    WHERE,
    Coded,
    Grouped,
    attribute_sets,
    coded,
    favourable,
    grouped,
    stacked,
)
from amends.measures.group_errors import expected_gap, group_calibration
from amends.measures.groups import NOBODY, GroupMeasure, differences, shares
from amends.measures.performance import two_sided
from amends.ports import FairnessMetrics
from amends.workflow.group_gaps import PAIR, REPORTED, Asked, finding, judge_change, judge_standing, too_few
from amends.workflow.judge_group_errors import judge_group_errors

NEVER = 1.0
"""A limit on a gap in rates that no gap exceeds: the gap is reported and raises nothing."""


@dataclass(frozen=True, slots=True)
class _Metric:
    """A rate, what it rests on, the policy's least number of those, and its limits (None: reported only)."""

    key: str
    base: str
    least: str
    limit: str | None
    rise: str | None
    ratio: bool = False


METRICS = (
    _Metric(
        "selection_rate", "count", "fairness.min_group", "fairness.selection_ratio", "fairness.gap_rise", True
    ),
    _Metric("selection_rate", "count", "fairness.min_group", None, None),
    _Metric(
        "true_positive_rate", "positives", "fairness.min_class",
        "fairness.rate_difference", "fairness.gap_rise",
    ),
    _Metric(
        "false_positive_rate", "negatives", "fairness.min_class",
        "fairness.rate_difference", "fairness.gap_rise",
    ),
    _Metric("false_negative_rate", "positives", "fairness.min_class", None, None),
    _Metric(
        "precision", "selected", "fairness.min_class",
        "fairness.precision_difference", "fairness.precision_gap_rise",
    ),
    _Metric(
        "calibration", "labelled", "fairness.min_group",
        "fairness.calibration_difference", "fairness.calibration_gap_rise",
    ),
)  # fmt: skip
"""What is judged of every attribute and intersection. Selection-rate ratio, true and false positive rate may
breach by default. The gap in false negative rates is that in true positive rates, and the selection-rate
difference says what the ratio says: they are reported. Precision and calibration differ between groups
wherever base rates and error rates are alike (Chouldechova 2017): they are reported, too, until a policy sets
a limit under 1."""
ODDS = ("true_positive_rate", "false_positive_rate")
SHOWN = 0.005
"""Share of rows without a group from which a finding says so."""
SPOKEN = {"calibration": "mean score less outcome"}


@dataclass(frozen=True, eq=False, slots=True)
class _Read:
    """A window's digest, and its decisions and labels as 0 and 1."""

    digest: WindowDigest
    coded: Coded


@dataclass(frozen=True, slots=True, kw_only=True)
class _Set:
    """One attribute or intersection: its groups now and before, and their rates by Fairlearn."""

    names: tuple[str, ...]
    groups: Grouped
    before: dict[str, GroupMeasure]
    now: dict[str, GroupMeasure]


_Counted: TypeAlias = tuple[tuple[str, ...], Grouped, Grouped]
"""An attribute or intersection, and its groups before and now."""


def judge_fairness(
    spec: ModelSpec, policy: Policy, reference: WindowDigest, current: WindowDigest, metrics: FairnessMetrics
) -> list[Finding]:
    """Judge every sensitive attribute, every pair of them, and of three or more all of them together.

    Where ``favourable_label`` is null no decision about a person is made, and nothing is raised. A regression
    has no favourable label: its errors are judged wherever sensitive attributes are named.
    """
    sets = attribute_sets(spec.columns.sensitive)
    if spec.task == "regression":
        return judge_group_errors(policy, spec, reference, current, sets)
    if spec.favourable_label is None or not sets:
        return []
    try:
        windows = tuple(_Read(one, coded(spec, one)) for one in (reference, current))
    except DataError as error:
        return [_plain(names, Verdict.ERROR, str(error)) for names in sets if len(names) == 1]
    findings: list[Finding] = []
    counted: list[_Counted] = []
    for names in sets:
        before, now, obstacle = _counted(policy, names, windows)
        if obstacle:
            findings.append(obstacle)
        else:
            counted.append((names, before, now))
    try:
        rated = _rated(spec, counted, windows, metrics)
    except DataError as error:
        return [*findings, *(_plain(names, Verdict.ERROR, str(error)) for names, *_ in counted)]
    for one, asked in _shared(policy, [(one, _asked(policy, one)) for one in rated]):
        findings += _judge(policy, windows, one, asked)
    return findings


def _counted(
    policy: Policy, names: tuple[str, ...], windows: Sequence[_Read]
) -> tuple[Grouped, Grouped, Finding | None]:
    """Count the groups before and now, and say why they cannot be judged where they cannot."""
    least = min(_least(policy, "fairness.min_group"), _least(policy, "fairness.min_class"))
    before, now = (grouped(window.coded, names, least) for window in windows)
    if now.totals["count"][1]:
        return before, now, None
    known = "decision is" if not now.totals["count"][0] else f"{' & '.join(names)} is"
    return before, now, _plain(names, Verdict.NO_DATA, f"no {known} recorded in the window")


def _least(policy: Policy, name: str) -> int:
    """No policy lets a finding rest on fewer people than may be shown."""
    return max(int(policy.limit(name)), SMALL_CELL)


def _rated(
    spec: ModelSpec, counted: Sequence[_Counted], windows: Sequence[_Read], metrics: FairnessMetrics
) -> list[_Set]:
    """Rate the groups of every attribute and intersection, before and now, in one call.

    Most of what a call costs, it costs once.
    """
    tables = [groups.table for _, *pair in counted for groups in pair if groups.names]
    frame = metrics.by_group(stacked(tables), (WHERE, GROUP)) if tables else None
    at = numbers()
    sets = []
    for names, *pair in counted:
        rates = []
        for groups, window in zip(pair, windows, strict=True):
            mine = frame.filter(pc.equal(frame[WHERE], next(at))) if frame and groups.names else None
            found = _shares(spec, groups.names, mine)
            found["calibration"] = group_calibration(spec, window.digest, names).among(groups.names)
            rates.append(found)
        sets.append(_Set(names=names, groups=pair[1], before=rates[0], now=rates[1]))
    return sets


def _shares(spec: ModelSpec, groups: Sequence[str], frame: pa.Table | None) -> dict[str, GroupMeasure]:
    """Rates by group as shares of counts; the selection rate is that of the favourable decision."""
    if frame is None:
        return dict.fromkeys((one.key for one in METRICS), NOBODY)
    names = [groups[i] for i in frame[GROUP].to_pylist()]
    found = {}
    for one in METRICS:
        if one.key in frame.column_names:
            rows = frame[one.base].to_numpy()
            hits = (frame[one.key].fill_null(0.0).to_numpy() * rows).round()
            flipped = one.key == "selection_rate" and favourable(spec) == "0"
            found[one.key] = shares(names, rows - hits if flipped else hits, rows)
    found["false_negative_rate"] = found["true_positive_rate"].complement()
    return found


def _asked(policy: Policy, one: _Set) -> list[Asked]:
    """What is asked of one attribute or intersection, without the intervals' width yet."""
    groups = one.groups
    note = f"; {groups.unrecorded:.0%} of rows have no group" if groups.unrecorded >= SHOWN else ""
    if groups.uncompared:
        note += f"; not compared: {groups.uncompared} more, past the {MOST_GROUPS} largest or not told apart"
    return [
        Asked(
            attribute=one.names, key=metric.key,
            spoken=SPOKEN.get(metric.key, metric.key.replace("_", " ")),
            least=_least(policy, metric.least), ratio=metric.ratio, floor=policy.limit("fairness.gap_rise"),
            limit=_limit(policy, metric.limit), rise=_limit(policy, metric.rise),
            totals=groups.totals[metric.base], names=(*groups.names, *groups.small), hidden=groups.hidden,
            note=note, before=one.before[metric.key], now=one.now[metric.key],
        )
        for metric in METRICS
    ]  # fmt: skip


def _limit(policy: Policy, name: str | None) -> float | None:
    limit = policy.limit(name) if name else None
    return None if limit is None or (limit >= NEVER and name != "fairness.selection_ratio") else limit


def _shared(policy: Policy, judged: Sequence[tuple[_Set, list[Asked]]]) -> Iterator[tuple[_Set, list[Asked]]]:
    """Give every comparison its part of the chance to err (weighted Bonferroni).

    Equal parts go to attributes and intersections, and within one of them to pairs of groups, rates, and
    standing and change: an intersection of many groups does not blunt what is said of a single attribute.
    """
    counts = [sum(one.comparisons for one in asked) for _, asked in judged]
    sets = sum(count > 0 for count in counts)
    for (one, asked), count in zip(judged, counts, strict=True):
        z = two_sided(policy.limit("fairness.confidence"), max(sets, 1) * max(count, 1))
        yield one, [replace(each, z=z) for each in asked]


def _judge(policy: Policy, windows: Sequence[_Read], one: _Set, asked: Sequence[Asked]) -> Iterator[Finding]:
    """All findings of one attribute or intersection."""
    problem = windows[1].coded.problem or windows[0].coded.problem
    share, least = one.groups.labelled, policy.limit("performance.min_labelled_share")
    for each, metric in zip(asked, METRICS, strict=True):
        name = f"{each.key}_{'ratio' if each.ratio else 'difference'}"
        if metric.base == "count":
            yield from _gaps(each, metric)
        elif problem:
            yield finding(each, name, Verdict.ERROR, f"{problem}: label them as the decisions are")
        elif not share:
            yield finding(each, name, Verdict.NO_DATA, "no label has arrived yet")
        elif share < least:
            reason = f"only {share:.0%} of the labels have arrived, {least:.0%} are asked for"
            yield finding(each, name, Verdict.INCONCLUSIVE, reason)
        else:
            yield from _gaps(each, metric)
    if share >= least and not problem:
        yield _equalized_odds([each for each in asked if each.key in ODDS])


def _gaps(asked: Asked, metric: _Metric) -> Iterator[Finding]:
    standing = judge_standing(asked)
    if metric.key == "calibration" and len(asked.judged):
        told = f"; {expected_gap(asked.judged):.3f} off on average over people"
        standing = replace(standing, reason=standing.reason + told)
    yield standing
    if metric.rise:
        yield judge_change(asked)


def _equalized_odds(asked: Sequence[Asked]) -> Finding:
    """The wider of the gaps in true and in false positive rate; its parts are judged by themselves.

    ``max(max TPR - min TPR, max FPR - min FPR)``. Range [0, 1]; 0 is parity in both.
    Source: Hardt, Price, Srebro (2016), "Equality of Opportunity in Supervised Learning".
    """
    metric = "equalized_odds_difference"
    small = [each for each in asked if len(each.judged) < PAIR]
    if small:
        return too_few(small[0], metric)
    gaps = [differences(each.judged, each.z) for each in asked]
    widest = max(range(len(gaps)), key=lambda i: float(gaps[i].value.max()))
    each, gap = asked[widest], gaps[widest]
    at, judged = int(gap.value.argmax()), each.judged
    low, high = int(gap.low[at]), int(gap.high[at])
    reason = f"the wider gap is that in {each.spoken}: {gap.value[at]:.3f} between {judged.names[high]} and "
    return finding(
        each, metric, Verdict.PASS, f"{reason}{judged.names[low]}{REPORTED}{each.left_out(judged.names)}",
        groups=(judged.names[low], judged.names[high]), rows=int(judged.rows[low] + judged.rows[high]),
        value=float(gap.value[at]), interval=(float(gap.lower[at]), float(gap.upper[at])),
    )  # fmt: skip


def _plain(names: tuple[str, ...], verdict: Verdict, reason: str) -> Finding:
    """A finding without numbers on what is judged first."""
    return Finding(
        category=Category.FAIRNESS, metric="selection_rate_ratio", verdict=verdict, reason=reason,
        attribute=names[0] if len(names) == 1 else names,
    )  # fmt: skip

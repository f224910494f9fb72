"""What the gate asks of a classification: of two classes, and of more."""

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from amends.domain.findings import Category, Finding, Verdict
from amends.domain.noninferiority import proven
from amends.domain.spec import ModelSpec
from amends.measures.comparison import (
    Comparison,
    compare_groups,
    compare_scores,
    group_rates,
    group_table,
)
from amends.measures.comparison_classes import ClassLoss, compare_classes, of_class, worst_class
from amends.measures.fairness import SMALL_CELL, favourable
from amends.measures.pairing import PairedRows
from amends.measures.resampling import Resampler
from amends.workflow.gate_rulings import LEVELS, Gap, change, judge_gaps, level, span

if TYPE_CHECKING:
    from amends.domain.policy import Policy

CALIBRATION = ("brier_score", "calibration_error")


def judge_two_classes(
    spec: ModelSpec, policy: "Policy", rows: PairedRows, margins: Mapping[str, str]
) -> Iterator[Finding]:
    """Ranking, decisions and calibration, and the gaps between groups."""
    resampler = Resampler(rows.rows)
    share = float(rows.label.mean())
    compared = compare_scores(rows, resampler)
    better = _clearly_better(compared, "brier_score")
    for one in compared:
        category = Category.CALIBRATION_DRIFT if one.metric in CALIBRATION else Category.PERFORMANCE
        by_chance = round(share * (1 - share), 6)
        limit = by_chance if one.metric == "brier_score" else policy.limit(LEVELS[one.metric])
        yield level(one, category, limit)
        kept = one.metric == "calibration_error" and one.candidate.value <= limit
        yield change(one, category, policy.limit(margins[one.metric]), harmless=better and kept)
    if spec.favourable_label is not None:
        for attribute in rows.groups:
            yield from _gaps(policy, rows, resampler, attribute, int(favourable(spec) == "1"))


def judge_several_classes(
    spec: ModelSpec, policy: "Policy", rows: PairedRows, margins: Mapping[str, str]
) -> Iterator[Finding]:
    """Decisions, the class that lost most, whether confidence is what it says, and the gaps between groups.

    The limit of balanced accuracy is written in multiples of what one answer for all gets.
    """
    resampler = Resampler(rows.rows)
    compared = compare_classes(rows, resampler)
    better = _clearly_better(compared, "accuracy")
    for one in compared:
        category = Category.CALIBRATION_DRIFT if one.metric in CALIBRATION else Category.PERFORMANCE
        limit = policy.limit(LEVELS[one.metric])
        if one.metric == "balanced_accuracy":
            limit = policy.limit("gate.balanced_accuracy_over_chance") / max(len(set(rows.label)), 1)
        if limit:
            yield level(one, category, limit)
        calibration = one.metric == "calibration_error"
        kept = calibration and one.candidate.value <= limit
        sure = calibration and proven(span(one.candidate), limit, rising=True)
        yield change(one, category, policy.limit(margins[one.metric]), harmless=(better and kept) or sure)
    yield _worst_class(spec, policy, rows, resampler)
    if spec.favourable_label is not None:
        binary = of_class(rows, favourable(spec))
        for attribute in rows.groups:
            yield from _gaps(policy, binary, resampler, attribute, 1)


def _clearly_better(compared: Sequence[Comparison], metric: str) -> bool:
    return any(one.metric == metric and one.worse.high < 0 for one in compared)


def _worst_class(spec: ModelSpec, policy: "Policy", rows: PairedRows, resampler: Resampler) -> Finding:
    """Judge the class that lost most; as with intersections, only a proven loss of one blocks."""
    margin, least = policy.limit("gate.class_f1_drop"), policy.limit("fairness.min_class")
    lost = worst_class(rows, resampler, max(least, SMALL_CELL), margin)
    if lost is None:
        return Finding(
            category=Category.PERFORMANCE, metric="class_f1_change", column=spec.columns.label,
            n=rows.rows, verdict=Verdict.NO_DATA,
            reason=f"no class has the {least:g} labelled rows asked for",
        )  # fmt: skip
    proved = lost.worse.low > 0 and lost.worse.value > margin
    return Finding(
        category=Category.PERFORMANCE, metric="class_f1_change", column=spec.columns.label,
        groups=(lost.name,), n=lost.n, value=lost.candidate, reference_value=lost.champion,
        threshold=lost.champion - margin,
        interval=(lost.champion - lost.worse.high, lost.champion - lost.worse.low),
        verdict=Verdict.BREACH if proved else Verdict.PASS, reason=_lost(lost, margin),
    )  # fmt: skip


def _lost(lost: ClassLoss, margin: float) -> str:
    if lost.worse.value <= 0:
        return f"none of {lost.among} classes is told worse than by the champion"
    return (
        f"F1 of class {lost.name} is {lost.candidate:.3f}, the champion's {lost.champion:.3f} "
        f"({lost.worse.low:+.3f} to {lost.worse.high:+.3f} worse, tolerated {margin:g}); "
        f"it lost most of {lost.among} classes"
    )


def _gaps(
    policy: "Policy", rows: PairedRows, resampler: Resampler, attribute: tuple[str, ...], good: int
) -> Iterator[Finding]:
    """Judge gaps in decisions and errors. :param good: the decision that is good for the person."""
    least = {name: max(policy.limit(f"fairness.{name}"), SMALL_CELL) for name in ("min_group", "min_class")}
    sums = group_table(rows, resampler, attribute)
    names, table = rows.groups[attribute][1], sums[1].sum(axis=0).reshape(-1, 2, 2)

    def ends(metric: str, left_out: Sequence[int]) -> tuple[str, ...]:
        judged = [i for i in range(len(names)) if i not in left_out]
        rates = group_rates(metric, table[judged], good)
        return tuple(names[judged[int(i)]] for i in (rates.argmin(), rates.argmax()))

    gaps = (
        Gap(metric, one, ends(metric, left_out) if one else (), left_out)
        for metric, one, left_out in compare_groups(resampler, sums, good, least)
    )
    wanted = f"{least['min_group']:g} rows and {least['min_class']:g} of each outcome"
    return judge_gaps(policy, rows, attribute, gaps, wanted)

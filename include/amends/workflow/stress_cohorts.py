"""Synthetic rows: groups that are too rare to be judged on their own rows, and what-ifs.

Synthetic rows are no more evidence than the real ones that they were made from: intervals are as wide as
those of the real rows, only a harm that is proven beyond a large margin stops a candidate, and none does
where the generator does not tell the two versions apart as the real rows do.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TypeAlias

import numpy as np
import pyarrow as pa

from amends.domain.findings import Category, Finding, Verdict
from amends.errors import DataError
from amends.measures.arrow import Floats
from amends.measures.cohorts import Cohort, Fidelity, fidelity, fit_cohort
from amends.measures.proxies import Measure
from amends.measures.robustness import answers, auc_contrast, mean_contrast
from amends.workflow.stress_bench import SEED, Bench, harm, interval_of, labels_of, told

GROUP_ROWS, WHAT_IF_ROWS, CHECK_ROWS = 1000, 500, 2000
MOST_GROUPS, MOST_INPUTS = 4, 6
Parts: TypeAlias = tuple[tuple[str, ...], tuple[str, ...]]
STEP = 1.0
"""How far a what-if moves an input, in standard deviations of its latent normal."""


@dataclass(frozen=True, eq=False, kw_only=True)
class Made:
    """Synthetic rows with both versions' scores; ``real``: how many real rows they stand for."""

    label: Floats
    champion: Floats
    candidate: Floats
    real: int

    @property
    def brier(self) -> Measure:
        """How much larger the candidate's mean squared error is."""
        worse = (self.candidate - self.label) ** 2 - (self.champion - self.label) ** 2
        return self._honest(mean_contrast(worse))

    @property
    def auc(self) -> Measure:
        """How much smaller the candidate's AUC is."""
        signed = [(1.0, self.champion), (-1.0, self.candidate)]
        return self._honest(auc_contrast(self.label.astype(np.int64), signed))

    def selection(self, threshold: float, favourable: int) -> Measure:
        """How much smaller the candidate's share of favourable decisions is."""
        rates = [((s >= threshold) == favourable).astype(np.float64) for s in (self.champion, self.candidate)]
        return self._honest(mean_contrast(rates[0] - rates[1]))

    def _honest(self, measure: Measure) -> Measure:
        """Widen the error to that of as many rows as were real."""
        return Measure(measure.value, measure.error * max(len(self.label) / self.real, 1.0) ** 0.5)


def judge_cohorts(bench: Bench) -> Iterator[Finding]:
    """Fit the generator, say how like the real rows it is, then judge rare groups and what-ifs."""
    try:
        parts = _parts(bench)
        whole = fit_cohort(bench.sample, *parts, label=bench.spec.columns.label)
        made = whole.draw(CHECK_ROWS, SEED)
    except DataError as impossible:
        yield told("synthetic_fidelity", Category.DATA_QUALITY, Verdict.NO_DATA, str(impossible))
        return
    seen = fidelity(whole, made)
    like = _fidelity(bench, seen, whole.rows)
    yield like
    trusted = like.verdict is Verdict.PASS and _tells_alike(bench, _scored(bench, made, whole.rows))
    for finding in (*_rare_groups(bench, parts), *_what_ifs(bench, whole)):
        yield finding if trusted else _doubted(finding)


def _parts(bench: Bench) -> Parts:
    """Numeric columns, and columns of levels, that the versions read. :raises DataError: one is not there."""
    c, table = bench.spec.columns, bench.sample
    read = [name for one in (bench.candidate, bench.champion) for name in (one.inputs or ())]
    names = dict.fromkeys((*c.features, *read, *c.sensitive))
    absent = [name for name in names if name not in table.column_names]
    if absent:
        raise DataError(
            f"a version reads {absent[0]!r}, which the rows don't hold. Log it to have synthetic rows made."
        )
    numeric = tuple(
        name for name in names
        if name in c.numeric or (name not in {*c.categorical, *c.sensitive} and _is_number(table, name))
    )  # fmt: skip
    return numeric, (*(name for name in names if name not in numeric), c.label)


def _is_number(table: pa.Table, name: str) -> bool:
    kind = table.schema.field(name).type
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _fidelity(bench: Bench, seen: Fidelity, rows: int) -> Finding:
    """Whether marginals and rank correlations are kept and no row is copied."""
    limit = bench.policy.limit("gate.synthetic_distance")
    worst = max(seen.distance, key=lambda name: seen.distance[name])
    like = max(seen.distance[worst], seen.correlation) <= limit and not seen.copies
    return told(
        "synthetic_fidelity", Category.DATA_QUALITY, Verdict.PASS if like else Verdict.INCONCLUSIVE,
        f"synthetic rows: {worst} lies {seen.distance[worst]:.3f} from the real column, the rank correlation "
        f"farthest off {seen.correlation:.3f}; {seen.copies} copies; to the nearest real row it is "
        f"{seen.closest:.2f} times as far as between real rows", n=rows,
        value=max(seen.distance[worst], seen.correlation), threshold=limit,
    )  # fmt: skip


def _tells_alike(bench: Bench, made: Made) -> bool:
    """Whether synthetic rows say of the two versions what the real rows say."""
    label = bench.label.astype(np.float64)
    kept = np.isfinite(bench.scores[0]) & np.isfinite(bench.scores[1])
    real = Made(
        label=label[kept], champion=bench.scores[0][kept], candidate=bench.scores[1][kept], real=len(label)
    )
    off = abs(real.brier.value - made.brier.value)
    return bool(off <= bench.policy.limit("gate.synthetic_brier_rise") / 2)


def _scored(bench: Bench, rows: pa.Table, real: int) -> Made:
    frame, label = rows.to_pandas(), labels_of(bench.spec, rows).astype(np.float64)
    champion, candidate = (answers(one.score, frame) for one in (bench.champion, bench.candidate))
    kept = np.isfinite(champion) & np.isfinite(candidate)
    return Made(label=label[kept], champion=champion[kept], candidate=candidate[kept], real=real)


def _rare_groups(bench: Bench, parts: Parts) -> Iterator[Finding]:
    """Judge groups that have too few rows for the gate, and enough for a generator; the largest first."""
    groups = _rare(bench)
    if not groups:
        yield told(
            "synthetic_group_brier_change", Category.PERFORMANCE, Verdict.NO_DATA,
            "no group is too rare to be judged on its own rows and large enough for a generator",
        )  # fmt: skip
    for (attribute, group), own in groups.items():
        try:
            cohort = fit_cohort(bench.sample, *parts, label=bench.spec.columns.label, within=own)
            made = _scored(bench, cohort.draw(GROUP_ROWS, SEED), own.num_rows)
        except DataError as impossible:
            yield replace(_none(str(impossible)), attribute=attribute, groups=(group,))
            continue
        yield from _group(bench, made, attribute, group)


def _none(reason: str) -> Finding:
    return told("synthetic_group_brier_change", Category.PERFORMANCE, Verdict.NO_DATA, reason)


def _rare(bench: Bench) -> Mapping[tuple[str | tuple[str, ...], str], pa.Table]:
    """Rows of each rare group, by attribute and by all attributes together."""
    sensitive = bench.spec.columns.sensitive
    least, enough = (bench.policy.limit(n) for n in ("gate.synthetic_min_rows", "fairness.min_group"))
    asked: list[tuple[str, ...]] = [(name,) for name in sensitive]
    asked += [sensitive] if len(sensitive) > 1 else []
    found: dict[tuple[str | tuple[str, ...], str], pa.Table] = {}
    for names in asked:
        texts = group_names(bench.rows, names)
        for group, size in zip(*np.unique(texts, return_counts=True), strict=True):
            if least <= size < enough:
                about = names[0] if len(names) == 1 else names
                found[about, str(group)] = bench.rows.filter(pa.array(texts == group))
    order = sorted(found, key=lambda key: (-found[key].num_rows, str(key)))
    return {key: found[key] for key in order[:MOST_GROUPS]}


def group_names(rows: pa.Table, names: tuple[str, ...]) -> "np.ndarray[tuple[int], np.dtype[np.str_]]":
    """The group of each row, as the gate names it."""
    columns = [["(missing)" if v is None else str(v) for v in rows.column(n).to_pylist()] for n in names]
    return np.array([" & ".join(row) for row in zip(*columns, strict=True)], dtype=np.str_)


def _group(bench: Bench, made: Made, attribute: str | tuple[str, ...], group: str) -> Iterator[Finding]:
    about = f"on {len(made.label)} synthetic rows made from {made.real} real ones of {group}"
    told_by = (
        ("brier", made.brier, "gate.synthetic_brier_rise", "squared error", Category.PERFORMANCE),
        ("auc", made.auc, "gate.synthetic_auc_drop", "AUC", Category.PERFORMANCE),
    )
    for name, worse, limit, words, category in told_by:
        yield harm(
            f"synthetic_group_{name}_change", category, worse, bench.policy.limit(limit),
            f"{about} the candidate's {words} is {worse.value:+.3f} worse", n=made.real, attribute=attribute,
            groups=(group,),
        )  # fmt: skip
    if bench.spec.favourable_label is None:
        return
    favourable = int(str(bench.spec.favourable_label) in ("1", "1.0", "True"))
    fewer = made.selection(bench.spec.decision_threshold, favourable)
    everybody = _fewer_of_all(bench, favourable)
    beside = Measure(fewer.value - everybody.value, float(np.hypot(fewer.error, everybody.error)))
    yield harm(
        "synthetic_group_selection_change", Category.FAIRNESS, beside,
        bench.policy.limit("gate.synthetic_selection_drop"),
        f"{about} the candidate decides {fewer.value:+.1%} fewer favourably, of everybody "
        f"{everybody.value:+.1%}", n=made.real, attribute=attribute, groups=(group,),
    )  # fmt: skip


def _fewer_of_all(bench: Bench, favourable: int) -> Measure:
    kept = np.isfinite(bench.scores[0]) & np.isfinite(bench.scores[1])
    champion, candidate = (one[kept] for one in bench.scores)
    every = Made(
        label=bench.label[kept].astype(np.float64), champion=champion, candidate=candidate, real=len(champion)
    )
    return every.selection(bench.spec.decision_threshold, favourable)


def _what_ifs(bench: Bench, whole: Cohort) -> Iterator[Finding]:
    """Move each number up and down by a deviation, what goes with it along, and judge the worst of it."""
    inputs = bench.numeric[:MOST_INPUTS]
    tried = [(name, sign) for name in inputs for sign in (1.0, -1.0)]
    limit, seen = bench.policy.limit("gate.synthetic_brier_rise"), {}
    for name, sign in tried:
        try:
            rows = whole.draw(WHAT_IF_ROWS, SEED, {name: sign * STEP})
        except DataError:
            continue
        seen[name, sign] = _scored(bench, rows, whole.rows).brier
    if not seen:
        yield told(
            "synthetic_what_if_brier_change", Category.PERFORMANCE, Verdict.NO_DATA, "no number to move"
        )  # fmt: skip
        return
    name, sign = max(seen, key=lambda key: (interval_of(seen[key], len(seen))[0], key))
    worse = seen[name, sign]
    yield harm(
        "synthetic_what_if_brier_change", Category.PERFORMANCE, worse, limit,
        f"of {len(seen)} what-ifs on synthetic rows the worst for the candidate is {name} a deviation "
        f"{'higher' if sign > 0 else 'lower'}: squared error {worse.value:+.3f} worse than the champion's",
        n=WHAT_IF_ROWS, comparisons=len(seen), column=name,
    )  # fmt: skip


def _doubted(finding: Finding) -> Finding:
    if not finding.is_breach:
        return finding
    reason = f"{finding.reason}; the generator does not tell the versions apart as real rows do"
    return replace(finding, verdict=Verdict.INCONCLUSIVE, reason=reason)

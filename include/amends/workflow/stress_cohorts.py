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
from amends.measures.cohorts import Cohort, fit_cohort
from amends.measures.fidelity import Fidelity, fidelity
from amends.measures.proxies import Measure
from amends.measures.robustness import answers, auc_contrast, mean_contrast
from amends.workflow.stress_bench import MOST_ROWS, SEED, Bench, harm, interval_of, labels_of, told

GROUP_ROWS, WHAT_IF_ROWS, CHECK_ROWS = 1000, 500, 8000
MOST_GROUPS, MOST_INPUTS = 4, 6
WORDS = {"brier": "squared error", "auc": "AUC", "selection": "share of favourable decisions"}
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
    def levels(self) -> tuple[float, float]:
        """Brier scores of champion and candidate."""
        both = ((self.champion - self.label) ** 2, (self.candidate - self.label) ** 2)
        return float(both[0].mean()), float(both[1].mean())

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
    everybody = _scored(bench, made.slice(0, MOST_ROWS), whole.rows)
    alike = _alike(bench, everybody)
    yield alike
    trusted = like.verdict is Verdict.PASS and alike.verdict is Verdict.PASS
    for finding in (*_rare_groups(bench, parts, everybody), *_what_ifs(bench, whole, everybody)):
        yield finding if trusted else _doubted(finding)


def _parts(bench: Bench) -> Parts:
    """Numeric columns, and columns of levels, that the versions read. :raises DataError: one is not there."""
    c, table = bench.spec.columns, bench.sample
    read = [name for one in (bench.candidate, bench.champion) for name in (one.inputs or ())]
    names = [name for name in dict.fromkeys((*c.features, *read, *c.sensitive)) if name != c.label]
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


def _alike(bench: Bench, made: Made) -> Finding:
    """Whether synthetic rows say of each version, and of their difference, what the real rows say.

    What a version knows beyond rank correlations, such as the hours of a day, is lost on them: both versions
    then look worse than they are, and which of the two looks worse is no evidence.
    """
    kept = np.isfinite(bench.scores[0]) & np.isfinite(bench.scores[1])
    champion, candidate = (one[kept] for one in bench.scores)
    label = bench.label[kept].astype(np.float64)
    real = Made(label=label, champion=champion, candidate=candidate, real=len(label))
    off = max(abs(one - other) for one, other in zip(real.levels, made.levels, strict=True))
    apart = abs(real.brier.value - made.brier.value)
    limit = bench.policy.limit("gate.synthetic_brier_rise") / 2
    alike = off <= limit and apart <= limit / 2
    levels = [f"{one:.3f} and {other:.3f}" for one, other in (real.levels, made.levels)]
    return told(
        "synthetic_brier_score", Category.DATA_QUALITY, Verdict.PASS if alike else Verdict.INCONCLUSIVE,
        f"Brier scores of champion and candidate are {levels[0]} on real rows, {levels[1]} on synthetic ones"
        + ("" if alike else ", which therefore prove nothing against the candidate"),
        n=len(label), value=off, threshold=limit,
    )  # fmt: skip


def _scored(bench: Bench, rows: pa.Table, real: int) -> Made:
    frame, label = rows.to_pandas(), labels_of(bench.spec, rows).astype(np.float64)
    champion, candidate = (answers(one.score, frame) for one in (bench.champion, bench.candidate))
    kept = np.isfinite(champion) & np.isfinite(candidate)
    return Made(label=label[kept], champion=champion[kept], candidate=candidate[kept], real=real)


def _rare_groups(bench: Bench, parts: Parts, everybody: Made) -> Iterator[Finding]:
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
        yield from _group(bench, (made, everybody), attribute, group)


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


def _group(
    bench: Bench, both: tuple[Made, Made], attribute: str | tuple[str, ...], group: str
) -> Iterator[Finding]:
    """Judge what a rare group loses beyond what everybody does: squared error, AUC, favourable decisions."""
    made, everybody = both
    about = f"on {len(made.label)} synthetic rows made from {made.real} real ones of {group}"
    asked = [
        ("brier", Category.PERFORMANCE, "gate.synthetic_brier_rise", made.brier, everybody.brier),
        ("auc", Category.PERFORMANCE, "gate.synthetic_auc_drop", made.auc, everybody.auc),
    ]
    if bench.spec.favourable_label is not None:
        favourable = int(str(bench.spec.favourable_label) in ("1", "1.0", "True"))
        fewer = [one.selection(bench.spec.decision_threshold, favourable) for one in both]
        asked.append(("selection", Category.FAIRNESS, "gate.synthetic_selection_drop", fewer[0], fewer[1]))
    for name, category, limit, own, others in asked:
        yield harm(
            f"synthetic_group_{name}_change", category, _beyond(own, others), bench.policy.limit(limit),
            f"{about}: {WORDS[name]} {own.value:+.3f} worse than the champion's, for everybody "
            f"{others.value:+.3f}",
            n=made.real, attribute=attribute, groups=(group,),
        )  # fmt: skip


def _what_ifs(bench: Bench, whole: Cohort, everybody: Made) -> Iterator[Finding]:
    """Move each number up and down by a deviation, what goes with it along, and judge the worst of it."""
    inputs = bench.numeric[:MOST_INPUTS]
    tried = [(name, sign) for name in inputs for sign in (1.0, -1.0)]
    limit, seen = bench.policy.limit("gate.synthetic_brier_rise"), {}
    for name, sign in tried:
        try:
            rows = whole.draw(WHAT_IF_ROWS, SEED, {name: sign * STEP})
        except DataError:
            continue
        seen[name, sign] = _beyond(_scored(bench, rows, whole.rows).brier, everybody.brier)
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
        f"{'higher' if sign > 0 else 'lower'}: squared error {_worse(worse.value)} beyond what it is "
        "for everybody",
        n=WHAT_IF_ROWS, comparisons=len(seen), column=name,
    )  # fmt: skip


def _worse(value: float) -> str:
    return f"{abs(value):.3f} {'worse' if value > 0 else 'better'} than the champion's"


def _beyond(harmed: Measure, everybody: Measure) -> Measure:
    """How much more some are harmed than everybody is, of which the gate judges on real rows."""
    return Measure(harmed.value - max(everybody.value, 0.0), harmed.error)


def _doubted(finding: Finding) -> Finding:
    if not finding.is_breach:
        return finding
    reason = f"{finding.reason}; on synthetic rows the versions do not score as on real ones"
    return replace(finding, verdict=Verdict.INCONCLUSIVE, reason=reason)

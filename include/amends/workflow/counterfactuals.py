"""Ask a version what it would have decided about the same rows, had they been of another group."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa

from amends.domain.findings import Category, Finding, Verdict
from amends.domain.policy import Policy
from amends.domain.spec import ModelSpec
from amends.errors import DataError
from amends.measures.arrow import Counts, Floats, as_floats, as_levels, level_codes
from amends.measures.counterfactual import Flips, flips_of, level_donors, quantile_donors
from amends.measures.leaks import mask_levels
from amends.measures.proportions import wilson
from amends.measures.proxies import association, coded
from amends.measures.sample import Sample
from amends.measures.slices import FEWEST

if TYPE_CHECKING:
    from amends.ports import Scorer

MOST_ROWS = 2_000
"""Rows that are asked about; a share of them has an interval of under three points each side."""
MOST_GROUPS = 5
PROXIES = 3
TELLS = 0.1
"""Association (Cramer's V) from which an input counts as telling an attribute: a small effect.
Source: Cohen (1988), "Statistical Power Analysis", 7.2."""
SAME = 1e-6
"""Scores that differ by less did not move."""
SEED = 20_261_125
TASK = "binary_classification"


@dataclass(frozen=True, eq=False, slots=True)
class _Swap:
    """Rows of one group, given in one column the values of rows of another group."""

    attribute: str
    through: str
    groups: tuple[str, str]
    mine: Counts
    donors: Counts


def ask(
    spec: ModelSpec, policy: Policy, scorer: "Scorer", rows: pa.Table, sample: Sample
) -> list[dict[str, Any]]:
    """Swap each sensitive attribute, then the inputs that tell it best; count the decisions that change.

    :param rows: rows of the window; at most MOST_ROWS are asked about, drawn with a fixed seed.
    :param sample: the window's sample, in which the inputs that tell an attribute are looked for.
    :returns: one document for each attribute and each way through which it was asked.
    :raises DataError: there is nothing to ask: no sensitive attribute, no two groups, no decisions.
    :raises ArtefactError: the version does not score the rows.
    """
    if spec.task != TASK or not spec.columns.sensitive:
        lacks = "no sensitive attribute" if spec.task == TASK else f"no yes or no ({spec.task})"
        raise DataError(f"model {spec.name!r} has {lacks}, so no decision is asked about. Nothing to do.")
    rows = some_rows(rows, MOST_ROWS)
    tells = {name: proxies_of(spec, sample, name) for name in spec.columns.sensitive}
    swaps = [swap for name in tells for swap in _swaps(spec, rows, name, tells[name])]
    if not swaps:
        raise DataError(f"no attribute of model {spec.name!r} has groups of {FEWEST} rows. Wait for rows.")
    before, *after = _scored(scorer, rows, swaps)
    limit = policy.limit("diagnosis.flip_share")
    ways = dict.fromkeys((swap.attribute, swap.through) for swap in swaps)
    answers = []
    for way in ways:
        mine = [(s, now) for s, now in zip(swaps, after, strict=True) if (s.attribute, s.through) == way]
        answers.append(_answer(spec, way, mine, before, limit) | {"tells": tells[way[0]].get(way[1])})
    return answers


def some_rows(rows: pa.Table, most: int) -> pa.Table:
    """At most so many rows, drawn with a fixed seed, in their order."""
    if rows.num_rows <= most:
        return rows
    drawn = np.random.default_rng(SEED).permutation(rows.num_rows)[:most]
    return rows.take(pa.array(np.sort(drawn)))


def proxies_of(spec: ModelSpec, sample: Sample, attribute: str) -> dict[str, float]:
    """The inputs that tell an attribute best, with their association, the strongest first."""
    names = [one for one in spec.columns.features if one in sample.rows.column_names and one != attribute]
    if not names or attribute not in sample.rows.column_names:
        return {}
    column = sample.rows.column(attribute).combine_chunks()
    levels = as_levels(column)
    target = np.where(column.is_null().to_numpy(zero_copy_only=False), -1, level_codes(levels))
    numeric = frozenset(spec.columns.numeric)
    tables = coded(names, numeric, sample, sample)[0].tables(target, len(levels.dictionary))
    found = {name: association(table) for name, table in tables.items()}
    sure = {name: one.value for name, one in found.items() if one.value - 2 * one.error > TELLS}
    return dict(sorted(sure.items(), key=lambda pair: (-pair[1], pair[0]))[:PROXIES])


def _swaps(spec: ModelSpec, rows: pa.Table, attribute: str, tells: dict[str, float]) -> Iterator[_Swap]:
    """Every group as every other: first in the attribute itself, then through what tells it."""
    groups = _groups(rows, attribute)
    for through in (attribute, *tells):
        lend = _any_of if through == attribute else _lender(spec, rows, through)
        for name, mine in groups.items():
            for other, theirs in groups.items():
                if other != name:
                    yield _Swap(attribute, through, (name, other), mine, lend(mine, theirs))


def _any_of(mine: Counts, theirs: Counts) -> Counts:
    """In the attribute itself all rows of a group have one value."""
    return np.full(len(mine), theirs[0])


def _lender(spec: ModelSpec, rows: pa.Table, name: str) -> Callable[[Counts, Counts], Counts]:
    """How an input's values of one group are given to another."""
    rng, column = np.random.default_rng(SEED), rows.column(name)
    if name in spec.columns.numeric:
        numbers, _ = as_floats(column)
        return lambda mine, theirs: quantile_donors(numbers, mine, theirs, rng)
    codes = level_codes(as_levels(column))
    return lambda mine, theirs: level_donors(codes, mine, theirs, rng)


def _groups(rows: pa.Table, attribute: str) -> dict[str, Counts]:
    """Places of the rows of each group that is large enough to be shown, the commonest few, by name."""
    levels = mask_levels(as_levels(rows.column(attribute)))
    codes, names = level_codes(levels), levels.dictionary.to_pylist()
    places = {name: np.flatnonzero(codes == code) for code, name in enumerate(names)}
    large = [name for name in sorted(names) if len(places[name]) >= FEWEST]
    large.sort(key=lambda name: -len(places[name]))

    kept = sorted(large[:MOST_GROUPS])
    return {name: places[name] for name in kept} if len(kept) > 1 else {}


def _scored(scorer: "Scorer", rows: pa.Table, swaps: Sequence[_Swap]) -> list[Floats]:
    """Scores of the rows as they are, then of each swap's rows: one call, as each may cost seconds."""
    tables = [rows]
    for swap in swaps:
        mine = rows.take(pa.array(swap.mine))
        lent = rows.column(swap.through).take(pa.array(swap.donors))
        tables.append(mine.set_column(mine.column_names.index(swap.through), swap.through, lent))
    scores = scorer(pa.concat_tables(tables).to_pandas()).to_numpy(dtype=float)
    if not np.isfinite(scores).all():
        raise DataError("the version gives scores that are no numbers, so nothing is decided. Revalidate it.")
    return np.split(scores, np.cumsum([one.num_rows for one in tables])[:-1])


def _answer(
    spec: ModelSpec,
    way: tuple[str, str],
    swapped: Sequence[tuple[_Swap, Floats]],
    before: Floats,
    limit: float,
) -> dict[str, Any]:
    attribute, through = way
    by_group, touched, changed = [], set(), set()
    moved = 0.0
    for swap, now in swapped:
        was = before[swap.mine]
        decided = _favourable(spec, was), _favourable(spec, now)
        touched.update(swap.mine.tolist())
        changed.update(swap.mine[decided[0] != decided[1]].tolist())
        moved = max(moved, float(np.abs(now - was).max()))
        by_group.append(_told(swap, flips_of(*decided, (was, now))))
    interval = wilson(len(changed), len(touched))
    document = {
        "attribute": attribute, "through": through, "in_spec": through in spec.columns.features,
        "moves": moved > SAME, "rows": len(touched), "changed": len(changed) / len(touched),
        "interval": list(interval), "by_group": by_group,
    }  # fmt: skip
    return {**document, "finding": _finding(document, limit).document()}


def _favourable(spec: ModelSpec, scores: Floats) -> Any:
    """Whether each score decides for the favourable class; for class 1 where none is."""
    one = spec.favourable_label is None or str(spec.favourable_label) in ("1", "1.0", "True")
    return (scores >= spec.decision_threshold) == one


def _told(swap: _Swap, flips: Flips) -> dict[str, Any]:
    return {
        "from": swap.groups[0], "to": swap.groups[1], "rows": flips.rows, "changed": flips.share,
        "interval": list(flips.interval), "to_favourable": flips.gained / flips.rows,
        "to_unfavourable": flips.lost / flips.rows, "score_change": flips.score,
    }  # fmt: skip


def _finding(answer: dict[str, Any], limit: float) -> Finding:
    low, high = answer["interval"]
    verdict = Verdict.BREACH if low > limit else Verdict.PASS if high <= limit else Verdict.INCONCLUSIVE
    itself = answer["through"] == answer["attribute"]
    how = "another group's value" if itself else f"the {answer['through']} that goes with another group"
    return Finding(
        category=Category.FAIRNESS, metric="counterfactual_flips", attribute=answer["attribute"],
        column=None if itself else answer["through"], verdict=verdict, value=answer["changed"],
        threshold=limit, interval=(low, high), n=answer["rows"],
        reason=f"{answer['changed']:.1%} of {answer['rows']} decisions change with {how}",
    )  # fmt: skip

"""Decisions and outcomes counted by group of people, as fairness metrics want them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from amends.domain.spec import ModelSpec
from amends.errors import DataError
from amends.measures.arrow import Counts
from amends.measures.counting import OTHER
from amends.measures.digests import WindowDigest

PENDING = -1
"""Label of rows whose outcome has not arrived."""
STRAY = 0.01
"""Share of values of no known class that may be left out as slips; above it the column is not understood."""
MOST_GROUPS = 100
"""Groups of one attribute or intersection that are compared, the largest first: 4950 pairs."""
SMALL_CELL = 11
"""Fewest rows of a group that is named or counted in a finding (CMS cell size suppression policy)."""
GROUP = "group"
WHERE = "where"
TRUTHS = {"True": "1", "1.0": "1", "False": "0", "0.0": "0"}


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Coded:
    """A window's table of counts with decisions and labels as 1, 0 and (label) -1: pending.

    ``attributes``: by sensitive attribute the level of each entry of the table, None where none is recorded.
    ``undecided``: rows without a decision of a known class, which are left out.
    ``problem``: why the labels cannot be used; empty where they can.
    """

    attributes: Mapping[str, list[str | None]]
    label: Counts
    predicted: Counts
    count: Counts
    undecided: int
    problem: str


@dataclass(frozen=True, eq=False, slots=True, kw_only=True)
class Grouped:
    """Counts of one attribute or intersection.

    ``table``: ``count`` by ``group`` (a number), ``label`` and ``predicted_label``.
    ``names``: the groups that are compared, by number. ``small``: other groups of at least
    :data:`SMALL_CELL` rows. ``uncompared``: large groups past :data:`MOST_GROUPS`, or of levels that the
    digest does not tell apart. ``hidden``: whether there are groups of fewer rows. ``unrecorded``: the share
    of rows without a group; 0 where they are fewer than :data:`SMALL_CELL`. ``totals``: rows of the window
    and those with a group, by what a rate rests on.
    """

    table: pa.Table
    names: tuple[str, ...]
    small: tuple[str, ...]
    uncompared: int
    hidden: bool
    unrecorded: float
    totals: Mapping[str, tuple[int, int]]

    @property
    def labelled(self) -> float:
        """Share of the rows whose label has arrived."""
        return self.totals["labelled"][0] / max(self.totals["count"][0], 1)


def attribute_sets(attributes: Sequence[str]) -> list[tuple[str, ...]]:
    """Each attribute, each pair of them, and where there are three or more all of them together."""
    names = tuple(dict.fromkeys(attributes))
    joint = [names] if len(names) > 2 else []  # noqa: PLR2004 - two are a pair already
    return [*((one,) for one in names), *combinations(names, 2), *joint]


def favourable(spec: ModelSpec) -> str:
    """The favourable label as the text of a level: true, 1 and 1.0 are ``1``."""
    text = str(spec.favourable_label)
    return TRUTHS.get(text, text)


def coded(spec: ModelSpec, window: WindowDigest) -> Coded:
    """Code decisions and labels: 0 and 1 stand for themselves; of other labels the favourable one is 1.

    :raises DataError: the decisions are not of the classes that the spec and the labels speak of.
    """
    table = window.contingency()
    table = table.filter(table["predicted_label"].is_valid())
    classes = _classes(spec, table)
    strange, why = _strange(table, "predicted_label", classes)
    if why:
        raise DataError(f"{why}. Correct columns.predicted_label or favourable_label in the spec.")
    undecided = int(table["count"].to_numpy()[strange].sum())
    table = table.filter(pa.array(~strange))
    strange, why = _strange(table, "label", classes)
    positive = "1" if classes == {"0", "1"} else favourable(spec)
    said, true = (
        np.array([level == positive for level in table[name].to_pylist()], np.int64)
        for name in ("predicted_label", "label")
    )
    known = table["label"].is_valid().to_numpy() & ~strange
    return Coded(
        attributes={name: table[name].to_pylist() for name in spec.columns.sensitive},
        label=np.where(known, true, PENDING), predicted=said,
        count=table["count"].to_numpy(), undecided=undecided, problem=why,
    )  # fmt: skip


def _classes(spec: ModelSpec, table: pa.Table) -> set[str]:
    """The two classes of a binary task; of several classes those that are decided or recorded."""
    good, (said, true) = favourable(spec), (_levels(table, name) for name in ("predicted_label", "label"))
    if spec.task != "binary_classification":
        found = {*said, *true}
        if found and good not in found:
            raise DataError(f"no label and no prediction is {good!r} (favourable_label). Correct the spec.")
        if true and not set(said) & set(true):
            raise DataError("labels and predictions have no class in common. Write both with the same names.")
        return found
    if good in {"0", "1"}:
        return {"0", "1"}
    others = [level for level in (*said, *true) if level != good]
    return {good, *others[:1]}


def _levels(table: pa.Table, name: str) -> list[str]:
    """The levels of a column, most frequent first."""
    counts = _sizes(table[name].to_pylist(), table["count"].to_numpy())
    counts.pop(None, None)
    return sorted(counts, key=lambda level: (-counts[level], level))


def _sizes(keys: Sequence[Any], counts: Counts) -> dict[Any, int]:
    """Rows by key."""
    sizes: dict[Any, int] = {}
    for key, n in zip(keys, counts.tolist(), strict=True):
        sizes[key] = sizes.get(key, 0) + n
    return sizes


def _strange(table: pa.Table, name: str, classes: set[str]) -> tuple[npt.NDArray[np.bool_], str]:
    """Entries whose value is of no known class, and a reason where they are too many to be slips."""
    values, counts = table[name].to_pylist(), table["count"].to_numpy()
    there = np.array([value is not None for value in values], bool)
    strange = there & ~np.array([value in classes for value in values], bool)
    share = counts[strange].sum() / max(counts[there].sum(), 1)
    if share <= STRAY:
        return strange, ""
    known = " and ".join(repr(one) for one in sorted(classes)[:2])
    return strange, f"{share:.0%} of the {name.replace('_', ' ')}s are not {known}"


def grouped(window: Coded, names: tuple[str, ...], least: float) -> Grouped:
    """Count by the groups of some attributes; only groups of ``least`` rows are compared.

    The overflow of levels past those that a digest keeps is many groups in one, and is none.
    """
    keys = list(zip(*(window.attributes[name] for name in names), strict=True))
    recorded = np.array([None not in key for key in keys], bool)
    sizes = {key: n for key, n in _sizes(keys, window.count).items() if None not in key}
    ranked = sorted(sizes, key=lambda key: (-sizes[key], key))
    large = sorted([key for key in ranked if sizes[key] >= least and OTHER not in key][:MOST_GROUPS])
    number = {key: i for i, key in enumerate(large)}
    told = [key for key in ranked if SMALL_CELL <= sizes[key] < least and OTHER not in key]
    others = [key for key in ranked if sizes[key] >= least and key not in number]
    both = _bases(window, np.ones(len(keys), bool)), _bases(window, recorded)
    missing = both[0]["count"] - both[1]["count"]
    return Grouped(
        table=_table(window, np.array([number.get(key, -1) for key in keys], np.int64)),
        names=tuple(" & ".join(key) for key in large),
        small=tuple(sorted(" & ".join(key) for key in told)),
        uncompared=len(others),
        hidden=any(n < SMALL_CELL for n in sizes.values()),
        unrecorded=missing / both[0]["count"] if missing >= SMALL_CELL else 0.0,
        totals={base: (n, both[1][base]) for base, n in both[0].items()},
    )


def _table(window: Coded, group: Counts) -> pa.Table:
    """Rows by group (entries of a group under 0 are left out), label and decision."""
    kept = group >= 0
    found = _sizes(
        list(zip(*(one[kept].tolist() for one in (group, window.label, window.predicted)), strict=True)),
        window.count[kept],
    )
    rows = [(*key, found[key]) for key in sorted(found)]
    named = (GROUP, "label", "predicted_label", "count")
    return pa.table({name: pa.array([row[i] for row in rows], pa.int64()) for i, name in enumerate(named)})


def _bases(window: Coded, kept: npt.NDArray[np.bool_]) -> dict[str, int]:
    """Rows by what a rate may rest on."""
    label, count = window.label[kept], window.count[kept]
    parts = {
        "count": label >= PENDING,
        "labelled": label != PENDING,
        "positives": label == 1,
        "negatives": label == 0,
        "selected": (label != PENDING) & (window.predicted[kept] == 1),
    }
    return {name: int(count[rows].sum()) for name, rows in parts.items()}


def stacked(tables: Sequence[pa.Table]) -> pa.Table:
    """Several tables of :class:`Grouped` as one, with the number of each as ``where``."""
    return pa.concat_tables(
        table.append_column(WHERE, pa.array(np.full(table.num_rows, at))) for at, table in enumerate(tables)
    )
